-- What `nightjar explain` says about a plan: the facts, and their text. Pure.

local chain = require "nightjar.cli.chain"
local json = require "host.json"
local moment = require "nightjar.cli.moment"
local path_escape = require "nightjar.path_escape"
local report = require "nightjar.cli.report"
local route_label = require "nightjar.route_label"
local route_text = require "nightjar.cli.route_text"

local explanation = {}

-- `/shop/../cart` is `/cart`; above the root there is nothing.
local function without_dots(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

---A request's path as Envoy matches it: without query, dot segments and needless slashes.
---@param text string?
---@return string? path nil when none was given
---@return string? err
function explanation.path(text)
  if not text then return nil end
  if text:sub(1, 1) ~= "/" then
    return nil, ('%s: expected a path that begins with "/"'):format(report.plain(text))
  end
  return without_dots(path_escape.decode(text:match("^[^?#]*")))
end

-- Whether a route answers a request: a prefix that ends at a path segment.
local function answers(route_path, path)
  return route_path == "/" or route_path == path
    or path:sub(1, #route_path + 1) == route_path .. "/"
end

---Whether a route of this path answers a request for that one.
---@type fun(route_path: string, path: string): boolean
explanation.answers = answers

-- Healthy and unknown endpoints get traffic; unhealthy ones do not.
local function endpoint_counts(cluster)
  local usable, priorities = 0, {}
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then
      local priority = endpoint.priority or 0
      usable, priorities[priority] = usable + 1, (priorities[priority] or 0) + 1
    end
  end
  return usable, #cluster.endpoints, priorities
end

-- How many endpoints wait at which priority behind the first.
local function waiting(priorities)
  local list = json.array {}
  for priority, count in pairs(priorities) do
    if priority > 0 then list[#list + 1] = { priority = priority, endpoints = count } end
  end
  table.sort(list, function(a, b) return a.priority < b.priority end)
  return #list > 0 and list or nil
end

local function cluster_facts(entry, total, cluster)
  local usable, all, priorities = endpoint_counts(cluster)
  return {
    cluster = entry.cluster, service = entry.service, color = entry.color,
    weight = entry.weight, audience = entry.audience,
    share = total > 0 and entry.weight / total or 0.0,
    endpoints = usable, unhealthy = all - usable, priorities = waiting(priorities),
    cookie = entry.cookie,
    http2 = cluster.http2, stale = cluster.stale, age = cluster.age,
    why = json.array(entry.why), chain = json.array(chain.of(entry.why, cluster)),
  }
end

local function total_weight(route)
  local total = 0
  for _, entry in ipairs(route.clusters) do total = total + entry.weight end
  return total
end

local function route_facts(route, clusters)
  local list, total = json.array {}, total_weight(route)
  for i, entry in ipairs(route.clusters) do
    list[i] = cluster_facts(entry, total, clusters[entry.cluster])
  end
  return { path = route.path, match = route.match, service = route.service,
    audience = route.audience, hash = route.hash, mirrors = route.mirrors,
    timeout = route.timeout, idle_timeout = route.idle_timeout, retries = route.retries,
    clusters = list, why = json.array(route.why), removed = json.array {} }
end

-- Parts what was removed among the routes that still stand; what is left had a
-- route of its own.
local function add_removed(routes, removed)
  local by_key, gone = {}, json.array {}
  for _, route in ipairs(routes) do by_key[route_label.key(route.path, route.match)] = route end
  for _, item in ipairs(removed or {}) do
    local route = by_key[route_label.key(item.path, item.match)]
    local list = route and route.removed or gone
    list[#list + 1] = item
  end
  return gone
end

-- Envoy takes the first route that matches: those of the longest path, down to
-- one that takes every request.
local function only_answering(routes, path)
  local list, open = json.array {}, true
  for _, route in ipairs(routes) do
    if open and answers(route.path, path) then
      list[#list + 1] = route
      open = route.match ~= nil
    end
  end
  return list
end

local function listener_facts(listener, clusters, path)
  local routes = json.array {}
  for i, route in ipairs(listener.routes) do routes[i] = route_facts(route, clusters) end
  local gone = add_removed(routes, listener.removed)
  if path then
    routes = only_answering(routes, path)
    local near = json.array {}
    for _, item in ipairs(gone) do
      if answers(item.path, path) then near[#near + 1] = item end
    end
    gone = near
  end
  return { name = listener.name, mesh = listener.mesh, port = listener.port,
    audience = listener.audience, routes = routes, removed = gone }
end

---The facts, ready for JSON.
---@param made {plan: table, origin: string, taken_at: integer, now: integer}
---@param path string? show only what answers this path
---@param name string? show only the listener of this name
---@return table
function explanation.gather(made, path, name)
  local clusters, listeners = {}, json.array {}
  for _, cluster in ipairs(made.plan.clusters) do clusters[cluster.name] = cluster end
  for _, listener in ipairs(made.plan.listeners) do
    if not name or listener.name == name then
      listeners[#listeners + 1] = listener_facts(listener, clusters, path)
    end
  end
  return { snapshot = made.origin, taken_at = made.taken_at, now = made.now, path = path,
    other_policies = made.other_policies, in_force = made.in_force, listeners = listeners }
end

local function endpoints_text(facts)
  local text = ("%d endpoint%s"):format(facts.endpoints, facts.endpoints == 1 and "" or "s")
  for _, one in ipairs(facts.priorities or {}) do
    text = ("%s, %d at priority %d"):format(text, one.endpoints, one.priority)
  end
  if facts.unhealthy > 0 then text = ("%s, %d unhealthy"):format(text, facts.unhealthy) end
  if facts.http2 then text = text .. ", HTTP/2" end
  if facts.stale then text = ("%s, data is %d s old"):format(text, facts.age) end
  if facts.cookie then text = text .. ", " .. route_text.cookie(facts.cookie) end
  return text
end

local function why_lines(out, indent, why)
  for _, line in ipairs(why) do out[#out + 1] = indent .. report.plain(line) .. "\n" end
end

local function removed_text(out, indent, item)
  local weight = item.weight and (", weight %d"):format(item.weight) or ""
  out[#out + 1] = ("%snot %s%s\n"):format(indent,
    report.plain(item.cluster or route_label.of(item.path, item.match)), weight)
  why_lines(out, indent .. "    ", item.why)
end

local function show_route(out, route)
  out[#out + 1] = ("  %s  (service %s, %s)\n")
    :format(report.plain(route_label.of(route.path, route.match)), report.plain(route.service),
      route.audience)
  for _, line in ipairs(route_text.lines(route)) do
    out[#out + 1] = ("    %s\n"):format(report.plain(line))
  end
  why_lines(out, "      ", route.why)
  local rows = {}
  for i, one in ipairs(route.clusters) do
    rows[i] = { report.plain(one.cluster), report.plain(one.color),
      ("weight %d"):format(one.weight), ("%.1f %%"):format(one.share * 100), endpoints_text(one) }
  end
  local i = 0
  for line in report.columns(rows, "    "):gmatch("[^\n]+\n") do
    i = i + 1
    out[#out + 1] = line
    why_lines(out, "        ", chain.lines(route.clusters[i].chain))
  end
  for _, item in ipairs(route.removed) do removed_text(out, "    ", item) end
end

local function listener_text(out, listener, path)
  out[#out + 1] = ("\nlistener %s: mesh %s, port %d, %s\n")
    :format(listener.name, report.plain(listener.mesh), listener.port, listener.audience)
  for _, route in ipairs(listener.routes) do show_route(out, route) end
  if #listener.routes == 0 then
    out[#out + 1] = path and ("  no route answers %s: 404\n"):format(report.plain(path))
      or "  no routes\n"
  end
  local last
  for _, item in ipairs(listener.removed) do
    local label = route_label.of(item.path, item.match)
    if label ~= last then
      out[#out + 1] = ("  %s  (not published)\n"):format(report.plain(label))
      last = label
    end
    removed_text(out, "    ", item)
  end
end

-- How old the data was at the time that policies see, and which that is.
local function time_text(facts)
  local age = facts.now - facts.taken_at
  local span, at = moment.write_span(math.abs(age)), moment.utc(facts.now)
  if age < 0 then return ("planned for %s, %s before it was taken"):format(at, span) end
  return ("%s old, planned for %s"):format(span, at)
end

-- Silent where what is in force is what is shown.
local function in_force_text(one)
  if #one.difference == 0 then return "" end
  return report.plain(("in force: generation %s%s, which this is not: %s"):format(one.generation,
    one.pinned and ", pinned" or "", table.concat(one.difference, "; "))) .. "\n"
end

---The facts as text for a person.
---@param facts table what gather() returned
---@return string
function explanation.text(facts)
  local out = { ("snapshot: %s, %s\n"):format(report.plain(facts.snapshot), time_text(facts)) }
  if facts.other_policies then out[2] = "policies: others than the record was made with\n" end
  if facts.in_force then out[#out + 1] = in_force_text(facts.in_force) end
  if #facts.listeners == 0 then out[#out + 1] = "no listeners\n" end
  for _, listener in ipairs(facts.listeners) do listener_text(out, listener, facts.path) end
  return table.concat(out)
end

return explanation
