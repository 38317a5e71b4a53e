--- Reads meshes from a YAML file: the default without AWS, for tests and for replay.
local host_file = require "host.file"
local merge = require "nightjar.agent.discover.merge"
local mesh_file = require "nightjar.agent.discover.mesh_file"
local yaml = require "host.yaml"

local file = {}

-- A mesh of a thousand services with a hundred instances each fits well.
local MAX_BYTES = 32 * 1024 * 1024

-- A stale reading for every mesh that the last snapshot has: the file tells nothing now. The
-- ports are the settings' of today.
local function unread(previous, settings, now, err)
  local reading = { source = "file", now = now, meshes = {}, warnings = {} }
  local ports = { own = settings.service_port }
  for _, entry in ipairs(settings.namespaces or {}) do ports[entry.ref] = entry.port end
  for position, mesh in ipairs(previous.meshes) do
    reading.meshes[position] = { ref = mesh.ref, reference = mesh.name, id = mesh.id,
      name = mesh.name, port = ports[mesh.ref] or mesh.port, audience = mesh.audience,
      error = err }
  end
  return reading
end

local function load(path)
  local text, err = host_file.read(path, MAX_BYTES)
  if not text then return nil, err end
  local value, yaml_err = yaml.decode(text, { max_bytes = MAX_BYTES })
  if value == nil then return nil, path .. ": " .. yaml_err end
  local checked, problems = mesh_file.check(value)
  if not checked then return nil, path .. ": " .. problems end
  return checked, problems
end

local function mesh_reading(namespace, ref, port, audience)
  local services = not namespace.error and {} or nil
  for position, service in ipairs(namespace.services or {}) do
    local attributes, instances
    if not service.error then
      attributes, instances = merge.settings_of(service.instances, service.own)
    end
    services[position] = { id = service.id, name = service.name, error = service.error,
      attributes = attributes, instances = instances }
  end
  return { ref = ref, reference = namespace.name, port = port, audience = audience,
    id = namespace.id, name = namespace.name, services = services, error = namespace.error }
end

local function named(namespaces, reference)
  for _, namespace in ipairs(namespaces) do
    if merge.names(namespace, reference) then return namespace end
  end
end

local function warn(reading, code, mesh, message)
  reading.warnings[#reading.warnings + 1] = { code = code, mesh = mesh, message = message }
end

-- The own mesh. Without a member this is a gateway, which has none.
local function add_own(reading, content, path, settings, member)
  for _, namespace in ipairs(content.namespaces) do
    if namespace.own and not member then
      if not settings.gateway then
        warn(reading, "own_without_member", namespace.name, ("%s: %s.own: no member is named, "
          .. "so there is no own mesh"):format(path, namespace.path))
      end
    elseif namespace.own then
      reading.meshes[1] =
        mesh_reading(namespace, "own", settings.service_port, "private")
      reading.member = { mesh = namespace.name, mesh_id = namespace.id, service = member,
        id = member }
      for _, service in ipairs(namespace.services or {}) do
        if service.name == member or service.id == member then
          reading.member.service, reading.member.id = service.name, service.id
          return
        end
      end
      warn(reading, "unknown_member", namespace.name,
        ("%s: member: %s is no service of %s"):format(path, member, namespace.name))
      return
    end
  end
end

-- Meshes of NAMESPACE_x, then those that bring a port of their own and no variable names.
local function add_others(reading, content, path, settings)
  local taken = {}
  for _, entry in ipairs(settings.namespaces or {}) do
    local namespace = named(content.namespaces, entry.namespace)
    if namespace then
      taken[namespace] = true
      reading.meshes[#reading.meshes + 1] =
        mesh_reading(namespace, entry.ref, entry.port, "public")
    else
      reading.meshes[#reading.meshes + 1] = { ref = entry.ref, reference = entry.namespace,
        port = entry.port, audience = "public", error = ("%s: no namespace is named %q")
          :format(path, entry.namespace) }
    end
  end
  local own = reading.member and reading.member.mesh_id
  for _, namespace in ipairs(content.namespaces) do
    if namespace.port and not taken[namespace] and namespace.id ~= own then
      reading.meshes[#reading.meshes + 1] =
        mesh_reading(namespace, "file:" .. namespace.id, namespace.port, "public")
    elseif namespace.port then
      warn(reading, "port_unused", namespace.name, ("%s: %s.port: not used, %s decides"):format(
        path, namespace.path, taken[namespace] and "NAMESPACE_x_PORT" or "SERVICE_PORT"))
    end
  end
end

-- Only the file tells whether there is an own mesh, so the settings could not know whether its
-- port is wanted by Envoy's admin interface too.
local function check_ports(reading, path, admin_port)
  local taken = {}
  for _, mesh in ipairs(reading.meshes) do
    if mesh.port == admin_port then
      return ("ENVOY_ADMIN_PORT: %d is the port of the listener of mesh %s too; expected another "
        .. "one"):format(admin_port, mesh.name or mesh.reference)
    end
    if taken[mesh.port] then
      return ("%s: %s and %s: both are port %d; expected different ports"):format(path,
        taken[mesh.port], mesh.ref, mesh.port)
    end
    taken[mesh.port] = mesh.ref
  end
end

--- Reads the mesh file. One that is not there, is no YAML or has the wrong shape as a whole
--- leaves the last snapshot in force; a bad service is left out or keeps its last good data.
---@param previous table?
---@param settings table  uses mesh_file, service_member, service_port, gateway, namespaces,
---  envoy_admin_port
---@param now integer
---@return Reading?
---@return string? err
function file.run(previous, settings, now)
  local path = settings.mesh_file
  local content, problems = load(path)
  if not content then
    if previous and previous.source == "file" then
      return unread(previous, settings, now, problems)
    end
    return nil, problems
  end
  local member
  if not settings.gateway then member = settings.service_member or content.member end
  local reading = { source = "file", now = now, meshes = {}, warnings = {} }
  for _, problem in ipairs(problems) do
    reading.warnings[#reading.warnings + 1] = { code = "mesh_file", mesh = problem.mesh,
      service = problem.service, message = path .. ": " .. problem.message }
  end
  add_own(reading, content, path, settings, member)
  add_others(reading, content, path, settings)
  local conflict = check_ports(reading, path, settings.envoy_admin_port)
  if conflict then return nil, conflict end
  return reading
end

return file
