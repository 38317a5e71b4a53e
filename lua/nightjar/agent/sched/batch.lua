-- Requests that differ in their bodies alone, most of whose answers are known: one wait for all.

local core = require("nightjar.agent.sched.core")
local http = require("host.http")

---@class BatchPlace a batch under way; its own `<close>` value
---@field task Task who waits for its end
---@field answers table<integer, table> by item: responses that say something new
---@field started integer? set when it is over
local place = {}
place.__index = place

---One of its events.
---@param event table see lua/meta/host/loop.lua
function place:take(event)
  if event.item then
    self.answers[event.item] = event
  else
    self.started = event.started
    core.wake(self.task)
  end
end

function place:__close()
  self.batches[self.id] = nil
  if not self.started then http.cancel_batch(self.id) end
end

---Makes the requests of a batch and waits for all responses.
---@param request HttpBatch see lua/meta/host/http.lua
---@param begun? fun(widen: fun()) called at once; `widen` lets it make one request more at a time
---@return integer? started of the first so many items requests were made
---@return table<integer, {error: HttpFailure?, status: integer?}>|{kind: string, message: string}
---  answers by item: what came to those whose answers say something new; or the error
local function batch(request, begun)
  local waiting, scheduler = core.here()
  local id, message, code = http.batch(request)
  if not id then return nil, { kind = code or "request", message = message } end
  local batches = scheduler.batches
  local one <close> = setmetatable({ task = waiting, id = id, batches = batches, answers = {},
    started = nil }, place)
  batches[id] = one
  if begun then begun(function() http.widen_batch(id) end) end
  core.pause(waiting)
  return one.started, one.answers
end

return batch
