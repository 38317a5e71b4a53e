-- Applies one policy to a mesh: its own data, its own settings, a fixed `now`,
-- and a check of what comes back.

local given_attributes = require("nightjar.plan.given_attributes")
local mesh_shape = require("nightjar.plan.mesh_shape")
local policy_record = require("nightjar.plan.policy_record")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.text")
local why = require("nightjar.plan.why")

local apply = {}

-- `line` is that of `apply`, for what it returned: no line of it is being run by then.
local function fail(policy, message, field, line)
  return nil, { policy = policy.name, file = policy.file, line = line, field = field,
    message = ("policy %s: %s"):format(policy.name, message) }
end

-- A listener stands as long as its mesh: dependants may need it to start.
local function check_listeners(before, mesh)
  local present = {}
  for _, listener in ipairs(mesh.listeners) do present[listener.name] = true end
  for _, name in ipairs(before.names) do
    if not present[name] then
      return ("listeners: %s is gone; a listener stays, even without routes")
        :format(text.quote(name)), "listeners"
    end
  end
end

-- Notes what is there, and gives the policy lists to say things in.
local function prepare(mesh)
  local routes, names = why.note(mesh), {}
  mesh.warnings = {}
  for i, listener in ipairs(mesh.listeners) do names[i] = listener.name end
  return { routes = routes, names = names }
end

-- What the policy has to say to the operator goes among the warnings.
local function take_warnings(policy, mesh, warnings)
  for _, warning in ipairs(mesh.warnings or {}) do
    local where = { policy = policy.name }
    for key, value in next, warning do where[key] = value end
    warnings:add(warning.code, warning.message, where)
  end
  mesh.warnings = nil
end

-- The attributes that the configuration gives, for as long as the policy runs.
local function lay_attributes(policy, mesh, attributes, warnings)
  if not attributes then return {} end
  local own, unknown = given_attributes.lay(mesh, attributes)
  for _, message in ipairs(unknown) do
    warnings:add("unknown_service", ("settings policies.%s.attributes.%s")
      :format(policy.name, message), { policy = policy.name })
  end
  return own
end

-- A copy of what is in force, for a policy that asks for it by a fourth parameter.
local function previous_for(policy, previous)
  if not previous or debug.getinfo(policy.record.apply, "u").nparams < 4 then return nil end
  return schema.plain(previous)
end

---Runs a policy's `apply`. The mesh given is the policy's from then on: nobody
---else uses it, and the tables that come back are nobody else's either, since
---the policy does not run again (see schema.lua about tables in two places).
---@param policy table { name, file, line of `apply`, box, record }
---@param mesh table checked
---@param given any the settings for this policy in the configuration
---@param context table { now, warnings, previous = { listeners, clusters }? }
---@return table? mesh checked
---@return table? err { policy, file, line?, field?, message }
function apply.run(policy, mesh, given, context)
  local settings, message, path, attributes = policy_record.settings(policy.record, given)
  if not settings then
    local place = "policies." .. policy.name
    if path == "" then return fail(policy, ("settings %s: %s"):format(place, message), place) end
    return fail(policy, ("settings %s.%s"):format(place, message), place .. "." .. path)
  end
  local own = lay_attributes(policy, mesh, attributes, context.warnings)
  local before = prepare(mesh)
  local result, err = policy.box:call(policy.record.apply, mesh, settings, context.now,
    previous_for(policy, context.previous))
  if err then
    err.policy, err.file = policy.name, err.file or policy.file
    err.message = ("policy %s: %s"):format(policy.name, err.message)
    return nil, err
  end
  if result == nil then
    return fail(policy, "apply returned nothing; end it with `return mesh`",
      nil, policy.line)
  end
  message, path = mesh_shape.check(result)
  if not message then message, path = check_listeners(before, result) end
  if message then return fail(policy, message, path, policy.line) end
  given_attributes.take_back(result, own)
  take_warnings(policy, result, context.warnings)
  why.record(policy.name, before.routes, result)
  return result
end

return apply
