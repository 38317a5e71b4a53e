-- No attribute, whatever stands in it, makes a pass fail: what cannot be used is warned of by
-- service and attribute, and all else goes on. A failure names its seed; SEED looks at it again.

local build = require("spec.support.mesh")
local hostile_attributes = require("spec.support.hostile_attributes")
local policy_folder = require("nightjar.plan.policy_folder")
local random_mesh = require("spec.support.random_mesh")
local schema = require("nightjar.plan.schema")
local shop = require("spec.support.shop")

local ROUNDS = tonumber(os.getenv("MESHES") or os.getenv("ASAN_OPTIONS") and 30 or 150)
local PASSES = 20

local shipped = assert(policy_folder.load(build.shipped_policies()))
local declared = random_mesh.declared(shipped)

local function plan(snapshot, policies, previous)
  return build.run(schema.plain(snapshot), { previous = previous, settings = {
    envoy_admin_port = 9901, policies = policies, availability_zone = "zone-a" } })
end

-- A warning of an attribute lets a person find it.
local function check_warnings(warnings)
  for _, warning in ipairs(warnings) do
    if warning.code == "bad_attribute" then
      assert(warning.message:find("service ", 1, true), warning.message)
      assert(warning.message:find('attribute "' .. warning.attribute:sub(1, 40), 1, true)
        or warning.attribute:find("[^\32-\126]"), warning.message)
      assert(declared[warning.attribute:match("^[%u_]+")], warning.attribute)
    end
    assert(not warning.message:find("%c"), warning.message)
  end
end

local function right(snapshot, policies, previous)
  local made, err = plan(snapshot, policies, previous)
  if not made then error(err.message, 0) end
  check_warnings(made.warnings)
  return made.policy
end

local function each_service(snapshot, f)
  for _, mesh in ipairs(snapshot.meshes) do
    for _, service in ipairs(mesh.services) do f(service) end
  end
end

-- Puts hostile attributes on services, as Cloud Map or as the configuration would.
local function spoil(maker, snapshot)
  local random, policies = maker.random, {}
  each_service(snapshot, function(service)
    for _ = 1, random(5) - 1 do
      local policy = shipped[random(#shipped)]
      local names = {}
      for name in pairs(policy.record.attributes or {}) do names[#names + 1] = name end
      table.sort(names)
      if #names > 0 then
        local name = names[random(#names)]
        local key, value = hostile_attributes.draw(random, name,
          declared[name].path)
        if random(4) == 1 then
          policies[policy.name] = policies[policy.name] or { attributes = {} }
          local given = policies[policy.name].attributes
          given[service.name] = given[service.name] or {}
          given[service.name][name] = value:sub(1, 8192)
        else
          service.attributes[key] = value
        end
      end
    end
  end)
  return snapshot, policies
end

local function rounds(f, count)
  local first = tonumber(os.getenv("SEED") or "")
  for seed = first or 1, first or count do
    local ok, result = xpcall(f, debug.traceback, random_mesh.new(seed, declared))
    if not ok then error(("SEED=%d: %s"):format(seed, result), 0) end
  end
end

-- Raises a place where two plans differ, if there is one. What is told of them may differ: a
-- frozen mesh has another reason in its second pass than in its first.
local function same(a, b, place)
  if place:find("%.why$") or place:find("%.removed$") then return end
  if type(a) ~= "table" or type(b) ~= "table" then
    return assert(a == b, ("%s: %s became %s"):format(place, tostring(a), tostring(b)))
  end
  for key, value in pairs(a) do same(value, b[key], place .. "." .. key) end
  for key, value in pairs(b) do
    if a[key] == nil then same(nil, value, place .. "." .. key) end
  end
end

describe("whatever stands in attributes,", function()
  for name, values in pairs(hostile_attributes.all()) do
    it("a plan is made: " .. name, function()
      for i, value in ipairs(values) do
        local other = values[i % #values + 1]
        right(shop.snapshot({ weight = 50, endpoints = 3, unhealthy = 1, [name] = value },
          { weight = 50, endpoints = 2, [name] = other }), {})
      end
    end)
  end

  it("a plan is made of a random mesh, and again of what is in force then", function()
    rounds(function(maker)
      local made = right(spoil(maker, maker:snapshot()))
      local snapshot, policies = spoil(maker, maker:snapshot())
      right(snapshot, policies, made)
    end, ROUNDS)
  end)

  it("an unchanged mesh has the same plan pass after pass", function()
    rounds(function(maker)
      local first, first_policies = spoil(maker, maker:snapshot())
      local before = right(first, first_policies)
      same(before, right(first, first_policies, before), "pass 2")
      local snapshot, policies = spoil(maker, maker:snapshot())
      -- What leaves stays for one generation.
      local made = right(snapshot, policies, right(snapshot, policies, before))
      for pass = 3, PASSES do
        local again = right(snapshot, policies, made)
        same(made, again, "pass " .. pass)
        made = again
      end
    end, ROUNDS // 5)
  end)

  it("more warnings than anybody reads make no pass fail", function()
    local many = {}
    for i = 1, 1100 do
      many[i] = build.service("s" .. i, { SERVICE = "s" .. i, ["/s" .. i] = "1", TIMEOUT = "x" }, 0)
    end
    local _, warnings = shop.plan(shop.snapshot({ weight = 1 }, { weight = 1 }, many))
    assert.equal("more_warnings", warnings[#warnings].code)
  end)

  it("one path may be claimed by more services than reasons have room for", function()
    local many = {}
    for i = 1, 300 do
      many[i] = build.service("s" .. i, { SERVICE = "s" .. i .. ("x"):rep(200), COLOR = "a",
        ["/"] = "1", ACTIVE_COLOR = "b" }, 0)
    end
    assert.is_table(shop.plan(shop.snapshot({ weight = 1 }, { weight = 1 }, many)))
  end)
end)
