-- Runs a few lines of Lua in a fresh process of this very program, for what a process can do only
-- once: write to its standard error, be killed, be traced.

local file = require("host.file")
local program = require("host.program")

local script = {}

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

---A folder of its own for a spec, which removes it with `script.discard`.
---@return string path
function script.folder()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("l")
  pipe:close()
  return assert(path, "mktemp made no folder")
end

---Removes a folder and all in it.
---@param path string
function script.discard(path)
  os.execute("rm -rf " .. quoted(path))
end

---Runs a shell command; an error if it fails.
---@param command string with %s for each of the words, which are quoted
---@param ... string
function script.sh(command, ...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = quoted(word) end
  assert(os.execute(command:format(table.unpack(words))))
end

script.NO_TRACE = "strace is not installed, or may not look into nightjar here: that needs root"

local can_trace

---Whether `script.trace` will work, and /proc show what a process has open. Our programs make
---themselves undumpable: who may trace others need not see what is in their memory (ptrace(2)).
---@return boolean
function script.can_trace()
  if can_trace == nil then
    local seen = "strace -qq -e trace=write %s version 2>&1 >/dev/null | grep -q '\"nightjar'"
    can_trace = os.execute(seen:format(quoted(program.directory .. "/nightjar"))) == true
  end
  return can_trace
end

---The words that put a program under strace, which can make any system call fail.
---@param options string strace's
---@param output? string where its log goes; /dev/null unless given
---@return string wrap for `script.run`
function script.trace(options, output)
  -- The leak check of a sanitized build stops at the sight of a tracer.
  return "env ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\" strace -qq -o " ..
    quoted(output or "/dev/null") .. " " .. options
end

---@class spec.script.Result
---@field status integer? exit status
---@field signal integer? the signal that killed it
---@field said string[] what the script gave to `say`
---@field err string its standard error

---Runs Lua text. In it `say(text)` reports a line to the spec, and `...` is not to be used.
---@param text string
---@param wrap? string shell words before the program: "strace -o log"
---@return spec.script.Result
function script.run(text, wrap)
  local folder = script.folder()
  local path = folder .. "/script.lua"
  assert(file.write(path, [[
local function say(text) io.stdout:write("= ", text, "\n") io.stdout:flush() end
]] .. text))
  local _, kind, number = os.execute(("exec %s %s test -o TAP %s >%s 2>%s </dev/null"):format(
    wrap or "", quoted(program.directory .. "/nightjar"), quoted(path),
    quoted(folder .. "/out"), quoted(folder .. "/err")))
  local result = { said = {}, err = assert(file.read(folder .. "/err")) }
  result[kind == "signal" and "signal" or "status"] = number
  for line in assert(file.read(folder .. "/out")):gmatch("= ([^\n]*)\n") do
    result.said[#result.said + 1] = line
  end
  script.discard(folder)
  return result
end

return script
