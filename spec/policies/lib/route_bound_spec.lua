-- The bound of the routes that one attribute makes counts them as the plan does.

local build = require("spec.support.mesh")
local generator = require("spec.support.random_mesh").generator
local value_groups = require("nightjar.plan.value_groups")

local route_bound = build.lib("route_bound")

describe("the groups of a condition's values", function()
  it("are as many as the plan makes of them", function()
    for seed = 1, 500 do
      local random, values = generator(seed), {}
      for i = 1, random(40) do values[i] = ("v"):rep(random(100)) end
      assert.equal(#value_groups.split(values), route_bound.groups(values), "seed " .. seed)
    end
  end)
end)

describe("the bound for all colors together", function()
  -- Colors of one path each; a claim of so many routes, each with so many conditions.
  local function mesh_of(names, variant)
    local mesh = { clusters = {}, listeners = { { routes = {} } }, warnings = {} }
    local routes = mesh.listeners[1].routes
    for i, name in ipairs(names) do
      mesh.clusters[i] = { name = name, mesh = "m.local", cloudmap_service = name }
      routes[#routes + 1] = { path = "/" .. name, clusters = { { cluster = name } } }
    end
    routes[#routes + 1] = variant
    return mesh
  end

  local function claim(routes, conditions)
    local match, matches = {}, {}
    for i = 1, conditions do match[i] = { header = "x-" .. i } end
    for i = 1, routes do matches[i] = match end
    return matches
  end

  local function warned(mesh)
    local names = {}
    for i, warning in ipairs(mesh.warnings) do
      assert.matches("at most 60000 of Envoy's routes and their conditions", warning.message, 1,
        true)
      names[i] = warning.service
    end
    return names
  end

  it("is met by those that ask for most, whatever their names are", function()
    local mesh = mesh_of { "a", "b", "c", "d", "e" }
    local claims = { a = claim(1000, 20), b = claim(1000, 19), c = claim(1000, 18),
      d = claim(1, 1), e = claim(1000, 20) }
    route_bound.keep(mesh, "HEADER_ROUTE", claims)
    assert.same({ "a", "e" }, warned(mesh)) -- of 60,000 the others ask for 39,002
    assert.is_nil(claims.a)
    assert.same({ 1000, 1000, 1 }, { #claims.b, #claims.c, #claims.d })
  end)

  it("is met by the last by their names of those that ask for the same", function()
    local mesh = mesh_of { "c", "b", "a" }
    local claims = { a = claim(1000, 19), b = claim(1000, 19), c = claim(1000, 19) }
    mesh.listeners[1].routes[4] = { path = "/a", match = claim(1, 2)[1], clusters = {} }
    route_bound.keep(mesh, "TENANTS", claims)
    assert.same({ "c" }, warned(mesh)) -- for what another attribute has made counts too
  end)

  it("is no bound for what fits", function()
    local mesh = mesh_of { "a", "b", "c" }
    local claims = { a = claim(1000, 19), b = claim(1000, 19), c = claim(1000, 19) }
    route_bound.keep(mesh, "HEADER_ROUTE", claims)
    assert.same({}, warned(mesh))
    assert.equal(1000, #claims.c)
  end)
end)
