-- Requests that differ in their bodies alone, most of whose answers are known: one wait for all.

local core = require("nightjar.agent.sched.core")
local http = require("host.http")

---@class BatchHolder who is told of a batch
---@field begun fun(self: BatchHolder, widen: fun()) called at once; `widen` lets it make one
--- request more at a time
---@field narrow fun(self: BatchHolder, count: integer) nothing more begins, and no more than so
--- many requests are under way
---@field over fun(self: BatchHolder, started: integer) it is over, or was given up: of the first
--- so many items requests were made

---@class BatchPlace a batch under way; its own `<close>` value
---@field task Task who waits for its end
---@field holder BatchHolder
---@field answers table<integer, table> by item: responses that say something new
---@field started integer? set when it is over
local place = {}
place.__index = place

---One of its events.
---@param event table see lua/meta/host/loop.lua
function place:take(event)
  if event.item then
    self.answers[event.item] = event
  elseif event.active then
    self.holder:narrow(event.active)
  else
    self.started = event.started
    core.wake(self.task)
  end
end

function place:__close()
  self.batches[self.id] = nil
  self.holder:over(self.started or http.cancel_batch(self.id) or 0)
end

---Makes the requests of a batch and waits for all responses.
---@param request HttpBatch see lua/meta/host/http.lua
---@param holder BatchHolder
---@return integer? started of the first so many items requests were made
---@return table<integer, {error: HttpFailure?, status: integer?}>|{kind: string, message: string}
---  answers by item: what came to those whose answers say something new; or the error
local function batch(request, holder)
  local waiting, scheduler = core.here()
  local id, message, code = http.batch(request)
  if not id then return nil, { kind = code or "request", message = message } end
  local batches = scheduler.batches
  local one <close> = setmetatable({ task = waiting, id = id, holder = holder, batches = batches,
    answers = {}, started = nil }, place)
  batches[id] = one
  holder:begun(function() http.widen_batch(id) end)
  core.pause(waiting)
  return one.started, one.answers
end

return batch
