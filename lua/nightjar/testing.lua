-- Helpers for the specs of policies, run by `nightjar test`: a mesh in two lines, and what the
-- policies made of it.
--
--   local t = require "nightjar.testing"
--
--   it("shares by weight", function()
--     local plan = t.plan { policies = { "weights" }, ["/shop"] = { blue = 90, green = 10 } }
--     assert.same({ blue = 90, green = 10 }, plan:weights "/shop")
--   end)
--
--   it("rests on a Friday", function()
--     local friday = t.policy "friday"
--     local plan = friday { now = t.time "2026-11-27T10:00:00Z",
--       ["/shop"] = { blue = 90, green = { 10, endpoints = 3, HEALTH_GATE = "50%" } } }
--     assert.matches("it is Friday", plan:why("/shop", "green"))
--   end)
--
-- The policies are those of the folder that POLICY_DIR names, or else the installed ones. They run
-- in nightjar-plan, as in production, under the limits that are the default there: an endless loop
-- is an error with file and line.

local json = require "host.json"
local messages = require "nightjar.text"
local moment = require "nightjar.cli.moment"
local nearest = require "nightjar.nearest"
local planner = require "nightjar.agent.planner"
local program = require "host.program"
local route_label = require "nightjar.route_label"
local sched = require "nightjar.agent.sched"
local schema = require "nightjar.plan.schema"
local snapshot = require "nightjar.testing.snapshot"
local sources = require "nightjar.agent.sources"

local testing = {}

---The time of each plan that does not name another: 2026-01-01T00:00:00Z, a Thursday.
testing.NOW = 1767225600

---@class testing.Color what a color can be instead of a bare weight: `{ 10, endpoints = 3 }`
---@field [1] integer? its weight on the path
---@field endpoints? integer|table[] how many are healthy (1), or each: { id, address, port, zone,
---  health, since }
---@field unhealthy? integer how many more are not
---@field zones? table<string, integer> how many are in which zone
---@field since? integer|table<string, integer> when its attributes got their values
---@field age? integer seconds since it was read
---@field stale? boolean its last reading failed
---@field [string] any upper-case names and paths: its attributes in Cloud Map

---@class testing.Mesh a mesh in few words. A key that is a path (`/shop`, `[private]/stock`) holds
---  the weights of its colors, `{ blue = 90, green = 10 }`, or one weight; the service is named by
---  the first segment of the path, "web" for `/`
---@field services? table<string, table<string, testing.Color>> by service and color, with paths as
---  attributes: `{ shop = { blue = { ["/shop"] = 90, ACTIVE_COLOR = "blue" } } }`
---@field meshes? table<string, testing.Mesh> others, by name; each has a public listener
---@field audience? "private"|"public" of the first listener; `public`: as a gateway sees the mesh
---@field member? string the service that the sidecar stands beside
---@field zone? string the zone that the sidecar is in
---@field now? integer unix seconds; testing.NOW by default
---@field policies? string[] names, in their order, instead of those of init.lua
---@field settings? table<string, table> settings of policies by name, as in the configuration
---@field previous? testing.Plan|table what is in force

local function policy_folder()
  local directory = program.environment().POLICY_DIR
  if not directory or directory == "" then
    directory = program.data_directory() .. "/policies"
  end
  return directory
end

-- The files of the folder; with `names`, init.lua names these.
local function policy_files(names)
  local list, err = sources.policies { policy_dir = policy_folder() }
  if not list then error(err, 0) end
  if not names then return list end
  local files, quoted = {}, {}
  for _, one in ipairs(list) do
    if one.name ~= "init.lua" then files[#files + 1] = one end
  end
  for i, name in ipairs(names) do quoted[i] = ("%q"):format(name) end
  files[#files + 1] = { name = "init.lua",
    text = "return { " .. table.concat(quoted, ", ") .. " }" }
  return files
end

local function previous_of(value)
  if value == nil or value.data == nil then return value end
  return { listeners = value.data.listeners, clusters = value.data.clusters }
end

-- The limits of nightjar-plan where nobody sets them.
local function limits()
  local list = { environment = program.environment() }
  for _, entry in ipairs(require("nightjar.settings.schema").entries) do
    if entry.name:find("^PLAN_") then list[entry.name:lower()] = entry.default end
  end
  return list
end

-- The plan, or what its maker says.
local function run(mesh)
  local now = type(mesh) == "table" and mesh.now or testing.NOW
  local taken = snapshot.of(mesh, now) -- this checks what was given
  local response, err = sched.run(planner.ask, { command = "plan", plan_only = true, now = now,
    settings = { policies = mesh.settings or {}, availability_zone = mesh.zone },
    snapshot = taken, previous = previous_of(mesh.previous) or json.null,
    policies = json.array(policy_files(mesh.policies)) }, limits())
  if not response or not response.ok then
    return nil, planner.located(err or response.error.message, { policy_dir = policy_folder() })
  end
  return schema.plain(response.plan), schema.plain(response.warnings)
end

---@class testing.Plan what the policies made; its methods are about its first listener (see `on`)
---@field data table the plan as it is (docs/policies.md, "The mesh")
---@field listener string
---@field warned { code: string, message: string }[]
local Plan = {}
Plan.__index = Plan

local function new_plan(data, warned, listener)
  return setmetatable({ data = data, warned = warned, listener = listener }, Plan)
end

---Makes a plan of a mesh. What fails is an error with the message of nightjar-plan.
---@param mesh testing.Mesh
---@return testing.Plan
function testing.plan(mesh)
  local ok, made, warned = pcall(run, mesh)
  if not ok then error(made, 2) end
  if not made then error(warned, 2) end
  local listeners = made.listeners
  local first = listeners[1]
  for _, listener in ipairs(listeners) do
    if listener.port == 8080 then first = listener end
  end
  return new_plan(made, warned, first.name)
end

---The message with which a mesh is refused. A plan is an error here.
---@param mesh testing.Mesh
---@return string message
function testing.refusal(mesh)
  local ok, made, message = pcall(run, mesh)
  if not ok then error(made, 2) end
  if made then error("expected a refusal, got a plan", 2) end
  return message
end

---A policy alone. The function returned makes a plan with it; `settings` are its own.
---@param name string the policy's file without `.lua`
---@return fun(mesh: testing.Mesh): testing.Plan
function testing.policy(name)
  return function(mesh)
    local copy = {}
    for key, value in pairs(mesh) do copy[key] = value end
    copy.policies, copy.settings = { name }, { [name] = mesh.settings }
    local ok, plan = pcall(testing.plan, copy)
    if not ok then error(plan, 2) end
    return plan
  end
end

---@param text string `2026-11-27T10:00:00Z`, or a date
---@return integer seconds
function testing.time(text)
  local value, err = moment.parse(text, "time")
  if not value then error(err, 2) end
  if not value.at then error("time: expected no relative time, got " .. messages.quote(text), 2) end
  return value.at
end

---The same plan, seen through another listener.
---@param name string `public-9001`, or the name of its mesh
---@return testing.Plan
function Plan:on(name)
  local names = {}
  for i, listener in ipairs(self.data.listeners) do
    if listener.name == name or listener.mesh == name then
      return new_plan(self.data, self.warned, listener.name)
    end
    names[i] = listener.name
  end
  error(("no listener %s%s; there are %s"):format(messages.quote(name),
    nearest.hint(name, names), table.concat(names, ", ")), 2)
end

local function listener_of(plan)
  for _, listener in ipairs(plan.data.listeners) do
    if listener.name == plan.listener then return listener end
  end
end

-- One condition may stand without its list.
local function key_of(path, match)
  if match and (match.header or match.cookie) then match = { match } end
  return route_label.key(path, match)
end

local function find_route(plan, path, match)
  local key = key_of(path, match)
  for _, route in ipairs(listener_of(plan).routes) do
    if route_label.key(route.path, route.match) == key then return route end
  end
end

---@param path string
---@param match? table the route's conditions, or its only one: `{ header = "x-beta" }`
---@return table? route nil when there is none
function Plan:route(path, match)
  return find_route(self, path, match)
end

---The routes in their order: `/shop`, `/shop when x-beta is yes`.
---@return string[]
function Plan:routes()
  local labels = {}
  for i, route in ipairs(listener_of(self).routes) do
    labels[i] = route_label.of(route.path, route.match)
  end
  return labels
end

---@param path string
---@param match? table
---@return table<string, integer>? weights by color (by cluster where two have one color); nil when
---  there is no such route
function Plan:weights(path, match)
  local route = find_route(self, path, match)
  if not route then return nil end
  local names, weights = route_label.colors(route.clusters), {}
  for i, entry in ipairs(route.clusters) do weights[names[i]] = entry.weight end
  return weights
end

---@param path string
---@param match? table
---@return table<string, number>? percent by color, to one decimal; nil when there is no such route
function Plan:shares(path, match)
  local weights, total = self:weights(path, match), 0
  for _, weight in pairs(weights or {}) do total = total + weight end
  for name, weight in pairs(weights or {}) do
    weights[name] = math.floor(weight * 1000 / total + 0.5) / 10
  end
  return weights
end

local function removed_of(plan, path, name, match)
  local key = key_of(path, match)
  for _, item in ipairs(listener_of(plan).removed or {}) do
    if route_label.key(item.path, item.match) == key
      and (not name or item.color == name or item.cluster == name) then
      return item
    end
  end
end

---Why a color has its weight, or why it is gone; without a color, why the route is as it is.
---@param path string
---@param color? string or a cluster's name
---@param match? table
---@return string? lines nil when neither is there nor was
function Plan:why(path, color, match)
  local route = find_route(self, path, match)
  local found = not color and route or nil
  for i, name in ipairs(color and route and route_label.colors(route.clusters) or {}) do
    local entry = route.clusters[i]
    if name == color or entry.cluster == color then found = entry end
  end
  found = found or removed_of(self, path, color, match)
  return found and table.concat(found.why, "\n") or nil
end

---Whether a color, or without one anything, was taken out of a route.
---@param path string
---@param color? string or a cluster's name
---@param match? table
---@return boolean
function Plan:removed(path, color, match)
  return removed_of(self, path, color, match) ~= nil
end

---@param name string a color, or a cluster's name
---@return table? cluster the first one
function Plan:cluster(name)
  for _, cluster in ipairs(self.data.clusters) do
    if cluster.name == name or cluster.color == name then return cluster end
  end
end

---The ids of a cluster's endpoints.
---@param name string a color, or a cluster's name
---@return string[]?
function Plan:endpoints(name)
  local cluster, ids = self:cluster(name), {}
  if not cluster then return nil end
  for i, endpoint in ipairs(cluster.endpoints) do ids[i] = endpoint.id end
  return ids
end

---The codes of all warnings, in their order.
---@return string[]
function Plan:warnings()
  local codes = {}
  for i, warning in ipairs(self.warned) do codes[i] = warning.code end
  return codes
end

---@param code string
---@return string? message of the first warning of this code
function Plan:warning(code)
  for _, warning in ipairs(self.warned) do
    if warning.code == code then return warning.message end
  end
end

return testing
