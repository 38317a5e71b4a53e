--- AWS credentials: a list of providers, asked in order, and a store that renews what expires.
local clock = require "host.clock"
local gate = require "nightjar.agent.aws.gate"
local sched = require "nightjar.agent.sched"
local timestamp = require "nightjar.agent.aws.timestamp"

---@class Credentials
---@field access_key_id string
---@field secret_access_key string
---@field session_token string?
---@field expires integer?  unix seconds
---@field source string  what a person reads: "environment", "profile web", "container"

---@class CredentialsContext  what a provider may use
---@field settings table
---@field http fun(request: table): table?, table?
---@field now fun(): number
---@field sleep fun(seconds: number)
---@field random fun(): number

local credentials = {}

--- The providers in the SDKs' order. One that is not configured says nothing and the next is
--- asked; one that is configured and fails ends the search with its message.
credentials.providers = {
  require "nightjar.agent.aws.provider.environment",
  require "nightjar.agent.aws.provider.shared_file",
  -- In brackets: `require` has a second result.
  (require "nightjar.agent.aws.provider.container"),
}

-- Seconds before expiry: from the first on renewal is tried now and then, from the second on
-- before every call.
local TRY_BEFORE = 15 * 60
local INSIST_BEFORE = 10 * 60
-- Between two tries while the old credentials are still good for long.
local TRY_AGAIN = 60

local NOTHING = "no AWS credentials: not in the environment, a profile, or the container's endpoint"

---@class CredentialsStore
local store = {}
store.__index = store

--- A store for the process's credentials. `options` replaces the world in specs:
--- {http, now, sleep, random, providers}.
---@param settings table
---@param options table?
---@return CredentialsStore
function credentials.new(settings, options)
  options = options or {}
  return setmetatable({
    context = { settings = settings, http = options.http or sched.http,
      now = options.now or clock.now, sleep = options.sleep or sched.sleep,
      random = options.random or math.random },
    providers = options.providers or credentials.providers,
    gate = gate.new(1), next_try = 0,
  }, store)
end

function store:ask()
  for _, provider in ipairs(self.providers) do
    local found, err = provider.find(self.context)
    if found or err then return found, err end
  end
  return nil, NOTHING
end

function store:is_fresh(now)
  local expires = self.held and self.held.expires
  if not self.held then return false end
  if not expires or now < expires - TRY_BEFORE then return true end
  return now < expires - INSIST_BEFORE and now < self.next_try
end

--- Credentials to sign with; waits while they are fetched. Renewal that fails is no error as
--- long as what is held has not expired.
---@return Credentials?
---@return string? err
function store:get()
  if self:is_fresh(self.context.now()) then return self.held end
  -- One coroutine fetches; those that waited find what it brought.
  local place <close> = self.gate:enter() -- luacheck: ignore place
  local now = self.context.now()
  if self:is_fresh(now) then return self.held end
  local found, err = self:ask()
  if found then
    self.held, self.next_try = found, 0
    return found
  end
  self.next_try = now + TRY_AGAIN * (0.5 + self.context.random())
  local held = self.held
  if held and (not held.expires or self.context.now() < held.expires) then return held end
  return nil, err
end

--- AWS said that these credentials have expired: the next `get` asks the providers again.
---@param refused Credentials  what the refused call was signed with
function store:expire(refused)
  if self.held == refused then self.held = nil end
end

--- What `nightjar config` may show: never a secret. Outside the scheduler it starts one.
---@param settings table
---@param options table?
---@return {source: string, access_key_id: string, expires: string?}?
---@return string? err
function credentials.describe(settings, options)
  local function look()
    local found, err = credentials.new(settings, options):get()
    if not found then return nil, err end
    return { source = found.source, access_key_id = found.access_key_id,
      expires = found.expires and timestamp.format(found.expires) or nil }
  end
  if coroutine.isyieldable() then return look() end
  return sched.run(look)
end

return credentials
