-- Specs of the shares over time: what no shipped policy makes, and what is rare.
local json = require "host.json"
local simulation = require "nightjar.cli.simulation"

local BETA = { { header = "x-beta" } }

local function route(path, weights, match)
  local result = { path = path, match = match, clusters = {} }
  for _, color in ipairs { "blue", "green" } do
    if weights[color] then
      table.insert(result.clusters, { cluster = color .. "@m", service = "s", color = color,
        weight = weights[color] })
    end
  end
  return result
end

local function step(at, routes)
  return { at = at, plan = { listeners = { { name = "private-8080", routes = routes } } } }
end

local function titles(list)
  local result = {}
  for i, series in ipairs(list) do result[i] = simulation.title(series) end
  return result
end

describe("shares over time", function()
  it("keep routes of one path apart by their conditions", function()
    local list = simulation.gather({ step(0, { route("/a", { blue = 1 }, BETA),
      route("/a", { blue = 1, green = 1 }) }), step(60, { route("/a", { blue = 1 }, BETA),
      route("/a", { blue = 1, green = 3 }) }) }, {})
    assert.same({ "private-8080  /a" }, titles(list))
    assert.same({ 25, 75 }, list[1].rows[2].shares)
  end)

  it("have no value where a cluster, or the whole route, is not there", function()
    local list = simulation.gather({ step(0, { route("/a", { blue = 1 }) }),
      step(60, { route("/a", { blue = 1, green = 1 }) }), step(120, {}) }, {})
    assert.same({ 100, json.null }, list[1].rows[1].shares)
    assert.same({ json.null, json.null }, list[1].rows[3].shares)
    assert.equal([[
private-8080  /a
  time                  blue     green
  1970-01-01T00:00:00Z  100.0 %        –
  1970-01-01T00:01:00Z   50.0 %   50.0 %
  1970-01-01T00:02:00Z        –        –
]], simulation.text(list, {}))
  end)

  it("of a path: the routes with conditions down to the one that takes every request", function()
    local steps = { step(0, { route("/a/b", { blue = 1 }, BETA), route("/a", { blue = 1 }),
      route("/", { blue = 1 }) }) }
    assert.same({ "private-8080  /a/b when x-beta is set", "private-8080  /a" },
      titles(simulation.gather(steps, { path = "/a/b/c" })))
    assert.same({ "private-8080  /a" }, titles(simulation.gather(steps, { path = "/a/x" })))
    assert.same({ "private-8080  /" }, titles(simulation.gather(steps, { path = "/x" })))
  end)

  it("name clusters where two of a route have one color", function()
    local both = route("/a", { blue = 1, green = 1 })
    both.clusters[2].color = "blue"
    local list = simulation.gather({ step(0, { both }) }, { path = "/a" })
    assert.same({ "blue@m", "green@m" }, { list[1].columns[1].name, list[1].columns[2].name })
  end)
end)
