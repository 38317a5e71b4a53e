-- How long a route may take and what is tried again, for a service or for one of
-- its paths: `TIMEOUT` is for all paths of the service, `TIMEOUT:/shop` for one.
--
-- Without RETRY_ON only what no endpoint has seen is tried again, which is safe
-- for every method; `5xx` or `reset` may send a POST twice.

local attributes = require("lib.attributes")
local parse = require("lib.parse")
local walk = require("lib.walk")

local SAFE = { "connect-failure", "refused-stream", "reset-before-request" }

local WORDS = { ["5xx"] = true, ["gateway-error"] = true, reset = true,
  ["reset-before-request"] = true, ["connect-failure"] = true, ["retriable-4xx"] = true,
  ["refused-stream"] = true, ["envoy-ratelimited"] = true,
  ["http3-post-connect-failure"] = true, ["cancelled"] = true, ["deadline-exceeded"] = true,
  ["internal"] = true, ["resource-exhausted"] = true, ["unavailable"] = true }

local RETRY_ON = {
  expected = 'words of Envoy\'s retry_on such as "connect-failure, 5xx"',
  read = function(value)
    local words = parse.names.read(value)
    for _, word in ipairs(words) do
      if not WORDS[word] then return nil end
    end
    return #words > 0 and #words <= 14 and words or nil
  end,
}

-- Envoy counts in milliseconds.
local LIMIT = {
  expected = 'a duration from "1ms" to "1d", or "0" for no limit',
  read = function(value)
    local seconds = parse.duration.read(value)
    return seconds and (seconds == 0 or seconds >= 0.001 and seconds <= 86400) and seconds or nil
  end,
}

local READERS = {
  timeout = { key = "TIMEOUT", parser = LIMIT },
  idle_timeout = { key = "IDLE_TIMEOUT", parser = LIMIT },
  retries = { key = "RETRIES", parser = parse.integer(0, 10) },
  retry_on = { key = "RETRY_ON", parser = RETRY_ON },
  per_try_timeout = { key = "PER_TRY_TIMEOUT", parser = LIMIT },
}

-- What the settings say for services that say nothing.
local function read_defaults(settings)
  local defaults = {}
  for name, reader in pairs(READERS) do
    local value = settings[name]
    if value ~= "" then
      defaults[name] = reader.parser.read(value)
      if defaults[name] == nil then
        error(("settings: %s: expected %s"):format(name, reader.parser.expected), 0)
      end
    end
  end
  return defaults
end

local function read_all(mesh)
  local said = {}
  for name, reader in pairs(READERS) do
    said[name] = attributes.collect_paths(mesh, reader.key, reader.parser)
  end
  return said
end

-- The first color of a route that says something speaks for the route.
local function value_for(route, name, said, default)
  for _, entry in ipairs(route.clusters) do
    local value = said[name](entry.cluster, route.path)
    if value ~= nil then return value, READERS[name].key .. " of color " .. entry.color end
  end
  return default, "the settings"
end

local function set_times(route, said, defaults)
  for _, name in ipairs({ "timeout", "idle_timeout" }) do
    local value, source = value_for(route, name, said, defaults[name])
    if value ~= nil then
      route[name] = value
      table.insert(route.why, ("%s %.6g s (%s)"):format(name:gsub("_", " "), value, source))
    end
  end
end

local function set_retries(route, said, defaults)
  local count, by = value_for(route, "retries", said, defaults.retries)
  local on, on_by = value_for(route, "retry_on", said, defaults.retry_on)
  local each, each_by = value_for(route, "per_try_timeout", said, defaults.per_try_timeout)
  if count == nil and on == nil and each == nil then return end
  local source = count and by or on and on_by or each_by
  -- Nobody waits 0 seconds: it stands for no limit, as it does for Envoy.
  route.retries = { count = count or 2, on = on or SAFE,
    per_try_timeout = each and each > 0 and each or nil }
  table.insert(route.why, ("%d retries on %s%s (%s)"):format(route.retries.count,
    table.concat(route.retries.on, ", "),
    route.retries.per_try_timeout and (", %.6g s each"):format(each) or "", source))
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local said, defaults = read_all(mesh), read_defaults(settings)
  for _, route in walk.routes(mesh) do
    set_times(route, said, defaults)
    set_retries(route, said, defaults)
  end
  return mesh
end

local function shop(attributes_of_green)
  return {
    listeners = { { routes = {
      { path = "/shop", clusters = { { cluster = "green", color = "green" } } },
      { path = "/shop/slow", clusters = { { cluster = "green", color = "green" } } } } } },
    clusters = { { name = "green", color = "green", attributes = attributes_of_green,
      endpoints = { {} } } },
  }
end

local function setting(about)
  return { type = "string", default = "", about = about .. " of services that say nothing" }
end

return {
  about = "Timeouts and retries for each path.",
  attributes = {
    TIMEOUT = { path = true, about = "how long a whole answer may take: 5s; 0: no limit" },
    IDLE_TIMEOUT = { path = true, about = "how long nothing may happen: 60s" },
    RETRIES = { path = true, about = "how often a request is tried again: 2" },
    RETRY_ON = { path = true, about = "after what: connect-failure, 5xx (Envoy's retry_on)" },
    PER_TRY_TIMEOUT = { path = true, about = "how long each try may take: 1s" },
  },
  settings = {
    timeout = setting("TIMEOUT"), idle_timeout = setting("IDLE_TIMEOUT"),
    retries = setting("RETRIES"), retry_on = setting("RETRY_ON"),
    per_try_timeout = setting("PER_TRY_TIMEOUT"),
  },
  apply = apply,
  examples = {
    { about = "a timeout for all paths, and another for one",
      given = shop({ TIMEOUT = "5s", ["TIMEOUT:/shop/slow"] = "2m" }),
      expect = { listeners = { { routes = { { timeout = 5 }, { timeout = 120 } } } } } },
    { about = "retries are for what no endpoint has seen", given = shop({ RETRIES = "3" }),
      expect = { listeners = { { routes = { { retries = { count = 3,
        on = { "connect-failure", "refused-stream", "reset-before-request" } } }, {} } } } } },
    { about = "unless RETRY_ON says more",
      given = shop({ ["RETRY_ON:/shop"] = "5xx", ["PER_TRY_TIMEOUT:/shop"] = "500ms" }),
      expect = { listeners = { { routes = { { retries = { count = 2, on = { "5xx" },
        per_try_timeout = 0.5 } }, { why = {} } } } } } },
    { about = "the settings speak for services that say nothing",
      settings = { timeout = "10s" }, given = shop({ ["TIMEOUT:/shop"] = "1s" }),
      expect = { listeners = { { routes = { { timeout = 1 }, { timeout = 10 } } } } } },
    { about = "a word that Envoy does not know is warned of", given = shop({ RETRY_ON = "errors" }),
      expect = { listeners = { { routes = { { why = {} }, { why = {} } } } },
        warnings = { { code = "bad_attribute", attribute = "RETRY_ON" } } } },
  },
}
