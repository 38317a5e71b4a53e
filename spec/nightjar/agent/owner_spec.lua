-- Whose a folder is: whole agents without an Envoy, started at one moment, in namespaces of their
-- own, and restarted in place.

local file = require("host.file")
local program = require("host.program")
local script = require("spec.support.script")
local world_of = require("spec.support.world")

-- Processes of its own number, as those of another container are.
local APART = { "unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child",
  "--mount-proc" }
local can_unshare = os.execute(table.concat(APART, " ") .. " true 2>/dev/null")
-- That of a sanitized build stops at the sight of a tracer.
local NO_LEAK_CHECK = "ASAN_OPTIONS=" .. (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0"
local ALREADY = "nightjar runs with it already"

describe("an agent's folder", function()
  local world, count

  before_each(function() world, count = world_of.new(), 0 end)
  after_each(function() world:close() end)

  local function start(command, words)
    count = count + 1
    local argv = table.move(words or {}, 1, #(words or {}), 1, {})
    argv[#argv + 1] = program.directory .. "/nightjar"
    argv[#argv + 1] = command
    return world:start("agent-" .. count, argv, { TMP_DIR = world.directory .. "/tmp",
      ENVOY_BIN = "", ENVOY_ADMIN_PORT = 1, DISCOVERY = "file", REFRESH_TIME = 600,
      LOG_LEVEL = "debug", MESH_FILE = "examples/mesh.yaml",
      TRIGGER_STOP_FILE = world.directory .. "/stop" .. count })
  end

  -- Starts as many as have this gate at one moment, when it opens.
  local function behind(gate)
    return { "sh", "-c", 'while ! [ -e "$0" ]; do :; done; exec "$@"', gate }
  end

  local function published(process)
    world.eventually(function()
      return world:log(process):find("generation=", 1, true)
    end, 10, process.name .. " has a generation in force")
  end

  it("goes to one of several that are started at one moment", function()
    for round = 1, 15 do
      local gate = ("%s/gate-%d"):format(world.directory, round)
      local all = { start("run", behind(gate)), start("run", behind(gate)) }
      assert(file.write(gate, ""))
      local function running()
        local list = {}
        for _, one in ipairs(all) do
          if not world:status(one) then list[#list + 1] = one end
        end
        return list
      end
      world.eventually(function() return #running() <= 1 end, 10,
        ("all but one have given way in round %d"):format(round))
      assert.equal(1, #running())
      published(running()[1])
      for _, one in ipairs(all) do
        if world:status(one) then
          assert.equal(1, world:status(one))
          assert.matches(ALREADY, world:log(one))
        end
      end
      assert.equal(0, world:stop(running()[1]))
    end
  end)

  it("is another one's too when that one's process cannot be seen from here", function()
    if not can_unshare then return pending("may not make namespaces here") end
    local one = start("run")
    published(one)
    local other = start("once", APART)
    assert.equal(1, world:ended(other, 10))
    assert.matches(ALREADY, world:log(other))
    world:stop(one)
    assert.equal(0, world:ended(start("once", APART), 10))
  end)

  it("stays an agent's that restarts in place", function()
    if not can_unshare then return pending("may not make namespaces here") end
    local one = start("run")
    published(one)
    world:signal(one, "USR2")
    world.eventually(function()
      return select(2, world:log(one):gsub("event=started", "")) == 2
    end, 10, "it has become itself anew")
    published(one)
    for _, words in ipairs { {}, APART } do
      local other = start("once", words)
      assert.equal(1, world:ended(other, 10))
      assert.matches(ALREADY, world:log(other))
    end
    assert.is_nil(world:status(one))
  end)

  it("is free as soon as its agent was killed", function()
    local one = start("run")
    published(one)
    world:signal(one, "KILL")
    world:ended(one, 5)
    assert.equal(0, world:ended(start("once"), 10))
  end)

  it("is used without a lock where the file system has none", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    for _, fault in ipairs { "flock:error=ENOLCK", "flock:error=EOPNOTSUPP",
      "openat:error=EACCES" } do
      script.discard(world.directory .. "/tmp")
      -- `-P`: calls on that file alone.
      local one = start("once", { "env", NO_LEAK_CHECK, "strace", "-f", "-o", "/dev/null", "-P",
        world.directory .. "/tmp/nightjar-state/agent.lock", "-e", "inject=" .. fault })
      assert.equal(0, world:ended(one, 20), world:log(one))
      assert.is_string(file.read(world.directory .. "/tmp/nightjar-state/agent.pid"))
      assert.not_matches("level=warn", world:log(one))
    end
  end)
end)
