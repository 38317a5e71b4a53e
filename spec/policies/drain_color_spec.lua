-- Draining a color: who stays, who goes, and when.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local DEADLINE = "2023-11-14T22:00:00Z"
local AT = 1699999200

local function plan(blue, seconds, green)
  blue.weight = blue.weight or 50
  green = green or { weight = 50 }
  return shop.plan(shop.snapshot(blue, green), { now = AT + seconds })
end

local function kept(made)
  local colors = {}
  for _, route in ipairs(shop.routes(made)) do
    if route.match then colors[#colors + 1] = route.match[1].values[1] end
  end
  return colors
end

describe("policies/drain_color.lua", function()
  it("keeps cookie holders until the deadline, to the second", function()
    local before = plan({ COLOR_COOKIE = "yes", DRAIN_UNTIL = DEADLINE }, -1)
    assert.same({ "blue", "green" }, kept(before))
    assert.same({ blue = 0, green = 100 }, shop.shares(before))
    local after = plan({ COLOR_COOKIE = "yes", DRAIN_UNTIL = DEADLINE }, 0)
    assert.same({ "green" }, kept(after))
    assert.same({ blue = 0, green = 100 }, shop.shares(after))
  end)

  it("gives the cookie to new clients of every color", function()
    local routes = shop.routes((plan({ COLOR_COOKIE = "yes" }, 0)))
    local cookies = {}
    for _, entry in ipairs(routes[#routes].clusters) do cookies[entry.color] = entry.cookie end
    assert.same({ name = "nightjar-color-shop", value = "blue", ttl = 86400 }, cookies.blue)
    assert.equal("green", cookies.green.value)
    assert.is_nil(routes[1].clusters[1].cookie, "who has it needs no other")
  end)

  it("does not drain the last color that has a weight", function()
    local made = plan({ weight = 100, DRAIN_UNTIL = DEADLINE }, -1, { weight = 0 })
    assert.same({ blue = 100, green = 0 }, shop.shares(made))
    assert.matches("not drained: no other color has a weight", shop.why(made, "blue"))
  end)

  it("works with the switch: the active color is the new one, the old one drains", function()
    local made = plan({ COLOR_COOKIE = "yes", ACTIVE_COLOR = "green", DRAIN_UNTIL = DEADLINE }, -1)
    assert.same({ "blue", "green" }, kept(made))
    assert.same({ blue = 0, green = 100 }, shop.shares(made))
  end)

  it("lets holders of a color go that is switched off without a deadline", function()
    local made = plan({ COLOR_COOKIE = "yes", ACTIVE_COLOR = "green" }, -1)
    assert.same({ "green" }, kept(made))
  end)

  it("takes no color for a cookie's value that is none", function()
    local made = plan({ COLOR_COOKIE = "yes", COLOR = "dark blue" }, 0)
    assert.same({ "green" }, kept(made))
  end)

  it("warns of a deadline that is none, and goes on as before", function()
    local made, warnings = plan({ DRAIN_UNTIL = "tonight" }, 0)
    assert.same({ blue = 50, green = 50 }, shop.shares(made))
    assert.equal("DRAIN_UNTIL", warnings[1].attribute)
  end)

  it("does not drain the last color that can answer", function()
    local made = plan({ DRAIN_UNTIL = DEADLINE }, -1, { weight = 50, endpoints = 0 })
    assert.same({ blue = 100 }, shop.shares(made))
    assert.matches("not drained: no color that would get the traffic has a usable endpoint",
      shop.why(made, "blue"), 1, true)
  end)

  describe("with two services of a color", function()
    -- The share of each cluster of green's holders, in their order.
    local function holders(first, second, seconds)
      first.weight = first.weight or 10
      local attributes = { SERVICE = "shop", COLOR = "green", ["/shop"] = second.weight or "30",
        DRAIN_UNTIL = second.DRAIN_UNTIL }
      local snapshot = shop.snapshot({ weight = 60, COLOR_COOKIE = "yes" }, first,
        { build.service("shop-green-2", attributes, second.endpoints) })
      local made, warnings = shop.plan(snapshot, { now = AT + (seconds or -1) })
      assert.same({}, build.codes(warnings))
      for _, route in ipairs(shop.routes(made)) do
        if route.match and route.match[1].values[1] == "green" then
          local found = {}
          for i, entry in ipairs(route.clusters) do
            found[i] = entry.cluster:match("[^@]+") .. " " .. entry.weight
          end
          return found
        end
      end
    end

    it("keeps who has its cookie on both, in proportion of their weights", function()
      assert.same({ "shop-green-2 30", "shop-green 10" }, holders({}, {}))
    end)

    it("keeps them until the deadline of each", function()
      local drained = { DRAIN_UNTIL = DEADLINE }
      assert.same({ "shop-green-2 30", "shop-green 10" }, holders({}, drained))
      assert.same({ "shop-green 1" }, holders({}, drained, 0))
      assert.same({ "shop-green-2 1" }, holders({ DRAIN_UNTIL = DEADLINE }, {}, 0))
    end)

    it("keeps them equally on services that are drained and have no weight", function()
      assert.same({ "shop-green-2 1", "shop-green 1" }, holders(
        { weight = 0, DRAIN_UNTIL = DEADLINE }, { weight = "0", DRAIN_UNTIL = DEADLINE }))
    end)

    it("sends them to one that can answer", function()
      assert.same({ "shop-green-2 1" }, holders({ endpoints = 0 }, {}))
      assert.same({ "shop-green 1" }, holders({}, { endpoints = 0 }))
    end)
  end)
end)
