--- Reading for a fleet: one agent reads a mesh from Cloud Map, the others take its reading from S3.
---
--- For each namespace there is one object, the last reading and the lease in one. Whoever leads
--- writes it each pass, on the condition that nobody else did meanwhile. The others look at it,
--- just after that (fleet_pace.lua). One that has not been written for a while is claimed, by the
--- first that does. Whatever goes wrong with the store, an agent reads for itself in the same pass.
local claim = require "nightjar.agent.discover.fleet_claim"
local clean = require("nightjar.text").clean
local known = require "nightjar.agent.discover.fleet_known"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local pace = require "nightjar.agent.discover.fleet_pace"
local place_of = require "nightjar.agent.discover.fleet_place"
local relief = require "nightjar.agent.discover.fleet_relief"
local s3 = require "nightjar.agent.aws.s3"
local sights = require "nightjar.agent.discover.fleet_sight"
local sigv4 = require "host.sigv4"
local times = require "nightjar.agent.discover.times"

-- One that is older than a pass is waited for, if it takes no longer than that to see whether its
-- leader is gone: a change must not wait for the pass after. Seconds.
local LATE = 5
-- How long to wait for the reading of another one, jittered: some five seconds together.
local WAITS = { 0.3, 0.6, 1.2, 2.4 }
-- And from look to look of an agent that knows nothing, as long as another one reads.
local PATIENT_WAIT = 3
-- After a failure the store is left alone for so many passes, twice as many after each, jittered.
local REST_PASSES, MOST_PASSES = 2, 8
-- Claims of an object that is missing, and yet is taken each time.
local MOST_CLAIMS = 3
-- All waiting together takes no more than this part of a pass, so that a reading of one's own has
-- time; a pass has ten seconds in any case.
local WAITING_PART, LEAST_PASS = 1 / 2, 10
-- Of another agent's messages, in bytes.
local LONGEST_MESSAGE = 400
-- What a reader found that holds for all of its fleet.
local COMMON = { service_attributes_unsupported = true, service_attributes_denied = true }

---@class Fleet
---@field client AwsClient  of S3; `counts()` are its requests by operation
---@field id string  this agent, to its fleet
---@field every number  seconds between two of its passes
local fleet = {}
fleet.__index = fleet

---@class FleetCall  what one pass wants of one namespace
---@field namespace {id: string, name: string, arn: string?}
---@field last table?  the mesh in the last snapshot
---@field now integer
---@field warnings table[]  of the pass; more are added
---@field complete boolean?  an operator asks for a pass: this agent reads, for all
---@field read fun(known: table[], leads: boolean?): table  reads: {services} or {error, gone};
---  `known` are those that are known to be there, most of them with good data; `leads`: all of
---  them, also those that no listener of this agent shows; {warnings}: what it found that holds for
---  all of the fleet

-- Random enough for all agents of an account: the host's name and clock take part.
local function random_id(context)
  local seed = { ("%.9f"):format(context.now()), ("%.9f"):format(context.monotonic()),
    tostring(context), (context.settings.environment or {}).HOSTNAME or "" }
  for _ = 1, 4 do seed[#seed + 1] = ("%.17g"):format(context.random()) end
  return assert(sigv4.sha256(table.concat(seed, " "))):sub(1, 16)
end

--- A fleet as SNAPSHOT_STORE names it; nil without an error where it names none.
---@param settings table  uses snapshot_store, refresh_time
---@param cloudmap AwsClient  whose region, credentials and clock it shares
---@return Fleet?
---@return string? err
function fleet.new(settings, cloudmap)
  if not settings.snapshot_store then return nil end
  local bucket, prefix = settings.snapshot_store:match("^s3://([^/]+)/*(.-)/*$")
  local client, err = s3.connect(cloudmap.context, cloudmap.region, cloudmap.credentials, bucket)
  if not client then return nil, "SNAPSHOT_STORE: " .. err end
  local refresh_time = settings.refresh_time or 30
  return setmetatable({ client = client, context = cloudmap.context,
    prefix = prefix == "" and "" or prefix .. "/", refresh_time = refresh_time,
    every = pace.between(refresh_time), id = random_id(cloudmap.context), members = {},
    passing = {} }, fleet)
end

--- Looks that brought nothing new, so far.
---@return integer
function fleet:not_modified()
  local sum = 0
  for _, member in pairs(self.members) do sum = sum + member.place.not_modified end
  return sum
end

--- When the next pass should begin, to come just after the leader's next write; said once after
--- each pass. Of several namespaces the first counts; an agent that leads is waited for by others,
--- and waits for nobody.
---@return number? time  by the monotonic clock; nil: whenever it would
function fleet:take_due()
  local first, leads
  for member in pairs(self.passing) do
    if not first or member.number < first.number then first = member end
    leads = leads or member.leads
  end
  self.passing = {} -- a namespace that is gone says nothing of the next pass
  local due = first and first.pace:take_due()
  return not leads and due or nil
end

-- What is kept of a namespace: its place, whether this agent leads, and what went wrong.
function fleet:member(namespace)
  local member = self.members[namespace.id]
  if not member then
    self.number = (self.number or 0) + 1
    member = { failures = 0, rest_until = -math.huge, number = self.number,
      relief = relief.new(self.context, self.every),
      place = place_of.new(self.client, self.prefix .. namespace.id .. ".json", namespace),
      pace = pace.new(self.context, self.refresh_time) }
    self.members[namespace.id] = member
  end
  self.passing[member] = true
  return member
end

local function warn(call, code, message, mesh)
  for _, one in ipairs(call.warnings) do
    if one.code == code and one.message == message and one.mesh == mesh then return end
  end
  call.warnings[#call.warnings + 1] = { code = code, message = message, mesh = mesh }
end

local function tell(member, call, role)
  if member.role ~= role then log.info(role, { mesh = call.namespace.name }) end
  member.role = role
end

-- When the data of a record were read, by this machine's clock.
function fleet:time_of(call, sight)
  return math.max(0, math.min(call.now, math.floor(self.context.now()) - sights.age_of(sight)))
end

-- What is known when this agent begins to lead.
function fleet:known_of(call, sight)
  local shared = sight and sight.record and sight.record.services
  return known.of(call.last, shared, shared and self:time_of(call, sight) or 0)
end

-- Whether a reading brought anything that others can use: a reader that is refused everything must
-- not keep the lead.
local function is_useful(services)
  for _, service in ipairs(services) do
    if not service.error then return true end
  end
  return #services == 0
end

function fleet:record(call, fields)
  fields.mesh, fields.leader, fields.every = call.namespace, self.id, self.every
  return fields
end

-- Writes a reading; a mere claim, which another agent made while this one read, or whose answer was
-- lost, gives way to it, and so does what this one wrote before a race that nobody has won. Returns
-- as a place's `write` does, and with false what is there instead.
function fleet:write(member, call, services, warnings)
  local fields = self:record(call, { services = services, warnings = warnings or {} })
  local written, problem, code = member.place:write(fields)
  if written ~= false then return written, problem, code end
  local sight = member.place:look()
  local is_free = sight and problem.status == 409 and self:is_own(sight)
  if is_free or sight and sight.record and sight.record.reading then
    written, problem, code = member.place:write(fields)
    if written ~= false then return written, problem, code end
  end
  return false, sight
end

-- Another agent leads by now: its times count, not those of one who was away. Or what is there was
-- this agent's own first try, whose answer was lost.
function fleet:lost(member, call, sight)
  member.leads = sight ~= nil and self:is_own(sight)
  if sight and not member.leads and sights.is_fresh(sight, self.every) then
    return self:follow(member, call, sight)
  end
end

-- Reads and writes. A reading that cannot be written is used all the same. `claimed`: the sight
-- that this agent's claim follows. That another one took it shows when the reading is written.
function fleet:lead(member, call, claimed)
  tell(member, call, "fleet_leads")
  local function read() return call.read(member.known, true) end
  local result = claimed and claim.hold(self.context, function(seconds)
    return (self:claim(member, call, claimed, seconds))
  end, read) or read()
  if not result.services or not is_useful(result.services) then
    member.leads = false
    return result
  end
  local services = merge.share(known.with_data(member.known), result.services, call.now)
  local written, detail, code = self:write(member, call, services, result.warnings)
  if written == false and call.complete and detail and detail.record then
    -- Whoever wrote meanwhile may have begun before the operator asked; its times count.
    services = merge.combine(detail.record.services, services)
    written, detail, code = self:write(member, call, services, result.warnings)
  end
  member.leads, member.known = written or false, services
  member.wrote_at = self.context.monotonic()
  if written == nil then self:failed(member, call, detail, code) end
  local followed = written == false and self:lost(member, call, detail)
  return followed or { services = services }
end

function fleet:begin(member, call, sight)
  member.relief:leads()
  member.leads, member.known, member.has_waited = true, self:known_of(call, sight), false
  return self:lead(member, call, sight)
end

-- The fleet's data, as old as they are.
function fleet:follow(member, call, sight, has_waited)
  tell(member, call, "fleet_follows")
  member.has_waited, member.leads = has_waited or false, false
  local services = {}
  for position, service in ipairs(sight.record.services) do
    local one = {}
    for name, value in pairs(service) do one[name] = value end
    one.shared = one.attributes and true or nil
    one.error = one.error and clean(one.error, LONGEST_MESSAGE)
    services[position] = one
  end
  for _, one in ipairs(sight.record.warnings) do
    if COMMON[one.code] then warn(call, one.code, clean(one.message, LONGEST_MESSAGE)) end
  end
  return { services = services, read_at = self:time_of(call, sight) }
end

-- Whether this agent wrote it: a write whose answer was lost.
function fleet:is_own(sight)
  return sight.record ~= nil and sight.record.leader == self.id
end

-- Says to the others that this agent reads now, or still does so many seconds after that sight;
-- what is known so far goes with it.
function fleet:claim(member, call, sight, seconds)
  local last = sight.record
  return member.place:write(self:record(call, { reading = true,
    age = last and last.services and sights.age_of(sight) + math.floor(seconds or 0) or nil,
    services = last and last.services, warnings = last and last.warnings or {} }))
end

-- One more look, after a while: the reading if it has come; else false and what is there, or why
-- that is not known.
function fleet:look_again(member, call, seconds)
  self.context.sleep(seconds * (0.5 + self.context.random()))
  local sight, problem, code = member.place:look()
  if not sight then return false, nil, problem, code end
  if self:is_own(sight) then return self:begin(member, call, sight) end
  if sights.is_fresh(sight, self.every) then return self:follow(member, call, sight) end
  return false, sight
end

-- How long to wait until the next look for what another agent reads, after so many of them; nil:
-- no longer. It is waited for once, but by an agent that knows nothing as long as it goes on: a
-- hundred that start at once would all read a large mesh.
function fleet:next_wait(member, call, last, looks)
  local now, seconds = self.context.monotonic(), not member.has_waited and WAITS[looks + 1]
  if seconds and now < member.wait_until then return seconds end
  local is_over = sights.is_usable(last, self.every) or sights.is_free(last, self.every)
  if not call.last and not is_over and now < member.first_until then
    return PATIENT_WAIT
  end
end

-- Another agent reads and its result is still to come. Where it does not come the last data are
-- used as long as they may. `claims`: how many this agent has made so far.
function fleet:wait(member, call, last, claims)
  local looks, seconds = 0, self:next_wait(member, call, last, 0)
  while seconds do
    local result, sight, problem, code = self:look_again(member, call, seconds)
    if result then return result end
    if not sight then return nil, problem, code end
    -- Somebody has made it, so it is not missing.
    if sight.denied and last.taken then return nil, sight.denied end
    last, looks = sight, looks + 1
    seconds = self:next_wait(member, call, last, looks)
  end
  member.has_waited = true
  if sights.is_usable(last, self.every) then return self:follow(member, call, last, true) end
  local has_time = self.context.monotonic() < member.first_until
  if not call.last and has_time and sights.is_free(last, self.every) then
    return self:try(member, call, last, claims)
  end
  return nil, "another agent reads, and has written nothing yet", "soon"
end

-- The lead is free: takes it, or sees that somebody else does.
function fleet:try(member, call, sight, claims)
  local won, problem, code = self:claim(member, call, sight)
  if won then return self:begin(member, call, sight) end
  if won == nil or sight.missing and claims == MOST_CLAIMS then return nil, problem, code end
  sight.taken = true -- by another one since, whom the next look shows
  return self:wait(member, call, sight, (claims or 1) + 1)
end

-- Whether this agent has found, while it read for itself, what the leader has not yet.
local function has_more(member, call, sight)
  local was_alone = member.reason and not member.role
  return was_alone and call.last ~= nil and known.exceeds(call.last, sight.record.services)
end

-- Somebody leads. This agent takes the lead: it may be able to read more, or has (`insists`), or an
-- operator wants it to read. Nil where it cannot, or can read nothing, so that it follows.
function fleet:relieve(member, call, sight, insists)
  local won = self:claim(member, call, sight)
  if won then
    local result = self:begin(member, call, sight)
    return result.services and is_useful(result.services) and result or nil
  end
  if won == nil or not insists then return nil end
  sight.taken = true -- by one that insists as well
  return (self:wait(member, call, sight))
end

-- Whether nobody can have claimed the lead yet: a container may have stood still for long. A first
-- reading may have been given up before it was written.
function fleet:still_leads(member)
  return member.leads and member.wrote_at
    and self.context.monotonic() - member.wrote_at <= sights.freshness(self.every)
end

-- What is in the store. A leader that is late is given the time until it is not one any more.
function fleet:look(member)
  local waits = sights.freshness(self.every) - self.every <= LATE
  while true do
    local sight, problem, code = member.place:look()
    local is_late = sight and sights.is_late(sight, self.every)
    if not is_late or not waits or self.context.monotonic() >= member.wait_until then
      return sight, problem, code
    end
    self.context.sleep(1 + self.context.random())
  end
end

-- The fleet's way: a reading, or nil and why there is none.
function fleet:together(member, call)
  local seen = member.pace:skips(call.complete)
  if self:still_leads(member) then return self:lead(member, call) end
  if seen then return self:follow(member, call, seen) end
  local sight, problem, code = self:look(member)
  if not sight then return nil, problem, code end
  if self:is_own(sight) then return self:begin(member, call, sight) end
  if sights.is_fresh(sight, self.every) then
    local insists = call.complete or has_more(member, call, sight)
    local is_due = member.relief:is_due(sight) or insists
    local result = is_due and self:relieve(member, call, sight, insists)
    if result then return result end
    member.pace:saw(sight, member.relief.is_open)
    return self:follow(member, call, sight)
  end
  if sights.is_free(sight, self.every) then return self:try(member, call, sight) end
  if sight.bad then return nil, sight.bad, "soon" end
  return self:wait(member, call, sight)
end

-- Leaves the store alone for a while, longer each time, unless the trouble ends by itself soon.
function fleet:failed(member, call, problem, code)
  local reason = type(problem) == "table" and problem:brief() or problem
  member.role, member.leads = nil, false
  member.code = code == "clock" and "fleet_clock" or "fleet_unread"
  member.reason = ("%s: this agent reads for itself"):format(reason)
  if code ~= "soon" then
    member.failures = member.failures + 1
    local passes = math.min(REST_PASSES ^ member.failures, MOST_PASSES)
    member.rest_until = self.context.monotonic()
      + passes * self.every * (0.5 + self.context.random())
  end
  warn(call, member.code, member.reason, call.namespace.name)
end

--- The services of a namespace, from the fleet or read by this agent. Must run in a coroutine of
--- the scheduler.
---@param call FleetCall
---@return {services: ServiceReading[]?, read_at: integer?, error: string?, gone: boolean?}
function fleet:services(call)
  local member = self:member(call.namespace)
  local own = call.last and call.last.read_at > 0 and call.last.services or {}
  if self.context.monotonic() < member.rest_until then
    warn(call, member.code, member.reason, call.namespace.name)
    return call.read(own)
  end
  local now = self.context.monotonic()
  member.wait_until = now + WAITING_PART * math.max(self.every, LEAST_PASS)
  member.first_until = now + times.FIRST_READING
  local result, problem, code = self:together(member, call)
  if result then
    if member.role then member.failures = 0 end
    return result
  end
  self:failed(member, call, problem, code)
  return call.read(own)
end

return fleet
