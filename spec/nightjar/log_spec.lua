-- The log as Lua code uses it.

local script = require("spec.support.script")

local function logged(lines)
  local result = script.run('local log = require("nightjar.log")\n' .. lines)
  local list = {}
  for line in result.err:gmatch("([^\n]*)\n") do
    list[#list + 1] = line:gsub("^time=%S+ ", "")
  end
  return list
end

describe("nightjar.log", function()
  it("has a function for each level", function()
    assert.same({ "level=debug event=a", "level=info event=b n=1", "level=warn event=c",
      "level=error event=d" }, logged([[
        log.configure { level = "debug" }
        log.debug("a") log.info("b", { n = 1 }) log.warn("c", {}) log.error("d")
      ]]))
  end)

  it("never fails, whatever a field is", function()
    local lines = logged([[
      local object = setmetatable({}, { __tostring = error, __index = error, __len = error,
        __pairs = error })
      log.warn("x", { list = { "a", 2, true }, empty = {}, map = { a = 1 }, deep = { { 1 } },
        call = print, null = require("host.json").null, [1] = "one", object = object })
      log.warn(nil) log.warn(42) log.warn("z", "no table") log.warn({})
    ]])
    assert.equal("level=warn event=x 1=one call=(function) deep=(table) empty=(table) " ..
      "list=a,2,true map=(table) null=null object=(table)", lines[1])
    assert.equal("level=warn event=nil", lines[2])
    assert.equal("level=warn event=42", lines[3])
    assert.equal('level=warn event=z fields="no table"', lines[4])
    assert.equal("level=warn event=(table)", lines[5])
  end)

  it("lets warnings and errors through what it is told to, and nothing else", function()
    assert.same({ "level=info event=a", "level=warn event=b n=1 seen=true", "level=error event=d" },
      logged([[
        log.through(function(level, event, fields)
          fields.seen = level == "warn" or nil
          return event ~= "c"
        end)
        log.info("a") log.warn("b", { n = 1 }) log.error("c") log.error("d") log.debug("e")
      ]]))
  end)

  it("writes all lines again when nothing sieves them any more", function()
    assert.same({ "level=warn event=b" }, logged([[
      log.through(function() return false end) log.warn("a") log.through(nil) log.warn("b")
    ]]))
  end)

  it("writes equal events as equal lines", function()
    local lines = logged([[
      for _ = 1, 20 do log.info("x", { a = {}, b = print, c = 1, d = { 1, {} }, e = "e" }) end
    ]])
    for i = 2, 20 do assert.equal(lines[1], lines[i]) end
  end)

  it("counts lines at the levels warn and error by event, written or not", function()
    local result = script.run([[
      local log = require("nightjar.log")
      log.configure { level = "error" }
      log.info("a") log.warn("b") log.warn("b") log.error("c") log.warn("c") log.warn(nil)
      for i = 1, 500 do log.warn("policy_" .. i) end
      local counts, names = log.counts(), 0
      for _ in pairs(counts.warn) do names = names + 1 end
      say(("%d %d %d %d"):format(counts.warn.b, counts.warn.c, counts.warn["nil"], counts.error.c))
      say(("%d %d %s"):format(names, counts.warn.other, tostring(counts.info)))
    ]])
    -- Four events were known before the policy's: 196 of its own are told, and 304 together.
    assert.same({ "2 1 1 1", "200 304 nil" }, result.said)
  end)

  it("spends nothing on what is not written", function()
    assert.same({}, logged([[log.debug("x", setmetatable({}, { __pairs = error }))]]))
  end)
end)
