-- What changed from one accepted generation to the next, and what caused it, in lines for a person.

local json = require("host.json")

local difference = {}

local MOST = 20 -- lines; a count stands for the rest

---What is kept of a plan: for lingering (which route names which clusters, and those clusters) and
---to tell the next difference.
---@param plan table
---@return { listeners: string[], clusters: table[], routes: table[], lingering: string[] }
function difference.memory(plan)
  local named = {}
  local memory = { listeners = json.array({}), clusters = json.array({}), routes = json.array({}),
    lingering = json.array({}) }
  for i, listener in ipairs(plan.listeners) do
    memory.listeners[i] = listener.name
    for _, route in ipairs(listener.routes) do
      local names, weights = {}, {}
      for j, share in ipairs(route.clusters) do
        named[share.cluster], names[j], weights[j] = true, share.cluster, share.weight
      end
      memory.routes[#memory.routes + 1] = { listener = listener.name, path = route.path,
        clusters = json.array(names), weights = json.array(weights) }
    end
  end
  for _, cluster in ipairs(plan.clusters) do
    if cluster.linger then
      memory.lingering[#memory.lingering + 1] = cluster.name
    end
    if named[cluster.name] then
      -- Its age grows with each pass; what is kept changes only when the mesh does.
      local kept = {}
      for key, value in pairs(cluster) do
        kept[key] = value
      end
      kept.age = 0
      memory.clusters[#memory.clusters + 1] = kept
    end
  end
  return memory
end

-- Endpoints without traffic are none.
local function addresses(cluster)
  local list = {}
  for _, endpoint in ipairs(cluster.endpoints or {}) do
    if endpoint.health ~= "unhealthy" then
      list[("%s:%s"):format(endpoint.address, endpoint.port)] = true
    end
  end
  return list
end

-- The memory as groups of facts: what a line is about → key → value.
local function facts(memory)
  local groups = {}
  local function group(name)
    groups[name] = groups[name] or {}
    return groups[name]
  end
  for _, name in ipairs(memory.listeners or {}) do
    group("listener " .. name)[""] = true
  end
  for _, route in ipairs(memory.routes or {}) do
    local one = group(("route %s %s"):format(route.listener, route.path))
    for i, name in ipairs(route.clusters) do
      one[name] = (route.weights or {})[i] or true
    end
  end
  for _, cluster in ipairs(memory.clusters or {}) do
    local one = group("cluster " .. cluster.name)
    for address in pairs(addresses(cluster)) do
      one[address] = true
    end
  end
  return groups
end

local function sorted_keys(...)
  local keys, seen = {}, {}
  for _, map in ipairs { ... } do
    for key in pairs(map) do
      if not seen[key] then
        keys[#keys + 1], seen[key] = key, true
      end
    end
  end
  table.sort(keys)
  return keys
end

local function with_value(key, value)
  return value == true and key or ("%s=%s"):format(key, value)
end

-- `name a 10→20 +b=5 -c`; nil when nothing differs.
local function line(name, before, after)
  local words = {}
  for _, key in ipairs(sorted_keys(before or {}, after or {})) do
    local old, new = (before or {})[key], (after or {})[key]
    if old == nil then
      words[#words + 1] = key ~= "" and "+" .. with_value(key, new) or nil
    elseif new == nil then
      words[#words + 1] = key ~= "" and "-" .. key or nil
    elseif old ~= new then
      words[#words + 1] = ("%s %s→%s"):format(key, old, new)
    end
  end
  local sign = not before and "+" or not after and "-" or ""
  if sign == "" and #words == 0 then
    return nil
  end
  return sign .. name .. (#words > 0 and sign ~= "-" and " " .. table.concat(words, " ") or "")
end

---What differs between two memories. A generation whose plan is equal differs in its files only.
---@param before table? what `difference.memory` returned; nil: this is the first
---@param after table
---@param changed string[] paths of the files that differ
---@return string[] lines
function difference.between(before, after, changed)
  local old, new, lines, more = facts(before or {}), facts(after), {}, 0
  for _, name in ipairs(sorted_keys(old, new)) do
    local one = line(name, old[name], new[name])
    if one and #lines < MOST then
      lines[#lines + 1] = one
    elseif one then
      more = more + 1
    end
  end
  for _, name in ipairs(before and before.lingering or {}) do
    if not new["cluster " .. name] then
      lines[#lines + 1] = ("cluster %s has left"):format(name)
    end
  end
  if more > 0 then
    lines[#lines + 1] = ("and %d more"):format(more)
  elseif #lines == 0 and #changed > 0 then
    lines[1] = "files " .. table.concat(changed, " ")
  end
  return lines
end

local CAUSES = { "mesh", "policies", "templates", "settings" }

---What caused a generation: which of the inputs differ from those of the one before it.
---@param before { inputs: table<string, string>?, lingering: string[]? }? what is in force
---@param inputs table<string, string> hashes by name: `mesh`, `policies`, `templates`, `settings`
---@return string cause `first`; one or several of the inputs; `linger` when clusters leave that no
---  route names any more; `time` when nothing but the clock has changed
function difference.cause(before, inputs)
  if not before or not before.inputs then
    return "first"
  end
  local list = {}
  for _, name in ipairs(CAUSES) do
    if before.inputs[name] ~= inputs[name] then
      list[#list + 1] = name
    end
  end
  if #list > 0 then
    return table.concat(list, " ")
  end
  return #(before.lingering or {}) > 0 and "linger" or "time"
end

return difference
