-- What differs between two plans, A and B, of one snapshot: the facts, and their text. Pure.

local json = require "host.json"
local report = require "nightjar.cli.report"
local route_label = require "nightjar.route_label"

local plan_difference = {}

local ABSENT = "–"

-- What follows from other fields, or is told in its own way.
local OWN = {
  listener = { name = true, routes = true, removed = true },
  route = { path = true, match = true, clusters = true, why = true, service = true,
    audience = true },
  entry = { cluster = true, service = true, color = true, weight = true, why = true },
  cluster = { name = true, endpoints = true, attributes = true, since = true, age = true,
    linger = true },
}

local function by_key(list, key_of)
  local map = {}
  for _, item in ipairs(list or {}) do
    local key = key_of(item)
    if key then map[key] = item end
  end
  return map
end

local function union(a, b)
  local keys = {}
  for key in pairs(a) do keys[#keys + 1] = key end
  for key in pairs(b) do
    if a[key] == nil then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

local function written(value)
  if type(value) == "table" then return (assert(json.encode(value))) end
  return value
end

-- Fields that differ, but for those in `own`.
local function fields_between(a, b, own)
  local list = json.array {}
  for _, name in ipairs(union(a, b)) do
    if not own[name] and written(a[name]) ~= written(b[name]) then
      list[#list + 1] = { field = name, before = a[name], after = b[name] }
    end
  end
  return list
end

-- The lines of each that the other does not have.
local function reasons(a, b)
  local function lacking(list, other)
    local known, result = {}, json.array {}
    for _, line in ipairs(other or {}) do known[line] = true end
    for _, line in ipairs(list or {}) do
      if not known[line] then result[#result + 1] = line end
    end
    return result
  end
  return lacking(a, b), lacking(b, a)
end

local function change_of(a, b)
  return not a and "added" or not b and "removed" or "changed"
end

local function removed_key(item)
  return route_label.key(item.path, item.match) .. "\0" .. (item.cluster or "")
end

-- Why an entry is where it is, or why it is gone.
local function why_of(entry, route, cluster, removed)
  if entry then return entry.why end
  local item = removed[route_label.key(route.path, route.match) .. "\0" .. cluster]
  return item and item.why
end

local function entry_difference(a, b, route, cluster, removed)
  local fields = a and b and fields_between(a, b, OWN.entry) or json.array {}
  if a and b and a.weight == b.weight and #fields == 0 then return nil end
  local one = a or b
  local before, after = reasons(why_of(a, route, cluster, removed.a),
    why_of(b, route, cluster, removed.b))
  return { cluster = cluster, service = one.service, color = one.color,
    before = a and a.weight, after = b and b.weight, fields = fields,
    why = { a = before, b = after } }
end

local function cluster_of(item)
  return item.cluster
end

local function route_difference(listener, a, b, removed)
  local one = a or b
  local old, new = by_key((a or {}).clusters, cluster_of), by_key((b or {}).clusters, cluster_of)
  local entries = json.array {}
  for _, name in ipairs(union(old, new)) do
    entries[#entries + 1] = entry_difference(old[name], new[name], one, name, removed)
  end
  local fields = a and b and fields_between(a, b, OWN.route) or json.array {}
  if a and b and #entries == 0 and #fields == 0 then return nil end
  local before, after = reasons((a or {}).why, (b or {}).why)
  return { listener = listener, path = one.path, match = one.match, change = change_of(a, b),
    clusters = entries, fields = fields, why = { a = before, b = after } }
end

-- Longest path first, as in a plan; of one path by its conditions.
local function route_order(a, b)
  if #a.path ~= #b.path then return #a.path > #b.path end
  return route_label.key(a.path, a.match) < route_label.key(b.path, b.match)
end

local function route_key(route)
  return route_label.key(route.path, route.match)
end

local function routes_between(name, a, b, removed)
  local old, new = by_key(a.routes, route_key), by_key(b.routes, route_key)
  local list = {}
  for _, key in ipairs(union(old, new)) do
    list[#list + 1] = route_difference(name, old[key], new[key], removed)
  end
  table.sort(list, route_order)
  return list
end

-- What one plan took out and the other did not, unless a route tells it already.
local function removed_between(name, removed, routes, list)
  local told = {}
  for _, route in ipairs(routes) do
    for _, entry in ipairs(route.clusters) do
      told[route_label.key(route.path, route.match) .. "\0" .. entry.cluster] = true
    end
  end
  for _, key in ipairs(union(removed.a, removed.b)) do
    local a, b = removed.a[key], removed.b[key]
    if not (a and b) and not told[key] then
      local one = a or b
      list[#list + 1] = { listener = name, path = one.path, match = one.match,
        cluster = one.cluster, color = one.color, by = a and "a" or "b", why = one.why }
    end
  end
end

local function listener_difference(facts, name, a, b)
  local fields = a and b and fields_between(a, b, OWN.listener) or json.array {}
  if not (a and b) or #fields > 0 then
    facts.listeners[#facts.listeners + 1] = { listener = name, change = change_of(a, b),
      fields = fields }
  end
  a, b = a or {}, b or {}
  local removed = { a = by_key(a.removed, removed_key), b = by_key(b.removed, removed_key) }
  local routes = routes_between(name, a, b, removed)
  table.move(routes, 1, #routes, #facts.routes + 1, facts.routes)
  removed_between(name, removed, routes, facts.removed)
end

local function endpoint_text(endpoint)
  local address = endpoint.family == "ipv6" and "[" .. endpoint.address .. "]" or endpoint.address
  local text = ("%s:%s"):format(address, endpoint.port)
  if endpoint.health == "unhealthy" then text = text .. " unhealthy" end
  if (endpoint.priority or 0) > 0 then text = text .. " priority " .. endpoint.priority end
  return text
end

local function endpoints_between(a, b)
  local old, new = by_key(a, endpoint_text), by_key(b, endpoint_text)
  local gone, come = json.array {}, json.array {}
  for _, text in ipairs(union(old, new)) do
    if not new[text] then gone[#gone + 1] = text end
    if not old[text] then come[#come + 1] = text end
  end
  return gone, come
end

-- One that only lingers for a generation is as good as gone.
local function cluster_name(cluster)
  return not cluster.linger and cluster.name or nil
end

local function clusters_between(a, b)
  local old, new = by_key(a.clusters, cluster_name), by_key(b.clusters, cluster_name)
  local list = json.array {}
  for _, name in ipairs(union(old, new)) do
    local before, after = old[name], new[name]
    local both = before and after
    local fields = both and fields_between(before, after, OWN.cluster) or json.array {}
    local gone, come = json.array {}, json.array {}
    if both then gone, come = endpoints_between(before.endpoints, after.endpoints) end
    if not both or #fields + #gone + #come > 0 then
      list[#list + 1] = { cluster = name, change = change_of(before, after), fields = fields,
        endpoints_removed = gone, endpoints_added = come }
    end
  end
  return list
end

local function file_path(one)
  return one.path
end

-- Whatever else a policy may have changed shows in what Envoy gets.
local function files_between(a, b)
  local old, new, list = by_key(a, file_path), by_key(b, file_path), json.array {}
  for _, path in ipairs(union(old, new)) do
    if (old[path] or {}).content ~= (new[path] or {}).content then list[#list + 1] = path end
  end
  return list
end

local function listener_name(listener)
  return listener.name
end

---What differs between two answers of nightjar-plan.
---@param a { plan: table, files: table[] }
---@param b { plan: table, files: table[] }
---@return table facts { listeners, routes, removed, clusters, files }, ready for JSON
function plan_difference.between(a, b)
  local facts = { listeners = json.array {}, routes = json.array {}, removed = json.array {},
    clusters = clusters_between(a.plan, b.plan), files = files_between(a.files, b.files) }
  local old = by_key(a.plan.listeners, listener_name)
  local new = by_key(b.plan.listeners, listener_name)
  for _, name in ipairs(union(old, new)) do
    listener_difference(facts, name, old[name], new[name])
  end
  return facts
end

---@param facts table
---@return boolean
function plan_difference.is_empty(facts)
  return #facts.listeners + #facts.routes + #facts.removed + #facts.clusters + #facts.files == 0
end

local function value_text(value)
  if value == nil then return ABSENT end
  return report.plain(written(value))
end

local function arrow(before, after)
  return ("%s → %s"):format(value_text(before), value_text(after))
end

local function add(rows, cells, why)
  rows[#rows + 1] = { cells = cells, why = why }
end

local function field_rows(rows, place, name, fields, why)
  for i, one in ipairs(fields) do
    add(rows, { place[1], place[2], name .. one.field, arrow(one.before, one.after) },
      i == #fields and why)
  end
end

local function route_rows(rows, route)
  local place = { route.listener, route_label.of(route.path, route.match) }
  local names = route_label.colors(route.clusters)
  for i, entry in ipairs(route.clusters) do
    if entry.before ~= entry.after then
      add(rows, { place[1], place[2], names[i], arrow(entry.before, entry.after) }, entry.why)
    end
    field_rows(rows, place, names[i] .. " ", entry.fields,
      entry.before == entry.after and entry.why)
  end
  field_rows(rows, place, "", route.fields, route.why)
end

local function removed_row(rows, item)
  local who = item.by == "a" and "A" or "B"
  add(rows, { item.listener, route_label.of(item.path, item.match),
    item.color or item.cluster or "", "taken out by " .. who .. " only" },
    { [item.by] = item.why })
end

local function cluster_rows(rows, item)
  if item.change ~= "changed" then
    add(rows, { "cluster", item.cluster, "", item.change })
    return
  end
  for _, one in ipairs(item.fields) do
    add(rows, { "cluster", item.cluster, one.field, arrow(one.before, one.after) })
  end
  local words = {}
  for _, text in ipairs(item.endpoints_removed) do words[#words + 1] = "-" .. text end
  for _, text in ipairs(item.endpoints_added) do words[#words + 1] = "+" .. text end
  if #words > 0 then
    add(rows, { "cluster", item.cluster, "endpoints", table.concat(words, ", ") })
  end
end

local function gather_rows(facts)
  local rows = {}
  for _, item in ipairs(facts.listeners) do
    if item.change ~= "changed" then add(rows, { "listener", item.listener, "", item.change }) end
    for _, one in ipairs(item.fields) do
      add(rows, { "listener", item.listener, one.field, arrow(one.before, one.after) })
    end
  end
  for _, route in ipairs(facts.routes) do route_rows(rows, route) end
  for _, item in ipairs(facts.removed) do removed_row(rows, item) end
  for _, item in ipairs(facts.clusters) do cluster_rows(rows, item) end
  return rows
end

local function why_lines(out, who, lines)
  for _, line in ipairs(lines or {}) do
    out[#out + 1] = ("    %s: %s\n"):format(who, report.plain(line))
  end
end

---The facts as text for a person; nothing when nothing differs.
---@param facts table what between() returned
---@return string
function plan_difference.text(facts)
  local rows, cells, out = gather_rows(facts), {}, {}
  for i, row in ipairs(rows) do
    cells[i] = {}
    for j, cell in ipairs(row.cells) do cells[i][j] = report.plain(cell) end
  end
  local i = 0
  for line in report.columns(cells):gmatch("[^\n]+\n") do
    i = i + 1
    out[#out + 1] = line
    why_lines(out, "A", (rows[i].why or {}).a)
    why_lines(out, "B", (rows[i].why or {}).b)
  end
  if #rows == 0 and #facts.files > 0 then
    out[1] = "files  " .. report.plain(table.concat(facts.files, " ")) .. "\n"
  end
  return table.concat(out)
end

return plan_difference
