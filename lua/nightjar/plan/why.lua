-- Records what a policy did. Before a policy the routes are noted, after it
-- they are compared: each weight's `why` gets a line such as
-- `weights: 90 → 100 (reason)`, and what is gone stands in the listener's
-- `removed` with its own history.
--
-- A policy may give its reason: strings that it appends to a `why`, or an entry
-- that it appends to `removed`. What stood in a `why` before stays, whatever a
-- policy makes of it.

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

local function note_entry(entry)
  return {
    cluster = entry.cluster, service = entry.service, color = entry.color,
    weight = entry.weight, audience = entry.audience, why = copy_list(entry.why),
  }
end

local function note_route(route)
  local entries = {}
  for _, entry in ipairs(route.clusters) do entries[entry_key(entry)] = note_entry(entry) end
  return { path = route.path, service = route.service, audience = route.audience,
    why = copy_list(route.why), entries = entries }
end

---Notes what the routes of a mesh are, before a policy gets it.
---@param mesh table checked
---@return table before for `record`
function why.note(mesh)
  local before = {}
  for _, listener in ipairs(mesh.listeners) do
    local routes = {}
    for _, route in ipairs(listener.routes) do routes[route.path] = note_route(route) end
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

-- The reasons that the policy gave in `removed`, by path and cluster. A reason
-- without a cluster is about the whole route.
local function given_reasons(removed)
  local reasons = {}
  for _, item in ipairs(removed) do
    local key = item.path .. "\0" .. (item.cluster or "")
    if item.cluster and item.audience then key = key .. "\0" .. item.audience end
    reasons[key] = item.why
  end
  return reasons
end

local function reasons_for(reasons, path, entry)
  local key = path .. "\0"
  return reasons[key .. entry_key(entry)] or reasons[key .. entry.cluster] or reasons[key] or {}
end

-- Appends to `list` what of one route is no longer there.
local function record_removed(policy, old, route, reasons, list)
  local present = {}
  for _, entry in ipairs(route and route.clusters or {}) do present[entry_key(entry)] = true end
  for key, entry in sorted.pairs(old.entries) do
    if not present[key] then
      list[#list + 1] = {
        path = old.path, cluster = entry.cluster, service = entry.service, color = entry.color,
        weight = entry.weight, audience = entry.audience,
        why = continue(entry.why, policy, "removed", reasons_for(reasons, old.path, entry)),
      }
    end
  end
  if not route and not next(old.entries) then
    list[#list + 1] = { path = old.path, service = old.service, audience = old.audience,
      why = continue(old.why, policy, "removed", reasons[old.path .. "\0"] or {}) }
  end
end

local function record_listener(policy, old, listener)
  local routes, removed = {}, copy_list(old.removed)
  local reasons = given_reasons(listener.removed or {})
  for _, route in ipairs(listener.routes) do
    routes[route.path] = route
    record_route(policy, old.routes[route.path], route)
  end
  for path, route in sorted.pairs(old.routes) do
    record_removed(policy, route, routes[path], reasons, removed)
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
