-- Equal input, equal bytes: in each process, whatever its hash seeds and
-- addresses are (RELIABILITY 3).

local build = require("spec.support.mesh")
local cli = require("spec.support.cli")
local json = require("host.json")
local policy_folder = require("nightjar.plan.policy_folder")
local program = require("host.program")
local random_mesh = require("spec.support.random_mesh")
local sorted = require("nightjar.plan.sorted")

local PLAN = program.directory .. "/nightjar-plan"
local RUNS = 12
-- MESHES says how many random meshes, SEED which one alone.
local SEED = tonumber(os.getenv("SEED") or "")
local FIRST = SEED or 1
local LAST = SEED or tonumber(os.getenv("MESHES") or os.getenv("ASAN_OPTIONS") and 50 or 1000)

-- Does all that would give itself away.
local CURIOUS = [[
local order = {}
local words = { alpha = 1, beta = 2, gamma = 3, delta = 4, epsilon = 5, zeta = 6, eta = 7,
  theta = 8, [1] = 9, [2.5] = 10, [true] = 11 }
return { about = "shows orders and addresses, if there are any",
  apply = function(mesh)
    for key in pairs(words) do order[#order + 1] = tostring(key) end
    local key = next(words)
    while key ~= nil do
      order[#order + 1] = tostring(key)
      key = next(words, key)
    end
    order[#order + 1] = tostring({}) .. tostring(pairs) .. ("%s"):format(words)
    local list = {}
    for i = 1, 3000 do list[i] = { key = i % 7, at = i } end
    table.sort(list, function(a, b) return a.key < b.key end)
    for i = 1, 3000, 97 do order[#order + 1] = tostring(list[i].at) end
    for _, cluster in ipairs(mesh.clusters) do
      for name in pairs(cluster.attributes) do order[#order + 1] = name end
    end
    table.insert(mesh.listeners[1].routes[1].why, (table.concat(order, " "):sub(1, 900)))
    return mesh
  end }
]]

local function request()
  local services = {}
  for i = 1, 20 do
    for _, color in ipairs({ "blue", "green" }) do
      services[#services + 1] = build.service(("s%02d-%s"):format(i, color), {
        SERVICE = "s" .. i, COLOR = color, ["/s" .. i] = "50", ["?/p" .. i] = "bad", ["/x"] = "1",
        ["/a b"] = "1", ["/c d"] = "1", ["/e f"] = "1" }, 3)
    end
  end
  local policies = build.shipped_policies({ "own_service", "audience", "weights", "curious" })
  policies[#policies + 1] = { name = "curious.lua", text = CURIOUS }
  local names = { "cds.json.yaml.mustache", "envoy-config.yaml.mustache",
    "lds.json.yaml.mustache", "rds/@listeners.json.yaml.mustache" }
  local templates = {}
  for i, name in ipairs(names) do
    templates[i] = { name = name,
      text = build.read(program.data_directory() .. "/templates/" .. name) }
  end
  return { command = "plan", now = build.NOW, snapshot = build.own(services, "s01-blue"),
    previous = json.null, copies = json.array({}), policies = policies, templates = templates,
    settings = { envoy_admin_port = 9901, ping_path = "/ping", config_dir = "/run/envoy",
      envoy_configuration_file = "envoy-config.yaml", service_member = "srv-1", policies = {} } }
end

-- JSON in which the fields of objects stand in a random order.
local function scrambled(random, value)
  if type(value) ~= "table" then return (assert(json.encode(value))) end
  local parts = {}
  if value[1] ~= nil or json.is_array(value) then
    for i, item in ipairs(value) do parts[i] = scrambled(random, item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for _, key in ipairs(random_mesh.shuffled(random, sorted.keys(value))) do
    parts[#parts + 1] = json.encode(key) .. ":" .. scrambled(random, value[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- What has no order in the world: services, instances, attributes, and the files of the folders.
-- Meshes have one, that of the configuration; their warnings follow it.
local function reordered(random, given)
  local function mixed(list) return json.array(random_mesh.shuffled(random, list)) end
  local copy = json.decode((json.encode(given)))
  for _, mesh in ipairs(copy.snapshot.meshes) do
    for _, service in ipairs(mesh.services) do service.instances = mixed(service.instances) end
    mesh.services = mixed(mesh.services)
  end
  copy.policies, copy.templates = mixed(copy.policies), mixed(copy.templates)
  return scrambled(random, copy)
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- Runs each request of a folder, two at a time, and compares the answers to `N-a` and `N-b`.
local COMPARE = [[cd '%s' && ls | sort -t- -k1n | xargs -P 2 -n 2 sh -c '
  for name in "$1" "$2"; do
    "$0" --max-memory-mib 256 --max-instructions 100000000 <"$name" >"$name.answer" ||
      echo "$name failed"
  done
  grep -q "\"ok\":true" "$1.answer" && cmp "$1.answer" "$2.answer" >/dev/null ||
    echo "$1 differs"
' '%s' 2>&1]]

local function run(path)
  local pipe = assert(io.popen(("'%s' --max-memory-mib 256 --max-instructions 500000000 <'%s'")
    :format(PLAN, path)))
  local output = pipe:read("a")
  assert(pipe:close(), output)
  return output
end

describe("equal input", function()
  it("gives equal bytes in each of many processes", function()
    local probe = io.open(PLAN)
    if not probe then return pending("nightjar-plan is not built beside this program") end
    probe:close()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write((assert(json.encode(request()))))
    file:close()
    local first = run(path)
    local response = assert(json.decode(first))
    assert.is_true(response.ok, first:sub(1, 500))
    assert.matches("tabletablefunction", (first:gsub("tablefunctiontable", "tabletablefunction")))
    for i = 2, RUNS do assert.is_true(first == run(path), "run " .. i .. " differs") end
    os.remove(path)
  end)

  -- The second process gets the same in another order; both have seeds of their own.
  it("gives equal bytes for random meshes, whatever order their parts come in", function()
    local declared = random_mesh.declared(assert(policy_folder.load(build.shipped_policies())))
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    for seed = FIRST, LAST do
      local maker, given = random_mesh.new(seed, declared), request()
      given.policies = build.shipped_policies()
      given.snapshot = maker:snapshot()
      write(("%s/%d-a"):format(folder, seed), (assert(json.encode(given))))
      write(("%s/%d-b"):format(folder, seed), reordered(maker.random, given))
    end
    local pipe = assert(io.popen(COMPARE:format(folder, PLAN)))
    local output = pipe:read("a")
    pipe:close()
    assert.equal("", output, "SEED=N looks at one again")
  end)
end)
