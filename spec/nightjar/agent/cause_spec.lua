-- Causes of deaths and failed starts, told apart by facts.

local cause = require("nightjar.agent.cause")

describe("the cause of a failed start", function()
  for code, name in pairs { ENOENT = "missing", ENOTDIR = "missing", EACCES = "not_executable",
    ENOEXEC = "not_executable", ENOMEM = "not_started", EBUSY = "not_started" } do
    it("is " .. name .. " for " .. code, function()
      assert.equal(name, cause.of_start(code))
    end)
  end
end)

describe("the cause of a death", function()
  local CASES = {
    { "a crash by any signal", "crash", { signal = "SEGV", was_live = true } },
    { "a crash at the start", "crash", { signal = "SEGV", was_live = false } },
    { "an abort", "crash", { signal = "ABRT", was_live = false } },
    { "an abort while inotify instances are short", "inotify",
      { signal = "ABRT", was_live = false, inotify_short = true } },
    { "another signal while they are short", "crash",
      { signal = "KILL", was_live = true, inotify_short = true } },
    { "status 1 before it was live, with a bootstrap that it refuses", "refused",
      { status = 1, was_live = false, refusal = "no such field" } },
    { "status 1 before it was live, with a good bootstrap", "start",
      { status = 1, was_live = false } },
    { "status 1 of one that was live", "ended", { status = 1, was_live = true } },
    { "status 0 of its own accord", "ended", { status = 0, was_live = false } },
    { "an end that nobody saw", "ended", { was_live = true } },
  }
  for _, case in ipairs(CASES) do
    it(("of %s is %s"):format(case[1], case[2]), function()
      assert.equal(case[2], cause.of_end(case[3]))
    end)
  end

  it("counts for a crash loop only if it is no fault of what Envoy was given", function()
    local counted = {}
    for name in pairs(cause.list) do
      if cause.is_crash(name) then counted[#counted + 1] = name end
    end
    table.sort(counted)
    assert.same({ "crash", "ended" }, counted)
  end)

  it("has an event of its own and says what to do", function()
    local seen = {}
    for name, one in pairs(cause.list) do
      assert.is_nil(seen[one.event], name)
      seen[one.event] = true
      assert.matches("^envoy_", one.event)
      assert.is_true(#one.help > 10, name)
    end
  end)
end)
