-- Routes by header and cookie: what may stand in HEADER_ROUTE.

local build = require("spec.support.mesh")
local json = require("host.json")
local plan_program = require("spec.support.plan")
local shop = require("spec.support.shop")

local variants = build.lib("variants")

local function plan(claim)
  return shop.plan(shop.snapshot({ weight = 100 }, { weight = 0, HEADER_ROUTE = claim }))
end

-- Conditions that all must hold, each with values of which no two fit into one expression.
local function conditions(count, values)
  local list = {}
  for i = 1, count do
    local words = {}
    for n = 1, values do words[n] = ("v"):rep(45) .. n end
    list[i] = ("x%d=%s"):format(i - 1, table.concat(words, "|"))
  end
  return table.concat(list, "&")
end

-- Green with this claim, on so many paths.
local function green(paths, claim)
  local attributes = { weight = 1, path = "/p1", HEADER_ROUTE = claim }
  for i = 2, paths do attributes["/p" .. i] = "1" end
  return attributes
end

local function template(name)
  return { name = name, text = build.read("templates/" .. name) }
end

local function matched(routes)
  local count = 0
  for _, route in ipairs(routes) do count = count + (route.match and 1 or 0) end
  return count
end

describe("policies/header_route.lua", function()
  it("sends to the color that claims the header, whatever its weight is", function()
    local routes = shop.routes((plan("x-beta=yes")))
    assert.same({ { header = "x-beta", values = { "yes" } } }, routes[1].match)
    assert.equal("green", routes[1].clusters[1].color)
    assert.is_true(routes[1].clusters[1].weight > 0)
    assert.same({ blue = 100, green = 0 }, shop.shares((plan("x-beta=yes"))))
  end)

  it("works on every path of the service", function()
    local snapshot = shop.snapshot({ weight = 100 }, { weight = 0, HEADER_ROUTE = "x-beta",
      ["/shop/cart"] = "1" })
    local made = shop.plan(snapshot)
    assert.same({ "/shop/cart", "/shop/cart", "/shop", "/shop" }, build.paths(made, "private-8080"))
  end)

  it("is seen outside only on paths that are", function()
    local services = shop.snapshot({ weight = 1 }, { weight = 0, HEADER_ROUTE = "x-beta",
      path = "[private]/shop" }).meshes[1].services
    local made = shop.plan(build.snapshot({ build.namespace("NAMESPACE_0", "other.local", 9000,
      services) }))
    assert.equal(1, #shop.routes(made))
  end)

  it("names what it cannot read, and leaves the rest as it is", function()
    local made, warnings = plan("x beta = 1")
    assert.equal(1, #shop.routes(made))
    assert.matches('service "shop-green": attribute "HEADER_ROUTE": expected conditions such as',
      warnings[1].message, 1, true)
  end)

  for text, wanted in pairs({
    ["X-Beta"] = { header = "x-beta" },
    ["x-beta = yes | on"] = { header = "x-beta", values = { "yes", "on" } },
    ["cookie:Beta=1"] = { cookie = "Beta", values = { "1" } },
    ["x-a=b=c"] = { header = "x-a", values = { "b=c" } },
  }) do
    it("reads " .. text, function() assert.same(wanted, variants.read_condition(text)) end)
  end

  for _, text in ipairs({ "", "=", "x beta", "x-beta=", "x-beta=a|", "cookie:=1", "x:y", "x-b=a\nb",
    "cookie:a=b c", 'cookie:a="b"', "x-ä=1" }) do
    it(("does not read %q"):format(text), function()
      local condition = variants.read_condition(text)
      assert.is_true(condition == nil or text == "x-beta=a|")
    end)
  end

  it("makes no more routes of Envoy's than a plan bears, and the rest goes on", function()
    local request = plan_program.request("")
    request.snapshot = shop.snapshot({ weight = 100, HEADER_ROUTE = "x-other" },
      green(28, conditions(6, 3)))
    request.policies, request.now = build.shipped_policies(), build.NOW
    request.settings.config_dir, request.settings.policies = "", nil
    request.templates = { template("cds.json.yaml.mustache"), template("lds.json.yaml.mustache"),
      template("rds/@listeners.json.yaml.mustache") }
    local result = plan_program.run(request, { memory = 256, instructions = 100000000 })
    assert.equal(0, result.status, result.output:sub(1, 300))
    local response = result.response
    assert.is_true(response.ok, json.encode(response.error))
    assert.equal('mesh "example.local": service "shop-green": attribute "HEADER_ROUTE": expected '
      .. "at most 1000 of Envoy's routes, got 20412: 729 on each of 28 paths; it is not used",
      response.warnings[1].message)
    assert.equal(1, matched(response.plan.listeners[1].routes))
  end)

  it("serves a mesh in which many colors ask for as much as one may", function()
    local services = {}
    for i = 1, 40 do
      local name = ("s%02d"):format(i)
      services[i] = build.service(name .. "-blue", { SERVICE = name, COLOR = "blue",
        ["/" .. name] = "1", HEADER_ROUTE = i == 40 and "x-beta" or conditions(2, 31) },
        { build.instance(i) })
    end
    local request = plan_program.request("")
    request.snapshot = build.snapshot { build.namespace("own", "example.local", 8080, services) }
    request.policies, request.now = build.shipped_policies(), build.NOW
    request.settings.config_dir, request.settings.policies = "", nil
    request.templates = { template("rds/@listeners.json.yaml.mustache") }
    local result = plan_program.run(request, { memory = 256, instructions = 100000000 })
    assert.equal(0, result.status, result.output:sub(1, 300))
    local response = result.response
    assert.is_true(response.ok, json.encode(response.error))
    local routes = response.plan.listeners[1].routes
    assert.equal(40, #routes - matched(routes))
    -- One route for each combination is made of a route with two conditions only when it is shown.
    assert.equal(21, matched(routes))
    assert.equal("/s40", routes[#routes].path)
    assert.equal(19, #response.warnings)
  end)

  it("counts values that one expression holds as one", function()
    local short = "x-a=1|2|3|4|5|6|7|8|9 & x-b=1|2|3|4|5|6|7|8|9"
    local made, warnings = shop.plan(shop.snapshot({ weight = 100 }, green(28, short)))
    assert.same({}, build.codes(warnings))
    assert.equal(28, matched(made.listeners[1].routes))
  end)

  it("takes a claim that makes as many routes as it may, and none with more", function()
    for paths, expected in pairs({ [4] = 4, [5] = 0 }) do
      local made, warnings = shop.plan(shop.snapshot({ weight = 100 },
        green(paths, conditions(5, 3) .. ", x-a, x-b, x-c, x-d, x-e, x-f, x-g")))
      assert.equal(expected * 8, matched(made.listeners[1].routes))
      assert.equal(expected == 0 and 1 or 0, #warnings)
    end
  end)
end)
