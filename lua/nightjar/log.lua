--- The agent's log: `log.info("published", {files = 3})` is one line on
--- standard error. What a line looks like, and what keeps a value from forging
--- one, is in host/log.h; this module adds names for the levels and takes any
--- value, so that a log call never fails where it is needed most.
local host = require("host.log")
local null = require("host.json").null

local log = {}

-- What warnings and errors go through on their way; see log.through.
local sieve

---@alias nightjar.log.Fields table<string, any>

-- Tables and functions only name their type: their printed form is an address,
-- which would differ each time, and __tostring may fail.
local function word(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  end
  return value == null and "null" or "(" .. kind .. ")"
end

-- A list becomes one readable value.
local function readable(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return value end
  if kind ~= "table" or rawlen(value) == 0 then return word(value) end
  local words = {}
  for i = 1, rawlen(value) do words[i] = word(rawget(value, i)) end
  return table.concat(words, ",")
end

-- Lines by level and event, for metrics. Policies may name warnings as they like, so there is an
-- end to the names.
local MOST_EVENTS = 200
local counted, events = { warn = {}, error = {} }, 0

local function count(level, event)
  local known = counted[level]
  if not known then return end
  if not known[event] then
    events = events + 1
    if events > MOST_EVENTS then event = "other" end
  end
  known[event] = (known[event] or 0) + 1
end

--- How many lines there were so far at the levels warn and error, written or not.
---@return table<string, table<string, integer>> counts by level and event; not to be changed
function log.counts() return counted end

local function write(level, event, fields)
  count(level, word(event))
  if not host.enabled(level) then return end
  local plain = {}
  if fields ~= nil and type(fields) ~= "table" then fields = { fields = fields } end
  for key, value in next, fields or {} do plain[word(key)] = readable(value) end
  if sieve and (level == "warn" or level == "error") and not sieve(level, word(event), plain) then
    return
  end
  -- Nobody is left to tell about a log that cannot be written.
  host.write(level, word(event), plain)
end

--- Sets the least level that is written and the format of the lines.
---@param options { level?: "debug"|"info"|"warn"|"error", format?: "logfmt"|"json" }
function log.configure(options)
  host.configure(options)
end

--- Lets warnings and errors through a function on their way, all of them in one place: what is said
--- again and again need not be written each time (agent/repeats.lua).
---@param fn (fun(level: "warn"|"error", event: string, fields: table): boolean)? says whether
---  the line is written, and may add fields; nil: all lines are written
function log.through(fn)
  sieve = fn
end

--- Something only a person who looks for a fault wants to know.
---@param event string one or a few words that name what happened, never a sentence with values
---@param fields? nightjar.log.Fields
function log.debug(event, fields) write("debug", event, fields) end

--- Something that happened as it should.
---@param event string
---@param fields? nightjar.log.Fields
function log.info(event, fields) write("info", event, fields) end

--- Something that needs attention while all goes on.
---@param event string
---@param fields? nightjar.log.Fields
function log.warn(event, fields) write("warn", event, fields) end

--- Something that failed.
---@param event string
---@param fields? nightjar.log.Fields
function log.error(event, fields) write("error", event, fields) end

return log
