-- The lines of the log, in both formats, and what hostile values cannot do to them.

local json = require("host.json")
local log = require("host.log")
local script = require("spec.support.script")

-- What `lines` of Lua write on standard error: the lines, without their time.
local function logged(lines)
  local result = script.run('local log = require("host.log")\n' .. lines)
  local list = {}
  for line in result.err:gmatch("([^\n]*)\n") do
    list[#list + 1] = line:gsub("^time=%S+ ", ""):gsub('^{"time":"[^"]*",', "{")
  end
  return list, result.err
end

-- Cases are written as Lua source, so that a broken one cannot break the script.
local function literal(value)
  return type(value) == "string" and (("%q"):format(value):gsub("\n", "n")) or tostring(value)
end

describe("host.log", function()
  it("writes time, level and event, then the fields sorted by name", function()
    local _, raw = logged([[
      log.write("warn", "read_failed", { mesh = "example.local", attempts = 3, ["B"] = true })
    ]])
    assert.matches("^time=%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ level=warn " ..
      "event=read_failed B=true attempts=3 mesh=example.local\n$", raw)
  end)

  it("writes the same as JSON", function()
    local _, raw = logged([[
      log.configure { format = "json" }
      log.write("error", "read_failed", { mesh = "example.local", attempts = 3, share = 0.5 })
    ]])
    assert.matches('^{"time":"%d+%-%d+%-%d+T%d+:%d+:%d+%.%d%d%dZ","level":"error",' ..
      '"event":"read_failed","attempts":3,"mesh":"example.local","share":0.5}\n$', raw)
  end)

  it("tells the time it is, in UTC", function()
    local before = os.time()
    local _, raw = logged('log.write("info", "x")')
    local text = raw:match("^time=(%S+)Z ")
    local now = os.date("!%Y-%m-%dT%H:%M:%S")
    assert.is_true(text >= os.date("!%Y-%m-%dT%H:%M:%S", before) and text:sub(1, 19) <= now)
  end)

  it("writes what is at least of the level set, which is info at first", function()
    assert.same({ "level=info event=a", "level=error event=c", "level=debug event=d",
      "level=error event=f" }, (logged([[
        log.write("info", "a") log.write("debug", "b") log.write("error", "c")
        log.configure { level = "debug" } log.write("debug", "d")
        log.configure { level = "error" } log.write("warn", "e") log.write("error", "f")
      ]])))
  end)

  it("tells whether a level is written", function()
    assert.is_true(log.enabled("warn"))
    assert.is_false(log.enabled("debug"))
    assert.is_true(log.write("debug", "not written", { a = 1 }))
  end)

  local NONE = {}
  for _, case in ipairs {
    -- value, in logfmt, as JSON has it once it is parsed (the same value unless given)
    { "plain", "plain" },
    { "", '""' },
    { "two words", '"two words"' },
    { "a=b", '"a=b"' },
    { 'say "x"', [["say \"x\""]] },
    { "back\\slash", [["back\\slash"]] },
    { "line\nlevel=error event=forged", [["line\nlevel=error event=forged"]] },
    { "\r\ttab", [["\r\ttab"]] },
    { "\27[31mred", [["\u001b[31mred"]] },
    { "nul\0nul", [["nul\u0000nul"]] },
    { "del\127", [["del\u007f"]] },
    { "c1\194\155x", [["c1\u009bx"]] },
    { "grün ሴ 🌙", '"grün ሴ 🌙"' },
    { "line\u{2028}separator", [["line\u2028separator"]] },
    { "turned\u{202E}around", [["turned\u202earound"]] },
    { "isolated\u{2066}", [["isolated\u2066"]] },
    { "mark\u{FEFF}", [["mark\ufeff"]] },
    { "bad\255byte", [["bad\xffbyte"]], [[bad\xffbyte]] },
    { "cut\226\130", [["cut\xe2\x82"]], [[cut\xe2\x82]] },
    { "long\192\175form", [["long\xc0\xafform"]], [[long\xc0\xafform]] },
    { "half\237\160\128pair", [["half\xed\xa0\x80pair"]], [[half\xed\xa0\x80pair]] },
    { 42, "42" },
    { -1.5, "-1.5" },
    { 1e100, "1e+100" },
    { true, "true" },
    { false, "false" },
    { 'require("host.json").null', "null", json.null, source = true },
    { "1/0", "inf", "inf", source = true },
    { "-(0/0)", "nan", "nan", source = true },
    { "math.mininteger", "-9223372036854775808", NONE, source = true },
  } do
    local source = case.source and case[1] or literal(case[1])

    it("writes " .. source .. " as " .. case[2], function()
      local lines = logged(([[
        log.write("info", "x", { v = %s })
        log.configure { format = "json" }
        log.write("info", "x", { v = %s })
      ]]):format(source, source))
      assert.equal(2, #lines)
      assert.equal("level=info event=x v=" .. case[2], lines[1])
      local expected = case[3]
      if expected == nil then expected = case[1] end
      if expected ~= NONE then assert.equal(expected, assert(json.decode(lines[2])).v) end
      assert.is_nil(lines[2]:find("[\0-\31\127]"))
    end)
  end

  it("escapes events as it does values", function()
    assert.same({ [[level=info event="a\nb c"]] }, (logged([[log.write("info", "a\nb c")]])))
  end)

  it("lets no field's name forge another one", function()
    assert.same({ "level=info event=x _=0 a_b_c_1=1 event_=2 level_=3 n_l=4 time_=5",
      '{"level":"info","event":"x","a__b":1,"level_":2}' }, (logged([[
        log.write("info", "x", { [""] = 0, ["a b=c\n1"] = 1, event = 2, level = 3, ["n\0l"] = 4,
          time = 5 })
        log.configure { format = "json" }
        log.write("info", "x", { ['a":b'] = 1, level = 2 })
      ]])))
  end)

  it("cuts a long value at a whole character and says how much is missing", function()
    local lines = logged([[
      log.write("info", "x", { a = ("a"):rep(4096), b = ("b"):rep(5000), c = ("ሴ"):rep(2000) })
    ]])
    local a, b, c = lines[1]:match('a=(a*) b="(.-)" c="(.-)"$')
    assert.equal(("a"):rep(4096), a)
    assert.equal(("b"):rep(4096) .. "... (904 bytes more)", b)
    assert.equal(("ሴ"):rep(1365) .. "... (1905 bytes more)", c)
  end)

  it("cuts a long name", function()
    local lines = logged([[log.write("info", "x", { [("k"):rep(1000)] = 1 })]])
    assert.equal("level=info event=x " .. ("k"):rep(64) .. "=1", lines[1])
  end)

  it("leaves out fields beyond its limits and counts them", function()
    local lines = logged([[
      local many = {}
      for i = 1, 70 do many[("f%03d"):format(i)] = i end
      log.write("info", "many", many)
      local large = { z = "last" }
      for i = 1, 30 do large[("f%03d"):format(i)] = ("\1"):rep(5000) end
      log.write("info", "large", large)
    ]])
    assert.matches("f064=64 fields_left_out=6$", lines[1])
    assert.is_true(#lines[2] <= 64 * 1024 + 40)
    assert.matches('f002="[^"]*" z=last fields_left_out=28$', lines[2])
  end)

  it("writes a line with one call of the system", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    local folder = script.folder()
    script.run([[
      require("host.log").write("info", "once", { a = ("x y "):rep(1000), b = 2 })
    ]], script.trace("-e trace=write -e write=none", folder .. "/trace"))
    local count = 0
    for line in io.lines(folder .. "/trace") do
      if line:find("^write%(2, ") then count = count + 1 end
    end
    script.discard(folder)
    assert.equal(1, count)
  end)

  it("goes on when it cannot be written", function()
    local result = script.run([[
      local ok, err, code = require("host.log").write("info", "x")
      say(tostring(ok)) say(err) say(code)
    ]], [[sh -c 'exec "$@" 2>/dev/full' sh]])
    assert.same({ "nil", "cannot write: the log: No space left on device", "ENOSPC" }, result.said)
  end)

  it("raises about wrong use", function()
    for message, use in pairs {
      ["'level': expected debug, info, warn or error, got 'loud'"] =
        function() log.configure { level = "loud" } end,
      ["'format': expected logfmt or json, got 'xml'"] =
        function() log.configure { format = "xml" } end,
      ["unknown option 'levle'"] = function() log.configure { levle = "info" } end,
      ["expected debug, info, warn or error"] = function() log.write("loud", "x") end,
      ["field 'a': expected a string, number or boolean, got a table"] =
        function() log.write("error", "x", { a = {} }) end,
      ["expected field names, got a number"] = function() log.write("error", "x", { "a" }) end,
    } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.is_truthy(err:find(message, 1, true), err)
    end
  end)

  it("keeps its settings when one of two is wrong", function()
    assert.has_error(function() log.configure { level = "debug", format = "xml" } end)
    assert.is_false(log.enabled("debug"))
  end)
end)
