-- Equal input, equal bytes: in each process, whatever its hash seeds and
-- addresses are (RELIABILITY 3).

local build = require("spec.support.mesh")
local json = require("host.json")
local program = require("host.program")

local PLAN = program.directory .. "/nightjar-plan"
local RUNS = 12

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
end)
