-- Whether the host has the inotify instances that Envoy will need. Envoy opens one for each file it
-- subscribes to, and does not degrade at the host's limit of them: it aborts.

local file = require("host.file")
local host = require("host.inotify")
local log = require("nightjar.log")

local inotify = {}

local watch = {}
watch.__index = watch

local OWN = 2              -- of clusters and listeners; each listener's routes are one more
local MOST = 1024          -- instances that host.inotify tries for
local SENSIBLE_LIMIT = 512 -- recommended at least: the default, 128, serves few tasks of a host
-- The second is that of a user namespace; where there is none, both are one.
local LIMITS = { "fs.inotify.max_user_instances", "user.max_inotify_instances" }

local FOR_ENVOY = "Envoy needs an inotify instance for each file that it reads, and aborts where "
  .. "the host has none left; raise the limit on the host"
local FOR_HOT_RESTART = "Envoy can run, but a hot restart needs as many inotify instances again, "
  .. "and the new Envoy would abort; raise the limit on the host"

---@class InotifyShortage
---@field needed integer instances that must be free
---@field free integer instances that are
---@field limit integer? the user's limit on this host, in use or not; nil when it cannot be read
---@field sysctl string the command that raises it far enough

-- The limit that is met first, and its name.
local function limit()
  local least, name
  for _, one in ipairs(LIMITS) do
    local text = file.read("/proc/sys/" .. one:gsub("%.", "/"), 64)
    local number = math.tointeger(tonumber(text or ""))
    if number and (not least or number < least) then
      least, name = number, one
    end
  end
  return least, name or LIMITS[1]
end

-- Doubled until it suffices: other containers of this user will need more too.
local function command(name, now, missing)
  local wanted = SENSIBLE_LIMIT
  while wanted < (now or 0) + missing do
    wanted = wanted * 2
  end
  return ("sysctl -w %s=%d"):format(name, wanted)
end

---Are there fewer instances than an Envoy needs that is about to start?
---@param listeners integer that it will have, each with a file of routes
---@param options { held: integer?, processes: integer? }? `held`: listeners of an Envoy that runs,
---  whose instances are taken already; `processes`: 2 for the Envoys of a hot restart, 1 by default
---@return InotifyShortage? shortage nil when there are enough
---@return string? err why that cannot be told
function inotify.shortage(listeners, options)
  options = options or {}
  local held = options.held and OWN + options.held or 0
  local needed = math.max(0, (options.processes or 1) * (OWN + listeners) - held)
  local free, err = host.free(math.min(needed, MOST))
  if not free then
    return nil, err
  elseif free == math.min(needed, MOST) then
    return nil
  end
  local now, name = limit()
  return { needed = needed, free = free, limit = now, sysctl = command(name, now, needed - free) }
end

---Looks before Envoy starts, and again when it is to have more listeners than ever before.
---@return table watch `give_way`: called where instances are short; whether one has been given back
function inotify.watch()
  return setmetatable({ most = nil, give_way = function() return false end }, watch)
end

---Warn when there are too few instances for Envoy, or for a second one during a hot restart.
---@param listeners integer that Envoy is to have
---@param held integer? listeners of the Envoy that runs
function watch:look(listeners, held)
  if self.most and listeners <= self.most then
    return
  end
  self.most = listeners
  local short, err = inotify.shortage(listeners, { held = held, processes = 2 })
  if short and self.give_way() then
    short, err = inotify.shortage(listeners, { held = held, processes = 2 })
  end
  local first = short and inotify.shortage(listeners, { held = held })
  local fields = first or short
  if err then
    return log.warn("inotify_unknown", { reason = err })
  elseif not fields then
    return
  end
  fields.reason = first and FOR_ENVOY or FOR_HOT_RESTART
  log.warn("inotify_low", fields)
end

return inotify
