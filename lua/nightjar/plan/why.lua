-- Records what a policy did. Before a policy the routes are noted, after it
-- they are compared: each weight's `why` gets a line such as
-- `weights: 90 → 100 (reason)`, and what is gone stands in the listener's
-- `removed` with its own history.
--
-- A policy may give its reason: strings that it appends to a `why`, or an entry
-- that it appends to `removed`. What stood in a `why` before stays, whatever a
-- policy makes of it.

local route_label = require("nightjar.route_label")
local schema = require("nightjar.plan.schema")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local why = {}

-- The last lines are the ones that tell; mesh_shape allows 256.
local MOST = 200

-- Bytes of a line; mesh_shape allows four times as much, should all be escaped.
local LONGEST = 1000

local function copy_list(list)
  return table.move(list, 1, #list, 1, {})
end

local function entry_key(entry)
  return entry.cluster .. "\0" .. entry.audience
end

-- What makes it the same route before and after a policy.
local function key_of(route)
  return route_label.key(route.path, route.match)
end

local function note_entry(entry)
  return {
    cluster = entry.cluster, service = entry.service, color = entry.color,
    weight = entry.weight, audience = entry.audience, why = copy_list(entry.why),
  }
end

local function note_route(route)
  local entries = {}
  for _, entry in ipairs(route.clusters) do entries[entry_key(entry)] = note_entry(entry) end
  -- A policy may change a list in its place.
  return { path = route.path, match = schema.copy(route.match), service = route.service,
    audience = route.audience, why = copy_list(route.why), entries = entries }
end

---Notes what the routes of a mesh are, before a policy gets it.
---@param mesh table checked
---@return table before for `record`
function why.note(mesh)
  local before = {}
  for _, listener in ipairs(mesh.listeners) do
    local routes = {}
    for _, route in ipairs(listener.routes) do routes[key_of(route)] = note_route(route) end
    -- Taken away from the policy, so that it can only add to them.
    before[listener.name] = { routes = routes, removed = listener.removed or {} }
    listener.removed = {}
  end
  return before
end

-- What `list` holds beyond `history`, and whether history was kept.
local function added(list, history)
  for i, line in ipairs(history) do
    if list[i] ~= line then
      history = {}
      break
    end
  end
  return table.move(list, #history + 1, #list, 1, {})
end

-- `history` and one line about what `policy` did, if anything.
local function continue(history, policy, change, reasons)
  local list = copy_list(history)
  local reason = table.concat(reasons, "; ")
  local line = change
  if change and reason ~= "" then line = ("%s (%s)"):format(change, reason) end
  if not change and reason ~= "" then line = reason end
  if line then list[#list + 1] = text.clean(policy .. ": " .. line, LONGEST) end
  if #list > MOST then
    table.move(list, #list - MOST + 1, #list, 1)
    for i = #list, MOST + 1, -1 do list[i] = nil end
  end
  return list
end

local function record_entry(policy, old, entry)
  if not old then
    entry.why = continue({}, policy, ("added with weight %d"):format(entry.weight), entry.why)
    return
  end
  local change
  if old.weight ~= entry.weight then
    change = ("%d → %d"):format(old.weight, entry.weight)
  end
  entry.why = continue(old.why, policy, change, added(entry.why, old.why))
end

local function record_route(policy, old, route)
  for _, entry in ipairs(route.clusters) do
    record_entry(policy, old and old.entries[entry_key(entry)], entry)
  end
  if not old then
    route.why = continue({}, policy, "added", route.why)
    return
  end
  local change
  if old.audience ~= route.audience then
    change = ("%s → %s"):format(old.audience, route.audience)
  end
  route.why = continue(old.why, policy, change, added(route.why, old.why))
end

-- What the policy said in `removed`, by route and cluster. An item without a
-- cluster is about the whole route, one without conditions about every route of
-- its path.
local function given_reasons(removed)
  local given = {}
  for _, item in ipairs(removed) do
    local key = key_of(item) .. "\0" .. (item.cluster or "")
    if item.cluster and item.audience then key = key .. "\0" .. item.audience end
    given[key] = item
  end
  return given
end

local NOTHING = { why = {} }

local function given_for(given, route, entry)
  for _, key in ipairs({ key_of(route), route.path }) do
    key = key .. "\0"
    local item = entry and (given[key .. entry_key(entry)] or given[key .. entry.cluster])
      or given[key]
    if item then return item end
  end
  return NOTHING
end

-- Appends to `list` what of one route is no longer there.
local function record_removed(policy, old, route, given, list)
  local present = {}
  for _, entry in ipairs(route and route.clusters or {}) do present[entry_key(entry)] = true end
  for key, entry in sorted.pairs(old.entries) do
    if not present[key] then
      local item = given_for(given, old, entry)
      list[#list + 1] = {
        path = old.path, match = old.match, cluster = entry.cluster, service = entry.service,
        color = entry.color, weight = entry.weight, audience = entry.audience,
        because = item.because, why = continue(entry.why, policy, "removed", item.why),
      }
    end
  end
  if not route and not next(old.entries) then
    local item = given_for(given, old)
    list[#list + 1] = { path = old.path, match = old.match, service = old.service,
      audience = old.audience, because = item.because,
      why = continue(old.why, policy, "removed", item.why) }
  end
end

local function record_listener(policy, old, listener)
  local routes, removed = {}, copy_list(old.removed)
  local given = given_reasons(listener.removed or {})
  for _, route in ipairs(listener.routes) do
    local key = key_of(route)
    routes[key] = route
    record_route(policy, old.routes[key], route)
  end
  for key, route in sorted.pairs(old.routes) do
    record_removed(policy, route, routes[key], given, removed)
  end
  listener.removed = removed
end

---Writes down what a policy did, in the mesh that it returned.
---@param policy string its name, or that of the stage
---@param before table what `note` returned
---@param mesh table checked
function why.record(policy, before, mesh)
  for _, listener in ipairs(mesh.listeners) do
    local old = before[listener.name] or { routes = {}, removed = {} }
    record_listener(policy, old, listener)
  end
end

return why
