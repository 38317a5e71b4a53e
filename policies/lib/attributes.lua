-- Reads the attributes that people set in Cloud Map. What cannot be read is
-- warned of, by service and attribute, and counts as not set: one bad attribute
-- never stops a policy.

local parse = require("lib.parse")
local text = require("lib.text")

local attributes = {}

---Tells the operator that an attribute is not used.
---@param mesh nightjar.Mesh
---@param cluster nightjar.Cluster
---@param key string
---@param problem string the end of a sentence: `is no color of web`
function attributes.warn(mesh, cluster, key, problem)
  table.insert(mesh.warnings, {
    code = "bad_attribute", mesh = cluster.mesh, service = cluster.cloudmap_service,
    attribute = key,
    message = ("mesh %s: service %s: attribute %s: %s; it is not used"):format(
      text.quote(cluster.mesh), text.quote(cluster.cloudmap_service), text.quote(key), problem),
  })
end

-- An empty value is none: that is how the console clears one.
local function read(mesh, cluster, key, parser)
  local value = cluster.attributes[key]
  if value == nil or value == "" then return nil end
  local result = parser.read(value)
  if result == nil then
    attributes.warn(mesh, cluster, key, ("expected %s, got %s"):format(parser.expected,
      text.quote(value)))
  end
  return result
end

---What each cluster says under one key.
---@param mesh nightjar.Mesh
---@param key string
---@param parser { read: fun(value: string): any, expected: string } one of lib.parse
---@return table<string, any> by name of the cluster
function attributes.collect(mesh, key, parser)
  local values = {}
  for _, cluster in ipairs(mesh.clusters) do
    values[cluster.name] = read(mesh, cluster, key, parser)
  end
  return values
end

-- What is escaped in a path and need not be (`%7E` for `~`) stands in no route.
local function unescape(digits)
  local character = string.char(tonumber(digits, 16))
  return character:find("^[%w._~-]$") and character or nil
end

-- The path that an attribute names behind its key, as routes write it; nil where it is none.
local function path_of(word)
  if word == "*" then return "/" end
  local path = word:match("^/.*$")
  path = path and path:gsub("%%(%x%x)", unescape):gsub("//+", "/")
  return path == "/" and path or path and path:gsub("/$", "")
end

local function audience_of(key)
  return (key:sub(1, 1) == "?" or key:lower():find("^%[private%]")) and "private" or "public"
end

---The weight that a cluster's own key gives it on a path, whatever policies have
---made of it since.
---@param cluster nightjar.Cluster
---@param path string
---@param audience string `public` or `private`: of the entry
---@return integer
function attributes.weight_of(cluster, path, audience)
  for key, value in pairs(cluster.attributes) do
    local word = key:match("^%[%a+%](.*)$") or key:match("^%??([/*].*)$")
    if word and path_of(word) == path and audience_of(key) == audience then
      return parse.integer(0, 65535).read(value) or 1
    end
  end
  return 0
end

---What each cluster says under one key for each path: `TIMEOUT` is for all of
---its paths, `TIMEOUT:/shop` for one, which wins.
---@param mesh nightjar.Mesh
---@param key string
---@param parser table one of lib.parse
---@return fun(cluster: string, path: string): any
function attributes.collect_paths(mesh, key, parser)
  local general, special = attributes.collect(mesh, key, parser), {}
  for _, cluster in ipairs(mesh.clusters) do
    for name in pairs(cluster.attributes) do
      local word = name:match("^" .. key .. ":(.*)$")
      local path = word and path_of(word)
      if path then
        special[cluster.name .. path] = read(mesh, cluster, name, parser)
      elseif word then
        attributes.warn(mesh, cluster, name, ("expected a path without a mark such as %s:/shop")
          :format(key))
      end
    end
  end
  return function(cluster, path)
    local value = special[cluster .. path]
    if value == nil then value = general[cluster] end
    return value
  end
end

---What the services say under one key, where one color speaks for all of them.
---Where colors disagree the one that comes first by its name counts.
---@param mesh nightjar.Mesh
---@param key string
---@param parser table one of lib.parse
---@return table<string, any> by mesh and service: `values[cluster.mesh .. "/" .. cluster.service]`
function attributes.by_service(mesh, key, parser)
  local values, said_by = {}, {}
  for _, cluster in ipairs(mesh.clusters) do
    local value = read(mesh, cluster, key, parser)
    local name = cluster.mesh .. "/" .. cluster.service
    if value ~= nil and values[name] == nil then
      values[name], said_by[name] = value, cluster
    elseif value ~= nil and said_by[name].attributes[key] ~= cluster.attributes[key] then
      attributes.warn(mesh, cluster, key, ("differs from that of %s"):format(
        text.quote(said_by[name].cloudmap_service)))
    end
  end
  return values
end

return attributes
