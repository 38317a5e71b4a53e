-- The task definition of docs/shared-volume.md: its containers' own words, so that specs run what
-- the document tells people to paste.

local file = require("host.file")
local json = require("host.json")
local yaml = require("host.yaml")

local task = {}

local FOLDER = "/mnt/envoy-config" -- where the document mounts the volume

---A container of the document's task definition, with variables and the volume's folder replaced.
---@param name string
---@param variables table<string, string|integer> `SERVICE_MEMBER` and the like
---@param folder string that stands for the volume
---@return table container
function task.container(name, variables, folder)
  local text = assert(file.read("docs/shared-volume.md")):match("\n```json\n(.-)\n```\n")
  local definition = json.decode(text or error("no task definition in the document"))
  local function replaced(value)
    if type(value) == "table" then
      for key, item in pairs(value) do
        value[key] = replaced(item)
      end
    elseif type(value) == "string" then
      value = value:gsub("%${([%u_]+)}", function(word)
        return tostring(variables[word] or error("the document has ${" .. word .. "}"))
      end):gsub(FOLDER:gsub("%p", "%%%0"), function() return folder end)
    end
    return value
  end
  for _, container in ipairs(definition.containerDefinitions) do
    if container.name == name then
      return replaced(container)
    end
  end
  error("no container " .. name .. " in the document")
end

---The words that start the document's Envoy.
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
