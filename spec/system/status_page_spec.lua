-- The status page as people see it: in Chromium, wide and on a phone, in the light and in the dark.
-- Screenshots stay below the folder of the build.

local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local function succeeds(command)
  return os.execute("{ " .. command .. "; } >/dev/null 2>&1") == true
end

local missing = world_of.missing()
  or not succeeds("command -v chromium") and "chromium is not installed"
  or not succeeds("python3 -c 'import playwright.sync_api, axe_playwright_python'")
    and "Python's playwright and axe-playwright-python are not installed"
if missing then
  pending("the status page: " .. missing)
  return
end

-- Where a hostile attribute comes to be shown: in a warning.
local HOSTILE = "<img src=x onerror=document.title=1>"

describe("the status page", function()
  local sidecar, seen

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    local address = "127.0.0.1:" .. sidecar.world:ports(1)
    local green = service("shop-green", { ["/shop"] = 10 }, { sidecar.ports.green })
    -- A ramp that is half way through its three hours.
    green.attributes.RAMP_START = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 5400)
    green.attributes.RAMP_DURATION = "3h"
    local blue = service("shop-blue", { ["/shop"] = 90, ["/shop/cart"] = 50 },
      { sidecar.ports.blue })
    blue.attributes["/hostile"] = HOSTILE
    sidecar:mesh { blue, green }
    sidecar:start { STATUS_ADDRESS = address, REFRESH_TIME = 2 }
    sidecar:answers("/shop", 200)
    local shots = program.directory .. "/screenshots"
    assert(file.mkdir(shots))
    local result = sched.run(function()
      return assert(sched.exec { argv = { "python3", "spec/support/page.py",
        "http://" .. address .. "/", shots }, deadline = 180, stderr = true })
    end)
    assert(result.status == 0, result.stderr)
    seen = assert(json.decode(result.stdout))
  end)

  teardown(function() sidecar.world:close() end)

  local function each(check)
    for _, where in ipairs { "wide light", "wide dark", "phone light", "phone dark" } do
      check(seen[where], where)
    end
  end

  it("shows what is in force, and whether all is well", function()
    each(function(one)
      assert.matches("^ready: generation %x+ is in force; Envoy is live", one.summary)
      assert.matches("Envoy\nlive", table.concat(one.facts, "\n"))
      assert.matches("%(in force%)", one.history[1])
      assert.matches("%+route [^\n]* /shop ", one.history[1])
    end)
  end)

  it("shows each route with its split as bars as long as their shares", function()
    each(function(one, where)
      local shares, widths, whole = {}, {}, 0
      for i, text in ipairs(one.split) do
        local color, share = text:match("^(%a+) (%d+) %%$")
        if share == "100" then whole = whole + 1 end
        if share and share ~= "100" then shares[color], widths[color] = share, one.widths[i] end
      end
      assert.is_true(whole >= 1, where) -- /shop/cart
      assert.equal(100, shares.blue + shares.green)
      local share = widths.blue / (widths.blue + widths.green)
      assert.is_true(math.abs(share * 100 - shares.blue) < 5, where .. ": " .. share)
    end)
  end)

  it("shows each color's endpoints, and why its weight is what it is", function()
    each(function(one)
      assert.matches("^127%.0%.0%.1:%d+\thealthy\t%d+ s", one.endpoints[1])
      assert.matches("service shop%-blue key \"/shop/cart\": 50", one.chain[1])
    end)
  end)

  it("shows how a ramp goes on", function()
    each(function(one)
      assert.equal(1, #one.curves)
      assert.matches("How the split of /shop goes on for two hours: .*green 100 %%$", one.curves[1])
    end)
  end)

  it("shows what others wrote as text, and asks nobody else for anything", function()
    each(function(one)
      assert.is_truthy(table.concat(one.warnings, "\n"):find(HOSTILE, 1, true))
      assert.matches("^nightjar", one.title)
      assert.same({}, one.errors)
      assert.same({}, one.outside)
    end)
  end)

  it("can be read by everybody, on a phone too: axe finds nothing serious", function()
    each(function(one, where)
      assert.same({}, one.closed, where)
      assert.same({}, one.open, where)
      assert.is_false(one.overflow, where)
    end)
    assert.not_equal(seen["wide light"].back, seen["wide dark"].back)
  end)
end)
