-- What a file of the state folder must look like for the agent to use it. Behind these checks it is
-- trusted; whatever fails one is named in a warning and counts as absent. What nightjar-plan alone
-- reads is checked there.

---@type table<string, fun(value: any): boolean?> checks, by what is kept
local form = {}

local function is_text(value) return type(value) == "string" end
local function is_number(value) return type(value) == "number" end
local function is_whole(value) return math.type(value) == "integer" end
local function is_object(value) return type(value) == "table" end

local function optional(check)
  return function(value) return value == nil or check(value) end
end

-- A key beside the elements would be no list, but `{}` is how an empty one may be written.
local function list_of(check)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    local count = 0
    for _ in pairs(value) do
      count = count + 1
    end
    for i = 1, count do
      if not check(value[i]) then
        return false
      end
    end
    return true
  end
end

local function map_of(check)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    for key, item in pairs(value) do
      if type(key) ~= "string" or not check(item) then
        return false
      end
    end
    return true
  end
end

-- Fields that are not named may be anything: another version may keep more.
local function record(fields)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    for name, check in pairs(fields) do
      if not check(value[name]) then
        return false
      end
    end
    return true
  end
end

local texts = list_of(is_text)
local maybe_text, maybe_texts, maybe_number = optional(is_text), optional(texts),
  optional(is_number)

local function hash(value)
  return is_object(value) and (is_text(value.header) or is_text(value.cookie))
end

local function condition(value)
  return hash(value) and maybe_texts(value.values)
end

local route = record { path = is_text, match = optional(list_of(condition)),
  clusters = list_of(record { cluster = is_text, weight = maybe_number,
    cookie = optional(record { name = is_text, value = is_text }) }),
  mirrors = optional(list_of(record { cluster = is_text, percent = is_number })),
  hash = optional(list_of(hash)), timeout = maybe_number, idle_timeout = maybe_number,
  retries = optional(record { count = is_whole, on = texts, per_try_timeout = maybe_number }) }

local endpoint = record { address = is_text, port = is_whole, priority = maybe_number }

---The generation in force (`accepted.json`).
form.accepted = record { generation = is_text, paths = texts, at = optional(is_whole),
  cause = maybe_text, difference = maybe_texts, pinned = maybe_text, listeners = maybe_texts,
  lingering = maybe_texts, inputs = optional(map_of(is_text)),
  clusters = optional(list_of(record { name = is_text, endpoints = list_of(endpoint) })),
  plan_listeners = optional(list_of(record { name = is_text, routes = list_of(route) })),
  -- An agent that knew no conditions kept these.
  routes = optional(list_of(record { listener = is_text, path = is_text,
    clusters = maybe_texts, weights = optional(list_of(is_number)) })) }

---What Envoy refused (`refused.json`).
form.refused = record { generation = is_text, reason = is_text, files = texts,
  bootstrap = maybe_text }

---The way back (`undo.json`).
form.undo = record { generation = maybe_text,
  entries = list_of(record { path = is_text, step = is_text, content = maybe_text }) }

local instance = record { id = is_text, attributes = map_of(is_text), health = maybe_text,
  since = is_number, health_since = maybe_number }
local service = record { id = is_text, name = is_text, read_at = is_number, error = maybe_text,
  attributes = map_of(is_text), since = map_of(is_number), instances = list_of(instance) }

---The last good snapshot (`snapshot.json`).
form.snapshot = record { taken_at = is_whole, member = optional(is_object),
  meshes = list_of(record { ref = is_text, name = is_text, id = is_text, read_at = is_number,
    error = maybe_text, services = list_of(service) }) }

return form
