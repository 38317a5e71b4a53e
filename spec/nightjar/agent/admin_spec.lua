-- What the agent reads from Envoy's admin interface; the answers are shortened real ones.

local admin = require("nightjar.agent.admin")

-- An admin interface whose answers are given.
local function answering(answers)
  local one = admin.new("127.0.0.1:1")
  one.asked = {}
  function one:ask(method, path)
    self.asked[#self.asked + 1] = method .. " " .. path
    local body = answers[method .. " " .. path:match("^[^?]*")]
    if not body then return nil, "nobody answers", "connect" end
    return { status = body:find("LIVE") == nil and path == "/ready" and 503 or 200, body = body }
  end
  return one
end

local STATS = [[
cluster_manager.cds.update_failure: 1
cluster_manager.cds.update_rejected: 2
cluster_manager.cds.update_success: 7
cluster_manager.cds.version_text: "c7"
cluster_manager.warming_clusters: 1
http.private-1.rds.private-1.update_failure: 0
http.private-1.rds.private-1.update_rejected: 1
http.private-1.rds.private-1.update_success: 3
http.private-1.rds.private-1.version_text: "r3"
http.a.rds.shared.update_success: 5
http.a.rds.shared.version_text: "s1"
http.b.rds.shared.update_success: 4
http.b.rds.shared.version_text: "s2"
listener_manager.lds.update_failure: 0
listener_manager.lds.update_rejected: 0
listener_manager.lds.update_success: 1
listener_manager.lds.version_text: ""
listener_manager.total_listeners_warming: 2
]]

describe("admin:subscriptions", function()
  local running

  before_each(function()
    running = assert(answering({ ["GET /stats"] = STATS }):subscriptions())
  end)

  it("tells version, files taken and files refused of each subscription", function()
    assert.same({ version = "c7", taken = 7, refused = 3 }, running.clusters)
    assert.same({ version = "", taken = 1, refused = 0 }, running.listeners)
    assert.same({ version = "r3", taken = 3, refused = 1 }, running.routes["private-1"])
  end)

  it("adds up what warms", function()
    assert.equal(3, running.warming)
  end)

  it("takes a route configuration of two listeners as taken when both have it", function()
    assert.same({ version = "", taken = 4, refused = 0 }, running.routes.shared)
  end)

  it("knows no subscription where Envoy has none", function()
    local none = assert(answering({ ["GET /stats"] = "" }):subscriptions())
    assert.same({ routes = {}, assignments = {}, warming = 0 }, none)
  end)

  it("asks for the counters of clusters only where one has its endpoints in a file", function()
    local one = answering { ["GET /stats"] = STATS
      .. 'cluster.a.b;.version_text: "e1"\ncluster.a.b;.update_success: 2\n'
      .. "cluster.a.b;.update_rejected: 1\ncluster.plain.update_success: 9\n" }
    assert.same({ ["a.b"] = { version = "e1", taken = 2, refused = 1 } },
      assert(one:subscriptions()).assignments)
    assert.equal(2, #one.asked)
    one = answering { ["GET /stats"] = STATS }
    assert(one:subscriptions())
    assert.equal(1, #one.asked)
  end)

  it("fails when nobody answers", function()
    local value, err = answering({}):subscriptions()
    assert.is_nil(value)
    assert.equal("nobody answers", err)
  end)
end)

describe("admin:versions", function()
  local VERSIONS = [[
cluster.a.b;.version_text: "e1"
cluster_manager.cds.version_text: "c7"
http.private-1.rds.private-1.version_text: "r3"
http.a.rds.shared.version_text: "s1"
http.b.rds.shared.version_text: "s1"
http.a.rds.torn.version_text: "s1"
http.b.rds.torn.version_text: "s2"
listener_manager.lds.version_text: ""
]]

  it("tells the version of each subscription, by one request for texts alone", function()
    local one = answering { ["GET /stats"] = VERSIONS }
    local running = assert(one:versions())
    assert.equal("c7", running.clusters.version)
    assert.equal("", running.listeners.version)
    assert.equal("r3", running.routes["private-1"].version)
    assert.equal("s1", running.routes.shared.version)
    assert.equal("", running.routes.torn.version)
    assert.equal("e1", running.assignments["a.b"].version)
    assert.equal(1, #one.asked)
    assert.matches("&type=TextReadouts$", one.asked[1])
  end)

  it("knows no subscription where Envoy has none, and fails when nobody answers", function()
    assert.same({ routes = {}, assignments = {}, warming = 0 },
      assert(answering({ ["GET /stats"] = "" }):versions()))
    assert.same({ nil, "nobody answers" }, { answering({}):versions() })
  end)
end)

describe("admin:refused_listeners", function()
  it("tells why a listener was not taken", function()
    local one = answering { ["GET /config_dump"] = [[{"configs":[
      {"name":"fine","active_state":{}},
      {"name":"r","error_state":{"details":"cannot bind"}}]}]] }
    assert.same({ { name = "r", reason = "cannot bind" } }, one:refused_listeners())
  end)

  it("leaves out what Envoy repeats without a name", function()
    local one = answering { ["GET /config_dump"] = [[{"configs":[
      {"error_state":{"details":"cannot bind"}},
      {"name":"r","error_state":{"details":"cannot bind"}}]}]] }
    assert.same({ { name = "r", reason = "cannot bind" } }, one:refused_listeners())
  end)

  it("tells what Envoy says without a name where it names none", function()
    local one = answering { ["GET /config_dump"] =
      [[{"configs":[{"error_state":{"details":"no such type"}}]}]] }
    assert.same({ { reason = "no such type" } }, one:refused_listeners())
  end)

  it("tells nothing where nothing is wrong", function()
    assert.same({}, answering({ ["GET /config_dump"] = "{}" }):refused_listeners())
  end)

  it("fails when the answer is of no use", function()
    assert.is_nil((answering({ ["GET /config_dump"] = "<html>" }):refused_listeners()))
    assert.is_nil((answering({}):refused_listeners()))
  end)
end)

describe("admin", function()
  it("counts the requests of Envoy's own listeners, not those of admin", function()
    local one = answering { ["GET /stats"] = "http.admin.downstream_rq_active: 1\n"
      .. "http.private-1.downstream_rq_active: 2\nhttp.public-2.downstream_rq_active: 3\n"
      .. "http.private-1.rq_total: 40\nhttp.public-2.rq_total: 2\n"
      .. "http.async-client.rq_total: 9\n" }
    assert.same({ 5, 42 }, { one:active() })
  end)

  it("is ready only when Envoy says LIVE", function()
    assert.is_true(answering({ ["GET /ready"] = "LIVE\n" }):ready())
    assert.is_false(answering({ ["GET /ready"] = "PRE_INITIALIZING\n" }):ready())
    assert.is_false(answering({}):ready())
  end)

  it("tells what Envoy says of itself from silence and from what somebody else says", function()
    assert.equal("DRAINING", (answering({ ["GET /ready"] = "DRAINING\n" }):state()))
    local state, _, kind = answering({}):state()
    assert.is_nil(state)
    assert.equal("connect", kind)
    state, _, kind = answering({ ["GET /ready"] = "<html>Not Found</html>" }):state()
    assert.is_nil(state)
    assert.equal("answer", kind)
  end)

  it("shows the bootstrap that Envoy runs, with the node that Envoy takes itself for", function()
    local one = answering {
      ["GET /config_dump"] = '{"configs":[{"bootstrap":{"node":{},"flags_path":"/f"}}]}',
      ["GET /server_info"] = '{"state":"x","node":{"id":"of the command line"}}',
    }
    assert.same({ node = { id = "of the command line" }, flags_path = "/f" }, one:bootstrap())
    assert.equal("GET /config_dump?mask=bootstrap", one.asked[1])
  end)

  it("does not take another answer for a bootstrap", function()
    for _, text in ipairs { "", "[]", "{}", '{"configs":[]}', '{"configs":[1]}', '"x"' } do
      local bootstrap, err = answering({ ["GET /config_dump"] = text, ["GET /server_info"] = "{}" })
        :bootstrap()
      assert.is_nil(bootstrap)
      assert.matches("envoy admin: GET /config_dump", err, 1, true)
    end
    assert.is_nil((answering({}):bootstrap()))
  end)

  it("notes how many requests it has had", function()
    local one = answering { ["GET /stats"] = STATS .. "http.admin.downstream_rq_total: 42\n" }
    one:subscriptions()
    assert.equal(42, one.requests)
  end)

  it("quotes a filter", function()
    local one = answering {}
    one:stats("^a\\.b$")
    assert.same({ "GET /stats?filter=%5Ea%5C.b%24" }, one.asked)
  end)
end)
