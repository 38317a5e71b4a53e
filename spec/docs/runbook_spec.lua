-- docs/runbook.md has an entry for each warning and error that the agent can log, and for nothing
-- else. What these are is read from the sources: see spec/support/log_events.lua.

local file = require("host.file")
local log_events = require("spec.support.log_events")

local PAGE = "docs/runbook.md"
local FACETS = { "Means", "Meanwhile:", "Do:", "Over:" }

-- Small sources that say what is looked for in one of the ways in which the agent says it.
local function found_in(text, path)
  return log_events.find({ log_events.source(path or "lua/nightjar/agent/some.lua", text) })
end

local function all_sources()
  local sources = {}
  local pipe = assert(io.popen("find lua/nightjar policies -name '*.lua' | LC_ALL=C sort"))
  for path in pipe:lines() do
    sources[#sources + 1] = log_events.source(path, assert(file.read(path)))
  end
  pipe:close()
  return sources
end

-- The page's entries: { names, text }, each from a heading of events to the next heading.
local function read_page(page)
  local list, current = {}, nil
  for line in page:gmatch("([^\n]*)\n") do
    local names = line:match("^### (`[%l%d_`, ]+`)$")
    if names then
      current = { names = {}, text = "" }
      list[#list + 1] = current
      for name in names:gmatch("[%l%d_]+") do table.insert(current.names, name) end
    elseif line:find("^#") then
      current = nil
    elseif current then
      current.text = current.text .. line .. "\n"
    end
  end
  return list
end

describe("the events of the agent", function()
  it("are found where they are named", function()
    assert.same({ gone = "warn", lost = "error" }, found_in([[
      local log = require("nightjar.log")
      -- log.warn("only_spoken_of", {})
      local function f() log.warn("gone", {}) log.error("lost", { reason = "log.warn(x)" }) end
      log.info("fine", {}) log.debug("finer", {}) other.warn("not_the_log")
      require("nightjar.log").warn("gone", {})]]))
  end)

  it("are found where one of two is said", function()
    assert.same({ a = "warn", b = "warn" }, found_in([[
      local log = require("nightjar.log")
      log.warn(kind == "clock" and "a" or "b", {})]]))
  end)

  it("are found where a function is given them", function()
    assert.same({ a = "warn", b = "warn" }, found_in([[
      local log = require("nightjar.log")
      function store:tell(fields, event) if x then y() end log.warn(event, fields) end
      local function go(self) self:tell({}, "a") self:tell({ z = 1 }, "b") end]]))
  end)

  it("are found where the level is computed", function()
    assert.same({ bad = "warn", stale = "error" }, found_in([[
      local log = require("nightjar.log")
      log[level](level == "warn" and "bad" or "good", {})
      local line = { level = "error", event = "stale", fields = {} }
      local other = { level = "info", event = "fresh" }
      log[line.level](line.event, line.fields)]]))
  end)

  it("are found where they are codes of warnings", function()
    local sources = { log_events.source("lua/nightjar/agent/warned.lua", [[
      local log = require("nightjar.log")
      log.warn(warning.code, warning)]]),
      log_events.source("lua/nightjar/plan/service.lua", [[
      local function warner(warnings)
        return function(code, attribute, message) warnings:add(code, message) end
      end
      warn("bad_key", key, "…") warn_of(id)("bad_id", nil, "…") attributes.warn("not_this")
      warnings:add("bad_mesh", "…")]]),
      log_events.source("lua/nightjar/agent/discover/merge.lua", [[
      list[1] = { code = old and "mesh_old" or "mesh_new", message = "…" }
      member.code = code == "clock" and "clock_off"
        or "unread"
      member.reason = "no code"]]),
      log_events.source("lua/nightjar/agent/aws/client.lua", [[
      return failure.new { code = "NoWarning", message = "…" }]]) }
    assert.same({ bad_key = "warn", bad_id = "warn", bad_mesh = "warn", mesh_old = "warn",
      mesh_new = "warn", clock_off = "warn", unread = "warn" }, log_events.find(sources))
  end)

  for _, case in ipairs {
    { "what an event is", "log.warn(make_name(), {})", "cannot tell what make_name ( ) is" },
    { "what a parameter is", "local function f(event) log.warn(event, {}) end",
      "cannot tell what event is" },
    { "what level it has", 'log[how]("x", {})', 'cannot tell the level of "x"' },
    { "under which name the log goes", 'local journal = require("nightjar.log")',
      "expected `local log = require`" },
  } do
    it("stop the search where it cannot tell " .. case[1], function()
      local ok, err = pcall(found_in, 'local log = require("nightjar.log")\n' .. case[2])
      assert.is_false(ok)
      assert.equal("lua/nightjar/agent/some.lua:2: " .. case[3], err)
    end)
  end
end)

describe("docs/runbook.md", function()
  local levels, list

  setup(function()
    levels = log_events.find(all_sources())
    list = read_page(assert(file.read(PAGE)))
  end)

  it("has an entry for each warning and error", function()
    local known, missing = {}, {}
    for _, entry in ipairs(list) do
      for _, name in ipairs(entry.names) do known[name] = true end
    end
    for name, level in pairs(levels) do
      if not known[name] then missing[#missing + 1] = level .. " " .. name end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("has each entry once, and none of what no source logs", function()
    local seen = {}
    for _, entry in ipairs(list) do
      for _, name in ipairs(entry.names) do
        assert.is_string(levels[name], name .. " is logged nowhere")
        assert.is_nil(seen[name], name .. " stands there twice")
        seen[name] = true
      end
    end
  end)

  it("says of each at which level it comes", function()
    for _, entry in ipairs(list) do
      for _, name in ipairs(entry.names) do
        assert.matches("- **Means** (`" .. levels[name] .. "`): ", entry.text, 1, true)
      end
    end
  end)

  it("says what each means, what works meanwhile, what to do and how it ends", function()
    for _, entry in ipairs(list) do
      local found = {}
      for facet, rest in entry.text:gmatch("%- %*%*(%a+:?)%*%*([^\n]*)\n") do
        found[#found + 1] = facet
        assert.is_true(#rest > 10, entry.names[1] .. ": " .. facet)
      end
      assert.same(FACETS, found, entry.names[1])
    end
  end)

  it("is about so many events that the search for them works", function()
    local count = 0
    for _ in pairs(levels) do count = count + 1 end
    assert.is_true(count >= 80, count .. " events")
  end)
end)
