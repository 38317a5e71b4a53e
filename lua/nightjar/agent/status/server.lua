-- The status server: who may ask, how often, and what is sent with each answer. What there is to be
-- asked for is in status/routes.lua.

local host = require("host.server")
local log = require("nightjar.log")
local routes = require("nightjar.agent.status.routes")
local sched = require("nightjar.agent.sched")

local server = {}
server.__index = server

-- A page that is open asks twice every few seconds, Prometheus thrice in all; more is a mistake.
local RATE, BURST = 20, 40 -- requests a second
local WAITING = 32
local RETRY = 30 -- seconds between two tries to listen

-- Nothing of it is for other sites, to be kept, or to be guessed at.
local ALWAYS = {
  ["Cache-Control"] = "no-store",
  ["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'",
  ["Cross-Origin-Resource-Policy"] = "same-origin",
  ["Referrer-Policy"] = "no-referrer",
  ["X-Content-Type-Options"] = "nosniff",
}

---@param address string STATUS_ADDRESS: host:port, or the path of a socket
---@return ServerOptions
local function options_of(address)
  if address:sub(1, 1) == "/" then
    return { path = address }
  end
  local name, port = address:match("^(.+):(%d+)$")
  return { host = name:match("^%[(.*)%]$") or name, port = math.tointeger(tonumber(port)) }
end

---@param agent table (agent/agent.lua)
---@return table server nothing is served yet
function server.new(agent)
  return setmetatable({ agent = agent, options = options_of(agent.settings.status_address),
    routes = routes.new(agent), tokens = BURST, at = sched.now() }, server)
end

-- A name that somebody's web page has made to mean this host is none of ours: what the browser
-- sends for it is not what an operator asked for (DNS rebinding).
local function is_ours(name)
  name = (name or ""):lower():gsub(":%d+$", "")
  return name == "localhost" or name == "[::1]" or name:match("^127%.%d+%.%d+%.%d+$") ~= nil
end

function server:may_ask()
  local now = sched.now()
  self.tokens = math.min(BURST, self.tokens + (now - self.at) * RATE)
  self.at = now
  if self.tokens < 1 then
    return false
  end
  self.tokens = self.tokens - 1
  return true
end

local function plain(status, text, headers)
  return { status = status, headers = headers, body = text .. "\n" }
end

---@param request ServerRequest
---@return ServerAnswer
function server:respond(request)
  if not self:may_ask() then
    return plain(429, "too many requests", { ["Retry-After"] = "1" })
  elseif self.options.host and not is_ours(request.headers.host) then
    return plain(403, "ask for localhost, or an address of loopback")
  elseif request.method ~= "GET" and request.method ~= "HEAD" then
    return plain(405, "only to be read", { Allow = "GET, HEAD" })
  end
  return self.routes:respond(request)
end

local function with_headers(answer)
  local headers = { ["Content-Type"] = "text/plain; charset=utf-8" }
  for _, some in ipairs { ALWAYS, answer.headers or {} } do
    for name, value in pairs(some) do
      headers[name] = value
    end
  end
  return { status = answer.status or 200, headers = headers, body = answer.body }
end

-- An error of ours costs one answer.
function server:answer(request)
  local ran, answer = xpcall(self.respond, debug.traceback, self, request)
  if not ran then
    log.error("internal_error", { reason = answer })
    answer = plain(500, "an error of nightjar's own: see its log")
  end
  host.answer(request.id, with_headers(answer))
end

---Listens and answers, for ever. Nobody who cannot be listened to stops the agent.
function server:run()
  local told
  while true do
    local requests, port = sched.serve(self.options, WAITING)
    if requests then
      log.info("status_served", { address = self.options.path
        or ("%s:%d"):format(self.options.host, port) })
      while true do
        local request = requests:take()
        sched.spawn(function() self:answer(request) end)
      end
    end
    if told ~= port then
      log.warn("status_not_served", { reason = port, next_try = RETRY })
      told = port
    end
    sched.sleep(RETRY)
  end
end

return server
