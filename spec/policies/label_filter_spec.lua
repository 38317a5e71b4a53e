-- Filters by attribute: of services and of endpoints.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function plan(settings)
  return shop.plan(shop.snapshot({ weight = 90, STAGE = "prod" }, { weight = 10, STAGE = "test",
    instances = { build.instance(1), build.instance(2) } }),
    { settings = { label_filter = settings } })
end

describe("policies/label_filter.lua", function()
  it("rests until the settings name a condition", function()
    assert.same({ blue = 90, green = 10 }, shop.shares((plan(nil))))
  end)

  it("takes a service out whole, with its cluster", function()
    local made = plan({ services = { "STAGE=prod" } })
    assert.same({ blue = 100 }, shop.shares(made))
    assert.is_nil(shop.cluster(made, "green"))
  end)

  it("takes endpoints out; a color without any gives its share away", function()
    local made = plan({ endpoints = { "AWS_INSTANCE_IPV4!=10.0.0.1" } })
    assert.same({ "task-02" }, shop.endpoints(made, "green"))
    made = plan({ endpoints = { "AVAILABILITY_ZONE=zone-b" } })
    assert.same({ blue = 90, green = 10 }, shop.shares(made))
  end)

  for _, condition in ipairs({ "", "=prod", "!=prod", " = x" }) do
    it(("refuses the condition %q with its place"):format(condition), function()
      local ok, err = pcall(plan, { services = { "STAGE", condition } })
      assert.is_false(ok)
      assert.matches('settings: services[2]: expected a condition such as "STAGE=prod"', err, 1,
        true)
    end)
  end
end)
