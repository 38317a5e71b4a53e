-- Faults between the agent and Cloud Map, most of them by HAProxy.

local file = require("host.file")

local list = {}

local function add(name, injected, says, begin, finish, more)
  local fault = { row = "AWS", name = name, injected = injected, event = "stale", says = says,
    begin = begin, finish = finish }
  for key, value in pairs(more or {}) do fault[key] = value end
  list[#list + 1] = fault
end

-- A fault of HAProxy's, by its name in spec/support/proxy.lua or field.lua.
local function proxy(name, word, says, more)
  add(name, "HAProxy: `" .. word .. "`", says,
    function(field) field.proxy:fault(word) end,
    function(field) field.proxy:fault("none") end, more)
end

local SLOW = { slow = true }

add("refuses connections", "HAProxy's port is closed", "ListServices: ConnectionError: .*connect",
  function(field) field.proxy:refuse() end, function(field) field.proxy:listen() end)
add("answers no request for a connection", "a port that is full", "ConnectionError: .*[Tt]ime",
  function(field)
    field.proxy:refuse()
    local hole = field.world:start("black-hole-" .. #field.world.running,
      { "python3", "spec/support/black_hole.py", field.proxy.port })
    field.eventually(function() return (file.read(hole.base .. ".out") or ""):find("ready") end, 5,
      "the port is a black hole")
    return hole
  end,
  function(field, hole)
    field.world:stop(hole)
    field.proxy:listen()
  end, SLOW)
proxy("takes connections and makes no handshake", "no_handshake", "ConnectionError: .*[Tt]ime",
  SLOW)
proxy("never answers", "tarpit", "ConnectionError: .*stalled", SLOW)
-- A reset meets us while we connect or just after: two causes, each said once.
proxy("resets connections", "reset", "ConnectionError: .*[Cc]onnect", { twice = true })
proxy("closes connections without an answer", "closed", "ListServices: ConnectionError: ")

-- Its name cannot be resolved: known names are forgotten with a restart in place.
add("has a name server that is mute", "the agent's own name server; `SIGUSR2`",
  "ConnectionError: .*Resolving timed out",
  function(field)
    assert(file.write(field.world.directory .. "/mute", ""))
    field.world:signal(field.agent, "USR2")
  end,
  function(field) os.remove(field.world.directory .. "/mute") end,
  { slow = true, patience = 40, lines = 9, restarts_in_place = true })

proxy("answers 500", "status_500", "ListServices: 500 InternalFailure")
proxy("answers 502", "status_502", "ListServices: 502 HTTP502")
proxy("answers 503", "status_503", "ListServices: 503 ServiceUnavailable")
proxy("answers 504", "status_504", "ListServices: 504 HTTP504")
proxy("answers 503 with a page of HTML", "html_503", "ListServices: 503 HTTP503")
proxy("answers 200 with a page of HTML", "html_200", "ListServices: 200 UnreadableResponse")
proxy("answers 429", "throttled", "ListServices: 429 RequestLimitExceeded: Rate exceeded")
proxy("throttles one operation", "one_operation", "GetServiceAttributes: 429 RequestLimitExceeded")
proxy("cuts a JSON text in half", "cut_json", "ListServices: 200 UnreadableResponse")

-- Answers that end before their announced length; the endpoint behind HAProxy breaks them off.
for word, name in pairs { short = "announces more than it sends",
  stall = "comes to a standstill within an answer" } do
  add(name, "an endpoint that breaks off (`" .. word .. "`)", "ListServices: ConnectionError: ",
    function(field)
      field.broken:faults { { operation = "*", fault = word } }
      field.proxy:fault("broken_" .. word)
    end,
    function(field) field.proxy:fault("none") end, word == "stall" and SLOW or nil)
end

proxy("has a certificate for another name", "wrong_name", "ConnectionError: .*subject name")
proxy("has an expired certificate", "expired", "ConnectionError: .*expired")
proxy("has a certificate of a strange authority", "untrusted", "ConnectionError: .*certificate")
proxy("calls the token expired", "expired_token", "ListServices: 400 ExpiredTokenException")
proxy("denies every call", "denied", "ListServices: 400 AccessDeniedException")
proxy("is days ahead", "skewed", "seconds=%d+", { event = "clock_corrected" })
proxy("fails after half of the pages of a list", "half_list", "ListServices: 503 HTTP503",
  { event = "list_stale" })

-- One service: others move on.
local function odd_weight(field)
  return field:weights("/odd")["odd-blue"]
end

proxy("fails for one service", "one_service", "which=web%-green@corp%.local", {
  during = function(field)
    local from = field:mark()
    field.aws:cloudmap("register_instance", { ServiceId = field.ids["odd-blue"], InstanceId = "b",
      Attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1",
        AWS_INSTANCE_PORT = tostring(field.ports["me-blue"]) } })
    field.eventually(function()
      return field.world:split(field:url("/odd"), 20)["me-blue"]
    end, 10, "another service moves on")
    field.aws:cloudmap("deregister_instance",
      { ServiceId = field.ids["odd-blue"], InstanceId = "b" })
    assert(field:logged("event=published", 10, from))
  end })
proxy("deletes a service while it is read", "deleted_odd", "%-route [^ ]+ /odd", {
  event = "published",
  during = function(field)
    field:answers("/odd", 404, 5)
    assert(not odd_weight(field))
  end,
  after = function(field) field:answers("/odd", 200, 5) end })

return list
