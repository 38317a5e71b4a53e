-- A route in a policy's warning has the name that it has everywhere else.

local build = require("spec.support.mesh")
local everywhere = require("nightjar.route_label")

local route_label = build.lib("route_label")

describe("the label of a route", function()
  it("is the path alone where there is no condition", function()
    assert.equal("/shop", route_label.of("/shop", nil))
  end)

  for _, match in ipairs({
    { { header = "x-beta" } }, { { header = "x-beta", invert = true } },
    { { cookie = "beta", values = { "1" } } },
    { { header = "x-a", values = { "1", "2" } }, { cookie = "b", values = { "1", "2", "3" } } },
    { { header = "x-a", values = { "1", "2", "3", "4" }, invert = true } },
  }) do
    local label = everywhere.of("/shop", match)
    it("is the one of the plan: " .. label, function()
      assert.equal('"' .. label .. '"', route_label.of("/shop", match))
    end)
  end

  it("is cut where its conditions are long", function()
    local label = route_label.of("/shop", { { header = "x-a", values = { ("é"):rep(500) } } })
    assert.equal(('"/shop when x-a is %s…"'):format(("é"):rep((200 - #"x-a is ") // 2)), label)
  end)
end)
