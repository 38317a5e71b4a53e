-- What functions of C say to a caller that uses them wrongly: misuse raises, and names the option.

local child = require("host.child")
local clock = require("host.clock")
local file = require("host.file")
local http = require("host.http")
local json = require("host.json")
local log = require("host.log")
local loop = require("host.loop")
local server = require("host.server")

local function many(count)
  local list = {}
  for i = 1, count do list[i] = "x" end
  return list
end

local CASES = {
  ["options: expected names, got a number as a key"] = function() json.decode("1", { 5 }) end,
  ["option 'line_end': expected a boolean, got a string"] = function()
    json.encode({}, { line_end = "yes" })
  end,
  ["option 'directory': contains a NUL"] = function()
    child.spawn { argv = { "true" }, directory = "/\0" }
  end,
  ["option 'argv': expected a table, got a string"] = function()
    child.spawn { argv = "true" }
  end,
  ["option 'argv': more than "] = function() child.spawn { argv = many(100000) } end,
  ["option 'stdin': expected null, pipe or inherit, got 'none'"] = function()
    child.spawn { argv = { "true" }, stdin = "none" }
  end,
  ["expected debug, info, warn or error"] = function() log.enabled("loud") end,
  ["option 'headers': expected a table, got a number"] = function()
    http.start { url = "http://127.0.0.1/", headers = 5 }
  end,
  ["option 'headers': expected names and values as strings"] = function()
    server.answer(1, { headers = { a = true } })
  end,
  ["option 'headers': a line's end or a NUL in 'b"] = function()
    server.answer(1, { headers = { a = "b\r\nc: d" } })
  end,
  ["unknown option 'colour'"] = function() http.start { url = "http://a/", colour = "red" } end,
  ["expected seconds, 0 or more"] = function() loop.wait(-1) end,
  ["expected a list of signal names"] = function() loop.signals { 15 } end,
  ["unknown signal 'NONE'"] = function() loop.signals { "NONE" } end,
  ["signal 'KILL' cannot be received"] = function() loop.signals { "KILL" } end,
  ["too many signals"] = function() loop.signals(many(100)) end,
}

describe("a function of the host", function()
  for message, fn in pairs(CASES) do
    it("says " .. message, function()
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find(message, 1, true), err)
    end)
  end

  it("takes no list with a hole for an array, and no table of two kinds for anything", function()
    for _, value in ipairs { { [1] = 1, [3] = 3 }, { 1, a = 2 }, { [true] = 1 }, { [1.5] = 1 } } do
      assert.is_nil((json.encode(value)))
    end
  end)

  it("refuses answers whose headers are larger than any server sends", function()
    local ok, err = server.answer(1, { headers = { a = ("x"):rep(1 << 20) } })
    assert.is_nil(ok)
    assert.equal("cannot keep data: more than 16384 bytes", err)
  end)

  it("tells times before 1970, rounded down", function()
    assert.equal("1969-12-31T23:59:59.499Z", clock.rfc3339(-0.5005))
  end)

  it("knows a socket for what it is", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() os.remove(path) end)
    assert(os.execute(("python3 -c 'import socket; socket.socket(1).bind(\"%s\")'"):format(path)))
    assert.same({ n = 3, nil, "cannot read: " .. path .. ": expected a file, found a socket",
      "EINVAL" }, table.pack(file.read(path)))
  end)
end)

describe("the fingerprint of a JSON text", function()
  it("is the same for a character and for the two halves that may stand for it", function()
    assert.equal(json.fingerprint('"😀 x"'), json.fingerprint([["\ud83d\ude00 x"]]))
    assert.not_equal(json.fingerprint('"😀 x"'), json.fingerprint([["\ud83d\ude01 x"]]))
  end)
end)
