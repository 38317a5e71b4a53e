-- One bucket of S3 within the process, with conditional requests, a clock that specs move, and
-- faults. What it answers is what moto and MinIO answer; spec/system/fleet_spec.lua asks those.

local json = require("host.json")

local fake = {}
fake.__index = fake

local MISSING = { 404, "NoSuchKey", "The specified key does not exist." }
local DENIED = { 403, "AccessDenied", "Access Denied" }
local FAILED = { 412, "PreconditionFailed",
  "At least one of the pre-conditions you specified did not hold" }

---@param now fun(): number the bucket's clock
---@return table bucket `objects` by path, `requests` {method, path, status}; faults: `away`,
---  `denied` by method, `hides_missing` (no right to list), `is_terse` (a 304 without
---  Last-Modified), `is_salted` (a new ETag with each write), `loses` (so many answers to PUT)
function fake.new(now)
  return setmetatable({ now = now, objects = {}, requests = {}, denied = {}, writes = 0,
    loses = 0 }, fake)
end

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name then return pair[2] end
  end
end

local function http_date(time) return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(time)) end

function fake:answer(status, object, body)
  local headers = { date = http_date(self.now()) }
  if object then
    headers.etag, headers["last-modified"] = object.etag, http_date(object.modified)
    if status == 304 and self.is_terse then headers["last-modified"] = nil end
  end
  return { status = status, headers = headers, body = body or "" }
end

function fake:refuse(refusal)
  return self:answer(refusal[1], nil, ("<?xml version=\"1.0\"?><Error><Code>%s</Code>"
    .. "<Message>%s</Message></Error>"):format(refusal[2], refusal[3]))
end

---Puts a text where an agent reads, as if somebody had written it just now.
function fake:place(path, text)
  self.writes = self.writes + 1
  local etag = json.hash(text .. (self.is_salted and self.writes or ""))
  self.objects[path] = { etag = '"' .. etag .. '"', modified = self.now(), text = text }
  return self.objects[path]
end

function fake:put(request, path, object)
  local wanted, none = header(request, "if-match"), header(request, "if-none-match")
  if wanted and not object then return self:refuse(MISSING) end
  if none and object or wanted and wanted ~= object.etag then return self:refuse(FAILED) end
  assert(wanted or none == "*", "a write without a condition")
  local answer = self:answer(200, self:place(path, request.body))
  if self.loses > 0 then
    self.loses = self.loses - 1
    return nil
  end
  return answer
end

function fake:get(request, object)
  if not object then return self:refuse(self.hides_missing and DENIED or MISSING) end
  if header(request, "if-none-match") == object.etag then return self:answer(304, object) end
  return self:answer(200, object, request.method == "GET" and object.text or "")
end

-- As libcurl has it: the length that is told counts, also of an answer without a body.
local function is_beyond(request, object)
  return request.method ~= "PUT" and request.max_body > 0 and #object.text > request.max_body
end

---The `http` of aws/world.lua.
function fake:http(request)
  local path = request.url:match("^https?://[^/]+(/.*)$")
  local answer
  if not self.away then
    if self.denied[request.method] then
      answer = self:refuse(DENIED)
    elseif request.method == "PUT" then
      answer = self:put(request, path, self.objects[path])
    else
      answer = self:get(request, self.objects[path])
    end
  end
  self.requests[#self.requests + 1] = { method = request.method, path = path,
    status = answer and answer.status }
  if answer and answer.status == 200 and is_beyond(request, self.objects[path]) then
    return nil, { kind = "too_large", message = "Maximum file size exceeded" }
  end
  if answer then return answer end
  return nil, { kind = "timeout", message = "no answer" }
end

---Requests since the last count, as `GET 304, PUT 200`.
function fake:seen()
  local lines = {}
  for position, one in ipairs(self.requests) do
    lines[position] = ("%s %s"):format(one.method, one.status or "lost")
  end
  self.requests = {}
  return table.concat(lines, ", ")
end

return fake
