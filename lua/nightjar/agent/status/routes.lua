-- What the status server is asked for: each path and what answers it.

local clock = require("host.clock")
local document = require("nightjar.agent.status.document")
local facts = require("nightjar.agent.status.facts")
local gate = require("nightjar.agent.gate")
local health = require("nightjar.agent.status.health")
local json = require("host.json")
local metrics = require("nightjar.agent.status.metrics")
local page = require("nightjar.agent.status.page")
local renewal = require("nightjar.agent.renewal")
local sched = require("nightjar.agent.sched")

local routes = {}
routes.__index = routes

local JSON = "application/json"
-- What `explain` takes is a process; and who looks at it looks for a while.
local EXPLAIN_SECONDS, FRESH = 20, 1

---@param agent table (agent/agent.lua)
---@return table routes
function routes.new(agent)
  return setmetatable({ agent = agent, gate = gate.new(1), made = {} }, routes)
end

local function as_json(value, status)
  return { status = status, headers = { ["Content-Type"] = JSON },
    body = assert(json.encode(value)) .. "\n" }
end

local function failed(status, reason)
  return as_json({ error = reason }, status)
end

local function healthy(is_so, text)
  return { status = is_so and 200 or 503, body = text .. "\n" }
end

-- ---- what each path answers ----

local answers = {}

-- The facts, and what an Envoy says that is not the agent's own.
local function look(self)
  local known = facts.gather(self.agent)
  known.missing = facts.missing(self.agent)
  return known, health.ask(self.agent)
end

answers["/live"] = function(self) return healthy(health.live(facts.gather(self.agent))) end

answers["/ready"] = function(self) return healthy(health.ready(look(self))) end

answers["/status"] = function(self) return as_json(document.of(look(self))) end

answers["/metrics"] = function(self)
  return { headers = { ["Content-Type"] = metrics.CONTENT_TYPE }, body = metrics.text(look(self)) }
end

answers["/snapshot"] = function(self)
  local snapshot = self.agent.state.snapshot
  return snapshot and as_json(snapshot) or failed(503, "no mesh was read yet")
end

answers["/plan"] = function(self)
  local accepted = self.agent.state.accepted
  if not accepted then
    return failed(503, "no generation is in force yet")
  end
  return as_json { generation = accepted.generation, pinned = accepted.pinned,
    listeners = accepted.plan_listeners, clusters = accepted.clusters }
end

answers["/history"] = function(self) return self:command({ "history", "--json" }) end

-- The words of a command for the route and the listener that are asked for.
local function chosen(words, request)
  local path, listener = request.query.path, request.query.listener
  if path and path:sub(1, 1) ~= "/" then
    return nil, "path: expected it to begin with a slash"
  end
  words[#words + 1] = path
  words[#words + 1] = listener and "--listener=" .. listener
  return words
end

answers["/explain"] = function(self, request)
  local words, wrong = chosen({ "explain", "--json" }, request)
  return words and self:command(words) or failed(400, wrong)
end

-- The shares of a route from now on: what `simulate` makes of the agent's snapshot.
answers["/curve"] = function(self, request)
  local words, wrong = chosen({ "simulate", "--json", "--to=+2h", "--step=5m" },
    request)
  return words and self:command(words) or failed(400, wrong)
end

answers["/"] = function()
  local text, policy = page.make()
  return { headers = { ["Content-Type"] = "text/html; charset=utf-8",
    ["Content-Security-Policy"] = policy }, body = text }
end

-- ---- commands ----

-- The agent's own arguments but for its command: flags are settings, and hold for others too.
local function settings_flags()
  local argv, err = renewal.arguments()
  if not argv then
    return nil, err
  end
  local flags, program = {}, argv[1]
  for position = argv[2] == "run" and 3 or 2, #argv do
    flags[#flags + 1] = argv[position]
  end
  return flags, program
end

local function run(words)
  local flags, program = settings_flags()
  if not flags then
    return failed(500, program)
  end
  local argv = { program }
  table.move(words, 1, #words, 2, argv)
  table.move(flags, 1, #flags, #argv + 1, argv)
  local result, err = sched.exec { argv = argv, deadline = EXPLAIN_SECONDS, stderr = true }
  if not result then
    return failed(503, err)
  elseif result.timed_out then
    return failed(503, ("%s took more than %d s"):format(words[1], EXPLAIN_SECONDS))
  elseif result.status == 2 then
    return failed(400, result.stderr:match("^[^\n]*") or "")
  elseif result.status ~= 0 then
    return failed(503, result.stderr:match("^[^\n]*") or "")
  end
  return { headers = { ["Content-Type"] = JSON }, body = result.stdout }
end

-- What a command of nightjar's prints: made once for all who ask at the same time, one at a time.
function routes:command(words)
  local name = table.concat(words, "\0")
  local place <close> = self.gate:enter() -- luacheck: ignore place
  local made = self.made[name]
  if made and clock.monotonic() - made.at < FRESH then
    return made.answer
  end
  local answer = run(words)
  self.made = { [name] = { answer = answer, at = clock.monotonic() } }
  return answer
end

---@param request ServerRequest
---@return ServerAnswer
function routes:respond(request)
  local answer = answers[request.path]
  if answer then
    return answer(self, request)
  end
  local paths = {}
  for path in pairs(answers) do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  return failed(404, "there are " .. table.concat(paths, " "))
end

return routes
