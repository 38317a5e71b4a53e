-- Timeouts and retries: whose word counts.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function route(green, settings)
  green.weight = 10
  local plan, warnings = shop.plan(shop.snapshot({ weight = 90, RETRIES = "1" }, green),
    { settings = { timeouts_retries = settings } })
  return shop.routes(plan)[1], warnings
end

describe("policies/timeouts_retries.lua", function()
  it("lets the path's word win over the service's, and that over the settings", function()
    assert.equal(3, route({ ["TIMEOUT:/shop"] = "3s", TIMEOUT = "2s" }, { timeout = "1s" }).timeout)
    assert.equal(3, route({ ["TIMEOUT:/%73hop/"] = "3s" }).timeout)
    assert.equal(2, route({ TIMEOUT = "2s" }, { timeout = "1s" }).timeout)
    assert.equal(1, route({}, { timeout = "1s" }).timeout)
    assert.is_nil(route({}).timeout)
  end)

  it("takes the first color's word for the route", function()
    assert.equal(1, route({ RETRIES = "5" }).retries.count)
  end)

  it("lifts a limit with 0", function()
    assert.equal(0, route({ TIMEOUT = "0" }, { timeout = "1s" }).timeout)
    assert.is_nil(route({ PER_TRY_TIMEOUT = "0" }).retries.per_try_timeout)
  end)

  it("holds for the variants of a path too", function()
    local plan = shop.plan(shop.snapshot({ weight = 90 },
      { weight = 10, TIMEOUT = "7s", HEADER_ROUTE = "x-beta" }))
    for _, one in ipairs(shop.routes(plan)) do assert.equal(7, one.timeout) end
  end)

  it("says where each comes from", function()
    local why = table.concat(route({ TIMEOUT = "1500ms" }).why, "\n")
    assert.matches("timeout 1.5 s (TIMEOUT of color green)", why, 1, true)
    assert.matches("1 retries on connect-failure, refused-stream, reset-before-request (RETRIES of "
      .. "color blue)", why, 1, true)
  end)

  for attribute, value in pairs({ TIMEOUT = "soon", RETRIES = "11", RETRY_ON = "everything",
    PER_TRY_TIMEOUT = "-1s", ["TIMEOUT:/shop"] = "x" }) do
    it(("warns of %s = %s and goes on without it"):format(attribute, value), function()
      local one, warnings = route({ [attribute] = value })
      assert.is_nil(one.timeout)
      assert.same({ "bad_attribute" }, build.codes(warnings))
      assert.equal(attribute, warnings[1].attribute)
    end)
  end

  it("says who asked for retries, whatever it was asked by", function()
    local made = shop.plan(shop.snapshot({ weight = 1, RETRY_ON = "5xx", TIMEOUT = "1d" },
      { weight = 1 }))
    local why = table.concat(shop.routes(made)[1].why, "\n")
    assert.matches("2 retries on 5xx (RETRY_ON of color blue)", why, 1, true)
    assert.matches("timeout 86400 s", why, 1, true)
  end)

  it("warns of a path that is none, and reads one however it is written", function()
    for key, is_read in pairs({ ["TIMEOUT:/shop/"] = true, ["TIMEOUT://shop"] = true,
      ["TIMEOUT:?/shop"] = false, ["TIMEOUT:shop"] = false, ["TIMEOUT:"] = false }) do
      local made, warnings = shop.plan(shop.snapshot({ weight = 1, [key] = "7s" }, { weight = 1 }))
      assert.equal(is_read and 7 or nil, shop.routes(made)[1].timeout, key)
      assert.equal(not is_read and key or nil, warnings[1] and warnings[1].attribute)
    end
  end)
end)
