-- What holds whatever the mesh is and whichever of the shipped policies run, in whatever order:
-- random meshes with random attributes. A failure names its seed; SEED looks at that one again.

local build = require("spec.support.mesh")
local file = require("host.file")
local mesh_shape = require("nightjar.plan.mesh_shape")
local policy_folder = require("nightjar.plan.policy_folder")
local program = require("host.program")
local random_mesh = require("spec.support.random_mesh")
local render = require("nightjar.plan.render")
local schema = require("nightjar.plan.schema")

local ROUNDS = tonumber(os.getenv("MESHES") or os.getenv("ASAN_OPTIONS") and 60 or 300)

local shipped = assert(policy_folder.load(build.shipped_policies()))
local declared = random_mesh.declared(shipped)
local names = {}
for i, policy in ipairs(shipped) do names[i] = policy.name end

local function templates()
  local folder, list = assert(file.folder(program.data_directory() .. "/templates")), {}
  for i, name in ipairs(assert(folder:list({ max_files = 100 }))) do
    list[i] = { name = name, text = assert(folder:read(name, 1 << 20)) }
  end
  folder:close()
  return list
end

local SETTINGS = { envoy_admin_port = 9901, policies = {}, ping_path = "/ping", config_dir = "/run",
  envoy_configuration_file = "envoy-config.yaml", service_member = "srv-1", envoy_base_id = 0,
  service_container_name = "x", availability_zone = "zone-a" }

local function has(order, name)
  for _, one in ipairs(order) do
    if one == name then return true end
  end
  return false
end

local function plan(snapshot, order, previous)
  return build.run(schema.plain(snapshot), { policies = build.shipped_policies(order),
    settings = SETTINGS, previous = previous })
end

local function check_route(made, listener, route, order)
  local sum = 0
  for _, entry in ipairs(route.clusters) do
    assert(math.type(entry.weight) == "integer" and entry.weight >= 0 and entry.weight <= 65535)
    assert(build.cluster(made, entry.cluster), "a route names a cluster that is not there")
    assert(listener.audience == "private" or entry.audience == "public", "a private path leaks")
    if listener.audience == "private" and made.member and has(order, "own_service") then
      assert(entry.service ~= made.member.service, "the own service is there")
    end
    sum = sum + entry.weight
  end
  assert(sum > 0, "a route's weights are all 0")
  for _, mirror in ipairs(route.mirrors or {}) do
    assert(build.cluster(made, mirror.cluster), "a mirror names a cluster that is not there")
  end
end

-- The plan, once it is known to be right; nil when it was refused for its private paths.
local function right(snapshot, order, previous)
  local made, err = plan(snapshot, order, previous)
  if not made then
    assert(not has(order, "audience"), err.message)
    assert(err.message:find('does policies/init.lua name "audience"?', 1, true), err.message)
    return nil
  end
  assert(not mesh_shape.check(made.policy), mesh_shape.check(made.policy))
  for _, listener in ipairs(made.policy.listeners) do
    for _, route in ipairs(listener.routes) do check_route(made.policy, listener, route, order) end
  end
  return made
end

-- What a failed reading may change: only what says how old the data is, and the warnings of it.
local function without_age(made)
  local copy = schema.plain(made.policy)
  for _, cluster in ipairs(copy.clusters) do cluster.age, cluster.stale = nil, nil end
  return copy
end

local function stale(snapshot, random)
  local copy = schema.plain(snapshot)
  local mesh = copy.meshes[random(#copy.meshes)]
  for _, service in ipairs(mesh.services) do
    if random(2) == 1 then service.stale, service.read_at = true, build.NOW - 120 end
  end
  if random(2) == 1 then mesh.stale, mesh.read_at = true, build.NOW - 120 end
  return copy
end

local BROKEN = { 1, "x", {}, { name = 5 }, { name = "broken", id = "srv-broken", attributes = "x" },
  { name = "broken", id = "srv-broken", read_at = build.NOW, instances = "x",
    attributes = { SERVICE = "broken", ["/../a"] = "1" } } }

local function broken(snapshot, random)
  local copy = schema.plain(snapshot)
  table.insert(copy.meshes[random(#copy.meshes)].services, BROKEN[random(#BROKEN)])
  return copy
end

-- What routes and clusters say of services other than the broken one.
local function without_broken(made)
  local copy = without_age(made)
  for i = #copy.clusters, 1, -1 do
    if copy.clusters[i].service == "broken" then table.remove(copy.clusters, i) end
  end
  return copy
end

-- Raises a place where two plans differ, if there is one.
local function same(a, b, place)
  if type(a) ~= "table" or type(b) ~= "table" then
    return assert(a == b, ("%s: %s became %s"):format(place or "", tostring(a), tostring(b)))
  end
  for key, value in pairs(a) do same(value, b[key], (place or "") .. "." .. key) end
  for key, value in pairs(b) do
    if a[key] == nil then same(nil, value, (place or "") .. "." .. key) end
  end
end

local function rounds(what, f)
  local counted = 0
  local first = tonumber(os.getenv("SEED") or "")
  for seed = first or 1, first or ROUNDS do
    local maker = random_mesh.new(seed, declared)
    local order = random_mesh.some(maker.random, names)
    local ok, result = xpcall(f, debug.traceback, maker, order)
    if not ok then
      error(("SEED=%d, policies %s: %s"):format(seed, table.concat(order, " "), result), 0)
    end
    if result then counted = counted + 1 end
  end
  assert.is_true(first or counted > ROUNDS // 4, what .. ": too few plans to mean anything")
end

-- Notes which of the fields that only policies set are there.
local function note_fields(made, seen)
  for _, listener in ipairs(made.policy.listeners) do
    for _, route in ipairs(listener.routes) do
      for name in pairs(route) do seen[name] = true end
      for _, entry in ipairs(route.clusters) do seen.cookie = seen.cookie or entry.cookie ~= nil end
    end
  end
  for _, cluster in ipairs(made.policy.clusters) do
    for _, endpoint in ipairs(cluster.endpoints) do
      for name in pairs(endpoint) do seen[name] = true end
    end
  end
end

describe("any of the shipped policies, in any order,", function()
  it("make a plan that is right, and again of what is in force then", function()
    local seen = {}
    rounds("plans", function(maker, order)
      local made = right(maker:snapshot(), order)
      local after = made and right(maker:snapshot(), order, made.policy)
      if after then note_fields(after, seen) end
      return made
    end)
    if os.getenv("SEED") or ROUNDS < 300 then return end
    for _, name in ipairs { "match", "hash", "mirrors", "timeout", "retries", "cookie", "priority",
      "gone_since", "lent_by" } do
      assert.is_true(seen[name], "no policy made use of " .. name)
    end
  end)

  it("make what the shipped templates render", function()
    local texts = templates()
    rounds("files", function(maker, order)
      local made = right(maker:snapshot(), order)
      if made then
        assert(render.run(made.view, { templates = texts, settings = SETTINGS }))
      end
      return made
    end)
  end)

  it("change nothing when a reading fails and older data stands in", function()
    rounds("stale", function(maker, order)
      local snapshot = maker:snapshot()
      local made = right(snapshot, order)
      if made then
        same(without_age(made), without_age(right(stale(snapshot, maker.random), order)))
      end
      return made
    end)
  end)

  it("change nothing of the others when a broken service is added", function()
    rounds("broken", function(maker, order)
      local snapshot = maker:snapshot()
      local made = right(snapshot, order)
      if made then
        same(without_broken(made), without_broken(right(broken(snapshot, maker.random), order)))
      end
      return made
    end)
  end)
end)
