-- Specs of what differs between two plans: what no policy of today makes, and what is rare.
local difference = require "nightjar.cli.plan_difference"
local json = require "host.json"

local function answer(routes, more)
  local listener = { name = "private-8080", mesh = "m", port = 8080, audience = "private",
    routes = routes, removed = (more or {}).removed or {} }
  return { plan = { listeners = { listener }, clusters = (more or {}).clusters or {} },
    files = (more or {}).files or {} }
end

local function route(path, weights, more)
  local result = { path = path, service = "s", audience = "public", why = {}, clusters = {} }
  for _, color in ipairs { "blue", "green", "red" } do
    if weights[color] then
      result.clusters[#result.clusters + 1] = { cluster = color .. "@m", service = "s",
        color = color, weight = weights[color], audience = "public", why = {} }
    end
  end
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

local function text(a, b)
  return difference.text(difference.between(a, b))
end

describe("the difference of two plans", function()
  it("keeps routes of one path apart by their conditions", function()
    local beta = { match = { { header = "x-beta", values = { "yes" } } } }
    assert.equal("private-8080  /a when x-beta is yes  blue  1 → 2\n",
      text(answer { route("/a", { blue = 1 }, beta), route("/a", { blue = 5 }) },
        answer { route("/a", { blue = 2 }, beta), route("/a", { blue = 5 }) }))
    assert.equal("private-8080  /a when x-beta is yes  blue  – → 1\n",
      text(answer { route("/a", { blue = 5 }) },
        answer { route("/a", { blue = 1 }, beta), route("/a", { blue = 5 }) }))
  end)

  it("shows the other fields of a route and of its clusters, their reasons once", function()
    local a = answer { route("/a", { blue = 1 }, { timeout = 5, why = { "t: slow" } }) }
    local b = answer { route("/a", { blue = 1 }, { hash = { { cookie = "c", ttl = 0 } } }) }
    b.plan.listeners[1].routes[1].clusters[1].audience = "private"
    assert.equal([[
private-8080  /a  blue audience  public → private
private-8080  /a  hash           – → [{"cookie":"c","ttl":0}]
private-8080  /a  timeout        5 → –
    A: t: slow
]], text(a, b))
  end)

  it("stands in one order, whatever the order of its plans", function()
    local routes = { route("/long/path", { blue = 1 }), route("/b", { green = 1, blue = 1 }),
      route("/a", { red = 1 }) }
    local backwards = { routes[3], routes[2], routes[1] }
    local expected = "private-8080  /long/path  blue   1 → –\n"
      .. "private-8080  /a          red    1 → –\n"
      .. "private-8080  /b          blue   1 → –\nprivate-8080  /b          green  1 → –\n"
    assert.equal(expected, text(answer(routes), answer {}))
    assert.equal(expected, text(answer(backwards), answer {}))
  end)

  it("names clusters where two of one color share a route", function()
    local a, b = route("/a", { blue = 1, green = 1 }), route("/a", { blue = 2, green = 2 })
    a.clusters[2].color, b.clusters[2].color = "blue", "blue"
    assert.equal("private-8080  /a  blue@m   1 → 2\nprivate-8080  /a  green@m  1 → 2\n",
      text(answer { a }, answer { b }))
  end)

  it("shows what only one of them took out", function()
    local gone = { path = "/me", cluster = "me@m", color = "blue", why = { "own: removed" } }
    assert.equal("private-8080  /me  blue  taken out by A only\n    A: own: removed\n",
      text(answer({}, { removed = { gone } }), answer {}))
    assert.equal("", text(answer({}, { removed = { gone } }), answer({}, { removed = { gone } })))
  end)

  it("counts a cluster that only lingers as gone, and no age", function()
    local old = { name = "x@m", endpoints = {}, age = 1 }
    local lingers = { name = "x@m", endpoints = {}, age = 9, linger = true }
    assert.equal("", text(answer({}, { clusters = { old } }),
      answer({}, { clusters = { { name = "x@m", endpoints = {}, age = 9 } } })))
    assert.equal("cluster  x@m    removed\n", text(answer({}, { clusters = { old } }),
      answer({}, { clusters = { lingers } })))
  end)

  it("shows listeners that differ", function()
    local a, b = answer {}, answer {}
    b.plan.listeners[1].port = 9090
    assert.equal("listener  private-8080  port  8080 → 9090\n", text(a, b))
    b.plan.listeners[1].name = "other-9090"
    assert.equal("listener  other-9090      added\nlistener  private-8080    removed\n", text(a, b))
  end)

  it("names the files that differ though nothing else does", function()
    local facts = difference.between(answer({}, { files = { { path = "a", content = "1" },
      { path = "b", content = "1" } } }), answer({}, { files = { { path = "a", content = "1" },
      { path = "b", content = "2" }, { path = "c", content = "" } } }))
    assert.is_false(difference.is_empty(facts))
    assert.equal("files  b c\n", difference.text(facts))
  end)

  it("shows no control characters on a terminal", function()
    local a, b = route("/a", { blue = 1 }), route("/a", { blue = 2 })
    a.clusters[1].color, b.clusters[1].color = "\27[31m", "\27[31m"
    assert.is_nil(text(answer { a }, answer { b }):find("\27", 1, true))
    assert.is_string(json.encode(difference.between(answer { a }, answer { b })))
  end)
end)
