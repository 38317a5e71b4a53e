-- Policies' own settings that cannot be meant: the policy, the setting and what was expected.

local shop = require("spec.support.shop")
local build = require("spec.support.mesh")

-- Policy, setting, value, what is said.
local CASES = {
  { "drain_color", "cookie", "a b", "cookie: expected the name of a cookie" },
  { "health_gate", "healthy", "half", "healthy: expected " },
  { "refuse_empty", "min", "some", "min: expected " },
  { "sticky", "by", "mood", "by: expected " },
  { "tenant_route", "header", "a b", "header: expected the name of a header" },
  { "tenant_route", "cookie", "a;b", "cookie: expected the name of a cookie" },
  { "timeouts_retries", "timeout", "soon", "timeout: expected " },
}

describe("a policy's setting", function()
  for _, case in ipairs(CASES) do
    it(("%s of %s is refused as %q"):format(case[2], case[1], case[3]), function()
      local snapshot = shop.snapshot({ weight = 90 }, { weight = 10 })
      local made, err = build.run(snapshot,
        { settings = { policies = { [case[1]] = { [case[2]] = case[3] } } } })
      assert.is_nil(made)
      assert.is_truthy(err.message:find("policy " .. case[1] .. ": ", 1, true), err.message)
      assert.is_truthy(err.message:find("settings: " .. case[4], 1, true), err.message)
    end)
  end
end)
