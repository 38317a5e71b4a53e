-- What becomes of a field (spec/support/field.lua) in a fault, and after it: requests, weights,
-- lines of the log, repair. A fault is a table:
--
--   row, name, injected   its place in docs/reliability.md, and how it is made, in words
--   begin(field)          makes it; may return what the others get as `held`
--   finish(field, held)   ends it, on whatever has become of the field
--   event, says           the line that tells its cause: its event and a pattern in it
--   lines                 most warnings and errors in all (2: a pass may see the fault half made)
--   twice                 the line may come twice
--   patience              seconds until the line is there (20)
--   during(field, from)   what holds beside all that while it lasts
--   after(field)          what holds beside all that at its end
--   slow                  passes do not end while it lasts
--   turns                 it needs a change that is under way: `begin` makes one
--   moves                 weights of /shop follow it, as they should
--   explains              why requests fail in it; without it none may
--   ends_agent            the agent is another process after it
--   alone                 it begins with an agent that knows of no deaths of Envoy: the wait
--                         until the next start grows with them
--   brief                 it is tried in `make test` too
--   next                  it is the next agent's log that tells
--   restarts_in_place     the agent is the same process, and begins anew

local clock = require("host.clock")
local share = require("spec.support.share")

local ordeal = {}

-- A client whose connection is refused tries again after a tenth of a second; one that waits for an
-- answer fails once.
local CLIENTS, TRIES_A_SECOND = 8, 10

local function same(one, other)
  for name, weight in pairs(one) do
    if other[name] ~= weight then return false end
  end
  for name in pairs(other) do
    if one[name] == nil then return false end
  end
  return true
end

local function text_of(weights)
  local words = {}
  for name, weight in pairs(weights) do words[#words + 1] = ("%s=%s"):format(name, weight) end
  table.sort(words)
  return table.concat(words, " ")
end

-- Weights of the routes that requests go to; that of web-green may be one of two while a turn is
-- under way.
local function weights_of(field, fault)
  local web = field:weights("/web")
  if fault.turns then web["web-green"] = web["web-green"] and 30 end
  return { web = web, shop = fault.moves and {} or field:weights("/shop") }
end

local function check_weights(field, fault, before, when)
  local now = weights_of(field, fault)
  for path, weights in pairs(before) do
    assert(same(weights, now[path]), ("/%s had %s, and has %s %s"):format(path, text_of(weights),
      text_of(now[path]), when))
  end
end

-- The line that tells the cause, alone of its kind.
local function check_lines(field, fault, agent, from)
  local matching, told = 0, {}
  for line in field.world:log(agent):sub(from):gmatch("time=%S+ (level=[^\n]*)") do
    local is_cause = line:find("event=" .. fault.event .. " ", 1, true)
      and line:find(fault.says or "")
    matching = matching + (is_cause and 1 or 0)
    if is_cause or line:find("^level=warn") or line:find("^level=error") then
      told[#told + 1] = line
    end
  end
  local all = table.concat(told, "\n")
  assert(matching >= 1, ("no line has event=%s and %s:\n%s"):format(fault.event, fault.says, all))
  assert(matching == 1 or fault.twice, "the cause is told more than once:\n" .. all)
  assert(#told <= (fault.lines or 2), "too many lines:\n" .. all)
  return #told
end

local function has_cause(field, fault, agent, from)
  for line in field.world:log(agent):sub(from):gmatch("[^\n]+") do
    if line:find(" event=" .. fault.event .. " ", 1, true) and line:find(fault.says or "") then
      return true
    end
  end
end

-- Waits for what must come while the fault lasts.
local function hold(field, fault, agent, from)
  local told = pcall(field.eventually, function() return has_cause(field, fault, agent, from) end,
    fault.patience or 20, "the cause is told")
  assert(told, ("the log does not tell event=%s with %s but:\n%s"):format(fault.event,
    fault.says or "", field.world:log(agent):sub(from):sub(-2000)))
  if not fault.slow then field:end_of_pass() end
  if fault.during then fault.during(field, from) end
end

-- A change of afterwards takes effect: a turn that is under way, then another one.
local function repair(field, fault)
  local lifted, agent = clock.monotonic(), field.agent
  local passes = field:passes()
  if fault.turns then
    field.eventually(function() return field:turned() end, 60, "the change takes effect")
  end
  field:turn()
  field.eventually(function() return field:turned() end, 60, "a change of afterwards takes effect")
  local seconds = clock.monotonic() - lifted
  return seconds, math.max(0, field:passes() - (agent == field.agent and passes or 0))
end

-- Shares of the requests that were answered, by what the weights are.
local function check_split(seen, moves)
  local web, shop = {}, {}
  for name, count in pairs(seen.backends) do
    if name:find("^web") then web[name] = count end
    if name:find("^shop") then shop[name] = count end
  end
  local function fault_of(wanted, answers)
    local count = 0
    for _, one in pairs(answers) do count = count + one end
    return count >= 50 and share.fault(wanted, answers, count) or nil
  end
  local problem = fault_of({ ["web-blue"] = 0.7, ["web-green"] = 0.3 }, web)
    or not moves and fault_of({ ["shop-blue"] = 1 }, shop)
  assert(not problem, problem)
end

local function check_failed(fault, seen, seconds)
  local most = fault.explains and math.ceil(CLIENTS * (TRIES_A_SECOND * seconds + 2)) or 0
  assert(seen.failed <= most, ("%d of %d requests failed, of which %d are explained: %s"):format(
    seen.failed, seen.requests, most, table.concat(seen.latest, "; ")))
end

---Has a field endure a fault; an error if anything is not as it should be.
---@param field table
---@param fault table see above
---@return { requests: integer, failed: integer, seconds: number, passes: integer, lines: integer,
---  outage: number } figures `seconds`, `passes`: from the fault's end until a change of afterwards
---  was in force; `outage`: seconds in which requests may have failed
function ordeal.endure(field, fault)
  field:end_of_pass()
  local before, from, agent = weights_of(field, fault), field:mark(), field.agent
  local tally, began = field:tally(), clock.monotonic()
  local begun, held = pcall(fault.begin, field)
  if not begun then
    pcall(fault.finish, field)
    error(held, 0)
  end
  if fault.next then
    agent, from = field.agent, 1
  end
  local holds, why = pcall(hold, field, fault, agent, from)
  local kept, moved = pcall(check_weights, field, fault, before, "while it lasts")
  fault.finish(field, held) -- whatever was seen: the next fault must find none
  assert(holds, why)
  assert(kept, moved)
  local lines = check_lines(field, fault, agent, from)
  -- The longest pause before a start is half a minute (agent/backoff.lua).
  field:answers("/web", 200, 60)
  local outage = fault.explains and clock.monotonic() - began or 0
  -- From here on no request fails, whatever the fault was.
  local served = field:tally()
  local seconds, passes = repair(field, fault)
  if fault.after then fault.after(field) end
  check_weights(field, { turns = true }, { web = { ["web-blue"] = 70, ["web-green"] = 30 },
    shop = { ["shop-blue"] = 100, ["shop-green"] = 0 } }, "afterwards")
  local seen, later = field:since(tally), field:since(served)
  check_failed({}, later)
  check_failed(fault, seen, outage)
  check_split(seen, fault.moves)
  return { requests = seen.requests, failed = seen.failed, seconds = seconds, passes = passes,
    lines = lines, outage = outage }
end

---What a fault came to, as the table of docs/reliability.md says it.
---@return { fault: string, injected: string, outcome: string, figures: string }
function ordeal.row(fault, figures)
  local outcome = { fault.explains and ("requests fail as %s"):format(fault.explains)
    or "no request fails", fault.moves and "the ramp follows the clock" or "no weight moves",
    ("`%s` tells"):format(fault.event) }
  return { fault = fault.row .. ": " .. fault.name, injected = fault.injected,
    outcome = table.concat(outcome, "; "),
    figures = ("%d requests, %d failed; %d line%s; a change in force after %.1f s, %d pass%s")
      :format(figures.requests, figures.failed, figures.lines, figures.lines == 1 and "" or "s",
        figures.seconds, figures.passes, figures.passes == 1 and "" or "es") }
end

return ordeal
