-- What host/textshape.c says of texts, by its users: eight bytes are looked at together, so each
-- byte must be found wherever it stands.
local json = require "host.json"
local shape = require "host.shape"

local TEXT = shape.new("string", { max = 100 })
-- Beside what ends a run of plain bytes stands what only nearly does.
local BYTES = { 0x00, 0x08, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7e, 0x7f, 0x80, 0xa2,
  0xdc, 0xff }
local ESCAPES = { [0x00] = "\\u0000", [0x08] = "\\b", [0x1f] = "\\u001f", [0x22] = '\\"',
  [0x5c] = "\\\\" }

-- Texts of up to 20 bytes with one of the bytes at each place.
local function each(visit)
  for length = 1, 20 do
    for place = 1, length do
      for _, byte in ipairs(BYTES) do
        visit(("a"):rep(place - 1), byte, ("z"):rep(length - place))
      end
    end
  end
end

describe("a text with one byte among others", function()
  it("is UTF-8 unless the byte is none", function()
    each(function(before, byte, after)
      assert.equal(byte < 0x80, TEXT:take(before .. string.char(byte) .. after, {}))
      assert.is_true(TEXT:take(before .. utf8.char(byte) .. after, {}))
    end)
  end)

  it("is written with that byte as JSON has it, and read back", function()
    each(function(before, byte, after)
      local text = before .. string.char(byte) .. after
      local written = json.encode(text)
      if byte >= 0x80 then return assert.is_nil(written) end
      assert.equal('"' .. before .. (ESCAPES[byte] or string.char(byte)) .. after .. '"', written)
      assert.equal(text, json.decode(written))
    end)
  end)

  it("is no JSON where the byte should have been escaped", function()
    each(function(before, byte, after)
      local read = json.decode('"' .. before .. string.char(byte) .. after .. '"')
      assert.equal(byte >= 0x20 and byte < 0x80 and byte ~= 0x22 and byte ~= 0x5c, read ~= nil)
    end)
  end)
end)
