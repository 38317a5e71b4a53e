-- Writes snapshots for the plan's specs in few words, and runs the pure stages
-- on them within this process.

local cycle = require("nightjar.cycle")
local file = require("host.file")
local program = require("host.program")
local sandbox = require("nightjar.plan.sandbox")
local warnings = require("nightjar.plan.warnings")

local mesh = {}

-- The time of every spec that does not say another.
mesh.NOW = 1700000000

---@param number integer
---@param more? table fields and attributes to set: { id=, health=, AWS_INSTANCE_IPV6= … }
function mesh.instance(number, more)
  local instance = { id = ("task-%02d"):format(number), health = "HEALTHY", since = mesh.NOW - 60,
    health_since = mesh.NOW - 50, attributes = { AWS_INSTANCE_IPV4 = "10.0.0." .. number,
    AWS_INSTANCE_PORT = "8080", AVAILABILITY_ZONE = "zone-a" } }
  for key, value in pairs(more or {}) do
    local target = key:find("^AW?V?[SA]") and instance.attributes or instance
    if value == "" then value = nil end
    target[key] = value
  end
  return instance
end

---@param name string of the Cloud Map service
---@param attributes table
---@param instances? integer|table[] how many, or which; 1 by default
---@param more? table fields of the service to set
function mesh.service(name, attributes, instances, more)
  local service = { name = name, id = "srv-" .. name, read_at = mesh.NOW, attributes = attributes,
    since = {}, instances = type(instances) == "table" and instances or {} }
  if type(instances) ~= "table" then
    for i = 1, instances or 1 do service.instances[i] = mesh.instance(i) end
  end
  for key, value in pairs(more or {}) do service[key] = value end
  return service
end

---One namespace as a snapshot has it.
---@param ref string `own` or `NAMESPACE_0`
---@param name string
---@param port integer
---@param services table[]
---@param more? table
function mesh.namespace(ref, name, port, services, more)
  local result = { ref = ref, name = name, id = "ns-" .. name, port = port, services = services,
    audience = ref == "own" and "private" or "public", read_at = mesh.NOW }
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

---@param namespaces table[]
---@param member? string the Cloud Map service that the sidecar stands beside
function mesh.snapshot(namespaces, member)
  local own = namespaces[1]
  return { format = 1, source = "file", taken_at = mesh.NOW, meshes = namespaces, warnings = {},
    member = member and { mesh = own.name, mesh_id = own.id, service = member,
      id = "srv-" .. member } or nil }
end

---A snapshot of one own mesh on port 8080 with these services.
function mesh.own(services, member)
  return mesh.snapshot({ mesh.namespace("own", "example.local", 8080, services) }, member)
end

---@param path string
---@return string
function mesh.read(path)
  local handle = assert(io.open(path, "rb"))
  local text = handle:read("a")
  handle:close()
  return text
end

-- Every Lua file of a folder below policies/, by its name in a request.
local function add_files(list, folder, prefix)
  for _, entry in ipairs(assert(file.list(folder))) do
    if entry.name:match("%.lua$") then
      list[#list + 1] = { name = prefix .. entry.name,
        text = mesh.read(folder .. "/" .. entry.name) }
    end
  end
end

---The shipped policies, as a request carries them.
---@param order? string[] names for init.lua instead of the shipped list
function mesh.shipped_policies(order)
  local list, folder = {}, program.data_directory() .. "/policies"
  add_files(list, folder, "")
  add_files(list, folder .. "/lib", "lib/")
  table.sort(list, function(a, b) return a.name < b.name end)
  for _, one in ipairs(list) do
    if order and one.name == "init.lua" then
      one.text = 'return { "' .. table.concat(order, '", "') .. '" }'
    end
  end
  return list
end

---A file of policies/lib, loaded as policies load it.
---@param name string
---@return table
function mesh.lib(name)
  local files = {}
  for _, one in ipairs(mesh.shipped_policies()) do files[one.name] = one.text end
  local loaded, err = sandbox.new(files):load("lib/" .. name .. ".lua")
  return loaded or error(err.message, 2)
end

---Policies from texts: { name = text }, in the order of `order`.
function mesh.policies(texts, order)
  local names, list = {}, {}
  for name in pairs(texts) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = { name = name .. ".lua", text = texts[name] } end
  local init = {}
  for i, name in ipairs(order or names) do init[i] = ("%q"):format(name) end
  list[#list + 1] = { name = "init.lua", text = "return { " .. table.concat(init, ", ") .. " }" }
  return list
end

---The text of a policy whose `apply` has this body.
function mesh.policy(body, settings)
  return ('return { about = "a policy of a spec", settings = %s,\n'
    .. "apply = function(mesh, settings, now)\n%s\nreturn mesh end }")
    :format(settings or "{}", body)
end

---Runs model, policy and view.
---@param snapshot table
---@param options? table { policies, list, settings, previous, now, until_stage }
---@return table? made { model?, policy, view, warnings }
---@return table? err
function mesh.run(snapshot, options)
  options = options or {}
  local collected, made, stages = warnings.new(), {}, {}
  local context = { now = options.now or mesh.NOW, warnings = collected, position = {},
    settings = options.settings or { envoy_admin_port = 9901, policies = {} },
    previous = options.previous, list = options.list,
    policies = options.policies or mesh.shipped_policies() }
  for _, name in ipairs(cycle.pure) do
    if name == "render" then break end
    stages[#stages + 1] = { name = name, run = require("nightjar.plan." .. name).run }
    if name == options.until_stage then break end
  end
  local _, err, stage = cycle.run(stages, snapshot, context, function(name, output)
    made[name] = output
  end)
  made.warnings = collected:all()
  if err then
    if type(err) == "table" then err.stage = stage end
    return nil, err, made.warnings
  end
  return made
end

---The plan alone; an error of any stage is an error here.
function mesh.plan(snapshot, options)
  local made, err = mesh.run(snapshot, options)
  if not made then error(err.message, 2) end
  return made.policy, made
end

---@param plan table
---@param listener string
---@param path string
---@return table? route
function mesh.route(plan, listener, path)
  for _, item in ipairs(plan.listeners) do
    for _, route in ipairs(item.name == listener and item.routes or {}) do
      if route.path == path then return route end
    end
  end
end

---A route's weights by color.
function mesh.weights(plan, listener, path)
  local route, result = mesh.route(plan, listener, path), {}
  if not route then return nil end
  for _, entry in ipairs(route.clusters) do result[entry.color] = entry.weight end
  return result
end

---The paths of a listener, in their order.
function mesh.paths(plan, listener)
  local paths = {}
  for _, item in ipairs(plan.listeners) do
    for _, route in ipairs(item.name == listener and item.routes or {}) do
      paths[#paths + 1] = route.path
    end
  end
  return paths
end

function mesh.cluster(plan, name)
  for _, cluster in ipairs(plan.clusters) do
    if cluster.name == name then return cluster end
  end
end

---The codes of warnings, in their order.
function mesh.codes(warned)
  local codes = {}
  for i, warning in ipairs(warned) do codes[i] = warning.code end
  return codes
end

return mesh
