-- How routes are named, and what makes two of them the same.

local label = require("nightjar.route_label")

describe("the label of a route", function()
  it("is its path, and what a request must carry", function()
    assert.equal("/shop", label.of("/shop"))
    assert.equal("/shop when x-beta is yes",
      label.of("/shop", { { header = "x-beta", values = { "yes" } } }))
    assert.equal("/ when cookie color is not set and x-user is not a or b", label.of("/", {
      { cookie = "color", invert = true },
      { header = "x-user", values = { "a", "b" }, invert = true } }))
  end)

  it("shows the first of many values, and counts the rest", function()
    assert.equal("/ when x is a, b or c", label.of("/", { { header = "x",
      values = { "a", "b", "c" } } }))
    assert.equal("/ when x is a, b, c or 2 more", label.of("/", { { header = "x",
      values = { "a", "b", "c", "d", "e" } } }))
  end)
end)

describe("the identity of a route", function()
  local function key(...) return label.key("/", { ... }) end

  it("does not depend on the order of conditions and values", function()
    local a, b = { header = "a", values = { "1", "2" } }, { cookie = "b" }
    assert.equal(key(a, b), key(b, { header = "a", values = { "2", "1" } }))
  end)

  it("differs where a request is taken that the other is not given", function()
    local seen = {}
    for _, one in ipairs { label.key("/"), label.key("/a"), key { header = "a" },
      key { cookie = "a" }, key { header = "a", invert = true },
      key { header = "a", values = { "set" } }, key { header = "a", values = { "b", "c" } },
      key({ header = "a" }, { header = "b" }) } do
      assert.is_nil(seen[one])
      seen[one] = true
    end
  end)
end)
