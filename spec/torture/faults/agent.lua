-- The agent: ended in each stage of a pass, killed, started without AWS, with a clock that jumps.

local file = require("host.file")

local list = {}

local ENDS = "Envoy ends with the agent, after a drain"

local function add(name, injected, event, says, begin, finish, more)
  local fault = { row = "agent", name = name, injected = injected, event = event, says = says,
    begin = begin, finish = finish or function() end }
  for key, value in pairs(more or {}) do fault[key] = value end
  list[#list + 1] = fault
end

local function stage_of(field)
  local now = (field:status() or { pass = {} }).pass.under_way
  return now and now.stage
end

-- Ends the agent and starts the next one.
local function term(field)
  field.world:signal(field.agent, "TERM")
  local status = field.world:ended(field.agent, 20)
  assert(status == 0, "the agent ended with status " .. status)
end

local function is_in(field, stage)
  field.eventually(function() return stage_of(field) == stage end, 15, "a pass is in " .. stage)
end

-- SIGTERM in a stage; `prepare` keeps a pass there, and `undo` ends that.
local function ended(name, injected, prepare, undo, more)
  more = more or {}
  more.explains, more.ends_agent, more.lines = ENDS, true, 6
  add("is ended " .. name, injected, "stopping", "TERM",
    function(field)
      local held = prepare(field)
      local gone, why = pcall(term, field)
      undo(field, held)
      if not gone then
        field.world:signal(field.agent, "KILL")
        field.world:ended(field.agent, 5)
      end
      field:start()
      assert(gone, why)
    end, nil, more)
end

local function nothing() end

ended("between two passes", "SIGTERM", function(field) field:end_of_pass() end, nothing)
ended("while it reads", "SIGTERM; HAProxy: `tarpit`",
  function(field)
    field.proxy:fault("tarpit")
    is_in(field, "discover")
  end,
  function(field) field.proxy:fault("none") end)

-- A policy that takes nearly all of the time that it may.
local BUSY = [[return { about = "takes its time", apply = function(mesh)
  for _ = 1, 40000000 do local _ = mesh end
  return mesh
end }
]]
ended("while a plan is made", "SIGTERM; a policy that takes a second",
  function(field)
    local init = field.policies .. "/init.lua"
    local text = assert(file.read(init))
    assert(file.write(field.policies .. "/busy.lua", BUSY))
    assert(file.write(init, (text:gsub('"shadow"', '"shadow", "busy"'))))
    is_in(field, "plan")
    return text
  end,
  function(field, text)
    assert(file.write(field.policies .. "/init.lua", text))
    os.remove(field.policies .. "/busy.lua")
  end)
for _, nth in ipairs { 1, 2, 4 } do
  ended(("at rename %d of a publication"):format(nth),
    ("strace: SIGTERM at `renameat` %d of a publication"):format(nth),
    function(field)
      local strace = field:inject("renameat", "signal=TERM:when=" .. nth)
      field:ends_while_it_publishes()
      return strace
    end,
    function(field, strace) field.world:ended(strace, 10) end, { turns = true })
end
ended("while Envoy does not confirm", "SIGTERM; SIGSTOP of Envoy and a change",
  function(field)
    assert(os.execute("kill -STOP " .. field:envoy()))
    field:turn()
    is_in(field, "publish")
  end, nothing, { turns = true })
ended("while Envoy starts", "SIGTERM; SIGKILL of Envoy",
  function(field)
    local envoy = field:envoy()
    assert(os.execute("kill -KILL " .. envoy))
    field.eventually(function() return field:envoy() and field:envoy() ~= envoy end, 10,
      "another Envoy starts")
  end, nothing)

-- ---- killed, and started without AWS ----

add("is killed", "SIGKILL; the next agent", "envoy_taken_over", nil,
  function(field)
    field.world:signal(field.agent, "KILL")
    field.world:ended(field.agent, 10)
    field:start()
  end, nil, { ends_agent = true, next = true })
add("is restarted in place", "SIGUSR2", "envoy_taken_over", nil,
  function(field) field.world:signal(field.agent, "USR2") end, nil, { restarts_in_place = true })
add("is killed and AWS is away", "SIGKILL, HAProxy's port is closed; the next agent", "stale",
  "ConnectionError",
  function(field)
    field.proxy:refuse()
    field.world:signal(field.agent, "KILL")
    field.world:ended(field.agent, 10)
    field:start()
  end,
  function(field) field.proxy:listen() end, { ends_agent = true, next = true })
add("is restarted and AWS is away", "SIGTERM, HAProxy's port is closed; the next agent", "stale",
  "ConnectionError",
  function(field)
    field.proxy:refuse()
    term(field)
    field:start()
  end,
  function(field) field.proxy:listen() end,
  { ends_agent = true, next = true, explains = ENDS,
    during = function(field)
      for _, path in ipairs { "/web", "/shop", "/odd" } do field:answers(path, 200, 10) end
    end })

-- ---- its clock ----

local AHEAD = 20 * 3600 + 1800 -- seconds: the ramp has begun, certificates are still good

add("has a clock that jumps, ahead and back", "the agent's clock: 20.5 h ahead", "published",
  "shop%-green[^ ]* 0→50.*canary_ramp",
  function(field) field:jump(AHEAD) end, function(field) field:jump(0) end,
  { moves = true,
    after = function(field)
      field.eventually(function() return field:weights("/shop")["shop-green"] == 0 end, 15,
        "the ramp goes back with the clock")
    end })

return list
