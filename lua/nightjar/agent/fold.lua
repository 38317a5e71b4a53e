-- Folds a rendered set of files into one static bootstrap. `envoy --mode
-- validate` does not look into files that a bootstrap only names (docs of the
-- project: "Envoy facts" 13), so what they hold has to stand in it.

local json = require "host.json"
local yaml = require "host.yaml"

local fold = {}

-- The work on one set of files.
local work = {}
work.__index = work

local function decode(one)
  if one.path:match("%.json$") then return json.decode(one.content) end
  if one.path:match("%.ya?ml$") then return yaml.decode(one.content) end
  return nil, "expected a name that ends in .json, .yaml or .yml"
end

---The decoded content of the file that Envoy would read at `path`.
function work:load(path, from)
  local inside = self.config_dir .. "/"
  local name = path
  if path:sub(1, #inside) == inside then name = path:sub(#inside + 1) end
  local one = self.files[name]
  if not one then
    return nil, ("%s: names %s, which is not among the rendered files"):format(from, path)
  end
  local value, err = decode(one)
  if type(value) ~= "table" then
    return nil, ("%s: %s"):format(name, err or "expected a mapping")
  end
  return value, name
end

-- The path in a config source, whatever form it has; nil for other sources.
local function source_path(source)
  if type(source) ~= "table" then return nil end
  local by_path = source.path_config_source
  return type(by_path) == "table" and by_path.path or source.path
end

local function as_list(value)
  return type(value) == "table" and value or {}
end

---The resources in the file that a config source names, without what marks
---them as dynamic: a static resource has no `@type`.
function work:resources(source, from)
  local path = source_path(source)
  if type(path) ~= "string" then return json.array {} end
  local value, name = self:load(path, from)
  if not value then return nil, name end
  local list = json.array {}
  for i, resource in ipairs(as_list(value.resources)) do
    if type(resource) ~= "table" then
      return nil, ("%s: resources[%d]: expected a mapping"):format(name, i)
    end
    resource["@type"] = nil
    list[i] = resource
  end
  return list, name
end

-- Envoy accepts one resource in a file of routes or endpoints, and so must we.
function work:single(source, from)
  local list, name = self:resources(source, from)
  if not list then return nil, name end
  if #list == 1 then return list[1] end
  if not source_path(source) then return nil end
  return nil, ("%s: expected one resource, got %d"):format(name, #list)
end

---Puts routes in place of each `rds` below `node` whose file is known.
function work:inline_routes(node, from)
  if type(node) ~= "table" then return true end
  local rds = node.rds
  if type(rds) == "table" and source_path(rds.config_source) then
    local routes, err = self:single(rds.config_source, from)
    if not routes then return nil, err end
    if routes.name ~= rds.route_config_name then
      return nil, ("%s: expects routes named %s, got %s"):format(from,
        tostring(rds.route_config_name), tostring(routes.name))
    end
    node.rds, node.route_config = nil, routes
  end
  for _, child in pairs(node) do
    local ok, err = self:inline_routes(child, from)
    if not ok then return nil, err end
  end
  return true
end

---Puts endpoints in place of a cluster's EDS file.
function work:inline_endpoints(clusters, from)
  for _, cluster in ipairs(clusters) do
    local eds = cluster.eds_cluster_config
    if type(eds) == "table" and source_path(eds.eds_config) then
      local assignment, err = self:single(eds.eds_config, from)
      if not assignment then return nil, err end
      cluster.eds_cluster_config, cluster.type = nil, "STATIC"
      cluster.load_assignment = assignment
    end
  end
  return true
end

local function append(static, key, resources)
  local list = json.array {}
  for _, one in ipairs(as_list(static[key])) do list[#list + 1] = one end
  for _, one in ipairs(resources) do list[#list + 1] = one end
  static[key] = list
end

function work:bootstrap(name)
  local bootstrap, err = self:load(name, "ENVOY_CONFIGURATION_FILE")
  if not bootstrap then return nil, err end
  local dynamic = as_list(bootstrap.dynamic_resources)
  local clusters, listeners, ok
  clusters, err = self:resources(dynamic.cds_config, name)
  if not clusters then return nil, err end
  listeners, err = self:resources(dynamic.lds_config, name)
  if not listeners then return nil, err end
  ok, err = self:inline_endpoints(clusters, name)
  if ok then ok, err = self:inline_routes(listeners, name) end
  if not ok then return nil, err end
  local static = as_list(bootstrap.static_resources)
  append(static, "clusters", clusters)
  append(static, "listeners", listeners)
  bootstrap.static_resources, bootstrap.dynamic_resources = static, nil
  return bootstrap
end

---Folds files into one bootstrap without any dynamic resource.
---@param files {path: string, content: string}[]
---@param settings table `config_dir`, `envoy_configuration_file`
---@return table? bootstrap ready for JSON
---@return string? err `file: why`
function fold.run(files, settings)
  local by_path = {}
  for _, one in ipairs(files) do by_path[one.path] = one end
  local self = setmetatable({ files = by_path, config_dir = settings.config_dir }, work)
  return self:bootstrap(settings.envoy_configuration_file)
end

return fold
