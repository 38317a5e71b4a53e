-- What a program's file says of how it was hardened, as readelf shows it.

local binary = {}

local function shell(command, path)
  local pipe = assert(io.popen(command:format("'" .. path .. "'")))
  local text = pipe:read("a")
  assert(pipe:close(), command)
  return text
end

local function has(text, pattern)
  return text:find(pattern) ~= nil
end

-- Flags of the segments of one kind.
local function segments(text, kind)
  local list = {}
  for flags in text:gmatch("\n  " .. kind .. " +0x%x+ 0x%x+ 0x%x+ 0x%x+ 0x%x+ ([RWE ]+) 0x") do
    list[#list + 1] = (flags:gsub(" ", ""))
  end
  return list
end

---Why nothing can be read here.
---@return string?
function binary.missing()
  if not os.execute("command -v readelf >/dev/null") then return "no readelf" end
end

---The faults of a program: what is missing of the hardening that docs/security.md promises of each
---build. Sources: elf(5), ld(1), gcc(1) on the flags.
---@param path string
---@return string[] faults none if all is there
function binary.faults(path)
  local headers = shell("readelf -hlW %s", path)
  local dynamic = shell("readelf -dW %s", path)
  local symbols = shell("readelf -W --dyn-syms %s", path)
  local faults = {}
  local function check(ok, fault)
    if not ok then faults[#faults + 1] = fault end
  end
  check(has(headers, "Type: +DYN") and has(dynamic, "FLAGS_1%)[^\n]* PIE"),
    "its place in memory is not by chance (PIE)")
  check(#segments(headers, "GNU_RELRO") == 1 and has(dynamic, "BIND_NOW"),
    "its table of functions can be written to (full RELRO)")
  local stack, loads = segments(headers, "GNU_STACK"), segments(headers, "LOAD")
  check(#stack == 1 and stack[1] == "RW", "its stack can be executed")
  check(#loads >= 4, "too few segments: " .. #loads)
  for _, flags in ipairs(loads) do
    check(not (flags:find("W") and flags:find("E")), "memory can be written to and executed")
  end
  check(not has(dynamic, "%(R[UN]*PATH%)"), "libraries are looked for where the file says (RPATH)")
  check(not has(dynamic, "TEXTREL"), "its code is changed when it is loaded (TEXTREL)")
  check(has(symbols, " __stack_chk_fail@"), "no stack protector")
  check(has(symbols, " __snprintf_chk@"), "no _FORTIFY_SOURCE")
  return faults
end

---How gcc was called for each file of C that the program is made of; empty without symbols for
---debuggers, or from another compiler.
---@param path string
---@return string[] flags
function binary.compiled(path)
  local list = {}
  for flags in shell("readelf --debug-dump=info %s 2>/dev/null", path)
    :gmatch("DW_AT_producer[^\n]*: GNU C%d+ ([^\n]*)") do
    list[#list + 1] = flags
  end
  return list
end

return binary
