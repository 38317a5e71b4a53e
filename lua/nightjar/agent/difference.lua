-- What changed from one accepted generation to the next, and what caused it, in lines for a person.

local memory = require("nightjar.agent.memory")
local route_label = require("nightjar.route_label")

local difference = {}

local MOST = 20       -- lines; a count stands for the rest
local MOST_WORDS = 20 -- changes in a line; likewise

-- Endpoints without traffic are none.
local function addresses(cluster)
  local list = {}
  for _, endpoint in ipairs(cluster.endpoints or {}) do
    if endpoint.health ~= "unhealthy" then
      local priority = endpoint.priority or 0
      list[("%s:%s%s"):format(endpoint.address, endpoint.port,
        priority > 0 and " at priority " .. priority or "")] = true
    end
  end
  return list
end

-- A number as people write it: `0.5`, `30`.
local function plain(number)
  return ("%.14g"):format(number)
end

local function hash_text(hash)
  local names = {}
  for i, item in ipairs(hash) do
    names[i] = item.header or "cookie " .. item.cookie
  end
  return table.concat(names, ", ")
end

local function retries_text(retries)
  return ("%d on %s%s"):format(retries.count, table.concat(retries.on, ","),
    retries.per_try_timeout and (" within %s s each"):format(plain(retries.per_try_timeout)) or "")
end

-- What a route says, word by word.
local function route_facts(route, into)
  for _, entry in ipairs(route.clusters) do
    into[entry.cluster] = entry.weight or true
    local cookie = entry.cookie
    if cookie then
      into[("cookie of %s"):format(entry.cluster)] = ("%s=%s"):format(cookie.name, cookie.value)
    end
  end
  for _, mirror in ipairs(route.mirrors or {}) do
    into["mirror " .. mirror.cluster] = plain(mirror.percent) .. "%"
  end
  into.timeout = route.timeout and plain(route.timeout)
  into.idle_timeout = route.idle_timeout and plain(route.idle_timeout)
  into.hash = route.hash and hash_text(route.hash)
  into.retries = route.retries and retries_text(route.retries)
end

-- The memory as groups of facts: what a line is about → key → value.
local function facts(kept)
  local groups = {}
  local function group(name)
    groups[name] = groups[name] or {}
    return groups[name]
  end
  for _, name in ipairs(kept.listeners or {}) do
    group("listener " .. name)[""] = true
  end
  memory.each_route(kept, function(listener, route)
    route_facts(route,
      group(("route %s %s"):format(listener, route_label.of(route.path, route.match))))
  end)
  for _, cluster in ipairs(kept.clusters or {}) do
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

-- Keeps the first words of a line.
local function shorten(words)
  local more = #words - MOST_WORDS
  if more > 0 then
    words = table.move(words, 1, MOST_WORDS, 1, {})
    words[MOST_WORDS + 1] = ("and %d more"):format(more)
  end
  return words
end

-- What changed, in words (`a 10→20`, `+b=5`, `-c`), and which keys those are of.
local function changes(before, after)
  local words, keys = {}, {}
  for _, key in ipairs(sorted_keys(before, after)) do
    local old, new = before[key], after[key]
    if old ~= new then
      keys[#keys + 1] = key
      if old == nil then
        words[#words + 1] = key ~= "" and "+" .. with_value(key, new) or nil
      elseif new == nil then
        words[#words + 1] = key ~= "" and "-" .. key or nil
      else
        words[#words + 1] = ("%s %s→%s"):format(key, old, new)
      end
    end
  end
  return words, keys
end

-- `name a 10→20 +b=5 -c why=canary_ramp`; nil when nothing differs. What is new or gone as a whole
-- needs no reason: its cause is the generation's.
local function line(name, before, after, why)
  local words, keys = changes(before or {}, after or {})
  if not before then
    return table.concat({ "+" .. name, table.unpack(shorten(words)) }, " ")
  elseif not after then
    return "-" .. name
  elseif #words == 0 then
    return nil
  end
  words = shorten(words)
  local reason = why(name, keys)
  words[#words + 1] = reason and "why=" .. reason
  return name .. " " .. table.concat(words, " ")
end

-- Most generations change endpoints alone, and need no reasons.
local function reasons_of(plan)
  local tell
  return function(name, keys)
    if not plan or not name:find("^route ") then
      return nil
    end
    tell = tell or require("nightjar.agent.because").of(plan)
    return tell(name, keys)
  end
end

---What differs between two memories. A generation whose plan is equal differs in its files only.
---@param before table? what `memory.of` returned; nil: this is the first
---@param after table
---@param changed string[] paths of the files that differ
---@param plan table? of `after`, with its reasons: a change of weights says which policies made it
---@return string[] lines at most 20 and a count of the rest, each of at most 20 changes
function difference.between(before, after, changed, plan)
  local why = reasons_of(plan)
  local old, new, lines, more = facts(before or {}), facts(after), {}, 0
  for _, name in ipairs(sorted_keys(old, new)) do
    local one = line(name, old[name], new[name], why)
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
