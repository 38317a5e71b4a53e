-- The only world that a policy sees. It is an allow-list: the menu below, and
-- of the policy folder what stands in policies/lib. Each policy gets a box of
-- its own, with its own copies of the library tables, so that nothing one
-- policy does to them reaches another.
--
-- A box protects against accidents and keeps results the same everywhere.
-- Endless loops and memory bombs are not its business: the process's limits
-- end them (RELIABILITY 1, 2).

local deterministic = require("nightjar.plan.deterministic")
local nearest = require("nightjar.nearest")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local sandbox = {}

-- What stands here is there. Not there, and why: `load` and its kin (bytecode,
-- code that no file shows), `os io debug` (the world), `coroutine` (each counts
-- instructions for itself), `collectgarbage`, `math.random`, `print`.
local MENU = {
  [""] = "assert error ipairs pcall rawequal rawget rawlen rawset select tonumber type xpcall",
  math = "abs ceil exp floor fmod huge log max maxinteger min mininteger modf pi sqrt tointeger "
    .. "type ult",
  string = "byte char find gmatch gsub len lower match rep reverse sub upper",
  table = "concat insert move pack remove unpack",
  utf8 = "char charpattern codepoint codes len offset",
}

local getmetatable = debug.getmetatable
local find, gsub, match = string.find, string.gsub, string.match
-- In a box string methods are the box's, so these are functions, not methods.
local quote = text.quote

local function pick(from, names)
  local result = {}
  for name in string.gmatch(names, "%S+") do
    result[name] = assert(from[name], name)
  end
  return result
end

local function safe_setmetatable(value, meta)
  if type(value) ~= "table" then
    error("setmetatable: expected a table, got " .. text.show(value), 2)
  end
  if meta ~= nil and type(meta) ~= "table" then
    error("setmetatable: expected a table or nil as the metatable, got " .. text.show(meta), 2)
  end
  for _, name in ipairs({ "__gc", "__mode" }) do
    if meta and rawget(meta, name) ~= nil then
      error("setmetatable: " .. name .. " is not allowed: when it acts differs from run to run", 2)
    end
  end
  local old = getmetatable(value)
  if type(old) == "table" and rawget(old, "__metatable") ~= nil then
    error("setmetatable: the metatable is protected", 2)
  end
  return setmetatable(value, meta)
end

-- Of tables only: the metatable of strings is everybody's.
local function safe_getmetatable(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) ~= "table" then return nil end
  local shown = rawget(meta, "__metatable")
  if shown ~= nil then return shown end
  return meta
end

-- Calls a function of ours from within a box, with our own string methods.
local function outside(f, ...)
  local strings = getmetatable("")
  local inside = strings.__index
  strings.__index = string
  local result = f(...)
  strings.__index = inside
  return result
end

local function new_menu()
  local menu = pick(_G, MENU[""])
  for library, names in next, MENU do
    if library ~= "" then menu[library] = pick(_G[library], names) end
  end
  menu.next, menu.pairs = deterministic.next, deterministic.pairs
  menu.tostring = deterministic.tostring
  menu.string.format, menu.table.sort = deterministic.format, deterministic.sort
  menu.getmetatable, menu.setmetatable = safe_getmetatable, safe_setmetatable
  return menu
end

-- Globals cannot be made, and one that does not exist is an error that names
-- it, at the line that does it.
local function new_globals(menu)
  return setmetatable({}, {
    __metatable = false,
    __index = function(_, name)
      local value = menu[name]
      if value ~= nil then return value end
      local hint = type(name) == "string" and outside(nearest.hint, name, sorted.keys(menu)) or ""
      error("no global " .. text.show(name) .. " in a policy" .. hint, 2)
    end,
    __newindex = function(_, name)
      error("a policy cannot set the global " .. text.show(name) .. '; write "local"', 2)
    end,
  })
end

---@class Box
---@field globals table
---@field strings table what string methods are within the box
---@field files table<string, string> texts by file name below policies/
---@field loaded table<string, any> what `require` returned
---@field file? string the file that was loaded: `policies/weights.lua`
local Box = {}
Box.__index = Box

-- Each box runs the files of policies/lib anew, in its own globals, but they are
-- compiled once for all boxes of a folder: that is half of the time that some
-- twenty policies take to load. Bytecode is only what was made here.
local compiled = setmetatable({}, { __mode = "k" })

local function compile(box, file)
  local known, source, place = compiled[box.files] or {}, box.files[file], "@policies/" .. file
  compiled[box.files] = known
  if not known[file] or known[file].source ~= source then
    -- Within pcall, since an overflow of the parser passes the message handler that is in force,
    -- and that of our caller adds a traceback.
    local _, chunk, message = pcall(load, source, place, "t")
    if not chunk then return nil, message end
    known[file] = { source = source, code = string.dump(chunk) }
  end
  return load(known[file].code, place, "b", box.globals)
end

local function require_function(box)
  local LOADING = {}
  return function(name)
    if type(name) ~= "string" or not find(name, "^lib%.[%w_.-]+$") then
      error('require: expected the name of a file of policies/lib, such as "lib.names", got '
        .. text.show(name), 2)
    end
    if box.loaded[name] == LOADING then
      error("require: " .. quote(name) .. " requires itself", 2)
    end
    if box.loaded[name] ~= nil then return box.loaded[name] end
    local file = gsub(name, "%.", "/") .. ".lua"
    if not box.files[file] then
      error("require: there is no policies/" .. text.clean(file, 255), 2)
    end
    local chunk, err = compile(box, file)
    if not chunk then error(err, 0) end
    box.loaded[name] = LOADING
    -- One that raised is not loading any more: a policy may catch that, and try again.
    local _ <close> = setmetatable({}, { __close = function()
      if box.loaded[name] == LOADING then box.loaded[name] = nil end
    end })
    local value = chunk()
    box.loaded[name] = value == nil and true or value
    return box.loaded[name]
  end
end

---Every word of the menu: `assert`, `math.abs`. policies/meta tells editors of them.
---@return string[] sorted
function sandbox.words()
  local menu, words = new_menu(), { "require" }
  for name, value in next, menu do
    if type(value) ~= "table" then words[#words + 1] = name end
    for member in next, type(value) == "table" and value or {} do
      words[#words + 1] = name .. "." .. member
    end
  end
  table.sort(words)
  return words
end

---A new box.
---@param files table<string, string> the texts of the policy folder: `lib/names.lua`
---@return Box
function sandbox.new(files)
  local menu = new_menu()
  local box = setmetatable({ files = files, loaded = {}, strings = menu.string }, Box)
  menu.require = require_function(box)
  box.globals = new_globals(menu)
  return box
end

-- The innermost line of the policy folder that is being run. Level 1 is this
-- function; the policy stands somewhere above.
local function current_line()
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info do
    local file = match(info.source, "^@(policies/.*)$")
    if file and info.currentline > 0 then return file, info.currentline end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
end

-- Splits `policies/x.lua:12: message`. Names longer than 59 bytes are cut in
-- front by Lua itself and begin with dots.
local function split_position(message)
  local file, line, rest = match(message, "^(policies/[^:]+):(%d+): (.*)$")
  if file then return file, math.tointeger(tonumber(line)), rest end
  return nil, nil, (gsub(gsub(message, "^lua/nightjar/[^:]+:%d+: ", ""), "^%.%.%.[^:]+:%d+: ", ""))
end

-- Makes the error record of what was raised. No method of the value is called.
-- After `return setmetatable(…)` no line of the policy is left on the stack;
-- then the file is named, and the line where the function begins.
local function describe(value, loaded_file, first_line)
  local shown = type(value) == "string" and value
    or "raised " .. text.show(value) .. " instead of a message"
  local file, line, rest = split_position(shown)
  if not file then file, line = current_line() end
  if not file then file, line = loaded_file, first_line end
  local place = file and file .. (line and ":" .. line or "") .. ": " or ""
  return { message = place .. text.clean(rest), file = file, line = line }
end

-- The error record of the handler itself can only be the C stack's.
local function as_record(value)
  if type(value) == "table" and value.message then return value end
  return { message = text.clean(type(value) == "string" and value or "unknown error") }
end

---Calls a function of the box. While it runs, string methods are the box's.
---@param f function
---@param ... any
---@return any? result the first; nil on an error
---@return table? err { message, file?, line? }; the message begins with file and line
function Box:call(f, ...)
  local strings = getmetatable("")
  local before = strings.__index
  local first_line = debug.getinfo(f, "S").linedefined
  if first_line < 1 then first_line = nil end -- a whole file, or a function of C
  strings.__index = self.strings
  local ok, result = xpcall(f, function(value)
    return describe(value, self.file, first_line)
  end, ...)
  strings.__index = before
  if ok then return result end
  return nil, as_record(result)
end

---Loads and runs a file of the policy folder.
---@param file string `init.lua`
---@return any? value what it returns
---@return table? err { message, file?, line? }
function Box:load(file)
  self.file = "policies/" .. file
  local chunk, message = compile(self, file)
  if not chunk then
    local path, line, rest = split_position(message)
    path = path or self.file
    return nil, { file = path, line = line,
      message = path .. (line and ":" .. line or "") .. ": " .. text.clean(rest) }
  end
  return self:call(chunk)
end

return sandbox
