-- An operator's hook: real programs, a real server, and what the log says.

local file = require("host.file")
local hook = require("nightjar.agent.hook")
local hook_call = require("nightjar.agent.hook_call")
local http_peer = require("spec.support.http_peer")
local json = require("host.json")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

local function never() return false end

describe("a hook", function()
  local folder, warnings

  before_each(function()
    folder, warnings = script.folder(), {}
    stub(log, "warn", function(event, fields) warnings[#warnings + 1] = { event, fields } end)
  end)

  after_each(function()
    log.warn:revert()
    script.discard(folder)
  end)

  -- A program of these lines of shell.
  local function program(text)
    local path = folder .. "/hook"
    assert(file.write(path, "#!/bin/sh\ncd '" .. folder .. "' || exit\n" .. text .. "\n",
      { mode = 493 }))
    return path
  end

  local function settings(target, more)
    local all = { hook = target, hook_timeout = 5, service_member = "srv-1",
      environment = { PATH = os.getenv("PATH"), AWS_SECRET_ACCESS_KEY = "secret",
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/secret", DATABASE_PASSWORD = "secret",
        HOOK_CHANNEL = "ops" } }
    for name, value in pairs(more or {}) do all[name] = value end
    return all
  end

  local function accepted(number, difference)
    return { generation = "g" .. number, cause = "mesh", difference = difference or { "route x" } }
  end

  -- Runs `fn(one)`, and waits until all is told.
  local function with(target, fn, more)
    return sched.run(function()
      local one = hook.new(settings(target, more))
      fn(one)
      while one.task do sched.sleep(0.01) end
      return one
    end)
  end

  local function decoded(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do list[#list + 1] = assert(json.decode(line)) end
    return list
  end

  local function told()
    return decoded(file.read(folder .. "/told") or "")
  end

  it("gets JSON on its standard input and the event as its word", function()
    with(program('cat >>told; echo "$@" >>words'), function(one)
      one:tell("accepted", accepted(1, { "route private-80 /a green 10→20 why=canary_ramp" }))
      one:tell("refused", { generation = "g2", in_force = "g1", reason = "why",
        files = { "cds.json" } })
      one:tell("stale", { generation = "g1", services = 1, which = "web@m", reason = "no answer",
        oldest_seconds = 60 })
      one:tell("fresh", { generation = "g1", services = 1, seconds = 90 })
    end)
    assert.equal("accepted\nrefused\nstale\nfresh\n", file.read(folder .. "/words"))
    local all = told()
    local first = all[1]
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", first.at)
    assert.equal(file.read("/proc/sys/kernel/hostname"):match("%S+"), first.host)
    assert.matches("^nightjar on %S+: generation g1 is in force %(mesh%): route private",
      first.text)
    first.at, first.host, first.text, first.nightjar = nil, nil, nil, nil
    assert.same({ event = "accepted", generation = "g1", cause = "mesh", member = "srv-1",
      difference = { "route private-80 /a green 10→20 why=canary_ramp" } },
      json.decode(json.encode(first)))
    assert.same({ "cds.json" }, table.move(all[2].files, 1, 9, 1, {}))
    assert.matches("Envoy refused generation g2, g1 stays in force: why$", all[2].text)
    assert.matches("web@m cannot be read and keeps its old data: no answer$", all[3].text)
    assert.matches("all is read again, after 90 seconds$", all[4].text)
    assert.same({}, warnings)
  end)

  it("has an environment without credentials, but with what is meant for it", function()
    with(program("cat >/dev/null; env >told"), function(one) one:tell("accepted", accepted(1)) end)
    local text = file.read(folder .. "/told")
    assert.is_nil(text:find("secret", 1, true))
    assert.is_truthy(text:find("HOOK_CHANNEL=ops", 1, true))
    assert.is_truthy(text:find("PATH=", 1, true))
  end)

  it("is told of events in their order, one at a time, while others go on", function()
    local beats = 0
    with(program("cat >>told; sleep 0.2; [ ! -e busy ] || touch twice"), function(one)
      for i = 1, 4 do one:tell("accepted", accepted(i)) end
      while one.task do
        beats = beats + 1
        sched.sleep(0.01)
      end
    end)
    local names = {}
    for i, one in ipairs(told()) do names[i] = one.generation end
    assert.same({ "g1", "g2", "g3", "g4" }, names)
    assert.is_true(beats > 8, tostring(beats))
  end)

  it("is always told of the newest when it is slow, and how many it missed", function()
    with(program("cat >>told; sleep 0.1"), function(one)
      for i = 1, 40 do
        one:tell("accepted", accepted(i))
        if i == 1 then sched.sleep(0.05) end -- this one is with the program
      end
    end)
    local all = told()
    assert.equal(17, #all)
    assert.equal("g1", all[1].generation)
    assert.equal("g25", all[2].generation)
    assert.equal(23, all[2].missed)
    assert.equal("g40", all[17].generation)
    assert.is_nil(all[3].missed)
    assert.equal("hook_behind", warnings[1][1])
  end)

  it("is killed with all that it started when it hangs, and the next event is told", function()
    with(program([[cat >event; if grep -q g1 event; then echo $$ >pids; sleep 60 & echo $! >>pids
      wait; fi; cp event told]]), function(one)
        one:tell("accepted", accepted(1))
        one:tell("accepted", accepted(2))
      end, { hook_timeout = 0.3 })
    assert.equal("g2", told()[1].generation)
    assert.equal(1, #warnings)
    assert.equal("hook_failed", warnings[1][1])
    assert.equal("no end within 0.3 s", warnings[1][2].reason)
    for pid in file.read(folder .. "/pids"):gmatch("%d+") do
      local state = (file.read(("/proc/%s/stat"):format(pid)) or ""):match("%) (%a)")
      -- The sleep is nobody's child any more: process 1 may take its time.
      assert.is_true(state == nil or state == "Z", state)
    end
  end)

  it("leaves no zombie", function()
    local pid
    with(program("cat >/dev/null; echo $$ >pid"), function(one)
      one:tell("accepted", accepted(1))
      while one.task do sched.sleep(0.01) end
      pid = file.read(folder .. "/pid"):match("%d+")
      assert.is_nil(file.stat("/proc/" .. pid))
    end)
    assert.is_truthy(pid)
  end)

  for what, case in pairs {
    ["ends with a status"] = { "cat >/dev/null; echo 'no such channel' >&2; exit 3",
      "status 3: no such channel" },
    ["dies of a signal"] = { "kill -SEGV $$", "signal SEGV" },
    ["writes without end"] = { "yes", "more than 1048576 bytes on stdout" },
    ["forges lines of the log"] = { "printf 'x\\033[31m' >&2; exit 1", "status 1: x\\x1b[31m" },
  } do
    it("that " .. what .. " is one warning with the reason", function()
      with(program(case[1]), function(one) one:tell("accepted", accepted(1)) end)
      assert.equal(1, #warnings)
      assert.equal(folder .. "/hook", warnings[1][2].hook)
      assert.is_truthy(warnings[1][2].reason:find(case[2], 1, true), warnings[1][2].reason)
    end)
  end

  it("that goes is one warning too", function()
    with(folder .. "/none", function(one) one:tell("accepted", accepted(1)) end)
    assert.matches("none: ", warnings[1][2].reason)
  end)

  it("need not read what it is told", function()
    local lines = {}
    for i = 1, 21 do lines[i] = ("x"):rep(20000) end
    with(program("touch told"), function(one) one:tell("accepted", accepted(1, lines)) end)
    assert.same({}, warnings)
    assert.is_truthy(file.stat(folder .. "/told"))
  end)

  it("is told of a large difference whole, in a text that is bounded", function()
    local lines = {}
    for i = 1, 21 do lines[i] = ("y"):rep(20000) end
    with(program("cat >told"), function(one) one:tell("accepted", accepted(1, lines)) end)
    local one = told()[1]
    assert.equal(21, #one.difference)
    assert.equal(20000, #one.difference[21])
    assert.is_true(#one.text < 2100)
  end)

  it("is given up, with its group, when the agent ends", function()
    local from = sched.now()
    sched.run(function()
      local one = hook.new(settings(program("echo $$ >pid; sleep 60")))
      one:tell("accepted", accepted(1))
      one:tell("accepted", accepted(2))
      one:finish(0.5, never)
      assert.is_nil(file.stat("/proc/" .. file.read(folder .. "/pid"):match("%d+")))
    end)
    assert.is_true(sched.now() - from < 5)
    assert.same({ "hook_given_up", { hook = folder .. "/hook", untold = 2 } }, warnings[1])
  end)

  it("has the time that is left to end when the agent ends", function()
    sched.run(function()
      local one = hook.new(settings(program("cat >>told; sleep 0.1")))
      for i = 1, 3 do one:tell("accepted", accepted(i)) end
      one:finish(10, never)
    end)
    assert.equal(3, #told())
    assert.same({}, warnings)
  end)

  it("is told at its start that it cannot be used", function()
    assert.is_true(hook_call.check(program("true")))
    assert.is_true(hook_call.check("https://hooks.example/x"))
    assert(file.write(folder .. "/text", "#!/bin/sh\n"))
    for path, why in pairs { [folder .. "/none"] = "No such file", [folder] = "can be executed",
      [folder .. "/text"] = "can be executed" } do
      local ok, err = hook_call.check(path)
      assert.is_nil(ok)
      assert.is_truthy(err:find(path .. ": ", 1, true), err)
      assert.matches(why, err)
    end
  end)

  describe("at a URL", function()
    local peer, base

    setup(function() peer, base = http_peer.start() end)
    teardown(function() peer:signal("KILL") end)

    local function notes()
      local answer = sched.run(function() return sched.http { url = base .. "/notes" } end)
      return assert(json.decode(answer.body))
    end

    it("gets the same JSON, in order", function()
      with(base .. "/note", function(one)
        for i = 1, 3 do one:tell("accepted", accepted(i)) end
      end)
      local names = {}
      for i, body in ipairs(notes()) do names[i] = json.decode(body).generation end
      assert.same({ "g1", "g2", "g3" }, names)
      assert.same({}, warnings)
    end)

    it("gets it as JSON by POST", function()
      local answer
      sched.run(function()
        local http = sched.http
        stub(sched, "http", function(request)
          answer = http(request)
          return answer
        end)
        hook_call.run(settings(base .. "/echo?key"), "accepted", '{"a":1}')
        sched.http:revert()
      end)
      local said = json.decode(answer.body)
      assert.equal("POST", said.method)
      assert.equal("/echo?key", said.target)
      assert.equal('{"a":1}', said.body)
      local kinds = {}
      for _, header in ipairs(said.headers) do kinds[header[1]:lower()] = header[2] end
      assert.equal("application/json", kinds["content-type"])
    end)

    for path, why in pairs { ["/status?500"] = "^status 500: body$",
      ["/redirect"] = "^status 302$", ["/silent"] = ".", ["/garbage"] = ".",
      ["/reset"] = ".", ["/endless"] = "." } do
      it("is one warning when it answers as " .. path, function()
        with(base .. path, function(one) one:tell("accepted", accepted(1)) end,
          { hook_timeout = 0.5 })
        assert.equal(1, #warnings)
        assert.equal("hook_failed", warnings[1][1])
        assert.equal(base, warnings[1][2].hook)
        assert.matches(why, warnings[1][2].reason)
      end)
    end

    it("is not named whole in the log: its path is its password", function()
      with("http://127.0.0.1:1/services/T0/secret?key=secret", function(one)
        one:tell("accepted", accepted(1))
      end)
      assert.equal("http://127.0.0.1:1", warnings[1][2].hook)
      assert.is_nil(warnings[1][2].reason:find("secret", 1, true), warnings[1][2].reason)
      assert.is_truthy(warnings[1][2].reason:find("http://127.0.0.1:1", 1, true))
    end)
  end)
end)
