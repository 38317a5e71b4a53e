-- AWS away, slow, broken or unwilling, each way once: real agent, real Envoy, HAProxy with TLS
-- between the agent and a Cloud Map of ours. Whatever happens, no endpoint and no weight moves, no
-- request fails, one line of the log names the cause, and the end of it needs no help.

local file = require("host.file")
local moto = require("spec.support.moto")
local proxy_of = require("spec.support.proxy")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"
local SECRET, TOKEN = "wJalrXUtnFEMIsecret", "FwoGZXIvYXdzsession"
local NAME_SERVER = "127.53.53.53"

local function id_of(name) return "srv-" .. name:gsub("-", "") end

local missing = world_of.missing() or moto.missing() or proxy_of.missing()
if missing then
  pending("faults of AWS: " .. missing)
  return
end

-- Seconds between two passes, in which a fault must have begun; with sanitizers all takes longer.
local REFRESH = os.getenv("ASAN_OPTIONS") and 1 or 0.6

local can_unshare = os.execute("unshare --mount true 2>/dev/null")

-- Faults that meet every call, the cause as the log names it, and how the fault is made where it is
-- not one of HAProxy's rules.
local FAULTS = {
  { "refuses connections", "ListServices: ConnectionError: .*connect",
    begin = function(s) s.proxy:refuse() end, finish = function(s) s.proxy:listen() end },
  { "answers no request for a connection", "ListServices: ConnectionError: .*[Tt]imeout",
    slow = true,
    begin = function(s)
      s.proxy:refuse()
      s.hole = s.world:start("black-hole-" .. #s.world.running,
        { "python3", "spec/support/black_hole.py", s.proxy.port })
      s.eventually(function()
        return (file.read(s.hole.base .. ".out") or ""):find("ready")
      end, 5, "the port is a black hole")
    end,
    finish = function(s)
      s.world:stop(s.hole)
      s.proxy:listen()
    end },
  { "takes connections and no handshake", "ListServices: ConnectionError: .*[Tt]ime",
    slow = true, fault = "no_handshake" },
  -- A reset meets us while we connect or just after: two causes, each said once.
  { "resets connections", "ListServices: ConnectionError: .*[Cc]onnect", fault = "reset",
    causes = 2 },
  { "closes connections without an answer", "ListServices: ConnectionError: ", fault = "closed" },
  { "never answers", "ListServices: ConnectionError: .*stalled", slow = true, fault = "tarpit" },
  { "comes to a standstill within an answer", "ListServices: ConnectionError: .*stalled",
    slow = true,
    endpoint = "stall" },
  { "sends less than it announced", "ListServices: ConnectionError: ", endpoint = "short" },
  { "sends half of a JSON text", "ListServices: 200 UnreadableResponse", fault = "cut_json" },
  { "sends a page of HTML with 200", "ListServices: 200 UnreadableResponse", fault = "html_200" },
  { "sends a page of HTML with 503", "ListServices: 503 HTTP503", fault = "html_503" },
  { "answers 500", "ListServices: 500 InternalFailure", fault = "status_500" },
  { "answers 502", "ListServices: 502 HTTP502", fault = "status_502" },
  { "answers 503", "ListServices: 503 ServiceUnavailable", fault = "status_503" },
  { "answers 504", "ListServices: 504 HTTP504", fault = "status_504" },
  { "throttles every call", "ListServices: 429 RequestLimitExceeded: Rate exceeded",
    fault = "throttled" },
  { "has a certificate for another name", "ListServices: ConnectionError: .*subject name",
    fault = "wrong_name" },
  { "has an expired certificate", "ListServices: ConnectionError: .*expired", fault = "expired" },
  { "has a certificate of a strange authority", "ListServices: ConnectionError: .*certificate",
    fault = "untrusted" },
  { "calls the token expired", "ListServices: 400 ExpiredTokenException", fault = "expired_token" },
  { "denies every call", "ListServices: 400 AccessDeniedException", fault = "denied" },
  -- The old list counts, and its services are read.
  { "fails after half of the pages of a list", "ListServices: 503 HTTP503", fault = "second_page",
    event = "list_stale", over = "resolved" },
  { "throttles one operation for all services",
    "GetServiceAttributes: 429 RequestLimitExceeded", fault = "one_operation" },
}

describe("when AWS", function()
  local s, world, proxy, endpoint, load, green

  local function at(name)
    return { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = tostring(s.ports[name]) }
  end

  local function service(name, weights)
    local group, color = name:match("(.*)-(.*)")
    local attributes = { SERVICE = group, COLOR = color }
    for path, weight in pairs(weights) do attributes[path] = weight end
    return { Id = id_of(name), Name = name, NamespaceId = "ns-1", Attributes = attributes,
      Arn = ARN .. "service/" .. id_of(name),
      Instances = { { InstanceId = "a", Attributes = at(name) } } }
  end

  -- In a mount namespace whose name server is ours, or by the name that needs none.
  local function start_agent(settings)
    local argv
    if can_unshare then
      argv = { "unshare", "--mount", "sh", "-c",
        'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh",
        world.directory .. "/resolv.conf", sidecar_of.program, "run" }
    end
    local all = { DISCOVERY = "cloudmap", SERVICE_MEMBER = id_of("me-blue"), SERVICE_PORT = s.port,
      REFRESH_TIME = REFRESH, AWS_REGION = "eu-central-1", AWS_CA_BUNDLE = proxy.ca_file,
      AWS_ENDPOINT_URL = ("https://%s:%d"):format(can_unshare and proxy_of.NAME or "localhost",
        proxy.port),
      AWS_ACCESS_KEY_ID = "ASIAEXAMPLE", AWS_SECRET_ACCESS_KEY = SECRET, AWS_SESSION_TOKEN = TOKEN }
    for name, value in pairs(settings or {}) do all[name] = value end
    s:start(all, argv)
  end

  -- What Envoy reads: every published file as it is, by name.
  local function published()
    local files = {}
    local pipe = assert(io.popen(("cd %s && find . -type f ! -name input.json"):format(s.folder)))
    for path in pipe:lines() do files[path] = assert(file.read(s.folder .. "/" .. path)) end
    pipe:close()
    assert.truthy(files["./cds.json"])
    return files
  end

  -- What the agent says to an operator beyond a place in the log; Envoy writes there too.
  local function lines(from)
    local found = {}
    for line in world:log(s.agent):sub(from):gmatch("[^\n]+") do
      if line:find("^time=") and not line:find("level=debug", 1, true) then
        found[#found + 1] = line:gsub("^time=%S+ ", "")
      end
    end
    return found
  end

  -- A fault begins and ends between two passes, so that no pass sees half of it.
  local function end_of_pass(count, seconds)
    for _ = 1, count or 1 do
      local from = s:mark()
      s.eventually(function()
        local text = world:log(s.agent):sub(from)
        return text:find("event=unchanged") or text:find("event=published")
      end, seconds or 10, "a pass ends")
    end
  end

  local function set_weight(name, weight)
    endpoint:ask("UpdateServiceAttributes", { ServiceId = id_of(name),
      Attributes = { ["/web"] = tostring(weight) } })
  end

  local function weight_takes_effect()
    green = green == 10 and 11 or 10
    s:publishes(function() set_weight("web-green", green) end)
    local wanted = ('"weight":%d'):format(green)
    local text = table.concat({ published()["./rds/private-" .. s.port .. ".json"] or "" })
    assert.matches(wanted, (text:gsub("%s", "")), 1, true)
  end

  local function only_line(from, event, pattern, most)
    local found = lines(from)
    assert.is_true(#found >= 1 and #found <= (most or 1), table.concat(found, "\n"))
    for _, line in ipairs(found) do
      assert.matches("event=" .. event .. " ", line, 1, true)
      assert.matches(pattern, line)
    end
  end

  -- What must hold while a fault lasts: two passes of it, or one that takes long.
  local function hold(one, before, from)
    s:logged("event=" .. (one.event or "stale"), 15, from)
    if not one.slow then end_of_pass() else os.execute("sleep 0.5") end
    assert.same(before, published())
    only_line(from, one.event or "stale", one.says, one.causes)
  end

  -- On a machine so busy that the next pass has begun before the fault has, that pass sees half of
  -- it; the fault is then tried once more.
  local function endure(one, again)
    local before, from = published(), s:mark()
    one.begin()
    local held, why = pcall(hold, one, before, from)
    local ended = s:mark()
    one.finish() -- whatever was seen: the next fault must find none
    s:logged("event=" .. (one.over or "fresh"), 20, ended)
    if not held and (again or 0) < 2 then
      end_of_pass()
      return endure(one, (again or 0) + 1)
    end
    assert(held, why)
    assert.same(before, published())
    only_line(ended, one.over or "fresh", one.over and one.says or "seconds=%d+")
    weight_takes_effect()
  end

  local function start_world()
    s = sidecar_of.new("web-blue", "web-green", "shop-blue", "me-blue")
    world, green = s.world, 10
    endpoint = moto.faulty()
    endpoint:state { page_size = 3,
      namespaces = { { Id = "ns-1", Name = "corp.local", HttpName = "corp.local",
        Arn = ARN .. "namespace/ns-1" } },
      services = { service("web-blue", { ["/web"] = "90" }),
        service("web-green", { ["/web"] = "10" }), service("shop-blue", { ["/shop"] = "1" }),
        service("me-blue", {}) } }
    proxy = proxy_of.new(world, endpoint.endpoint:match("//(.*)"))
    s.proxy = proxy
  end

  local function start_name_server()
    if not can_unshare then return end
    assert(file.write(world.directory .. "/resolv.conf", "nameserver " .. NAME_SERVER .. "\n"))
    local server = world:start("dns", { "python3", "spec/support/dns.py", NAME_SERVER,
      world.directory .. "/mute" })
    s.eventually(function() return (file.read(server.base .. ".out") or ""):find("ready") end, 5,
      "the name server answers")
  end

  local function start_load() load = world:load(s:url("/web"), 8, 150) end

  local function load_saw_nothing()
    local seen = world:finish_load(load)
    load = nil
    assert.same({}, seen.errors)
    assert.equal(0, seen.failed + seen.closed)
    return seen
  end

  setup(function()
    start_world()
    start_name_server()
    start_agent { AWS_MAX_ATTEMPTS = 1 }
    s:answers("/web", 200, 20)
    start_load()
  end)

  teardown(function()
    endpoint:stop()
    assert.same({}, world:close())
  end)

  before_each(function() end_of_pass() end)

  for _, fault in ipairs(FAULTS) do
    it(fault[1] .. ": traffic goes on as before, one line says why, and it is over by itself",
      function()
        endure { says = fault[2], slow = fault.slow, causes = fault.causes, event = fault.event,
          over = fault.over,
          begin = function()
            if fault.endpoint then
              endpoint:faults { { operation = "*", fault = fault.endpoint } }
            elseif fault.begin then
              fault.begin(s)
            else
              proxy:fault(fault.fault)
            end
          end,
          finish = function()
            if fault.endpoint then
              endpoint:faults {}
            elseif fault.finish then
              fault.finish(s)
            else
              proxy:fault("none")
            end
          end }
      end)
  end

  it("fails for one service: that one stays as it was, others move on", function()
    local function clusters()
      local found = {}
      for _, one in ipairs(s:read("cds.json").resources) do
        found[one.name:match("^[^@]+")] = one
      end
      return found
    end
    local before, from = clusters(), s:mark()
    proxy:fault("one_service")
    s:logged("event=stale", 5, from)
    only_line(from, "stale",
      "services=1 which=web%-green@corp%.local")
    s:publishes(function()
      endpoint:ask("RegisterInstance", { ServiceId = id_of("shop-blue"), InstanceId = "b",
        Attributes = at("me-blue") })
    end)
    local during = clusters()
    assert.same(before["web-green"], during["web-green"])
    assert.same(before["web-blue"], during["web-blue"])
    assert.not_same(before["shop-blue"], during["shop-blue"])
    s.eventually(function() return world:split(s:url("/shop"), 20)["me-blue"] end, 5,
      "the new task gets requests")
    from = s:mark()
    proxy:fault("none")
    s:logged("event=fresh", 5, from)
    weight_takes_effect()
  end)

  it("deletes a service while it is read: it goes with the next generation, others stay", function()
    local routes = "./rds/private-" .. s.port .. ".json"
    end_of_pass(2) -- what the test before has changed is in force
    local before, from = published()[routes], s:mark()
    proxy:fault("deleted")
    s:logged("event=published", 5, from)
    s:answers("/shop", 404, 5)
    assert.not_matches("/shop", published()[routes], 1, true)
    assert.is_nil(world:log(s.agent):find("event=stale", from, true))
    from = s:mark()
    proxy:fault("none")
    s:logged("event=published", 5, from)
    assert.equal(before, published()[routes])
    s:answers("/shop", 200, 5)
  end)

  it("has another time: the agent goes by AWS's clock, and by the next one too", function()
    for _, seconds in ipairs { 3 * 3600, 0 } do
      local before, from = published(), s:mark()
      endpoint:change { clock = seconds }
      s:logged("event=clock_corrected", 5, from)
      end_of_pass(2)
      only_line(from, "clock_corrected", "seconds=%-?%d+")
      assert.same(before, published())
      weight_takes_effect()
    end
  end)

  it("was away: no request failed, the split stayed as set, and a weight of 0 still works",
    function()
      local seen = load_saw_nothing()
      assert.is_true(seen.requests > 5000, "too few requests: " .. seen.requests)
      local share = seen.backends["web-green"] / seen.requests
      assert.is_true(math.abs(share - 0.105) < 0.03, "green got " .. share)
      s:publishes(function() set_weight("web-blue", 0) end)
      s.eventually(function() return not world:split(s:url("/web"), 50)["web-blue"] end, 5,
        "blue gets nothing")
      s:publishes(function() set_weight("web-blue", 90) end)
    end)

  it("cannot be found at a restart, for its name server is mute: the last generation is served",
    function()
      if not can_unshare then return pending("needs the right to make namespaces") end
      local before = published()
      assert.equal(0, world:stop(s.agent, 10))
      assert(file.write(world.directory .. "/mute", ""))
      start_agent()
      s:answers("/web", 200, 10)
      start_load()
      s:logged("event=stale", 30)
      assert.matches("reason=\"[^\"]*GetService: ConnectionError: .*Resolving timed out",
        world:log(s.agent))
      assert.same(before, published())
      os.remove(world.directory .. "/mute")
      s:logged("event=fresh", 20)
      weight_takes_effect()
    end)

  it("fails with the default number of attempts: the same", function()
    if not load then -- the agent has not been restarted with the default yet
      assert.equal(0, world:stop(s.agent, 10))
      start_agent()
      s:answers("/web", 200, 10)
      start_load()
    end
    endure { says = "ListServices: 503 ServiceUnavailable",
      begin = function() proxy:fault("status_503") end,
      finish = function() proxy:fault("none") end }
    assert.truthy(world:log(s.agent):find("3 attempts", 1, true))
    load_saw_nothing()
  end)

  it("fails: no log line holds a secret, and no call broke AWS's model", function()
    for _, process in ipairs(world.running) do
      local text = world:log(process)
      assert.is_nil(text:find(SECRET, 1, true))
      assert.is_nil(text:find(TOKEN, 1, true))
    end
    assert.same({}, endpoint:asked().violations)
  end)
end)
