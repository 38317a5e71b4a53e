-- Random snapshots full of hostile keys and values. Whatever they hold, the
-- model makes a mesh, the plan passes its schema, and what must never happen
-- does not. The seed is fixed, so that a failure can be looked at again.

local build = require("spec.support.mesh")
local json = require("host.json")
local mesh_shape = require("nightjar.plan.mesh_shape")

local ROUNDS = 300

-- A generator of our own: the same numbers on every machine.
local function generator(seed)
  local state = seed
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return ((state >> 33) % n) + 1
  end
end

local KEYS = { "/", "/a", "/a/", "//a", "/a/b", "?/a", "?/p", "?*", "*", "[private]/a",
  "[public]/a", "[private]*", "[bad]/a", "/a?x", "/../a", "?", "", " ", "/ü", "SERVICE", "COLOR",
  "HTTP2", "/\0", "/\27[31m", "/{{x}}", "/'\"\n- a: b", "/" .. ("x"):rep(1024), "/%", "[", "/*",
  "/a\xff", "__index", "__gc" }
local VALUES = { "0", "1", "90", "10", "65535", "65536", "-1", "1.5", "", "x", " 7 ", "yes", "web",
  "blue", "a\nb", "\0", "{{x}}", ("y"):rep(1024), ("z"):rep(9000), "ü", 5, true, {}, 1.5, "\xff" }
local NAMES = { "web", "web-blue", "a@b", "b", "a", "x\ny", "", ("n"):rep(2000), 7, {}, "own@m",
  "%40", "names" }
local ADDRESSES = { "10.0.0.1", "10.0.0.2", "999.0.0.1", "::1", "fd00::2", "host.local", "", "x y",
  5, {} }
local PORTS = { "80", "8080", "0", "65536", "http", "", "-1", 80 }
local HEALTH = { "HEALTHY", "UNHEALTHY", "UNKNOWN", "", 1, {} }
local TIMES = { 0, 1, build.NOW, build.NOW + 10, -1, math.maxinteger, math.mininteger, 1.5, "x" }

local function maker(random)
  local make = {}

  local function one(list) return list[random(#list)] end

  function make.attributes()
    if random(20) == 1 then return one({ "x", 5, true }) end
    local result = {}
    for _ = 1, random(8) - 1 do result[one(KEYS)] = one(VALUES) end
    if random(3) > 1 then result["/a"] = one(VALUES) end
    return result
  end

  function make.instance()
    if random(20) == 1 then return one({ 1, "x", {} }) end
    return { id = one({ "t1", "t2", "t3", "service-settings", "\n", "", 5 }),
      health = one(HEALTH), since = one(TIMES), health_since = one(TIMES),
      attributes = random(10) > 1 and { AWS_INSTANCE_IPV4 = one(ADDRESSES),
        AWS_INSTANCE_IPV6 = one(ADDRESSES), AWS_INSTANCE_CNAME = one(ADDRESSES),
        AWS_INSTANCE_PORT = one(PORTS), AVAILABILITY_ZONE = one(VALUES) } or make.attributes() }
  end

  local function list(most, f)
    local result = {}
    for i = 1, random(most + 1) - 1 do result[i] = f() end
    return result
  end

  function make.service()
    if random(20) == 1 then return one({ 1, "x", {} }) end
    return { name = one(NAMES), id = one(NAMES), read_at = one(TIMES), stale = one({ true, 1 }),
      attributes = make.attributes(), since = { ["/a"] = one(TIMES), [one(KEYS)] = one(TIMES) },
      instances = random(10) == 1 and "x" or list(5, make.instance) }
  end

  function make.mesh(i)
    if random(20) == 1 then return one({ 1, "x", {} }) end
    local own = i == 1 and random(2) == 1
    return { ref = own and "own" or "NAMESPACE_" .. i, name = one(NAMES), id = one(NAMES),
      port = random(15) == 1 and one(TIMES) or 8000 + i, audience = own and "private" or "public",
      services = random(10) == 1 and 5 or list(8, make.service) }
  end

  function make.snapshot()
    local i = 0
    return { format = 1, taken_at = one(TIMES), warnings = {},
      member = random(2) == 1 and { mesh = one(NAMES), service = one(NAMES), id = one(NAMES) } or
        nil,
      meshes = list(4, function()
        i = i + 1
        return make.mesh(i)
      end) }
  end

  return make
end

local function check_route(plan, listener, route)
  local sum = 0
  for _, entry in ipairs(route.clusters) do
    sum = sum + entry.weight
    assert(build.cluster(plan, entry.cluster), "a route names a cluster that is not there")
    if listener.audience == "public" then
      assert.equal("public", entry.audience)
      assert.equal("public", route.audience)
    elseif plan.member then
      assert.not_equal(plan.member.service, entry.service)
    end
    assert.is_true(#entry.why > 0)
  end
  assert.is_true(sum > 0)
end

local function check_view(view)
  for _, cluster in ipairs(view.clusters) do
    for _, endpoint in ipairs(cluster.endpoints) do
      assert.is_true(endpoint.port >= 1 and endpoint.port <= 65535)
    end
  end
  assert(json.encode(view))
end

-- What the model makes is checked here, and not again in each pass.
local function check_model(make)
  local made = build.run(make().snapshot(), { until_stage = "model" })
  if made then assert.is_nil((mesh_shape.check(made.model))) end
end

local function check(make)
  check_model(make)
  local made, err = build.run(make().snapshot())
  if not made then
    -- Only what is wrong with the whole is an error.
    assert.equal("model", err.stage)
    return 0
  end
  assert.is_nil((mesh_shape.check(made.policy)))
  assert.is_nil((mesh_shape.check_plan(made.policy)))
  local routes = 0
  for _, listener in ipairs(made.policy.listeners) do
    local last
    for _, route in ipairs(listener.routes) do
      check_route(made.policy, listener, route)
      assert.is_true(not last or #route.path <= #last)
      last, routes = route.path, routes + 1
    end
  end
  for _, warning in ipairs(made.warnings) do assert.is_nil(warning.message:find("%c")) end
  check_view(made.view)
  assert(json.encode(made.warnings))
  return routes
end

describe("any snapshot", function()
  it("gives a plan that is right, whatever its services hold", function()
    local routes = 0
    for round = 1, ROUNDS do
      local make = function() return maker(generator(round)) end
      local ok, result = xpcall(check, debug.traceback, make)
      if not ok then error(("seed %d: %s"):format(round, result), 0) end
      routes = routes + result
    end
    assert.is_true(routes > ROUNDS / 2, "the snapshots make too few routes to mean anything")
  end)

  it("that is none is an error, not a crash", function()
    for _, value in ipairs({ 1, "x", true, { meshes = 1 }, { format = 2, meshes = {} }, {} }) do
      local made, err = build.run(value)
      assert.is_nil(made)
      assert.equal("model", err.stage)
      assert.matches("^snapshot", err.message)
    end
  end)
end)
