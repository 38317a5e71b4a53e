-- What a file means to Envoy that nightjar-plan did not render: an operator's own, or one that is
-- put back.

local json = require("host.json")
local resource_set = require("nightjar.resource_set")
local yaml = require("host.yaml")

local resources = {}

-- The pass that reads a file of the operator's must not choke on it.
local LIMITS = { max_depth = 64, max_bytes = 64 * 1024 * 1024, max_nodes = 4 * 1024 * 1024 }

local function decode(path, content)
  if path:match("%.json$") then
    return json.decode(content, { max_depth = LIMITS.max_depth, max_bytes = LIMITS.max_bytes })
  elseif path:match("%.ya?ml$") then
    return yaml.decode(content, LIMITS)
  end
end

---A file with the step of the publication that it belongs to. What is no set of resources, or
---cannot be parsed, is `other`: Envoy, if it reads it, is the one to say.
---@param path string
---@param content string
---@return { path: string, content: string, step: string, kind: string?, resources: string[],
---  version: string?, counted: boolean }
---  file `version`: its `version_info`; `counted`: Envoy's counters tell whether it was taken,
---  since a version that a person wrote says nothing about the content
function resources.of(path, content)
  local file = { path = path, content = content, step = "other", resources = {}, counted = true }
  -- Most files are something else, and need not be parsed.
  local value = content:find("resources", 1, true) and decode(path, content)
  if not resource_set.is(value) then
    return file
  end
  local set = resource_set.describe(path, value)
  file.step, file.kind, file.resources = set.step, set.kind, set.resources
  file.version = type(value.version_info) == "string" and value.version_info or nil
  return file
end

return resources
