-- Where secrets go in a whole run with all that can be turned on: every program that is started,
-- every path of the status server, every command beside it, every file that is left behind. That no
-- source of credentials makes a difference: secrets_spec.lua.

local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local program = require("host.program")
local rows = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local secrets = require("spec.support.secrets")
local world_of = require("spec.support.world")

local missing = world_of.missing() or moto.missing()
if missing then
  pending("secrets: " .. missing)
  return
end

local ACCOUNT = "arn:aws:servicediscovery:eu-central-1:123456789012:"
local KEY, SESSION = "wJalr/UtnFEMI+K7MDENG=x", "FwoGZXIvYXdz//session+token=="
local TOKEN, PATH_OF_KEYS = "Bearer of/the+keys=", "credentials/only-for-this-task"
local WEBHOOK, PROXY = "T0/B1/webhook-password", "password-of-the-proxy"
local FOR_HOOKS = "what-the-hook-alone-may-know"
local SECRETS = { KEY, SESSION, TOKEN, PATH_OF_KEYS, WEBHOOK, PROXY, FOR_HOOKS }

local PATHS = { "/", "/ready", "/live", "/status", "/metrics", "/snapshot", "/plan", "/history",
  "/explain", "/explain?path=/srv-web", "/explain?listener=none", "/curve", "/curve?path=/srv-web",
  "/none", "/%2e%2e/environ" }

local COMMANDS = { "discover", "discover --debug-http", "config", "config --json", "check",
  "explain", "explain --json", "record --output record.json", "render --snapshot said.1",
  "history", "history --json", "cost", "ready", "debug 60", "debug", "once", "version", "help",
  "completion bash" }

-- Stands for nightjar-plan and leaves what it was given.
local PLAN = [[#!/bin/sh
cd '%s' || exit
cat /proc/self/environ /proc/self/cmdline >plan.process.$$
tee plan.input.$$ | ./nightjar-plan.real "$@"
]]

-- Fails, so that what it says of that is in the log.
local HOOK = [[#!/bin/sh
cd '%s' || exit
cat /proc/self/environ >hook.environ
tr '\0' '\n' </proc/self/cmdline >>hook.told
cat >>hook.told
echo "no: $HOOK_NOTHING" >&2
exit 3
]]

describe("secrets", function()
  local world, endpoint, ports, look
  local table_rows, texts, bytes = rows.of("security-secrets"), 0, 0

  local function instance(to)
    return { InstanceId = "a", Attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1",
      AWS_INSTANCE_PORT = tostring(to) } }
  end

  local function service(id, to)
    return { Id = id, Name = id, NamespaceId = "ns-1", Arn = ACCOUNT .. "service/" .. id,
      Attributes = { ["/" .. id] = "1", SERVICE = id, COLOR = "blue" },
      Instances = json.array { instance(to) } }
  end

  local function write(name, text, mode)
    local path = world.directory .. "/" .. name
    script.sh("mkdir -p %s", path:match("^(.*)/"))
    assert(file.write(path, text, { mode = mode or 384 }))
    return path
  end

  -- Copies of the programs, of which nightjar-plan leaves what it is given.
  local function programs()
    local bin = world.directory .. "/bin"
    script.sh("mkdir -p %s && cp %s %s && cp %s %s", bin, program.directory .. "/nightjar", bin,
      program.directory .. "/nightjar-plan", bin .. "/nightjar-plan.real")
    write("bin/nightjar-plan", PLAN:format(bin), 493)
    script.sh("cp -R templates policies %s", world.directory)
    return bin .. "/nightjar"
  end

  setup(function()
    look = secrets.new(SECRETS)
    endpoint = moto.faulty()
  end)
  teardown(function() endpoint:stop() end)

  before_each(function()
    world = world_of.new()
    ports = world:backends("web", "me")
    endpoint:state { namespaces = { { Id = "ns-1", Name = "shop.local", HttpName = "shop.local",
      Arn = ACCOUNT .. "namespace/ns-1" } },
      services = { service("srv-web", ports.web), service("srv-me", ports.me) },
      credentials = { status = 200, body = { AccessKeyId = "ASIAEXAMPLE", SecretAccessKey = KEY,
        Token = SESSION, Expiration = "2099-01-01T00:00:00Z" } } }
  end)
  after_each(function() assert.are.same({}, world:close()) end)

  local function free_of_them(text, where)
    texts, bytes = texts + 1, bytes + #text
    local secret, spelling = look:find(text)
    assert.is_nil(secret, ("%s (%s) in %s"):format(secret, spelling, where))
  end

  local function start(more)
    local port, status = world:ports(2)
    local settings = { SERVICE_MEMBER = "srv-me", SERVICE_PORT = port, REFRESH_TIME = 0.3,
      AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint, HOME = "/nonexistent",
      AWS_MAX_ATTEMPTS = 1, AWS_EC2_METADATA_DISABLED = "true", ENVOY_LOG_LEVEL = "debug",
      STATUS_ADDRESS = "127.0.0.1:" .. status, ENVOY_TEMPLATE_DIR = world.directory .. "/templates",
      POLICY_DIR = world.directory .. "/policies" }
    for name, value in pairs(more) do settings[name] = value end
    local usual = world_of.nightjar
    finally(function() world_of.nightjar = usual end)
    world_of.nightjar = programs()
    local agent = world:agent(settings)
    agent.url, agent.status = ("http://127.0.0.1:%d/srv-web"):format(port), settings.STATUS_ADDRESS
    world.eventually(function() return (world:get(agent.url)) == 200 end, 20, "the agent serves")
    return agent
  end

  local function logged(agent, text)
    world.eventually(function() return world:log(agent):find(text, 1, true) end, 15, text)
  end

  -- AWS refuses, Envoy refuses, a policy and a template are wrong: one after the other.
  local function let_fail(agent)
    for _, fault in ipairs { "skew", "denied", "cut" } do
      endpoint:faults { { operation = "*", fault = fault } }
      os.execute("sleep 0.5")
    end
    logged(agent, "event=stale")
    endpoint:faults {}
    for name, broken in pairs { ["templates/cds.json.yaml.mustache"] = { "60s", "-5s" },
      ["policies/weights.lua"] = { "return {", "retrun {" } } do
      local path = world.directory .. "/" .. name
      local text = assert(file.read(path))
      assert(file.write(path, (text:gsub(broken[1]:gsub("%p", "%%%0"), broken[2]))))
      logged(agent, name:find("cds") and "event=refused" or "event=pass_failed")
      assert(file.write(path, text))
    end
  end

  local function look_at_processes(agent)
    local seen = 0
    for _, entry in ipairs(assert(file.list("/proc"))) do
      local pid = tonumber(entry.name)
      local cmdline = pid and file.read(("/proc/%d/cmdline"):format(pid), 1 << 20)
      local ours = cmdline and cmdline:find(world.directory, 1, true)
      if ours and not cmdline:find("launch.py", 1, true) then
        seen = seen + 1
        free_of_them(cmdline, "a command line: " .. cmdline)
        if pid ~= agent.pid then
          free_of_them(file.read(("/proc/%d/environ"):format(pid), 1 << 20) or "",
            "the environment of " .. cmdline)
        end
      end
    end
    assert.is_true(seen >= 2, "agent and Envoy are looked at: " .. seen)
    local status, dump = world:get(agent.admin .. "/config_dump?include_eds")
    assert.are.equal(200, status)
    free_of_them(dump, "Envoy's configuration")
  end

  local function look_at_requests()
    local asked = endpoint:asked().requests
    assert.is_true(#asked > 0)
    for _, request in ipairs(asked) do
      free_of_them(assert(json.encode(request.input or {})), "a call of " .. request.operation)
    end
  end

  local function look_at_status(agent)
    for _, path in ipairs(PATHS) do
      local status, body, headers = world:get("http://" .. agent.status .. path)
      assert.is_truthy(status, path .. ": " .. tostring(body))
      free_of_them(body .. assert(json.encode(headers)), "the status server's " .. path)
    end
  end

  -- Another shell in the container has the same environment.
  local function look_at_commands(agent)
    local lines = { "cd '" .. world.directory .. "' || exit" }
    for i, command in ipairs(COMMANDS) do
      lines[i + 1] = ("%s'%s' %s >said.%d 2>&1; echo $? >>statuses"):format(
        command == "once" and "TMP_DIR=$PWD/once " or "", world_of.nightjar, command, i)
    end
    local shell = world:start("commands", { "sh", write("commands", table.concat(lines, "\n")) },
      agent.environment)
    assert.are.equal(0, world:ended(shell, 60))
    local _, works = assert(file.read(world.directory .. "/statuses")):gsub("%f[%d]0\n", "")
    assert.is_true(works >= #COMMANDS - 1, works .. " commands did what was asked")
    for i, command in ipairs(COMMANDS) do
      free_of_them(assert(file.read(("%s/said.%d"):format(world.directory, i))),
        "nightjar " .. command)
    end
  end

  -- All that is below the world's folder but what an operator gave, and Envoy's shared memory.
  local function look_at_files(agent, given)
    local seen = {}
    local pipe = assert(io.popen(("find '%s' /dev/shm/envoy_shared_memory_%d* -type f 2>/dev/null")
      :format(world.directory, agent.environment.ENVOY_BASE_ID)))
    for path in pipe:lines() do
      local name = path:sub(#world.directory + 2)
      if not given[name] and not name:find("^bin/nightjar$") then
        free_of_them(assert(file.read(path, 1 << 28)), path)
        seen[#seen + 1] = name
      end
    end
    pipe:close()
    seen = table.concat(seen, "\n")
    for _, expected in ipairs { "tmp/active%-envoy%-config/cds%.json", "tmp/nightjar%-state/",
      "bin/plan%.input", "bin/plan%.process", "record%.json", "agent%-%d+%.log" } do
      assert.matches(expected, seen)
    end
  end

  local function look_everywhere(agent, given, origin)
    texts, bytes = 0, 0
    look_at_processes(agent)
    look_at_requests()
    look_at_status(agent)
    look_at_commands(agent)
    look_at_status(agent) -- with what the commands and failures have left
    world:signal(agent, "USR2") -- a restart in place has the same environment
    world.eventually(function()
      return select(2, world:log(agent):gsub("event=started", "")) == 2
    end, 15, "it started again")
    world:stop(agent)
    look_at_files(agent, given)
    table_rows:add { fault = "secrets of " .. origin, injected = "refusals of AWS and of Envoy, a "
      .. "broken policy, a hook that fails, a restart in place, each command, debug log",
      outcome = "in no file, output, answer, command line or environment but those they were "
      .. "given in, in any of nine spellings",
      figures = ("%d texts, %.1f MB"):format(texts, bytes / 1e6) }
  end

  it("of the environment and of a hook's own stay where they were given", function()
    local agent = start { AWS_ACCESS_KEY_ID = "ASIAEXAMPLE", AWS_SECRET_ACCESS_KEY = KEY,
      AWS_SESSION_TOKEN = SESSION, AWS_CONTAINER_AUTHORIZATION_TOKEN = TOKEN,
      HOOK = write("hook", HOOK:format(world.directory), 493),
      HOOK_PASSWORD = FOR_HOOKS }
    let_fail(agent)
    logged(agent, "event=hook_failed")
    assert.matches(FOR_HOOKS, file.read(world.directory .. "/hook.environ"), 1, true)
    world.eventually(function()
      return file.read(world.directory .. "/hook.told"):find('"event":"refused"', 1, true)
    end, 10, "the hook is told of what Envoy refused")
    look_everywhere(agent, { ["hook.environ"] = true }, "the environment, and a hook's own")
    free_of_them(file.read(world.directory .. "/hook.environ"):gsub("HOOK_PASSWORD=[^\0]*", ""),
      "the rest of the hook's environment")
  end)

  it("of a container's endpoint, a webhook and a proxy stay where they were given", function()
    local agent = start {
      AWS_CONTAINER_CREDENTIALS_FULL_URI = endpoint.endpoint .. "/" .. PATH_OF_KEYS,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = write("given", TOKEN),
      HOOK = "http://hooks.invalid/services/" .. WEBHOOK .. "?key=" .. FOR_HOOKS,
      http_proxy = ("http://operator:%s@127.0.0.1:%d"):format(PROXY, (world:ports(1))),
      no_proxy = "127.0.0.1" }
    let_fail(agent)
    logged(agent, "event=hook_failed")
    look_everywhere(agent, { given = true },
      "a container's endpoint, a webhook and a proxy")
  end)

  it("are found in every spelling, wherever they begin", function()
    for before = 0, 5 do
      local text = ("x"):rep(before) .. KEY .. "yz"
      local pipe = io.popen("printf '" .. text .. "' | base64 -w 0")
      local encoded = pipe:read("a")
      pipe:close()
      assert.are.equal(KEY, (look:find(encoded)), encoded)
      local url_safe = encoded:gsub("%+", "-"):gsub("/", "_")
      assert.are.equal(KEY, (look:find(url_safe)), url_safe)
    end
    assert.are.same({ KEY, "URL, upper case" },
      { look:find("k=wJalr%2FUtnFEMI%2BK7MDENG%3Dx&") })
    assert.are.same({ SESSION, "as it is" }, { look:find("a " .. SESSION) })
    assert.is_nil(look:find("nothing of the kind"))
  end)
end)
