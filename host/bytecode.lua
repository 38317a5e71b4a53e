-- Takes the names of local variables out of bytecode, and nothing else: they are a twentieth of an
-- agent's own memory, 16 bytes for each of some six thousand, and are needed for two words in the
-- message of an internal error alone. Lines stay, and names of fields, methods and upvalues.

-- The format is that of Lua 5.4's ldump.c (LUAC_VERSION 0x54, LUAC_FORMAT 0), which no document
-- describes: what is not as expected here is an error of the build.
local HEADER = "\27Lua\x54\0\x19\x93\r\n\x1a\n\4\8\8" -- the last: sizes in bytes
local HEADER_SIZE = #HEADER + 8 + 8 -- and an integer and a number, to tell how they are laid out
-- Bytes of a constant after its type; strings tell their own. lobject.h: LUA_VNIL, LUA_VFALSE, …
local SIZES = { [0x00] = 0, [0x01] = 0, [0x11] = 0, [0x03] = 8, [0x13] = 8 }
local STRINGS = { [0x04] = true, [0x14] = true }
local NONE = "\x80" -- the number 0

local reader = {}
reader.__index = reader

-- Seven bits in each byte, the highest first; the last byte has bit 8.
function reader:number()
  local value = 0
  while true do
    local byte = self.text:byte(self.at)
    self.at = self.at + 1
    value = value << 7 | byte & 0x7f
    if byte >= 0x80 then return value end
  end
end

function reader:skip(size) self.at = self.at + size end

function reader:each(skip)
  for _ = 1, self:number() do skip(self) end
end

-- Its size and 1 more; 0: no string.
function reader:string()
  local size = self:number()
  self:skip(size > 0 and size - 1 or 0)
end

function reader:constant()
  local kind = self.text:byte(self.at)
  self:skip(1)
  if STRINGS[kind] then return self:string() end
  self:skip(SIZES[kind] or error("a constant of unknown type " .. kind))
end

function reader:line()
  self:number() -- instruction
  self:number()
end

function reader:variable()
  self:string()
  self:number() -- where its life begins
  self:number() -- and ends
end

-- Keeps what has been read since the last time.
function reader:keep()
  self.kept[#self.kept + 1] = self.text:sub(self.from, self.at - 1)
end

-- A function, with those inside it.
function reader:chunk()
  self:string() -- source
  self:number() -- first line
  self:number() -- last line
  self:skip(3) -- parameters, varargs, registers
  self:skip(4 * self:number()) -- instructions
  self:each(self.constant)
  self:skip(3 * self:number()) -- upvalues
  self:each(self.chunk)
  self:skip(self:number()) -- lines, a byte each
  self:each(self.line) -- where a byte does not do
  self:keep()
  self:each(self.variable)
  self.from = self.at
  self.kept[#self.kept + 1] = NONE
  self:each(self.string) -- names of upvalues
end

---@param code string as string.dump makes it, by Lua 5.4 on a 64-bit machine
---@return string code that does the same
return function(code)
  assert(code:sub(1, #HEADER) == HEADER, "not the bytecode of Lua 5.4 that is known here")
  local self = setmetatable({ text = code, from = 1, at = HEADER_SIZE + 1, kept = {} }, reader)
  self:skip(1) -- upvalues
  self.chunk(self)
  assert(self.at == #code + 1, "bytecode goes on after its end")
  self:keep()
  local stripped = table.concat(self.kept)
  assert(string.dump(assert(load(stripped, "=", "b"))) == stripped, "bytecode is read otherwise")
  return stripped
end
