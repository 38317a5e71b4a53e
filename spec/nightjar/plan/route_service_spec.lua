-- The service that a route belongs to, one or several.

local route_service = require("nightjar.plan.route_service")

describe("the service of a route", function()
  it("is one name, or several in byte order", function()
    assert.equal("a", route_service.join({ { service = "a" }, { service = "a" } }))
    assert.equal("a, b", route_service.join({ { service = "b" }, { service = "a" } }))
    assert.equal("", route_service.join({}))
  end)

  it("stays readable when a whole mesh claims one path", function()
    local entries = {}
    for i = 1, 1000 do entries[i] = { service = ("service-%04d"):format(i) } end
    local text = route_service.join(entries)
    assert.is_true(#text < 1100)
    assert.matches("and %d+ more$", text)
  end)
end)
