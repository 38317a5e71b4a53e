-- What an agent remembers of its passes: when the last one was, how each ended, and the last
-- failure of each stage. A few numbers, and one text a stage, however long the agent runs.

local clock = require("host.clock")
local cycle = require("nightjar.cycle")
local messages = require("nightjar.text")

local tally = {}
tally.__index = tally

local MOST = 1000 -- of a reason

---@class TallyFailure the trouble of one stage
---@field reason string of the last failure
---@field since number unix seconds of the first of those in a row
---@field at number unix seconds of the last
---@field count integer in a row
---@field over number? unix seconds; nil: it goes on

---@class Tally
---@field started number unix seconds at which the agent began
---@field outcomes table<string, integer> passes by how they ended: "published", "unchanged",
---  "failed", "given_up"
---@field seconds number that all passes took together
---@field began { at: number, clock: number }? of the pass that is under way: unix and monotonic
---@field last { at: number, ended: number, seconds: number, outcome: string }? the last pass
---@field good number? unix seconds at which a pass last ended well
---@field failures table<string, TallyFailure> by stage; "internal" for an error of our own
---@field failed table<string, integer> failures so far, by stage

---@return Tally
function tally.new()
  return setmetatable({ started = clock.now(), seconds = 0, failures = {}, failed = {},
    outcomes = { published = 0, unchanged = 0, failed = 0, given_up = 0 } }, tally)
end

-- The first line: what follows it is a traceback.
local function short(reason)
  return messages.clean(tostring(reason):match("^[^\n]*"), MOST)
end

---A stage has failed.
---@param stage string
---@param reason any
function tally:fail(stage, reason)
  local now, last = clock.now(), self.failures[stage]
  local goes_on = last and not last.over
  self.failed[stage] = (self.failed[stage] or 0) + 1
  self.failures[stage] = { reason = short(reason), at = now, since = goes_on and last.since or now,
    count = goes_on and last.count + 1 or 1 }
end

-- A stage has done its work.
local function succeed(self, stage)
  local last = self.failures[stage]
  if last and not last.over then
    last.over = clock.now()
  end
end

---A pass begins.
function tally:begin()
  self.began = { at = clock.now(), clock = clock.monotonic() }
end

local function close(self, outcome)
  local began = self.began or { at = clock.now(), clock = clock.monotonic() }
  local last = { at = began.at, ended = clock.now(), outcome = outcome,
    seconds = clock.monotonic() - began.clock }
  self.outcomes[outcome] = (self.outcomes[outcome] or 0) + 1
  self.began, self.last, self.seconds = nil, last, self.seconds + last.seconds
  return last
end

-- The stages before the one that failed have done their work; of those behind it nothing is known.
local function judge(self, failed, reason)
  for _, stage in ipairs(cycle.world) do
    if stage == failed then
      break
    end
    succeed(self, stage)
  end
  if failed then
    self:fail(failed, reason)
  end
end

---A pass has ended: what xpcall says of pass.run.
---@param ran boolean false: it raised an error of our own
---@param ok any whether it ended well; or that error
---@param outcome string? "published" or "unchanged"; or why it failed
---@param stage string? that failed
function tally:finish(ran, ok, outcome, stage)
  if not ran then
    close(self, "failed")
    return self:fail("internal", ok)
  end
  local last = close(self, ok and (outcome or "unchanged") or "failed")
  succeed(self, "internal")
  if ok then
    self.good = last.ended
    judge(self)
  else
    judge(self, stage or "internal", outcome)
  end
end

---The pass under way was given up, for something more urgent.
function tally:give_up()
  close(self, "given_up")
end

return tally
