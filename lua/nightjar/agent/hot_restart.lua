-- Is a hot restart possible here? Envoys of one base id share memory below /dev/shm; where that
-- cannot be written, Envoy with hot restart aborts at its start (tried: 1.40), so it is started
-- with `--disable-hot-restart`.

local file = require("host.file")

local hot_restart = {}

local FOLDER = "/dev/shm"
local REGION = 4096 -- bytes; Envoy's takes 104

---What Envoys of one base id share; the last one leaves it behind (tried: 1.40).
---@param base_id integer
---@return string path
function hot_restart.shared_memory(base_id)
  return ("%s/envoy_shared_memory_%d"):format(FOLDER, base_id * 10)
end

---What stands in the way of a hot restart.
---@param base_id integer
---@return string? reason nil: nothing
function hot_restart.obstacle(base_id)
  local probe = ("%s/nightjar-probe-%d"):format(FOLDER, base_id)
  local ok, err = file.write(probe, ("\0"):rep(REGION), { mode = 384 }) -- 0600
  if not ok then
    return err
  end
  file.remove(probe)
  local path = hot_restart.shared_memory(base_id)
  local _, reason, code = file.read(path, REGION)
  if code == "EACCES" then
    return reason .. "; it is another user's: give this agent another ENVOY_BASE_ID"
  end
end

return hot_restart
