--- Holds credentials and renews them: ahead of their end, one renewal at a time, with the old ones
--- in use for as long as they are good.
local gate = require "nightjar.agent.gate"
local log = require "nightjar.log"
local timestamp = require "nightjar.agent.aws.timestamp"

---@class Credentials
---@field access_key_id string
---@field secret_access_key string
---@field session_token string?
---@field expires integer?  unix seconds
---@field source string  what a person reads: "environment", "profile web", "container"
---@field method string  which provider: "environment", "web_identity", "assume_role",
---  "credential_process", "credentials_file", "config_file", "container", "instance"
---@field is_static boolean?  stay in use beyond their end while there are no newer ones

---@class CredentialsProvider
---@field find fun(context: AwsWorld): Credentials?, string?, string?  nil without a message: not
---  configured here, and perhaps a note why; with one: configured, and failed

---@class CredentialsStore
---@field held Credentials?
local store = {}
store.__index = store

-- Seconds before expiry: from the first on renewal is tried now and then, from the second on
-- before every call.
local TRY_BEFORE = 15 * 60
local INSIST_BEFORE = 10 * 60
-- Containers that were started together need not ask together.
local JITTER = 60
-- Keys that live shorter than that are not asked for all the time: these parts of their life count.
local TRY_PART, INSIST_PART = 1 / 3, 2 / 9
-- Between two tries while the old credentials are still good for long.
local TRY_AGAIN = 60
-- Between two tries for keys that are used beyond their end, 5 to 10 minutes: whoever gives them
-- is in trouble already.
local STATIC_AGAIN = 300

-- When AWS refuses the new keys as well, the source is not asked again for each call of a pass.
local REFUSED_AGAIN = 30

local NOTHING = "no AWS credentials: not in the environment, a web identity, a profile, the "
  .. "container's endpoint or the instance's metadata"

--- A store that asks providers in their order. One that is not configured says nothing and the
--- next is asked; one that is configured and fails ends the search with its message.
---@param context AwsWorld
---@param providers CredentialsProvider[]
---@return CredentialsStore
function store.new(context, providers)
  return setmetatable({ context = context, providers = providers, gate = gate.new(1),
    asking = false, next_try = 0, refused_at = -math.huge, rounds = 0 }, store)
end

function store:ask()
  local notes = { NOTHING }
  for _, provider in ipairs(self.providers) do
    local found, err, note = provider.find(self.context)
    if found or err then return found, err end
    notes[#notes + 1] = note
  end
  return nil, table.concat(notes, "; ")
end

-- When the held keys are to be renewed: {from, insist}, both unix seconds.
local function windows(found, now, random)
  local life = found.expires - now
  local before = math.min(TRY_BEFORE, life * TRY_PART)
  local insist = math.min(INSIST_BEFORE, life * INSIST_PART)
  local later = random * math.min(JITTER, (before - insist) / 2)
  return { from = found.expires - before + later, insist = found.expires - insist }
end

-- AWS's time, as far as a call has told it: keys end by that clock.
function store:now()
  return self.context.now() + self.context.clock.skew
end

function store:is_fresh(now)
  local held = self.held
  if not held then return false end
  if not held.expires then return true end
  if self.window.seemed_late and now < held.expires then
    self.window, self.next_try = windows(held, now, self.context.random()), 0
  end
  if now < self.window.from then return true end
  -- Somebody else is asking, or has asked in vain a moment ago.
  if held.is_static or self.window.is_late or now < self.window.insist then
    return self.asking or now < self.next_try
  end
  return false
end

function store:accept(found, now)
  local told = self.told
  self.held, self.window, self.next_try, self.told = found, nil, 0, nil
  if not found.expires then return found end
  if found.expires > now then
    self.window = windows(found, now, self.context.random())
    return found
  end
  -- An instance's service hands out old keys when it is in trouble, and AWS takes them; or this
  -- machine's clock is ahead, which only a call can tell. So AWS decides.
  self.window = { from = 0, insist = 0, is_late = true, seemed_late = true }
  self.told = told
  self:extend(now, found, "the keys that were handed out have expired by this machine's clock")
  return found
end

-- Keys are used beyond their end for a time.
function store:extend(now, keys, reason)
  local random = self.context.random()
  self.next_try = now + (keys.is_static and STATIC_AGAIN * (1 + random)
    or TRY_AGAIN * (0.5 + random))
  self:tell("credentials_extended", { source = keys.source, reason = reason,
    next_try = timestamp.format(self.next_try) })
end

-- One trouble is one line, however often it is met.
function store:tell(event, fields)
  local trouble = event .. fields.reason
  if self.told ~= trouble then log.warn(event, fields) end
  self.told = trouble
end

-- The renewal failed: what is held stays in use if it may.
function store:keep(now, err)
  local held = self.held
  local good = held and (not held.expires or now < held.expires)
  if not held or not (good or held.is_static) then return nil, err end
  if good then
    self.next_try = now + TRY_AGAIN * (0.5 + self.context.random())
    self:tell("credentials_not_renewed", { source = held.source, reason = err,
      expires = timestamp.format(held.expires) })
  else
    self:extend(now, held, err)
  end
  return held
end

function store:renew()
  self.asking = true
  local _ <close> = setmetatable({}, { __close = function() self.asking = false end })
  local found, err = self:ask()
  local now = self:now()
  if found then found = self:accept(found, now) else found, err = self:keep(now, err) end
  self.rounds, self.last = self.rounds + 1, { found, err }
  return found, err
end

--- Credentials to sign with; waits while they are fetched. Renewal that fails is no error as
--- long as what is held has not expired.
---@return Credentials?
---@return string? err
function store:get()
  local held = self.held
  if held and not held.expires then return held end -- needs no clock
  if self:is_fresh(self:now()) then return held end
  -- One coroutine fetches; those that waited find what it brought, or why it brought nothing.
  local round = self.rounds
  local place <close> = self.gate:enter() -- luacheck: ignore place
  if self:is_fresh(self:now()) then return self.held end
  if self.rounds ~= round then return self.last[1], self.last[2] end
  return self:renew()
end

--- What may be shown of what is held: never a secret.
---@return {source: string, method: string, expires: integer?, troubled: boolean}? held
---  `expires`: unix seconds; `troubled`: they could not be renewed when they should have been
function store:describe()
  local held = self.held
  return held and { source = held.source, method = held.method, expires = held.expires,
    troubled = self.told ~= nil }
end

--- AWS said that these credentials are no good: the next `get` asks the providers again, unless
--- that was done half a minute ago. Those of an instance stay in reserve, since its service may
--- be away.
---@param refused Credentials  what the refused call was signed with
---@return boolean  whether the next `get` may bring others
function store:expire(refused)
  local now = self.context.now()
  if self.held ~= refused then return true end
  if now - self.refused_at < REFUSED_AGAIN then return false end
  self.refused_at = now
  if refused.is_static then
    self.window, self.next_try = { from = 0, insist = 0, is_late = true }, 0
  else
    self.held, self.window = nil, nil
  end
  return true
end

return store
