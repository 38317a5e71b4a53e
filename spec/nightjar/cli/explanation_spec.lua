-- Specs of what `nightjar explain` says.
local explanation = require "nightjar.cli.explanation"
local json = require "host.json"

local function endpoint(health)
  return { id = "x", health = health }
end

local function share(cluster, color, weight, why)
  return { cluster = cluster, service = "web", color = color, weight = weight,
    audience = "public", why = why or {} }
end

local function made()
  local listener = { name = "private-8080", mesh = "m", port = 8080, audience = "private",
    routes = {
      { path = "/shop/cart", service = "cart", audience = "private", why = {},
        clusters = { share("cart@m", "default", 1) } },
      { path = "/shop", service = "web", audience = "public", why = { "weights: joined" },
        clusters = { share("blue@m", "blue", 90, { 'key "/shop": 9', "weights: 9 → 90" }),
          share("green@m", "green", 30) } },
    },
    removed = {
      { path = "/shop", cluster = "red@m", weight = 5,
        why = { "weights: removed (no endpoints)" } },
      { path = "/own", cluster = "me@m", weight = 1, why = { "own_service: removed" } },
    } }
  local clusters = {
    { name = "cart@m", endpoints = {}, http2 = true, stale = true, age = 40 },
    { name = "blue@m", cloudmap_service = "web-blue", since = { ["/shop"] = 0 },
      endpoints = { endpoint "healthy", endpoint "unknown", endpoint "unhealthy" } },
    { name = "green@m", endpoints = { endpoint "healthy" } },
  }
  return { plan = { listeners = { listener }, clusters = clusters }, origin = "a file",
    taken_at = 1000, now = 1012 }
end

describe("explain", function()
  it("shows weights, shares, endpoints and reasons, aligned", function()
    assert.equal([[
snapshot: a file, 12s old, planned for 1970-01-01T00:16:52Z

listener private-8080: mesh m, port 8080, private
  /shop/cart  (service cart, private)
    cart@m  default  weight 1  100.0 %  0 endpoints, HTTP/2, data is 40 s old
  /shop  (service web, public)
      weights: joined
    blue@m   blue   weight 90  75.0 %  2 endpoints, 1 unhealthy
        service web-blue: key "/shop": 9, since 1970-01-01T00:00:00Z
        weights: 9 → 90
    green@m  green  weight 30  25.0 %  1 endpoint
    not red@m, weight 5
        weights: removed (no endpoints)
  /own  (not published)
    not me@m, weight 1
        own_service: removed
]], explanation.text(explanation.gather(made())))
  end)

  it("says when the time is before that of the snapshot", function()
    local early = made()
    early.now = 400
    assert.equal("snapshot: a file, planned for 1970-01-01T00:06:40Z, 10m before it was taken",
      explanation.text(explanation.gather(early)):match("^[^\n]*"))
  end)

  it("shows only the route that answers a path: the longest, at a segment's end", function()
    for path, route in pairs { ["/shop"] = "/shop", ["/shop/x"] = "/shop",
      ["/shop/cart/1"] = "/shop/cart", ["/shop/carts"] = "/shop" } do
      local facts = explanation.gather(made(), path)
      assert.equal(1, #facts.listeners[1].routes, path)
      assert.equal(route, facts.listeners[1].routes[1].path)
    end
    local text = explanation.text(explanation.gather(made(), "/shopping"))
    assert.matches("no route answers /shopping: 404\n", text, 1, true)
    assert.is_nil(text:find("/own", 1, true))
    assert.matches("not me@m", explanation.text(explanation.gather(made(), "/own/x")), 1, true)
  end)

  it("shows every route of the path that answers: one for each condition", function()
    local several = made()
    table.insert(several.plan.listeners[1].routes, 2, { path = "/shop", service = "web",
      audience = "public", match = { { header = "x-beta" } }, why = {},
      clusters = { share("green@m", "green", 1) } })
    local facts = explanation.gather(several, "/shop/x")
    assert.equal(2, #facts.listeners[1].routes)
    assert.equal("green@m", facts.listeners[1].routes[1].clusters[1].cluster)
  end)

  it("shows what a request must carry, what the choice follows, mirrors, limits, priorities",
    function()
      local one = made()
      one.plan.listeners[1].removed = { { path = "/shop", cluster = "red@m", weight = 5,
        match = { { header = "x-beta", values = { "yes" } } }, why = {} } }
      local beta = { path = "/shop", match = { { header = "x-beta", values = { "yes" } } },
        service = "web", audience = "public", why = {}, timeout = 0, idle_timeout = 2.5,
        hash = { { header = "x-user" }, { cookie = "c", ttl = 60 } },
        retries = { on = { "5xx", "reset" }, count = 3, per_try_timeout = 1 },
        mirrors = { { cluster = "blue@m", percent = 0.5 } },
        clusters = { share("green@m", "green", 1) } }
      beta.clusters[1].cookie = { name = "color", value = "green", ttl = 0 }
      table.insert(one.plan.listeners[1].routes, 2, beta)
      one.plan.clusters[3].endpoints = { endpoint "healthy", { priority = 1 }, { priority = 1 },
        { priority = 4, health = "unhealthy" } }
      local text = explanation.text(explanation.gather(one, "/shop"))
      assert.matches([[
  /shop when x-beta is yes  (service web, public)
    the choice follows header x-user, else cookie c (for 60 s)
    mirrors 0.5 % to blue@m
    timeout no limit; idle timeout 2.5 s; retries 3 on 5xx, reset, each within 1 s
    green@m  green  weight 1  100.0 %  3 endpoints, 2 at priority 1, 1 unhealthy, ]]
        .. [[sets cookie color=green for the session
    not red@m, weight 5
  /shop  (service web, public)
]], text, 1, true)
    end)

  it("takes a path as a client writes it", function()
    assert.equal("/a/b", explanation.path("/a//b/?x=1"))
    assert.equal("/b", explanation.path("/a/../../%2e/b"))
    assert.equal("/t/%2F", explanation.path("/%74/%2F"))
    assert.equal("/a/...", explanation.path("/a/.../"))
    assert.equal("/", explanation.path("//"))
    assert.equal("/", explanation.path("/"))
    assert.is_nil(explanation.path(nil))
    assert.equal('shop: expected a path that begins with "/"', select(2, explanation.path("shop")))
  end)

  it("gives the same facts as JSON", function()
    local facts = json.decode(json.encode(explanation.gather(made())))
    local blue = facts.listeners[1].routes[2].clusters[1]
    assert.equal(0.75, blue.share)
    assert.equal(2, blue.endpoints)
    assert.equal(1, blue.unhealthy)
    assert.same("red@m", facts.listeners[1].routes[2].removed[1].cluster)
  end)

  it("shows no control characters of the mesh on a terminal", function()
    local evil = made()
    evil.plan.listeners[1].routes[1].clusters[1].why = { "\27[31mred\nline" }
    local text = explanation.text(explanation.gather(evil))
    assert.matches("\\x1b[31mred\\nline", text, 1, true)
  end)
end)
