-- Which documents are sets of resources, and in which step of a publication each belongs.

local json = require("host.json")
local resource_set = require("nightjar.resource_set")

describe("a set of resources", function()
  it("is a list under `resources`, and one that is null is empty", function()
    local empty = { resources = json.null }
    assert.is_true(resource_set.is(empty))
    assert.is_true(json.is_array(empty.resources))
    for _, value in ipairs { 5, { resources = 5 }, { resources = { a = 1 } }, {} } do
      assert.is_false(resource_set.is(value))
    end
  end)
end)
