-- The plan stage as the agent sees it: one JSON request to a fresh nightjar-plan,
-- one JSON response back. Whatever a policy or template does to that process is
-- turned into one message here.

local json = require "host.json"
local messages = require "nightjar.text"
local program = require "host.program"
local sched = require "nightjar.agent.sched"
local sources = require "nightjar.agent.sources"
local template_name = require("nightjar.template_name")
local zone = require "nightjar.agent.zone"

local planner = {}

local MAX_OUTPUT = 256 * 1024 * 1024 -- bytes of a response: files of the largest meshes
local LIMIT_STATUS, INTERNAL_STATUS = 3, 70

-- Nothing of the agent's environment reaches nightjar-plan, but for the knobs of
-- the sanitizers, without which `make asan` could not judge it.
local PASSED_ON = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" }

local function clean_environment(environment)
  local clean = {}
  for _, name in ipairs(PASSED_ON) do clean[name] = (environment or {})[name] end
  return clean
end

---Text of nightjar-plan, and so perhaps of a policy, as it may stand in a log
---or on a terminal: one line, nothing to control either, not endless.
---@param value string
---@return string
function planner.plain(value)
  return messages.clean(value:match("^.*%S") or "")
end

---The settings that a plan depends on, and what it must know of this host; the rest stays outside.
---@param settings table `no_ipv6`: that of another host, see cli/record_file.lua
---@return table
function planner.plan_settings(settings)
  local no_ipv6 = settings.no_ipv6
  if no_ipv6 == nil then no_ipv6 = not program.has_ipv6() end
  return {
    envoy_admin_port = settings.envoy_admin_port, ping_path = settings.ping_path,
    config_dir = settings.config_dir,
    envoy_configuration_file = settings.envoy_configuration_file,
    starts_envoy = settings.envoy_bin ~= nil and settings.envoy_bin ~= "",
    service_member = settings.service_member,
    service_container_name = settings.service_container_name,
    envoy_base_id = settings.envoy_base_id, policies = settings.policies or {},
    availability_zone = settings.availability_zone, no_ipv6 = no_ipv6 or nil,
  }
end

local function request_text(input, read, settings)
  local names = {}
  for i, copy in ipairs(read.copies) do names[i] = copy.path end
  return json.encode {
    command = input.command or "plan", list = input.list, plan_only = input.plan_only,
    now = input.now,
    settings = planner.plan_settings(settings),
    snapshot = input.snapshot, previous = input.previous or json.null,
    policies = json.array(read.policies),
    templates = json.array(input.plan_only and {} or read.templates),
    copies = json.array(names),
  }
end

local function fingerprint(list)
  local parts = {}
  for i, one in ipairs(list) do
    parts[i] = (one.name or one.path) .. "\0" .. json.hash(one.text or one.content)
  end
  return json.hash(table.concat(parts, "\0"))
end

-- What a plan is made of besides the snapshot, each by its hash: tells what caused a change.
local function inputs_of(read, settings)
  return {
    policies = fingerprint(read.policies),
    templates = json.hash(fingerprint(read.templates) .. fingerprint(read.copies)),
    settings = json.hash(assert(json.encode(planner.plan_settings(settings)))),
  }
end

---The hashes of what a plan is made of besides the snapshot, as `planner.run` returns them.
---Called within sched.run, since the zone is a setting that may have to be asked for.
---@param settings table
---@return {policies: string, templates: string, settings: string}? inputs
---@return string? err
function planner.inputs(settings)
  zone.settle(settings)
  local read, err = sources.read(settings)
  if not read then return nil, "plan: " .. err end
  return inputs_of(read, settings)
end

-- How nightjar-plan ended, if not well.
local function process_failure(result, settings)
  if result.timed_out then
    return ("not done within %s s (PLAN_DEADLINE); stopped"):format(settings.plan_deadline)
  elseif result.signal then
    return "nightjar-plan: ended by signal " .. result.signal
  elseif result.status == LIMIT_STATUS and result.stdout ~= "" then
    return planner.plain(result.stdout)
  elseif result.status == INTERNAL_STATUS then
    return "nightjar-plan: internal error: " .. planner.plain(result.stdout)
  elseif result.status ~= 0 then
    return ("nightjar-plan: ended with status %s: %s")
      :format(result.status, planner.plain(result.stdout))
  end
  return nil
end

-- `stage: file:line: field: message`, or the policy where there is no file. A
-- message that names its place already is complete.
local function response_failure(failure)
  local text = planner.plain(tostring(failure.message or "no reason given"))
  local parts = { failure.stage }
  local place = failure.file or failure.policy
  if place and not text:find(place, 1, true) then
    parts[#parts + 1] = failure.file and failure.line and place .. ":" .. failure.line or place
    if failure.field and not text:find(failure.field, 1, true) then
      parts[#parts + 1] = failure.field
    end
  end
  parts[#parts + 1] = text
  return planner.plain(table.concat(parts, ": "))
end

-- The services that no listener shows, by the names of their mesh and of themselves.
local function resting_of(response)
  local resting = {}
  for _, item in ipairs(response.resting or {}) do
    resting[item.mesh] = resting[item.mesh] or {}
    resting[item.mesh][item.service] = true
  end
  return resting
end

-- nightjar-plan has checked the names too; but it runs other people's code, and is in a sandbox
-- because it may be taken over.
local function check_files(files)
  for _, one in ipairs(files or {}) do
    local path = type(one) == "table" and one.path
    if type(path) ~= "string" or type(one.content) ~= "string" then
      return nil, "expected files with `path` and `content`"
    end
    local ok, err = template_name.check(path)
    if not ok then return nil, ("file %q: %s"):format(path, err) end
  end
  return true
end

local function decode(result)
  local response, err = json.decode(result.stdout, { max_bytes = MAX_OUTPUT })
  if type(response) ~= "table" or type(response.ok) ~= "boolean" then
    return nil, "nightjar-plan: unusable answer: " .. (err or "expected an object with `ok`")
  end
  local usable, wrong = check_files(response.files)
  if not usable then return nil, "nightjar-plan: unusable answer: " .. planner.plain(wrong) end
  return response
end

-- Milliseconds for one policy or template.
local function turn_milliseconds(settings)
  return ("%d"):format(math.ceil(settings.plan_max_cpu * 1000))
end

-- Just before the deadline nightjar-plan ends itself, which names the line that
-- a kill cannot.
local function processor_seconds(settings)
  return ("%d"):format(math.max(1, math.floor(settings.plan_deadline * 0.9)))
end

local function execute(text, settings)
  local environment = clean_environment(settings.environment)
  local result, err = sched.exec {
    argv = {
      program.directory .. "/nightjar-plan",
      "--max-memory-mib", tostring(settings.plan_max_memory),
      "--max-instructions", tostring(settings.plan_max_instructions),
      "--max-cpu-ms", turn_milliseconds(settings),
      "--max-seconds", processor_seconds(settings),
    },
    env = environment, stderr = next(environment) and "inherit" or "null",
    input = text, deadline = settings.plan_deadline, max_output = MAX_OUTPUT,
  }
  if not result then return nil, "nightjar-plan: " .. tostring(err) end
  local failure = process_failure(result, settings)
  if failure then return nil, failure end
  return decode(result)
end

-- Puts the folder that the operator named in the place of `policies/` or `templates/`.
local function in_folder(text, name, directory)
  directory = (directory or name):gsub("/+$", "")
  if directory:match("[^/]*$") == name then return text end
  return (text:gsub("%f[%w_./-]" .. name .. "/%f[%w_@.-]", function() return directory .. "/" end))
end

---A message of nightjar-plan, which knows no folders, with the files as the operator knows them:
---`my-policies/ramp.lua:7`. A folder that is called `policies` is no more than that.
---@param text string
---@param settings table `policy_dir`, `envoy_template_dir`
---@return string
function planner.located(text, settings)
  return in_folder(in_folder(text, "policies", settings.policy_dir), "templates",
    settings.envoy_template_dir)
end

local function locate_warnings(response, settings)
  for _, warning in ipairs(response.warnings or {}) do
    warning.message = planner.located(warning.message, settings)
  end
end

---Has a fresh nightjar-plan answer one request (plan/main.lua). Called within sched.run.
---@param request table
---@param settings table the limits: `plan_max_memory` and so on; `environment`
---@return table? response which may be a refusal: `ok` is false
---@return string? err how the process ended, where a limit ended it with file and line
function planner.ask(request, settings)
  local text, problem = json.encode(request)
  if not text then return nil, "request: " .. problem end
  return execute(text, settings)
end

---Makes a plan and renders it, or runs the policies' examples.
---Called within sched.run, since it waits for a process.
---@param input {snapshot: table, previous?: table, now: integer, command?: "plan"|"examples",
---  list?: "main"|"shadow", plan_only?: boolean} `list`: which of the lists of init.lua;
---  `plan_only`: make no files
---@param settings table
---@return table? response of nightjar-plan; added: `copies` ({path, content}) and `inputs`, the
---  hashes of `policies`, `templates` and `settings`; `resting` is a table by names
---@return string? err `plan: where: why`
---@return table? response the refusing response, when there was one (for its warnings)
function planner.run(input, settings)
  local read, err = sources.read(settings)
  if not read then return nil, "plan: " .. err end
  zone.settle(settings)
  local text, problem = request_text(input, read, settings)
  if not text then return nil, "plan: request: " .. problem end
  local response, failure = execute(text, settings)
  if not response then return nil, "plan: " .. planner.located(failure, settings) end
  locate_warnings(response, settings)
  if not response.ok then
    return nil, "plan: " .. planner.located(response_failure(response.error or {}), settings),
      response
  end
  response.copies, response.inputs = read.copies, inputs_of(read, settings)
  response.resting = resting_of(response)
  return response
end

return planner
