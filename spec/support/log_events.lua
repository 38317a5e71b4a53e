-- Finds, by reading the sources, the events that the agent logs as warnings and errors. A name that
-- is computed is followed to where it is written; one that cannot be followed is an error, so that
-- no event is missed in silence.

local tokens = require("spec.support.lua_tokens")

local log_events = {}

local LEVELS = { warn = true, error = true }

---@class LogSource
---@field path string
---@field list Token[]

---@param path string
---@param source string
---@return LogSource
function log_events.source(path, source)
  return { path = path, list = tokens.of(source) }
end

-- The work on all sources.
local work = {}
work.__index = work

local function text_of(part)
  local words = {}
  for i, token in ipairs(part) do
    words[i] = token.is_text and '"' .. token.text .. '"' or token.text
  end
  return table.concat(words, " ")
end

-- Texts that an expression may be; not those that something is compared with.
local function choices(part)
  local found = {}
  for i, token in ipairs(part) do
    local before, after = part[i - 1], part[i + 1]
    local compared = before and before.text:find("^[=~]=$") or after and after.text:find("^[=~]=$")
    if token.is_text and not compared then found[#found + 1] = token.text end
  end
  return found
end

-- The function in which `at` stands and one of whose parameters has this name.
local function function_with(list, at, name)
  local depth = 0
  for i = at - 1, 1, -1 do
    depth = depth - tokens.depth(list[i])
    if depth < 0 and list[i].text == "function" and not list[i].is_text then
      local open = i + 1
      while list[open].text ~= "(" do open = open + 1 end
      for place, part in ipairs((tokens.parts(list, open))) do
        if text_of(part) == name then
          local own = list[open - 1].text
          return own ~= "function" and own or nil, place
        end
      end
    end
    depth = math.max(depth, 0)
  end
end

-- Is it the head of a function, `function f(` or `function t:f(`, and no call?
local function is_head(list, open)
  local near, far = list[open - 2], list[open - 4]
  if not near then return false end
  return near.text == "function"
    or far ~= nil and far.text == "function" and near.text:find("^[.:]$") ~= nil
end

-- Each call, in one file, of what has this name.
local function calls(source, name, visit)
  local list = source.list
  for i = 2, #list do
    local named = list[i].text == "(" and list[i - 1].text == name and not list[i - 1].is_text
    if named and not is_head(list, i) then
      local parts = tokens.parts(list, i)
      visit(parts, i)
    end
  end
end

-- A function without a name that gets a code is handed on as `warn`, or as what `warn_of(id)`
-- returns: see plan/service.lua.
function work:warners(folder, visit)
  for _, source in ipairs(self.sources) do
    if source.path:find(folder, 1, true) then
      calls(source, "warn", function(parts, at)
        if not (source.list[at - 2] and source.list[at - 2].text:find("^[.:]$")) then
          visit(source, parts, at)
        end
      end)
      calls(source, "warn_of", function(_, at)
        local _, close = tokens.parts(source.list, at)
        if source.list[close + 1] and source.list[close + 1].text == "(" then
          visit(source, tokens.parts(source.list, close + 1), close + 1)
        end
      end)
    end
  end
end

-- What a parameter is, from the calls of its function; nil where there are none.
function work:follow(source, at, name)
  local own, place = function_with(source.list, at, name)
  local found, called = {}, false
  local function add(where, parts, call)
    called = true
    for _, text in ipairs(self:names(where, call, parts[place] or {})) do
      found[#found + 1] = text
    end
  end
  if own then
    calls(source, own, function(parts, call) add(source, parts, call) end)
  elseif place then
    self:warners(source.path:match("^.*/"), function(where, parts, call)
      local first = parts[place]
      -- Other functions are called `warn` too; ours get a text first.
      if first and first[1] and first[1].is_text and #first == 1 then add(where, parts, call) end
    end)
  end
  return called and found or nil
end

-- `cause.list[name].event`: each event of that table.
local function of_causes(part)
  if text_of(part) ~= "cause . list [ name ] . event" then return nil end
  local found = {}
  for _, one in pairs(require("nightjar.agent.cause").list) do found[#found + 1] = one.event end
  return found
end

-- What the first argument of a call may be, as texts.
function work:names(source, at, part)
  local found = choices(part)
  if #found > 0 then return found end
  -- A code that a warning has already: wherever that was made, it is found.
  if text_of(part):find(" . code", 1, true) then return self:codes() end
  found = of_causes(part) or #part == 1 and self:follow(source, at, part[1].text)
  if not found then
    error(("%s:%d: cannot tell what %s is"):format(source.path, source.list[at].line,
      text_of(part)), 0)
  end
  return found
end

-- ---- warnings, whose codes become events ----

local IN_WARNINGS = { "nightjar/agent/discover/", "nightjar/plan/", "^policies/" }
-- These say what a warning looks like: types stand there in the place of codes.
local SHAPES = { ["lua/nightjar/plan/mesh_shape.lua"] = true,
  ["lua/nightjar/agent/discover/fleet_record.lua"] = true }

local function makes_warnings(path)
  if SHAPES[path] then return false end
  for _, folder in ipairs(IN_WARNINGS) do
    if path:find(folder) then return true end
  end
  return false
end

-- The fields of a table that is written out, by name.
local function fields(list, open)
  local found = {}
  for _, part in ipairs((tokens.parts(list, open))) do
    if part[2] and part[2].text == "=" and not part[1].is_text then
      found[part[1].text] = table.move(part, 3, #part, 1, {})
    end
  end
  return found
end

local GOES_ON = { ["and"] = true, ["or"] = true, ["="] = true }

-- The expression that begins at `at`, to the end of its last line.
local function rest_of(list, at)
  local part = {}
  while list[at] and (list[at].line == list[at - 1].line or GOES_ON[list[at].text]
    or GOES_ON[list[at - 1].text]) do
    part[#part + 1], at = list[at], at + 1
  end
  return part
end

-- Tables with `code` and `message`, `warnings:add(code, …)`, and `something.code = …`.
local function codes_in(source, add)
  local list = source.list
  for i = 1, #list do
    local record = list[i].text == "{" and not list[i].is_text and fields(list, i) or {}
    if record.code and record.message then
      add(source, i, record.code)
    elseif tokens.stands(list, i, "warnings : add (")
      or tokens.stands(list, i, "collected : add (") then
      add(source, i + 3, (tokens.parts(list, i + 3))[1])
    elseif tokens.stands(list, i, ". code =") and list[i - 1].text ~= "warning" then
      add(source, i, rest_of(list, i + 3))
    end
  end
end

---The codes of all warnings that discovery, the plan and the shipped policies make.
function work:codes()
  if self.found_codes then return self.found_codes end
  local found, seen = {}, {}
  self.found_codes = {} -- meanwhile: a code that is another warning's adds nothing
  for _, source in ipairs(self.sources) do
    if makes_warnings(source.path) then
      codes_in(source, function(where, at, part)
        for _, code in ipairs(self:names(where, at, part)) do
          if not seen[code] then found[#found + 1], seen[code] = code, true end
        end
      end)
    end
  end
  self.found_codes = found
  return found
end

-- ---- calls of the log ----

-- `log[line.level](line.event, …)`: tables that say both.
function work:said_with_level(add)
  for _, source in ipairs(self.sources) do
    for i = 1, #source.list do
      local record = source.list[i].text == "{" and fields(source.list, i) or {}
      local level = record.level and text_of(record.level):match('^"(.*)"$')
      if LEVELS[level] and record.event then
        for _, name in ipairs(self:names(source, i, record.event)) do add(name, level) end
      end
    end
  end
end

-- `log[level](level == "warn" and "x" or "y", …)`: what is said at these levels.
local function by_level(part, add)
  local found = false
  for i = 1, #part do
    local level = part[i].is_text and part[i].text
    if LEVELS[level] and part[i - 1].text == "==" and part[i + 1].text == "and" then
      add(part[i + 2].text, level)
      found = true
    end
  end
  return found
end

function work:computed_level(source, open, level, add)
  local first = (tokens.parts(source.list, open))[1]
  if text_of(level) == "line . level" and text_of(first) == "line . event" then
    self:said_with_level(add)
  elseif not (text_of(level) == "level" and by_level(first, add)) then
    error(("%s:%d: cannot tell the level of %s"):format(source.path, source.list[open].line,
      text_of(first)), 0)
  end
end

-- Is it the log whose field is taken at `at`?
local function is_log(list, at)
  return list[at - 1] and (list[at - 1].text == "log" or at > 4
    and tokens.stands(list, at - 4, 'require ( "nightjar.log" )'))
end

function work:calls_of_log(source, add)
  local list = source.list
  for i = 2, #list do
    local level = list[i + 1] and list[i + 1].text
    if list[i].text == "." and LEVELS[level] and is_log(list, i) and list[i + 2].text == "(" then
      local first = (tokens.parts(list, i + 2))[1]
      for _, name in ipairs(self:names(source, i + 2, first)) do add(name, level) end
    elseif list[i].text == "[" and list[i - 1].text == "log" then
      local parts, close = tokens.parts(list, i)
      self:computed_level(source, close + 1, parts[1], add)
    end
  end
end

-- The log has one name everywhere, or its calls would not be found.
local function check_name(source)
  local list = source.list
  for i = 1, #list do
    local at = tokens.stands(list, i, 'require "nightjar.log"') and i + 2
      or tokens.stands(list, i, 'require ( "nightjar.log" )') and i + 4
    local named = i > 3 and tokens.stands(list, i - 3, "local log =")
    if at and not named and not (list[at] and list[at].text == ".") then
      error(("%s:%d: expected `local log = require`"):format(source.path, list[i].line), 0)
    end
  end
end

---The events of the agent that are warnings or errors.
---@param sources LogSource[]
---@return table<string, "warn"|"error"> levels by the event's name
function log_events.find(sources)
  local self, levels = setmetatable({ sources = sources }, work), {}
  local function add(name, level)
    if levels[name] and levels[name] ~= level then
      error(("%s is said at two levels"):format(name), 0)
    end
    levels[name] = level
  end
  for _, source in ipairs(sources) do
    if source.path ~= "lua/nightjar/log.lua" then
      check_name(source)
      self:calls_of_log(source, add)
    end
  end
  return levels
end

return log_events
