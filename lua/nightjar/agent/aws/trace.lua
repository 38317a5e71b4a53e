--- Shows requests and their answers to a person, without secrets: `nightjar discover --debug-http`.
---
--- Whoever makes a request says in a note what must not be seen of it. Headers are shown only
--- where they are known to hold nothing secret, so that a new one is hidden until someone looks.
local clock = require "host.clock"
local messages = require "nightjar.text"
local redact = require "nightjar.agent.aws.redact"

local trace = {}

---@class TraceNote
---@field about string?  "DiscoverInstances, attempt 1"
---@field url string?  to be shown for the request's, where its path is a secret
---@field secrets string[]?  taken out wherever they stand
---@field hide_request boolean?  the request's body is a secret
---@field hide_answer boolean?  the answer's body is a secret

-- Of a body; a page of instances is some 100 KiB.
local MAX_BODY = 256 * 1024
local HIDDEN = "(hidden)"

local shown = {}
for _, name in ipairs { "accept", "amz-sdk-invocation-id", "amz-sdk-request", "connection",
  "content-length", "content-type", "date", "etag", "host", "if-match", "if-none-match",
  "last-modified", "retry-after", "server", "transfer-encoding", "user-agent",
  "x-amz-bucket-region", "x-amz-content-sha256", "x-amz-date", "x-amz-id-2", "x-amz-request-id",
  "x-amz-retry-after", "x-amz-target", "x-amzn-errortype", "x-amzn-requestid",
  "x-aws-ec2-metadata-token-ttl-seconds" } do
  shown[name] = true
end

-- A signature can be used again for some minutes; what it was made of may be seen.
local function show_header(name, value)
  local lower = name:lower()
  if lower == "authorization" then
    local scope = value:match("^(AWS4%-HMAC%-SHA256 Credential=[%w/_-]+, ?SignedHeaders=[%w;-]+)")
    return scope and scope .. ", Signature=" .. HIDDEN or HIDDEN
  end
  return shown[lower] and value or HIDDEN
end

local function pairs_of(headers)
  local list = {}
  if headers and headers[1] then
    for position, pair in ipairs(headers) do list[position] = { pair[1], pair[2] } end
    return list
  end
  for name, value in pairs(headers or {}) do list[#list + 1] = { name, value } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

local function add_body(lines, mark, body, hide, secrets)
  if not body or body == "" then return end
  lines[#lines + 1] = mark
  if hide then
    lines[#lines + 1] = ("%s (%d bytes, hidden: they may hold secrets)"):format(mark, #body)
    return
  end
  for line in (redact(body, secrets, HIDDEN):gsub("\r\n?", "\n") .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = mark .. " " .. messages.clean(line, MAX_BODY)
  end
end

local function add_headers(lines, mark, headers, secrets)
  for _, pair in ipairs(pairs_of(headers)) do
    lines[#lines + 1] = ("%s %s: %s"):format(mark, messages.clean(pair[1]),
      messages.clean(redact(show_header(pair[1], pair[2]), secrets, HIDDEN)))
  end
end

local function request_lines(request, note)
  local lines = { ("* %s"):format(note.about or "request"),
    ("> %s %s"):format(request.method or "GET", messages.clean(note.url or request.url)) }
  add_headers(lines, ">", request.headers, note.secrets)
  add_body(lines, ">", request.body, note.hide_request, note.secrets)
  return lines
end

local function answer_lines(response, err, seconds, note)
  local lines = {}
  local took = ("%d ms"):format(math.floor(seconds * 1000 + 0.5))
  if not response then
    lines[1] = ("< no answer after %s: %s: %s"):format(took, err.kind,
      messages.clean(redact(tostring(err.message), note.secrets, HIDDEN)))
    return lines
  end
  lines[1] = ("< %d after %s"):format(response.status, took)
  add_headers(lines, "<", response.headers, note.secrets)
  add_body(lines, "<", response.body, note.hide_answer, note.secrets)
  return lines
end

--- An `http` for aws/world.lua that shows what passes through it.
---@param http fun(request: table): table?, table?
---@param write fun(text: string)  gets whole exchanges, so that calls side by side stay apart
---@return fun(request: table, note: TraceNote?): table?, table?
function trace.wrap(http, write)
  return function(request, note)
    note = note or { hide_request = true, hide_answer = true }
    local lines, started = request_lines(request, note), clock.monotonic()
    local response, err = http(request)
    local answer = answer_lines(response, err, clock.monotonic() - started, note)
    table.move(answer, 1, #answer, #lines + 1, lines)
    write(table.concat(lines, "\n") .. "\n\n")
    return response, err
  end
end

return trace
