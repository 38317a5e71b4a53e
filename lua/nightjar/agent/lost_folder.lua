-- A folder of published files that is removed while Envoy runs: Envoy watches the folder and not
-- its name, and never hears of the one that is made in its place (tried: 1.40). Another Envoy does.

local file = require("host.file")
local log = require("nightjar.log")

local lost_folder = {}

local READ_BY_ENVOY = { clusters = true, routes = true, listeners = true }

local function folder_of(path)
  return path:match("^(.*)/") or ""
end

-- Has the generation in force a file there, and what is published one that Envoy reads?
local function is_read(folder, published, files)
  local was_there = false
  for _, path in ipairs(published) do
    was_there = was_there or folder_of(path) == folder
  end
  for _, one in ipairs(was_there and files or {}) do
    if READ_BY_ENVOY[one.step] and folder_of(one.path) == folder then
      return true
    end
  end
  return false
end

---Is a folder gone that Envoy reads from?
---@param root string the folder of all published files
---@param path string below it: of a file that is about to be written
---@param published string[]? paths of the generation in force
---@param files { path: string, step: string }[] that are being published
---@return string? folder the one that is gone
function lost_folder.look(root, path, published, files)
  repeat
    path = folder_of(path)
    local full = path == "" and root or root .. "/" .. path
    if not file.stat(full) and is_read(path, published or {}, files) then
      return full
    end
  until path == ""
end

---Says so, and has another Envoy take the place of the one that runs, once the files are there.
---@param supervisor table (agent/supervise.lua)
---@param folder string
---@return boolean deaf nobody is to be asked until then
function lost_folder.tell(supervisor, folder)
  local ours = supervisor:supervises()
  if ours and not supervisor:running() then
    return false
  end
  log.warn("folder_made_anew", { path = folder,
    reason = "somebody has removed it, and Envoy does not see what is in the new one",
    help = ours and "Envoy is restarted for it" or "restart Envoy" })
  if ours then
    supervisor.processes:outdate()
    supervisor.confirmed = false
  end
  return ours
end

return lost_folder
