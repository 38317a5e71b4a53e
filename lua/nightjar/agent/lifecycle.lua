-- The life of Envoy as a table: state × event → the next state and what is to be done. It decides;
-- agent/supervise.lua tells it what happens and does what it says. docs/supervision.md shows it.

local lifecycle = {}

---A cell: the next state, then actions in their order. An event that changes nothing is `ignored`.
local function go(state, ...)
  return { next = state, actions = { ... } }
end

local ignored = "ignored"

---The states Envoy can be in.
lifecycle.states = {
  { "absent", "none is there, and none was wanted yet" },
  { "starting", "one runs that was not seen live yet" },
  { "live", "it answers, or did when it was last asked" },
  { "mute", "it lives, but has no admin interface that we find" },
  { "handing_over", "a hot restart: a new one starts beside it" },
  { "fallen_back", "the new one ended; the old one serves, without admin" },
  { "suspect", "its admin interface is silent; it is being looked at" },
  { "busy", "its admin interface is silent, its listeners answer" },
  { "waiting", "none runs; the pause before the next start" },
  { "replacing", "it drains, for a new one in its place" },
  { "restarting", "it is told to end, for a new one in its place" },
  { "draining", "the end is wanted; requests may finish" },
  { "ending", "it is told to end" },
  { "killing", "it is killed, and on its way" },
  { "ended", "none runs, and none will" },
}

---What can happen.
lifecycle.events = {
  { "start", "the files are there: Envoy is wanted" },
  { "taken", "an Envoy of an agent before this one was found and is watched" },
  { "not_spawned", "the program cannot be started, or must not yet" },
  { "live", "it answers on its admin interface; a new one: that it is live" },
  { "late", "it had its time to become live and has no admin interface" },
  { "silent", "its admin interface takes connections and lets them time out" },
  { "serves", "its admin interface stays silent, but its listeners answer" },
  { "hangs", "neither its admin interface nor any of its listeners answers" },
  { "changed", "it runs another bootstrap than the one on disk" },
  { "changed_cold", "the same, and a hot restart is not possible" },
  { "drained", "its requests have ended, or the time for that has" },
  { "due", "the pause is over and no process is left" },
  { "died", "the newest process ended" },
  { "old_ended", "an older process, of before a hot restart, ended" },
  { "gone", "no process is left" },
  { "stop", "the agent is to stop" },
  { "insist", "the end must come now: asked twice, or the time is over" },
}

---What can be done.
lifecycle.actions = {
  { "spawn", "start Envoy, alone" },
  { "spawn_beside", "start Envoy as the successor of the one that runs" },
  { "watch", "ask it until it is live" },
  { "settle", "it is live: earlier troubles are over" },
  { "back_off", "wait, longer after each death in a row, then `due`" },
  { "probe", "ask its admin interface for 10 s more, then its listeners" },
  { "drain", "fail health checks, ask clients to leave, wait for requests, then `drained`" },
  { "terminate", "SIGTERM to each process" },
  { "kill", "SIGKILL to each process" },
  { "kill_newest", "SIGKILL to the newest process" },
  { "fall_back", "the process before the newest is the one that serves" },
  { "leave", "remove what Envoys leave behind" },
  { "tell_death", "log the death with its cause and what to do" },
  { "tell_end", "log the end of a process that was to end" },
  { "tell_handover", "log that a hot restart failed" },
  { "tell_mute", "log that it cannot be asked" },
  { "tell_hang", "log that it hangs and is killed" },
  { "tell_busy", "log, once, that only its admin interface is silent" },
  { "tell_answers", "log that it answers again" },
  { "tell_cold", "log why it is drained and restarted instead of handed over" },
  { "tell_kill", "log why it is killed" },
}

---Each state with its cells.
lifecycle.cells = {
  absent = {
    start = go("starting", "spawn"),
    taken = go("starting", "watch"),
    not_spawned = go("waiting", "back_off"),
    live = ignored, late = ignored, silent = ignored, serves = ignored, hangs = ignored,
    changed = ignored, changed_cold = ignored, drained = ignored, due = ignored, died = ignored,
    old_ended = ignored, gone = ignored,
    stop = go("ended"),
    insist = ignored,
  },
  starting = {
    start = ignored, taken = ignored,
    not_spawned = go("waiting", "back_off"),
    live = go("live", "settle"),
    late = go("mute", "tell_mute"),
    silent = go("suspect", "probe"),
    serves = ignored, hangs = ignored,
    changed = go("replacing", "tell_cold", "drain"),
    changed_cold = go("replacing", "tell_cold", "drain"),
    drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("starting", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  live = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = go("suspect", "probe"),
    serves = ignored, hangs = ignored,
    changed = go("handing_over", "spawn_beside"),
    changed_cold = go("replacing", "tell_cold", "drain"),
    drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("live", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  mute = {
    start = ignored, taken = ignored, not_spawned = ignored,
    live = go("live", "settle"),
    late = ignored,
    silent = go("suspect", "probe"),
    serves = ignored, hangs = ignored,
    changed = go("handing_over", "spawn_beside"),
    changed_cold = go("replacing", "tell_cold", "drain"),
    drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("mute", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  handing_over = {
    start = ignored, taken = ignored,
    not_spawned = go("starting", "watch"),
    live = go("live", "settle"),
    late = go("mute", "tell_mute"),
    silent = go("handing_over", "kill_newest"),
    serves = ignored, hangs = ignored,
    changed = go("handing_over", "kill_newest"),
    changed_cold = go("handing_over", "kill_newest"),
    drained = ignored, due = ignored,
    died = go("fallen_back", "tell_handover", "fall_back"),
    old_ended = go("starting", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  fallen_back = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored,
    changed = go("replacing", "tell_cold", "drain"),
    changed_cold = go("replacing", "tell_cold", "drain"),
    drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("fallen_back", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  suspect = {
    start = ignored, taken = ignored, not_spawned = ignored,
    live = go("live", "tell_answers"),
    late = ignored, silent = ignored,
    serves = go("busy", "tell_busy"),
    hangs = go("waiting", "tell_hang", "kill", "back_off"),
    changed = ignored, changed_cold = ignored, drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("suspect", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  busy = {
    start = ignored, taken = ignored, not_spawned = ignored,
    live = go("live", "tell_answers"),
    late = ignored,
    silent = go("suspect", "probe"),
    serves = ignored, hangs = ignored, changed = ignored, changed_cold = ignored,
    drained = ignored, due = ignored,
    died = go("waiting", "tell_death", "kill", "back_off"),
    old_ended = go("busy", "tell_end"),
    gone = ignored,
    stop = go("draining", "drain"),
    insist = ignored,
  },
  waiting = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored, drained = ignored,
    due = go("starting", "spawn"),
    died = go("waiting", "tell_end"),
    old_ended = go("waiting", "tell_end"),
    gone = ignored,
    stop = go("killing", "kill"),
    insist = ignored,
  },
  replacing = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored,
    drained = go("restarting", "terminate"),
    due = ignored,
    died = go("replacing", "tell_end"),
    old_ended = go("replacing", "tell_end"),
    gone = go("starting", "spawn"),
    stop = go("draining", "drain"),
    insist = ignored,
  },
  restarting = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored, drained = ignored, due = ignored,
    died = go("restarting", "tell_end"),
    old_ended = go("restarting", "tell_end"),
    gone = go("starting", "spawn"),
    stop = go("ending", "terminate"),
    insist = ignored,
  },
  draining = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored,
    drained = go("ending", "terminate"),
    due = ignored,
    died = go("draining", "tell_end"),
    old_ended = go("draining", "tell_end"),
    gone = go("ended", "leave"),
    stop = ignored,
    insist = go("killing", "tell_kill", "kill"),
  },
  ending = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored, drained = ignored, due = ignored,
    died = go("ending", "tell_end"),
    old_ended = go("ending", "tell_end"),
    gone = go("ended", "leave"),
    stop = ignored,
    insist = go("killing", "tell_kill", "kill"),
  },
  killing = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored, drained = ignored, due = ignored,
    died = go("killing", "tell_end"),
    old_ended = go("killing", "tell_end"),
    gone = go("ended", "leave"),
    stop = ignored, insist = ignored,
  },
  ended = {
    start = ignored, taken = ignored, not_spawned = ignored, live = ignored, late = ignored,
    silent = ignored, serves = ignored, hangs = ignored, changed = ignored,
    changed_cold = ignored, drained = ignored, due = ignored, died = ignored, old_ended = ignored,
    gone = ignored, stop = ignored, insist = ignored,
  },
}

---The state in which an agent begins, and the one in which Envoy's story ends.
lifecycle.first, lifecycle.last = "absent", "ended"

---What an event means in a state.
---@param state string
---@param event string
---@return string state the next one
---@return string[] actions in their order; none where the event is ignored
function lifecycle.step(state, event)
  local cells = lifecycle.cells[state] or error("lifecycle: no state " .. tostring(state))
  local cell = cells[event] or error("lifecycle: no event " .. tostring(event))
  if cell == ignored then
    return state, {}
  end
  return cell.next, cell.actions
end

return lifecycle
