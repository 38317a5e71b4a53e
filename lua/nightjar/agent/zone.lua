-- The availability zone that this container is in: from the settings, or from the metadata that ECS
-- gives each task. Policies that prefer near endpoints need it; nothing else does.

local json = require("host.json")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")
local text = require("nightjar.text")

local zone = {}

local VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
local PATIENCE = 2 -- seconds; the metadata is in the same host
local MAX_BODY = 1024 * 1024

-- The zone that the answer names.
local function zone_in(answer)
  if answer.status ~= 200 then
    return nil, "answered " .. answer.status
  end
  local task = json.decode(answer.body, { max_depth = 64 })
  local name = type(task) == "table" and task.AvailabilityZone
  if not text.is_name(name) then
    return nil, "named no AvailabilityZone"
  end
  return name
end

local function ask(base)
  if not base:match("^https?://[%w.:%[%]-]+/?[%w/._-]*$") then
    return nil, "expected a URL, got " .. text.quote(base)
  end
  local answer, err = sched.http { method = "GET", url = base:gsub("/$", "") .. "/task",
    connect_timeout = PATIENCE, timeout = PATIENCE, max_body = MAX_BODY }
  if not answer then
    return nil, err.message
  end
  return zone_in(answer)
end

---Settles `settings.availability_zone`, once for all passes; where nobody says it, it is empty.
---Called within sched.run, since it may wait for an answer, two seconds at most.
---@param settings table
function zone.settle(settings)
  if settings.availability_zone then
    return
  end
  local base = (settings.environment or {})[VARIABLE]
  if not base or base == "" then
    settings.availability_zone = ""
    return
  end
  local name, err = ask(base)
  if err then
    log.warn("zone_unknown", { reason = VARIABLE .. ": " .. err })
  end
  settings.availability_zone = name or ""
end

return zone
