-- The warning that Envoy will not get the inotify instances it needs, in a user namespace whose
-- limit the spec sets.

local script = require("spec.support.script")

local can_limit = os.execute("unshare -Ur sh -c 'echo 9 >/proc/sys/user/max_inotify_instances' "
  .. "2>/dev/null") == true

describe("agent.inotify", function()
  if not can_limit then
    return pending("no user namespace may be made here")
  end

  -- Lines that the agent logs while `text` runs where a user has that many instances.
  local function logged(instances, text, more)
    local result = script.run([[
      local inotify = require("nightjar.agent.inotify")
      local watch = inotify.watch()
      ]] .. text, ([[unshare -Ur sh -c '
        echo %d >/proc/sys/user/max_inotify_instances; %s exec "$0" "$@"']])
        :format(instances, more or ""))
    assert.equal(0, result.status, result.err)
    local lines = {}
    for line in result.err:gmatch("[^\n]*event=inotify[^\n]*") do
      lines[#lines + 1] = line
    end
    return lines, result.said
  end

  it("says nothing where a hot restart would find enough, too", function()
    assert.same({}, logged(6, "watch:look(1)"))
  end)

  it("warns that Envoy would abort, with the command that raises the limit", function()
    local lines = logged(2, "watch:look(1)")
    assert.equal(1, #lines)
    assert.matches("level=warn event=inotify_low", lines[1], 1, true)
    assert.matches("needed=3", lines[1], 1, true)
    assert.matches("free=2", lines[1], 1, true)
    assert.matches("limit=2", lines[1], 1, true)
    assert.matches('sysctl="sysctl -w user.max_inotify_instances=512"', lines[1], 1, true)
    assert.matches('reason="Envoy needs an inotify instance', lines[1], 1, true)
  end)

  it("warns in other words when only a hot restart would not find enough", function()
    local lines = logged(5, "watch:look(1)")
    assert.equal(1, #lines)
    assert.matches("needed=6", lines[1], 1, true)
    assert.matches("free=5", lines[1], 1, true)
    assert.matches('reason="Envoy can run, but a hot restart', lines[1], 1, true)
  end)

  it("has the agent's own instance given back first, and may have enough then", function()
    local holder = [[
      local loop = require("host.loop")
      local id = assert(loop.watch("/tmp/name"))
      function watch.give_way()
        if id then loop.unwatch(id) end
        local had = id ~= nil
        id = nil
        say("gave " .. tostring(had))
        return had
      end
    ]]
    local lines, said = logged(6, holder .. "watch:look(1)")
    assert.same({ {}, { "gave true" } }, { lines, said })
    lines, said = logged(7, holder .. "watch:look(1)")
    assert.same({ {}, {} }, { lines, said })
    lines = logged(5, holder .. "watch:look(1)")
    assert.matches("needed=6", lines[1], 1, true)
    assert.matches("free=5", lines[1], 1, true)
  end)

  it("looks again only when there are more listeners than ever", function()
    local lines = logged(2, "watch:look(1) watch:look(1) watch:look(0) watch:look(2) watch:look(1)")
    assert.equal(2, #lines)
    assert.matches("needed=4", lines[2], 1, true)
  end)

  it("asks only for the rest when Envoy holds some already", function()
    -- Here nobody holds any: an Envoy with one listener would be one more of the same user.
    assert.same({}, logged(5, "watch:look(2, 1)"))
    assert.matches("needed=5 ", logged(4, "watch:look(2, 1)")[1] .. " ", 1, true)
  end)

  it("recommends a limit that suffices, whatever is needed", function()
    local _, said = logged(2, [[say(inotify.shortage(1000).sysctl)]])
    assert.same({ "sysctl -w user.max_inotify_instances=1024" }, said)
  end)

  it("names the host's own limit where no namespace has a lower one", function()
    local _, said = logged(2000000000, [[
      local short = inotify.shortage(1000, { processes = 2 })
      say(short and short.sysctl or "enough")]])
    assert.is_true(said[1] == "enough"
      or said[1]:find("sysctl -w fs.inotify.max_user_instances=", 1, true) ~= nil, said[1])
  end)

  it("says once that it cannot tell", function()
    local lines = logged(9, [[
      local held = {}
      for i = 1, 64 do held[i] = io.open("/dev/null") end
      watch:look(1) watch:look(1)
      for _, one in ipairs(held) do one:close() end]], "ulimit -n 64;")
    assert.equal(1, #lines)
    assert.matches("event=inotify_unknown", lines[1], 1, true)
    assert.matches("Too many open files", lines[1], 1, true)
  end)
end)
