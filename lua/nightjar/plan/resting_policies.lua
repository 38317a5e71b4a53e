-- Which policies need not be read at all: those that come with the program, unchanged, and have
-- nothing to do. Most of the shipped ones rest on most meshes, and reading twenty files takes
-- longer than all that is left to do on a small one.
--
-- What is skipped has no effect that could be missed: the text is, by its hash, the one that the
-- program was built with, so it loads, and its record is right.

local json = require("host.json")
local policy_record = require("nightjar.plan.policy_record")
local shipped = require("nightjar.plan.shipped") -- made by host/shipped.lua

local resting_policies = {}

-- Policies load files of policies/lib: another one there may be another policy, or an error.
local function is_lib_known(files)
  for name, hash in next, shipped.lib do
    if not files[name] or json.hash(files[name]) ~= hash then return false end
  end
  return true
end

---@param policies { name: string, text: string }[] the files of the policy folder
---@param given table<string, any> what the configuration says, by policy
---@param carried table<string, true> names of the attributes in the mesh
---@return fun(name: string): boolean rests whether a policy need not be loaded, as `is_idle` of
---  policy_record would say of it
function resting_policies.of(policies, given, carried)
  local files = {}
  for _, file in ipairs(policies) do files[file.name] = file.text end
  local lib_is_known = is_lib_known(files)
  return function(name)
    local known = lib_is_known and shipped.policies[name]
    return known and policy_record.is_idle(known, given[name], carried)
      and json.hash(files[name .. ".lua"]) == known.hash or false
  end
end

return resting_policies
