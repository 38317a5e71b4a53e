-- Folds what the log would say again and again: a pass that fails each 30 seconds, an Envoy that
-- cannot start. The first line is written at once; then one at growing intervals, which carries how
-- often it has happened since; and one when it is over. All warnings and errors go through here
-- (log.through), so that no call needs to know.

local clock = require("host.clock")
local host = require("host.log")
local log = require("nightjar.log")

local repeats = {}
repeats.__index = repeats

local FIRST = 60    -- seconds from the first line to the next; then each time twice as long
local MOST = 3600   -- up to this
local QUIET = 300   -- seconds after which what has happened once is forgotten
local LIMIT = 100   -- different lines that are remembered; the one that is quiet longest goes

-- Fields that tell what to do or how long, not what has happened.
local BESIDE = { help = true, seconds = true }
-- What is said again on purpose: nobody shall forget that a pin holds (agent/hold.lua).
local REMINDERS = { pinned = true }
-- Numbers count or name processes, but for this one.
local TELLING = { status = true }

---@param now? fun(): number seconds that never jump; the host's clock if not given
---@return table repeats
function repeats.new(now)
  return setmetatable({ now = now or clock.monotonic, entries = {}, count = 0 }, repeats)
end

-- A UUID names a request, a session or a task (RFC 9562).
local UUID = ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12)

-- How long something took differs each time, and so does the id of who tried.
local function lasting(text)
  text = text:gsub("%d[%d.]* ?m?s%f[%A]", "s"):gsub("%d+ milliseconds", "s")
  return (text:gsub(UUID, "id"))
end

-- What makes two lines the same.
local function identity(event, fields)
  local parts = {}
  for key, value in pairs(fields) do
    if not BESIDE[key] and (type(value) ~= "number" or TELLING[key]) then
      parts[#parts + 1] = key .. "\1" .. lasting(tostring(value))
    end
  end
  table.sort(parts)
  return event .. "\0" .. table.concat(parts, "\0")
end

local function utc(at)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(at))
end

function repeats:forget(key)
  self.entries[key], self.count = nil, self.count - 1
end

-- A line that is written carries all that were not.
local function carry(entry, fields)
  fields.repeated, fields.since = entry.repeated, utc(entry.since)
  entry.untold = 0
  return fields
end

-- Nothing that happened stays uncounted.
function repeats:part_with(key, entry)
  self:forget(key)
  if entry.untold > 0 then
    host.write(entry.level, entry.event, carry(entry, { reason = entry.reason }))
  end
end

function repeats:make_room()
  local oldest
  for key, entry in pairs(self.count >= LIMIT and self.entries or {}) do
    if not oldest or entry.last < self.entries[oldest].last then
      oldest = key
    end
  end
  if oldest then
    self:part_with(oldest, self.entries[oldest])
  end
end

---Whether a line is to be written now; adds `repeated` and `since` to its fields.
---@param level "warn"|"error"
---@param event string
---@param fields table<string, string|number|boolean>
---@return boolean
function repeats:pass(level, event, fields)
  if REMINDERS[event] then
    return true
  end
  local key, now = identity(event, fields), self.now()
  local entry = self.entries[key]
  if not entry then
    self:make_room()
    self.entries[key] = { level = level, event = event, reason = fields.reason, last = now, gap = 0,
      since = clock.now(), repeated = 0, untold = 0, wait = FIRST, due = now + FIRST }
    self.count = self.count + 1
    return true
  end
  entry.repeated, entry.untold = entry.repeated + 1, entry.untold + 1
  entry.gap, entry.last = math.max(entry.gap, now - entry.last), now
  if now >= entry.due then
    entry.wait = math.min(2 * entry.wait, MOST)
    entry.due = now + entry.wait
  elseif not host.enabled("debug") then -- who looks for a fault sees each of them
    return false
  end
  carry(entry, fields)
  return true
end

-- One line when it is over. What has happened once needs none.
function repeats:finish(key, entry)
  self:forget(key)
  if entry.repeated > 0 then
    log.info("over", { what = entry.event, reason = entry.reason, repeated = entry.repeated,
      since = utc(entry.since), quiet_seconds = math.floor(self.now() - entry.last) })
  end
end

-- Quiet for twice as long as it ever was between two times.
local function is_over(entry, now)
  local quiet = now - entry.last
  return quiet > (entry.repeated > 0 and math.max(FIRST, 2 * entry.gap) or QUIET)
end

---Looks what is over. Costs nothing while nothing has happened, and needs no timer: it is called
---after each pass.
---@param event string? an event that is over for certain
function repeats:look(event)
  local now = self.now()
  for key, entry in pairs(self.entries) do
    if entry.event == event or is_over(entry, now) then
      self:finish(key, entry)
    end
  end
end

---The end of the agent: what happened since the last line of its kind is counted in one more.
function repeats:close()
  for key, entry in pairs(self.entries) do
    self:part_with(key, entry)
  end
end

return repeats
