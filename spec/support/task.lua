-- The task definition of examples/shared-volume: its containers' own words, so that specs run what
-- people deploy.

local file = require("host.file")
local json = require("host.json")
local yaml = require("host.yaml")

local task = {}

task.FILE = "examples/shared-volume/task-definition.json"

local FOLDER = "/mnt/envoy-config" -- where the file mounts the volume

-- What ECS needs and no process ever sees, but for the region, which no spec here asks anything of.
local ONLY_AWS = { AGENT_IMAGE = "agent", APPLICATION_IMAGE = "application",
  AWS_REGION = "eu-central-1", EXECUTION_ROLE_ARN = "arn", TASK_ROLE_ARN = "arn",
  LOG_GROUP = "logs" }

---A container of the file's task definition, with variables and the volume's folder replaced.
---@param name string
---@param variables table<string, string|integer> `SERVICE_MEMBER` and the like
---@param folder string that stands for the volume
---@return table container
function task.container(name, variables, folder)
  local definition = assert(json.decode(assert(file.read(task.FILE))))
  local function replaced(value)
    if type(value) == "table" then
      for key, item in pairs(value) do
        value[key] = replaced(item)
      end
    elseif type(value) == "string" then
      value = value:gsub("%${([%u_]+)}", function(word)
        return tostring(variables[word] or ONLY_AWS[word]
          or error(task.FILE .. " has ${" .. word .. "}"))
      end):gsub(FOLDER:gsub("%p", "%%%0"), function() return folder end)
    end
    return value
  end
  for _, container in ipairs(definition.containerDefinitions) do
    if container.name == name then
      return replaced(container)
    end
  end
  error("no container " .. name .. " in " .. task.FILE)
end

---The words that start the file's Envoy.
---@param container table what `task.container` returned
---@param change (fun(bootstrap: table): table)? alters its bootstrap
---@return string[] argv
function task.envoy(container, change)
  local argv = { "envoy", "--log-level", "warning" }
  for i, word in ipairs(container.command) do
    if change and container.command[i - 1] == "--config-yaml" then
      word = assert(json.encode(change(assert(yaml.decode(word)))))
    end
    argv[#argv + 1] = word
  end
  return argv
end

return task
