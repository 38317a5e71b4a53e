-- What becomes of lines that repeat: real lines of a real log, at the times of a clock that is set.

local script = require("spec.support.script")

-- Runs Lua text with `at(seconds)`, `fail(fields)`, `one` and `log`; returns the lines as
-- `SECONDS EVENT FIELD=…`, times left out of them.
local function lines_of(text)
  local result = script.run([[
    local log = require("nightjar.log")
    local time = 0
    local one = require("nightjar.agent.repeats").new(function() return time end)
    log.through(function(...) return one:pass(...) end)
    local function at(seconds)
      time = seconds
      io.stderr:write("@", seconds, "\n")
    end
    local function fail(fields) log.error("failed", fields) end
  ]] .. text)
  local lines, now = {}, "0"
  for line in result.err:gmatch("[^\n]+") do
    local seconds = line:match("^@([%d.]+)$")
    if seconds then
      now = seconds
    else
      lines[#lines + 1] = now .. " " .. line:gsub("^.*event=", ""):gsub("since=%S+", "since=…")
    end
  end
  return lines
end

describe("repeats", function()
  it("writes the first line at once, and then at growing intervals with a count", function()
    assert.same({ '0 failed reason=x', '60 failed reason=x repeated=2 since=…',
      '180 failed reason=x repeated=6 since=…', '420 failed reason=x repeated=14 since=…' },
      lines_of [[for s = 0, 600, 30 do at(s) fail { reason = "x" } end]])
  end)

  it("lets no more than an hour pass between two lines", function()
    local lines = lines_of [[for s = 0, 36000, 30 do at(s) fail { reason = "x" } end]]
    local before = 0
    for _, line in ipairs(lines) do
      local now = math.tointeger(tonumber(line:match("^%d+")))
      assert.is_true(now - before <= 3600, line)
      before = now
    end
    assert.is_true(#lines < 20, tostring(#lines))
  end)

  it("says when it is over: as soon as that is certain, or after a quiet time", function()
    assert.same({ "0 failed reason=x", "90 over quiet_seconds=60 reason=x repeated=1 since=… "
      .. "what=failed" }, lines_of [[
        at(0) fail { reason = "x" } at(30) fail { reason = "x" } one:look("other")
        at(90) one:look("failed") at(100) one:look("failed")]])
    assert.same({ "0 failed reason=x", "136 over quiet_seconds=81 reason=x repeated=2 since=… "
      .. "what=failed" }, lines_of [[
        at(0) fail { reason = "x" } at(40) fail { reason = "x" } at(55)
        fail { reason = "x" } at(135) one:look() at(136) one:look()]])
  end)

  it("says nothing of the end of what has happened once, and forgets it", function()
    assert.same({ "0 failed reason=x", "301 failed reason=x" }, lines_of [[
      at(0) fail { reason = "x" } at(301) one:look() fail { reason = "x" }]])
  end)

  it("begins anew after the end", function()
    local lines = lines_of [[
      for _, s in ipairs { 0, 30, 1000, 1030 } do
        at(s) one:look() fail { reason = "x" }
      end]]
    assert.same({ "0 failed", "1000 over", "1000 failed" },
      { lines[1]:match("^%S+ %S+"), lines[2]:match("^%S+ %S+"), lines[3]:match("^%S+ %S+") })
    assert.equal(3, #lines)
  end)

  it("never holds back another reason, service or generation", function()
    assert.equal(10, #lines_of [[
      for _ = 1, 3 do
        fail { reason = "x" } fail { reason = "y" } fail { reason = "x", service = "web1" }
        fail { reason = "x", service = "web2" } log.warn("failed", { port = "8080 is taken" })
        log.warn("other", { reason = "x" })
        fail { status = 1 } fail { status = 2 } fail { service = "1" } fail { service = "2" }
      end]])
  end)

  it("takes lines that differ in counts, process ids, times and advice for the same", function()
    assert.equal(1, #lines_of [[
      for i = 1, 9 do
        fail { reason = "timed out after " .. 5000 + i .. " ms", pid = i, seconds = "0." .. i,
          help = "try " .. i, failures = i }
      end]])
  end)

  it("takes lines that differ in the id of a request or of a session for the same", function()
    assert.same({ "0 failed reason=\"role/f0-00000000-0000-4000-8000-000000000001: no\"",
      "60 failed reason=\"role/f0-00000000-0000-4000-8000-00000000000a: no\" repeated=2 since=…" },
      lines_of [[
        at(0) fail { reason = "role/f0-00000000-0000-4000-8000-000000000001: no" }
        at(30) fail { reason = "role/f0-00000000-0000-4000-8000-00000000000B: no" }
        at(60) fail { reason = "role/f0-00000000-0000-4000-8000-00000000000a: no" }
      ]])
  end)

  it("leaves lines that are no warnings alone, and the reminder that a pin holds", function()
    assert.equal(3, #lines_of [[for _ = 1, 3 do log.info("published", {}) end]])
    local lines = lines_of [[
      for i = 1, 3 do log.warn("pinned", { generation = "g", since = "then", seconds = i }) end]]
    assert.same({ "0 pinned generation=g seconds=3 since=…" }, { lines[3] })
  end)

  it("writes each line at debug, with the count", function()
    assert.same({ "0 failed reason=x", "0 failed reason=x repeated=1 since=…",
      "0 failed reason=x repeated=2 since=…" }, lines_of [[
        log.configure { level = "debug" }
        for _ = 1, 3 do fail { reason = "x" } end]])
  end)

  it("counts at the end what was not written", function()
    assert.same({ "0 failed reason=x", "0 failed reason=x repeated=2 since=…" },
      lines_of [[for _ = 1, 3 do fail { reason = "x" } end one:close() one:close()]])
  end)

  it("remembers a hundred lines, and counts what it must forget", function()
    local lines = lines_of [[
      for s = 1, 100 do at(s / 10) fail { reason = "r" .. s .. "x" } end
      at(10.1) fail { reason = "r1x" }  -- held back
      at(10.2) fail { reason = "new" }  -- r2x goes, which was quiet longest
      for s = 103, 201 do at(s / 10) fail { reason = "later" .. s .. "x" } end]]
    assert.equal(100 + 1 + 99 + 1, #lines)
    local counted = {}
    for _, line in ipairs(lines) do
      if line:find("repeated", 1, true) then counted[#counted + 1] = line end
    end
    assert.same({ "20.1 failed reason=r1x repeated=1 since=…" }, counted)
  end)
end)
