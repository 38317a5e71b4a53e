-- Weights in one text, and out again.

local json = require("host.json")
local weights = require("nightjar.agent.weights")

describe("weights", function()
  local function all(packed)
    local list = {}
    for one in weights.each(packed) do list[#list + 1] = one end
    return list
  end

  local function entry(color, weight)
    return { cluster = "web-" .. color .. "@m", service = "web", color = color, weight = weight }
  end

  it("come out as they went in, in their order", function()
    local packed = weights.pack { { name = "private-8080", routes = {
      { path = "/a", clusters = { entry("green", 20), entry("blue", 80) } },
      { path = "/a", match = { { header = "x-beta", values = { "yes" } } },
        clusters = { entry("green", 1) } },
    } } }
    assert.is_string(packed)
    assert.same({
      { listener = "private-8080", route = "/a", service = "web", color = "green",
        cluster = "web-green@m", weight = 20 },
      { listener = "private-8080", route = "/a", service = "web", color = "blue",
        cluster = "web-blue@m", weight = 80 },
      { listener = "private-8080", route = "/a when x-beta is yes", service = "web",
        color = "green", cluster = "web-green@m", weight = 1 },
    }, all(packed))
  end)

  it("are none where no plan is, or no route", function()
    assert.same({}, all(weights.pack(nil)))
    assert.same({}, all(weights.pack { { name = "l", routes = json.array {} } }))
  end)

  it("cannot be forged by a name", function()
    local packed = weights.pack { { name = "l\1x\2y", routes = {
      { path = "/a", clusters = { entry("b", 1) } } } } }
    assert.equal(1, #all(packed))
    assert.equal("l x y", all(packed)[1].listener)
  end)
end)
