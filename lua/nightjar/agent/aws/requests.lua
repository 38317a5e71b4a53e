--- What goes over the wire for a call: where to, with which headers, signed by whom.
local endpoint = require "nightjar.agent.aws.endpoint"
local sigv4 = require "host.sigv4"

---@class Requests
---@field service AwsService
---@field context AwsWorld
---@field region string
---@field endpoint string
---@field options AwsOptions
---@field next_id fun(): string  ids of calls
---@field next_ids fun(count: integer): string, integer, fun(item: integer): string  of several:
---  what all begin with, the number that follows in the first one, and each
local requests = {}
requests.__index = requests

-- A call that takes longer than a third of a pass is better tried again; so is one whose answer
-- comes to a standstill.
local CONNECT_TIMEOUT = 3
local TIMEOUT = 10
local STALL_TIMEOUT = 5
local MAX_ANSWER = 64 * 1024 * 1024
-- Of a service that signs as most do. Nobody changes it.
local NONE = {}

-- 48 bits of each dice in [0, 1): a double has room for them.
local MOST = 1 << 48

-- Ids for all tries of a call each, as the SDKs send them: version 4 UUIDs (RFC 9562) that have
-- their first part in common and count on in the other. To throw dice for each costs ten times as
-- much.
local function invocation_ids(random)
  local a, b, count = random() * MOST // 1 | 0, random() * MOST // 1 | 0, random() * MOST // 1 | 0
  local first = ("%08x-%04x-4%03x-%x%03x-"):format(a >> 16, a & 0xffff, b & 0xfff,
    8 | b >> 12 & 3, b >> 14 & 0xfff)
  local function id_of(number) return first .. ("%012x"):format(number % MOST) end
  local function next_id()
    count = (count + 1) % MOST
    return id_of(count)
  end
  local function next_ids(several)
    local before = count
    count = (count + several) % MOST
    return first, before + 1, function(item) return id_of(before + item) end
  end
  return next_id, next_ids
end

--- What makes the requests of one client.
---@param client {service: AwsService, context: AwsWorld, region: string, endpoint: string,
---  options: AwsOptions}
---@return Requests
function requests.new(client)
  local next_id, next_ids = invocation_ids(client.context.random)
  return setmetatable({
    service = client.service, context = client.context, region = client.region,
    endpoint = client.endpoint, options = client.options, urls = {}, kept = {},
    user_agent = { "User-Agent", client.options.user_agent },
    next_id = next_id, next_ids = next_ids, items = {},
  }, requests)
end

-- The endpoint with a host prefix, "" for none.
function requests:url(prefix)
  local url = self.urls[prefix]
  if not url then
    url = endpoint.with_prefix(self.endpoint, prefix ~= "" and prefix or nil)
    self.urls[prefix] = url
  end
  return url
end

-- The same few headers again and again: nobody changes them.
local attempt_headers = {}

local function attempt_header(attempt, most)
  local known = attempt_headers[most]
  if not known then
    known = {}
    attempt_headers[most] = known
  end
  local header = known[attempt]
  if not header then
    header = { "amz-sdk-request", ("attempt=%d; max=%d"):format(attempt, most) }
    known[attempt] = header
  end
  return header
end

local function method_of(target) return target and target.method or "POST" end

--- How often a call is tried.
---@param call table
---@return integer
function requests:most_attempts(call)
  return call.options.max_attempts or self.options.max_attempts
end

function requests:identity(held)
  local identity = { region = self.region, service = self.service.name,
    access_key_id = held.access_key_id, secret_access_key = held.secret_access_key,
    session_token = held.session_token }
  for name, value in pairs(self.service.signing or NONE) do identity[name] = value end
  return identity
end

-- What signs with these keys, or nil and why they cannot sign; that names no secret.
function requests:signer(held)
  if self.signs_for ~= held then
    local signer, err = sigv4.signer(self:identity(held))
    if not signer then return nil, err end
    self.signs_for, self.signs = held, signer
  end
  return self.signs
end

-- AWS's, in seconds since 1970.
function requests:time()
  return (self.context.now() + self.context.clock.skew) // 1 | 0
end

-- Signed by host.http, or at once for whoever wants to see the whole request.
function requests:sign(call, request)
  local context, time = self.context, self:time()
  if not context.is_traced then
    local signer, err = self:signer(call.held)
    request.signer, request.time, request.payload_hash = signer, time, call.prepared.payload_hash
    return signer, err
  end
  local whole = self:identity(call.held)
  whole.method, whole.url, whole.headers = request.method, request.url, request.headers
  whole.body, whole.time, whole.payload_hash = request.body, time, call.prepared.payload_hash
  local signed, err = sigv4.sign(whole)
  if not signed then return nil, err end
  table.move(signed.headers, 1, #signed.headers, #request.headers + 1, request.headers)
  return true
end

-- The client's own headers come first, so that they can be found again.
local ATTEMPT, ID, OWN = 2, 3, 3

function requests:headers(call)
  local headers, given = { self.user_agent, attempt_header(call.attempts + 1,
    self:most_attempts(call)), { "amz-sdk-invocation-id", call.id } }, call.prepared.headers
  return table.move(given, 1, #given, OWN + 1, headers)
end

--- What is secret of a call: to be taken out of every message.
---@param call table
---@return string[]
function requests.secrets_of(call)
  local held, secrets = call.held, { table.unpack(call.options.secrets or {}) }
  if held then
    secrets[#secrets + 1] = held.secret_access_key
    secrets[#secrets + 1] = held.session_token
  end
  return secrets
end

--- What a trace must know of a request (aws/trace.lua); most runs have none.
---@param call table
---@return TraceNote
function requests:note(call)
  return { about = ("%s, attempt %d"):format(call.operation, call.attempts),
    secrets = self.secrets_of(call), hide_request = self.service.secret,
    hide_answer = self.service.secret }
end

-- All but the signature.
function requests:build(call, prefix)
  local options, prepared = call.options, call.prepared
  local target, url = prepared.target, self:url(prefix)
  if target then url = url .. target.path end
  return { method = method_of(target), url = url, headers = self:headers(call),
    body = prepared.body, ca_file = self.options.ca_file,
    connect_timeout = options.connect_timeout or CONNECT_TIMEOUT,
    timeout = options.timeout or TIMEOUT, stall_timeout = STALL_TIMEOUT,
    max_body = options.max_body or MAX_ANSWER,
    proxy = self.options.http_proxy and url:find("^http:") and self.options.http_proxy or nil,
    -- A trace shows whole answers.
    known = not self.context.is_traced and options.known or nil }
end

-- Most requests differ from the one before in their body, their id and their signature alone: a
-- pass makes thousands, of one operation. Who traces requests may keep them, and gets new ones.
function requests:refill(call, prefix)
  local options, prepared, kept = call.options, call.prepared, self.kept
  if self.context.is_traced or prepared.target or options.timeout or options.connect_timeout
    or options.max_body then
    return self:build(call, prefix)
  end
  local request, given = kept.request, prepared.headers
  local usual = call.attempts == 0 and not options.max_attempts
  if kept.given ~= given or kept.prefix ~= prefix then
    request = self:build(call, prefix)
    kept.request, kept.prefix, kept.given, kept.usual = request, prefix, given, usual
    return request
  end
  local headers = request.headers
  if not (usual and kept.usual) then
    headers[ATTEMPT] = attempt_header(call.attempts + 1, self:most_attempts(call))
    kept.usual = usual
  end
  headers[ID][2], request.body, request.known = call.id, prepared.body, options.known or nil
  return request
end

-- What differs in the requests of a batch: see lua/meta/host/http.lua.
function requests:items_of(calls, knowns, count)
  local items = self.items
  for position = 1, count do
    local call, at = calls[position], 3 * position
    items[at - 2], items[at - 1], items[at] = call.body, call.payload_hash, knowns[position]
  end
  for position = 3 * count + 1, #items do items[position] = nil end
  return items
end

--- The first tries of several calls, as one batch; to be sent at once.
---@param calls PreparedCall[]  all of one operation, with a `payload_hash`
---@param knowns string[]
---@param count integer  the first so many
---@param options CallOptions
---@param held AwsCredentials
---@return HttpBatch?  nil where these keys cannot sign
---@return fun(position: integer): string  the ids of the calls
function requests:batch(calls, knowns, count, options, held)
  local prefix = self.options.host_prefixes and options.host_prefix or ""
  local id, first, id_of = self.next_ids(count)
  local request =
    self:build({ prepared = calls[1], options = options, attempts = 0, id = id }, prefix)
  request.signer, request.time = self:signer(held), self:time()
  request.items, request.body = self:items_of(calls, knowns, count), nil
  request.counted, request.first = ID, first
  local latest = options.first_by or options.deadline
  request.deadline = latest and math.max(0, latest - self.context.monotonic())
  return request.signer and request, id_of
end

--- The request of one try. It is to be sent at once: the next one may be the same table.
---@param call table  see client.lua
---@return HttpRequest?
---@return string? err  why these keys cannot sign it
function requests:make(call)
  local request =
    self:refill(call, self.options.host_prefixes and call.options.host_prefix or "")
  if call.held then
    local signed, err = self:sign(call, request)
    if not signed then return nil, err end
  end
  return request
end

return requests
