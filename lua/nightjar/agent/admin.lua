-- Envoy's admin interface, as far as the agent uses it.
-- Source of the paths: Envoy's "Administration interface" page; the behaviour was tried with 1.40.

local json = require("host.json")
local sched = require("nightjar.agent.sched")

local admin = {}
admin.__index = admin

-- Only what acknowledgement needs: a full /stats of a large mesh is megabytes.
local SUBSCRIPTIONS = "^(cluster_manager\\.(cds\\.(W)|warming_clusters)"
  .. "|listener_manager\\.(lds\\.(W)|total_listeners_warming)|http\\..*\\.rds\\..*\\.(W)"
  .. "|cluster\\..*\\.version_text|http\\.admin\\.downstream_rq_total)$"
SUBSCRIPTIONS = SUBSCRIPTIONS:gsub("W", "version_text|update_(success|failure|rejected)")
-- The versions alone: Envoy looks at its few statistics of that type only, however many it has.
local VERSIONS = "^(cluster_manager\\.cds|listener_manager\\.lds|http\\..*\\.rds\\..*"
  .. "|cluster\\..*)\\.version_text$"
-- Only clusters whose endpoints have a file of their own have a version; all have these counters.
local ASSIGNMENTS = "^cluster\\..*\\.update_(success|failure|rejected)$"
-- The admin listener counts itself under `http.admin`; `active` leaves it out.
local ACTIVE = "^http\\..*\\.(downstream_rq_active|rq_total)$"

-- Requests of Envoy's own: admin, and what filters ask for.
local NOT_SERVED = { admin = true, ["async-client"] = true }

local MAX_BODY = 4 * 1024 * 1024 -- bytes; some 30,000 statistics

-- Filters as they stand in a query: there are five, asked for again and again.
local quoted = {}
local function quote(text)
  local known = quoted[text]
  if not known then
    known = text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)
    quoted[text] = known
  end
  return known
end

---The admin interface at an address of this host. Opens nothing yet.
---@param address string `host:port`
---@return table admin
function admin.new(address)
  return setmetatable({ base = "http://" .. address }, admin)
end

---One request, whatever the answer's status. Admin answers at once or not at all: 2 seconds are
---plenty.
---@param method "GET"|"POST"
---@param path string
---@param timeout number? seconds for all of it
---@return { status: integer, body: string }? answer
---@return string? err
---@return string? kind as in HttpFailure: "connect" when nobody listens, "timeout" when somebody
---  takes the connection and says nothing
function admin:ask(method, path, timeout)
  local answer, err = sched.http {
    method = method, url = self.base .. path, connect_timeout = 1, timeout = timeout or 2,
    max_body = MAX_BODY,
    -- The old Envoy of a hot restart goes on answering on a connection that was open before.
    headers = { connection = "close" },
  }
  if not answer then
    return nil, "envoy admin: " .. method .. " " .. path .. ": " .. err.message, err.kind
  end
  return answer
end

---One request that must succeed.
---@param method "GET"|"POST"
---@param path string
---@return string? body
---@return string? err
---@return string? kind of `ask`, when there was no answer
function admin:request(method, path)
  local answer, err, kind = self:ask(method, path)
  if not answer then
    return nil, err, kind
  elseif answer.status ~= 200 then
    return nil, ("envoy admin: %s %s: expected status 200, got %d")
      :format(method, path, answer.status)
  end
  return answer.body
end

---Statistics whose whole name matches a regular expression, as name → text.
---Text values (`version_text`) lose their quotes.
---@param filter string RE2
---@param type "TextReadouts"|nil only of this type
---@return table<string, string>? stats
---@return string? err
---@return string? kind as for a request
function admin:stats(filter, type)
  local body, err, kind = self:request("GET", "/stats?filter=" .. quote(filter)
    .. (type and "&type=" .. type or ""))
  if not body then
    return nil, err, kind
  end
  local stats = {}
  for name, value in body:gmatch("([^\n]-): ([^\n]*)") do
    stats[name] = value:match('^"(.*)"$') or value
  end
  return stats
end

local function count(stats, name)
  return math.tointeger(tonumber(stats[name])) or 0
end

---One subscription; nil when Envoy has none of that name.
---A resource that does not validate is `update_rejected`; one with an unknown field fails before
---that, and is `update_failure`.
local function subscription(stats, prefix)
  local version = stats[prefix .. ".version_text"]
  return version and {
    version = version,
    taken = count(stats, prefix .. ".update_success"),
    refused = count(stats, prefix .. ".update_rejected")
      + count(stats, prefix .. ".update_failure"),
  }
end

-- Two listeners may share a route configuration: it is taken when both have taken it.
local function merged(one, other)
  return one and {
    version = one.version == other.version and one.version or "",
    taken = math.min(one.taken, other.taken), refused = one.refused + other.refused,
  } or other
end

---@class Subscription
---@field version string of what Envoy runs; "" before the first file
---@field taken integer files read and accepted so far, equal ones too
---@field refused integer files refused so far

-- Adds the subscriptions of clusters whose endpoints have a file of their own.
local function add_assignments(self, running, stats)
  local found = {}
  for name in pairs(stats) do
    found[#found + 1] = name:match("^(cluster%..+)%.version_text$")
  end
  if #found == 0 then
    return true
  end
  local counters, err = self:stats(ASSIGNMENTS)
  if not counters then
    return nil, err
  end
  for _, prefix in ipairs(found) do
    counters[prefix .. ".version_text"] = stats[prefix .. ".version_text"]
    -- The shipped templates end a cluster's name in statistics with `;`.
    running.assignments[prefix:match("^cluster%.(.-);?$")] = subscription(counters, prefix)
  end
  return true
end

-- Adds the routes' subscriptions, by the name of the route configuration.
local function add_routes(running, stats)
  for name in pairs(stats) do
    local prefix, route = name:match("^(http%..-%.rds%.(.+))%.version_text$")
    if route then
      running.routes[route] = merged(running.routes[route], subscription(stats, prefix))
    end
  end
end

---The versions of what Envoy runs, and nothing else: the cheapest question there is.
---@return table? running as `subscriptions`, without counters, and nothing of what warms
---@return string? err
function admin:versions()
  local stats, err = self:stats(VERSIONS, "TextReadouts")
  if not stats then
    return nil, err
  end
  local running = { clusters = subscription(stats, "cluster_manager.cds"),
    listeners = subscription(stats, "listener_manager.lds"), routes = {}, assignments = {},
    warming = 0 }
  add_routes(running, stats)
  for name in pairs(stats) do
    local prefix = name:match("^(cluster%..+)%.version_text$")
    if prefix then
      running.assignments[prefix:match("^cluster%.(.-);?$")] = subscription(stats, prefix)
    end
  end
  return running
end

---What Envoy subscribes to and what it runs of it. Notes in `requests` how many requests its admin
---interface has had: more each time, unless it is another Envoy than the last time.
---@return { clusters: Subscription?, listeners: Subscription?,
---  routes: table<string, Subscription>, assignments: table<string, Subscription>,
---  warming: integer }? running `assignments`: endpoints by the name of their cluster; `warming`:
---  clusters and listeners that are not in use yet
---@return string? err
---@return string? kind as for a request
function admin:subscriptions()
  local stats, err, kind = self:stats(SUBSCRIPTIONS)
  if not stats then
    return nil, err, kind
  end
  self.requests = math.tointeger(tonumber(stats["http.admin.downstream_rq_total"]))
  local running = {
    clusters = subscription(stats, "cluster_manager.cds"),
    listeners = subscription(stats, "listener_manager.lds"),
    routes = {}, assignments = {},
    warming = count(stats, "cluster_manager.warming_clusters")
      + count(stats, "listener_manager.total_listeners_warming"),
  }
  add_routes(running, stats)
  local ok
  ok, err = add_assignments(self, running, stats)
  return ok and running, err
end

-- An answer that is a JSON object.
local function object(self, path)
  local body, err = self:request("GET", path)
  local value = body and json.decode(body, { max_depth = 128 })
  if type(value) ~= "table" then
    return nil, err or ("envoy admin: GET %s: expected JSON"):format(path)
  end
  return value
end

---What Envoy says of itself: its node, its command line, for how long it runs.
---@return table? info
---@return string? err
function admin:info()
  return object(self, "/server_info")
end

---The bootstrap that Envoy runs, as it has read it. The node is what Envoy takes it to be: words of
---its command line go before the bootstrap's.
---@return table? bootstrap
---@return string? err
function admin:bootstrap()
  -- Tried with 1.40: `resource=bootstrap` is refused, for it is no repeated field.
  local dump, err = object(self, "/config_dump?mask=bootstrap")
  local info
  if dump then
    info, err = self:info()
  end
  local first = info and type(dump.configs) == "table" and dump.configs[1]
  if type(first) ~= "table" or type(first.bootstrap) ~= "table" then
    return nil, err or "envoy admin: GET /config_dump: expected a bootstrap"
  end
  first.bootstrap.node = info.node
  return first.bootstrap
end

---Why Envoy did not take listeners, as far as it remembers; it does so of no other resource
---(tried: 1.40). What it says of a listener it says once more without a name.
---@return { name: string?, reason: string }[]? refused without names only where it names none
---@return string? err
function admin:refused_listeners()
  local dump, err = object(self, "/config_dump?resource=dynamic_listeners")
  if not dump then
    return nil, err
  end
  local named, nameless = {}, {}
  for _, listener in ipairs(type(dump.configs) == "table" and dump.configs or {}) do
    local state = type(listener) == "table" and listener.error_state
    if type(state) == "table" and type(state.details) == "string" then
      local name = type(listener.name) == "string" and listener.name or nil
      local list = name and named or nameless
      list[#list + 1] = { name = name, reason = state.details }
    end
  end
  return named[1] and named or nameless
end

---What Envoy says of itself.
---@param timeout number? seconds
---@return "LIVE"|"DRAINING"|"PRE_INITIALIZING"|"INITIALIZING"|nil state nil also when somebody
---  else answers
---@return string? err
---@return string? kind "connect" when nobody listens there, "timeout" when Envoy hangs
function admin:state(timeout)
  local answer, err, kind = self:ask("GET", "/ready", timeout)
  if not answer then
    return nil, err, kind
  end
  local state = answer.body:match("^%s*([%u_]+)%s*$")
  return state, not state and "envoy admin: GET /ready: expected Envoy's state" or nil, "answer"
end

---Is Envoy past its initialisation and not draining?
---@return boolean live
function admin:ready()
  return self:state() == "LIVE"
end

---Requests that Envoy's own listeners are serving now, and how many they have routed. Answers to
---health checks are not routed, and so do not count.
---@return integer? active
---@return integer|string? routed so far, or the message
function admin:active()
  local stats, err = self:stats(ACTIVE)
  if not stats then
    return nil, err
  end
  local sums = { downstream_rq_active = 0, rq_total = 0 }
  for name, value in pairs(stats) do
    local prefix, what = name:match("^http%.(.*)%.([^.]+)$")
    if sums[what] and not NOT_SERVED[prefix] then
      sums[what] = sums[what] + (math.tointeger(tonumber(value)) or 0)
    end
  end
  return sums.downstream_rq_active, sums.rq_total
end

---Answer health checks with 503 from now on, so that load balancers look elsewhere.
function admin:fail_health_check()
  return self:request("POST", "/healthcheck/fail")
end

---Ask clients to leave (`connection: close`, GOAWAY) while going on to serve them.
function admin:drain()
  return self:request("POST", "/drain_listeners?graceful&skip_exit")
end

return admin
