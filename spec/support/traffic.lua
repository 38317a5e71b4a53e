-- Traffic through a real Envoy whose routes one small policy makes: an agent on a mesh file with a
-- folder of policies, backends that answer with their names, and many clients.

local file = require("host.file")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local sidecar_of = require("spec.support.sidecar")

local traffic = setmetatable({}, { __index = sidecar_of })
traffic.__index = traffic

local AT_ONCE = 16

-- The policy runs after those that cut, and before the weights are shared.
local INIT = 'return { "own_service", "audience", "under_test", "weights" }\n'

---A world with backends; the agent is not started yet.
---@param ... string names of backends; one that begins with "failing" answers 503
---@return table traffic a sidecar (spec/support/sidecar.lua)
function traffic.new(...)
  local self = setmetatable(sidecar_of.new(...), traffic)
  self.policies = self.world.directory .. "/policies"
  assert(os.execute(("cp -R %s/policies %s"):format(program.data_directory(), self.policies)))
  assert(file.write(self.policies .. "/init.lua", INIT))
  return self
end

---Write the policy: `body` changes `mesh`. It may use `route(path)`, the route of the first
---listener without conditions; `variant(route, match)`, a copy of a route that the listener gets;
---`only(route, color)`, which gives a color all the weight; and `copy(value)`.
---@param body string Lua
function traffic:policy(body)
  assert(file.write(self.policies .. "/under_test.lua", ([[
local function copy(value)
  if type(value) ~= "table" then return value end
  local twin = {}
  for key, item in pairs(value) do twin[key] = copy(item) end
  return twin
end

local function apply(mesh)
  local listener = mesh.listeners[1]
  local function route(path)
    for _, one in ipairs(listener.routes) do
      if one.path == path and not one.match then return one end
    end
  end
  local function variant(one, match)
    local twin = copy(one)
    twin.match = match
    table.insert(listener.routes, twin)
    return twin
  end
  local function only(one, color)
    for _, entry in ipairs(one.clusters) do entry.weight = entry.color == color and 1 or 0 end
  end
  local _, _, _ = route, variant, only
  %s
  return mesh
end

return { about = "What a spec tries.", apply = apply }
]]):format(body)))
end

---Start the agent on services (as `sidecar.service` makes them) and a policy.
function traffic:begin(services, body)
  self:policy(body)
  self:mesh(services)
  self:start { POLICY_DIR = self.policies }
  self:logged("event=published", 30)
end

---Change the policy and wait until it is in force.
function traffic:turn(body)
  self:publishes(function() self:policy(body) end)
end

-- `name=value` of each cookie that an answer sets.
local function cookies_of(answer)
  local set = {}
  for name, value in (answer.headers["set-cookie"] or ""):gmatch("([%w_-]+)=([^;, ]+); Path") do
    set[name] = value
  end
  return set
end

---Send requests, some at a time.
---@param list { path: string, headers: table?, method: string? }[]
---@return table[] answers in their order: `status`, `body`, `headers`, `cookies` that are set,
---  `seconds`
function traffic:send(list)
  local answers, order = {}, {}
  for i = 1, #list do order[i] = i end
  sched.run(function()
    sched.all(order, AT_ONCE, function(i)
      local request, started = list[i], sched.now()
      local answer, err = sched.http { method = request.method or "GET",
        url = self:url(request.path), headers = request.headers, timeout = 20 }
      answer = answer or { status = 0, body = err.message, headers = {} }
      answer.seconds, answer.cookies = sched.now() - started, cookies_of(answer)
      answers[i] = answer
    end)
  end)
  return answers
end

---@return string the body of one answer, or `status NNN`
function traffic:one(path, headers)
  local answer = self:send({ { path = path, headers = headers } })[1]
  return answer.status == 200 and answer.body or "status " .. answer.status
end

---Send equal requests.
---@return table<string, integer> how often which backend answered; others by `status NNN`
function traffic:count(path, headers, count)
  local list, seen = {}, {}
  for i = 1, count do list[i] = { path = path, headers = headers } end
  for _, answer in ipairs(self:send(list)) do
    local key = answer.status == 200 and answer.body or "status " .. answer.status
    seen[key] = (seen[key] or 0) + 1
  end
  return seen
end

---A number of Envoy's about a cluster of the mesh.
function traffic:of_cluster(name, stat)
  return tonumber(self:stat(("cluster.%s@mesh.local;.%s"):format(name, stat)))
end

return traffic
