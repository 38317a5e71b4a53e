-- Garbage in the place of a policy's record and of the mesh that it returns: nightjar-plan answers,
-- names the policy, and never calls it an error of its own (status 70). ROUNDS gives another
-- number of policies, SEED one alone.

local plan = require("spec.support.plan")
local random_mesh = require("spec.support.random_mesh")

local SEED = tonumber(os.getenv("SEED") or "")
local ROUNDS = tonumber(os.getenv("ROUNDS") or 300)

-- Expressions of Lua, as text, so that functions and metatables are among them.
local SCALARS = { "nil", "true", "false", "0", "-1", "1.5", "1/0", "0/0", "math.mininteger", "2^53",
  '""', '"x"', '"a\\nb"', '"\\0"', '"\\xff"', '("x"):rep(70000)', "pairs", "function() end",
  "function() while true do end end", "mesh", "mesh and mesh.listeners",
  "mesh and mesh.clusters[1]",
  "setmetatable({}, { __index = function() error('index') end })",
  "setmetatable({}, { __len = function() return 3 end, __pairs = function() error('pairs') end })",
  "setmetatable({}, { __name = 'x', __tostring = function() error('tostring') end })",
  "setmetatable({}, { __metatable = false })" }
local KEYS = { "about", "apply", "settings", "examples", "attributes", "type", "default", "min",
  "values", "listeners", "clusters", "routes", "path", "match", "weight", "why", "endpoints",
  "hash", "mirrors", "removed", "warnings", "name", "member", "given", "expect", "FREEZE",
  "header" }
local INDICES = { "1", "2", "0", "1.5", "true", "{}", "pairs", '"\\xff"' }

local function value(random, depth)
  if depth > 4 or random(3) == 1 then return SCALARS[random(#SCALARS)] end
  local parts = {}
  for i = 1, random(4) - 1 do
    local key = random(6) == 1 and "[" .. INDICES[random(#INDICES)] .. "]" or KEYS[random(#KEYS)]
    local item = value(random, depth + 1)
    parts[i] = random(4) == 1 and item or key .. " = " .. item
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- Statements that put garbage where a mesh has something.
local PLACES = { "mesh", "mesh.listeners", "mesh.clusters", "mesh.warnings", "mesh.member",
  "mesh.listeners[1]", "mesh.listeners[1].routes", "mesh.listeners[1].routes[1]",
  "mesh.listeners[1].removed", "mesh.listeners[1].removed[1]", "mesh.listeners[1].routes[1].match",
  "mesh.listeners[1].routes[1].hash", "mesh.listeners[1].routes[1].mirrors",
  "mesh.listeners[1].routes[1].why", "mesh.listeners[1].routes[1].clusters",
  "mesh.listeners[1].routes[1].clusters[1].why", "mesh.listeners[1].routes[1].clusters[1].cookie",
  "mesh.clusters[1].attributes", "mesh.clusters[1].since", "mesh.clusters[1].endpoints",
  "mesh.clusters[1].endpoints[1].zone", "mesh.zone", "mesh[1]", "mesh.listeners.x" }

local function record(random)
  local lines = { "local mesh", "return " .. value(random, 0) }
  if random(3) > 1 then
    lines = { 'return { about = "x", apply = function(mesh, settings, now, previous)' }
    for _ = 1, random(3) do
      lines[#lines + 1] = ("pcall(function() %s = %s end)"):format(PLACES[random(#PLACES)],
        value(random, 2))
    end
    lines[#lines + 1] = "return mesh end"
    if random(3) == 1 then
      local field = ({ "settings", "attributes", "examples" })[random(3)]
      lines[#lines + 1] = (", %s = (function(mesh) return %s end)()")
        :format(field, value(random, 1))
    end
    lines[#lines + 1] = "}"
  end
  return table.concat(lines, "\n")
end

-- A request whose mesh has a route, a cluster and an endpoint to spoil.
local function request(text)
  local made = plan.request(text)
  made.snapshot.meshes[1].services = { { name = "s", id = "s", read_at = 1700000000,
    attributes = { ["/a"] = "1", ["/b"] = "2" }, since = { ["/a"] = 1700000000 }, instances = {
      { id = "i", attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = "80" },
        health = "HEALTHY", since = 1700000000, health_since = 1700000000 } } } }
  return made
end

describe("garbage in the place of a policy", function()
  for _, command in ipairs { "plan", "examples" } do
    it("is answered, never an error of nightjar's own: " .. command, function()
      local refused = 0
      for seed = SEED or 1, SEED or ROUNDS do
        local text = record(random_mesh.generator(seed))
        local made = request(text)
        made.command = command
        local result = plan.run(made, { instructions = 2000000 })
        local message = ("SEED=%d: %s\n%s"):format(seed, result.output:sub(1, 2000), text)
        assert.is_true(result.status == 0 or result.status == 3, message)
        if result.status == 3 then
          assert.matches("^policies/bad%.lua:%d+: ", result.output, message)
        elseif not result.response.ok then
          refused = refused + 1
          assert.equal("policies/bad.lua", result.response.error.file, message)
          assert.is_nil(result.response.error.message:find("lua/nightjar", 1, true), message)
        end
      end
      assert.is_true(SEED or refused > ROUNDS // 10, "the garbage is too good")
    end)
  end
end)
