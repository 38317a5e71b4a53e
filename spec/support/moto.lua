--- Starts the helpers of the AWS specs: the emulator, and the endpoints that do as they are told.
---
--- Each ends with the pipe to its standard input, so none outlives the specs.
local file = require "host.file"
local json = require "host.json"
local sched = require "nightjar.agent.sched"

local moto = {}

local helper = {}
helper.__index = helper

-- `make test` puts the virtual environment first on PATH; a hand-run may name it.
local function python()
  if os.getenv("PYTHON_VENV") then return os.getenv("PYTHON_VENV") .. "/bin/python" end
  if os.getenv("VENV") then return os.getenv("VENV") .. "/bin/python" end
  return "python3"
end

local function start(script, seconds)
  local path = os.tmpname()
  os.remove(path)
  local pipe = assert(io.popen(("exec %s spec/support/%s %s >/dev/null 2>%s.log"):format(
    python(), script, path, path), "w"))
  local self = setmetatable({ pipe = pipe, path = path }, helper)
  local text
  for _ = 1, seconds * 20 do
    text = file.read(path)
    if text or (file.read(path .. ".log") or ""):find("Traceback", 1, true) then break end
    os.execute("sleep 0.05")
  end
  if not text then
    error(("%s did not start: %s"):format(script, file.read(path .. ".log") or ""))
  end
  for name, value in pairs(assert(json.decode(text))) do self[name] = value end
  return self
end

--- Ends the helper.
function helper:stop()
  self.pipe:close()
  os.remove(self.path)
  os.remove(self.path .. ".log")
end

--- One request in a scheduler of its own.
local function request(method, url, value, headers)
  local response, err = sched.run(sched.http, { method = method, url = url, headers = headers,
    body = value and assert(json.encode(value)) or nil, connect_timeout = 5, timeout = 30,
    max_body = 1 << 26 })
  assert(response, err and err.message)
  local answer = json.decode(response.body)
  if response.status ~= 200 then error(response.body, 3) end
  return answer
end

--- Whether a Python with moto and boto3, or other modules, is there; specs are pending without.
---@param modules string? names, with commas between
---@return string? why not
function moto.missing(modules)
  modules = modules or "moto.server, boto3"
  if os.execute(("%s -c 'import %s' 2>/dev/null"):format(python(), modules)) then return nil end
  return "no Python with " .. modules .. ": run `make test`"
end

--- Starts the emulator: {endpoint, control, users = {operator, agent, fleet, restricted, caller},
--- roles = {gate, mesh, nobody}}.
function moto.start() return start("emulator.py", 60) end

--- Starts our own Cloud Map, which fails on demand: {endpoint}.
function moto.faulty() return start("cloudmap.py", 30) end

--- Starts the container agent, the instance and the STS that answer as they are told; see
--- metadata.py: {endpoint}.
function moto.metadata() return start("metadata.py", 30) end

--- Runs a script of spec/support to its end and returns what it prints, decoded from JSON.
---@param script string
---@param ... string  its words
---@return any
function moto.print(script, ...)
  local words = { python(), "spec/support/" .. script, ... }
  for i, word in ipairs(words) do words[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local pipe = assert(io.popen(table.concat(words, " ")))
  local text = pipe:read("a")
  assert(pipe:close(), script .. " failed")
  return assert(json.decode(text, { max_bytes = 1 << 26 }))
end

--- Calls operations with boto3, in order; see emulator.py.
---@param calls table[]  {operation, parameters[, service][, user]}
---@return table[]
function helper:call(calls)
  return request("POST", self.control, json.array(calls))
end

--- Requests of agents that the emulator has answered: by operation, those to S3 by method and
--- status ("GET 304").
---@return table<string, integer>
function helper:counts() return request("GET", self.control) end

--- One operation of Cloud Map with boto3.
function helper:cloudmap(operation, parameters)
  return self:call({ { operation = operation, parameters = parameters } })[1]
end

--- Makes a namespace and its services; returns the namespace's id and the services' by name.
---@param name string
---@param services table[]  {name, settings?, attributes?, instances = {id = attributes}}
function helper:fill(name, services)
  self:cloudmap("create_http_namespace", { Name = name })
  local namespace
  for _, one in ipairs(self:cloudmap("list_namespaces", {}).Namespaces) do
    if one.Name == name then namespace = one end
  end
  local ids = {}
  for _, service in ipairs(services) do
    local made = self:cloudmap("create_service",
      { Name = service.name, NamespaceId = namespace.Id }).Service
    ids[service.name] = made.Id
    local calls = {}
    if service.settings then
      calls[1] = { operation = "register_instance", parameters = { ServiceId = made.Id,
        InstanceId = "service-settings", Attributes = service.settings } }
    end
    for id, attributes in pairs(service.instances or {}) do
      calls[#calls + 1] = { operation = "register_instance",
        parameters = { ServiceId = made.Id, InstanceId = id, Attributes = attributes } }
    end
    if service.attributes then
      calls[#calls + 1] = { operation = "update_service_attributes",
        parameters = { ServiceId = made.Id, Attributes = service.attributes } }
    end
    self:call(calls)
  end
  return namespace, ids
end

--- Drives the failing endpoint with boto3; see cloudmap_check.py.
---@return table<string, any> seen
function helper:checked()
  local pipe = assert(io.popen(("%s spec/support/cloudmap_check.py %s 2>>%s.log"):format(python(),
    self.endpoint, self.path)))
  local text = pipe:read("a")
  pipe:close()
  return json.decode(text) or error(file.read(self.path .. ".log"))
end

--- Replaces what the failing endpoint knows.
function helper:state(state) return request("PUT", self.endpoint .. "/state", state) end

--- Replaces parts of it and forgets nothing.
function helper:change(parts) return request("PUT", self.endpoint .. "/change", parts) end

--- Replaces its faults and forgets the requests so far.
function helper:faults(list) return request("PUT", self.endpoint .. "/faults", json.array(list)) end

--- Replaces what metadata.py answers, and forgets the requests so far.
function helper:control(state) return request("PUT", self.endpoint .. "/control", state) end

--- Calls one operation of the failing endpoint, unsigned and past all that stands before it.
---@param operation string
---@param input table
function helper:ask(operation, input)
  return request("POST", self.endpoint, input,
    { { "X-Amz-Target", "Route53AutoNaming_v20170314." .. operation } })
end

--- What it was asked: {requests, violations}.
function helper:asked() return request("GET", self.endpoint .. "/requests") end

return moto
