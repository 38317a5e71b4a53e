-- A pinned generation's files, made fit for today.

local json = require("host.json")
local rollback = require("nightjar.agent.rollback")

local function cluster(name, port, timeout)
  return { ["@type"] = "x.Cluster", name = name, type = "STATIC", connect_timeout = timeout or "1s",
    load_assignment = { cluster_name = name, endpoints = json.array { {
      lb_endpoints = json.array(port and { { endpoint = { port = port } } } or {}) } } } }
end

local function cds(...)
  return assert(json.encode({ resources = json.array { ... }, version_info = "old" }))
end

local function file(content)
  return { path = "cds.json", step = "clusters", kind = "Cluster", version = "old",
    content = content, resources = { "a" } }
end

local function now(more)
  local given = { files = {}, clusters = {}, named = {}, read = function() end }
  for key, value in pairs(more or {}) do given[key] = value end
  return given
end

local MEMORY = { routes = {}, listeners = {}, clusters = { { name = "a",
  endpoints = { { port = 1 } } } } }

local function settled(content, more)
  local files, memory = rollback.files({ file(content) }, MEMORY, now(more))
  return files[1], memory, json.decode(files[1].content)
end

describe("rollback.files", function()
  it("gives equal bytes back where nothing has moved", function()
    local text = cds(cluster("a", 1))
    local one = settled(text, { files = { ["cds.json"] = cds(cluster("a", 1)) } })
    assert.equal(text, one.content)
    assert.equal("old", one.version)
  end)

  it("takes today's endpoints, and nothing else of today's cluster", function()
    local one, _, value = settled(cds(cluster("a", 1)),
      { files = { ["cds.json"] = cds(cluster("a", 2, "9s")) } })
    assert.equal(2, value.resources[1].load_assignment.endpoints[1].lb_endpoints[1].endpoint.port)
    assert.equal("1s", value.resources[1].connect_timeout)
    assert.equal(one.version, value.version_info)
    assert.are_not.equal("old", one.version)
  end)

  it("keeps the last endpoints of a cluster that has none today, or is gone", function()
    local text = cds(cluster("a", 1))
    assert.equal(text, settled(text, { files = { ["cds.json"] = cds(cluster("a")) } }).content)
    assert.equal(text, settled(text, { files = { ["cds.json"] = cds() } }).content)
    assert.equal(text, settled(text).content)
  end)

  it("lets a cluster linger that the routes in force name", function()
    local _, memory, value = settled(cds(cluster("a", 1)), { named = { "a", "b" },
      read = function() return cds(cluster("b", 7), cluster("c", 8)) end })
    assert.equal("b", value.resources[2].name)
    assert.is_nil(value.resources[3])
    assert.same({ "b" }, json.decode(json.encode(memory.lingering)))
  end)

  describe("of endpoints in a file of their own", function()
    local function assignment(name, port, more)
      local one = { ["@type"] = "x.ClusterLoadAssignment", cluster_name = name,
        endpoints = json.array(port and { { lb_endpoints = json.array {
          { endpoint = { port = port } } } } } or {}) }
      for key, value in pairs(more or {}) do one[key] = value end
      return one
    end

    -- What becomes of a pinned file where today's is `today`.
    local function renewed(pinned, today, path)
      path = path or "eds/a.json"
      local files = rollback.files({ { path = path, step = "clusters", version = "old",
        kind = "ClusterLoadAssignment", content = pinned, resources = { "a" } } }, MEMORY,
        now { files = { [path] = today } })
      return files[1], json.decode(files[1].content)
    end

    local function ports(value)
      local list = {}
      for i, one in ipairs(value.resources) do
        list[i] = ("%s %d"):format(one.cluster_name,
          one.endpoints[1].lb_endpoints[1].endpoint.port)
      end
      return list
    end

    it("takes today's, and nothing else of today's file", function()
      local one, value = renewed(cds(assignment("a", 1, { policy = { was = true } })),
        cds(assignment("a", 2, { policy = { was = false } })))
      assert.same({ "a 2" }, ports(value))
      assert.is_true(value.resources[1].policy.was)
      assert.equal("x.ClusterLoadAssignment", value.resources[1]["@type"])
      assert.equal(one.version, value.version_info)
      assert.are_not.equal("old", one.version)
      assert.same({ "a" }, one.resources)
      assert.equal("ClusterLoadAssignment", one.kind)
    end)

    it("follows each further move", function()
      local pinned = cds(assignment("a", 1))
      local _, second = renewed(pinned, cds(assignment("a", 2)))
      local _, third = renewed(pinned, cds(assignment("a", 3)))
      assert.same({ "a 2" }, ports(second))
      assert.same({ "a 3" }, ports(third))
    end)

    it("keeps the last ones of a cluster that has none today, or is gone", function()
      local text = cds(assignment("a", 1), assignment("b", 1))
      local _, value = renewed(text, cds(assignment("b", 2), assignment("c", 3), assignment("a")))
      assert.same({ "a 1", "b 2" }, ports(value))
      for _, today in ipairs { cds(assignment("a"), assignment("b")), cds(), "{[" } do
        assert.equal(text, renewed(text, today).content)
      end
      assert.equal(text, renewed(text).content)
    end)

    it("gives equal bytes back where nothing has moved", function()
      local text = cds(assignment("a", 1))
      local one = renewed(text, cds(assignment("a", 1)))
      assert.equal(text, one.content)
      assert.equal("old", one.version)
      assert.equal("{[", renewed("{[", text).content)
    end)

    it("reads YAML as well", function()
      local _, value = renewed("resources:\n- cluster_name: a\n  endpoints: []\n",
        cds(assignment("a", 3)), "eds/a.yaml")
      assert.same({ "a 3" }, ports(value))
    end)
  end)

  it("leaves other files alone, whatever they hold", function()
    local other = { path = "x.bin", step = "other", content = "\0", resources = {} }
    local broken = { path = "cds.yaml", step = "clusters", kind = "Cluster", content = "{[",
      resources = {} }
    local files = rollback.files({ other, broken }, MEMORY, now())
    assert.equal(other, files[1])
    assert.equal(broken, files[2])
  end)

  it("reads YAML as well", function()
    local yaml = { path = "cds.yaml", step = "clusters", kind = "Cluster", resources = { "a" },
      content = 'resources:\n- name: a\n  type: STATIC\n  load_assignment: {endpoints: []}\n' }
    local files = rollback.files({ yaml }, MEMORY,
      now { files = { ["cds.yaml"] = cds(cluster("a", 3)) } })
    assert.equal(3, json.decode(files[1].content).resources[1].load_assignment.endpoints[1]
      .lb_endpoints[1].endpoint.port)
  end)

  it("remembers today's endpoints for the way forward, but none that only linger", function()
    local function remembered(today)
      local _, memory = rollback.files({}, MEMORY, now { clusters = { a = today } })
      return memory.clusters[1].endpoints[1].port
    end
    assert.equal(2, remembered { name = "a", endpoints = { { port = 2 } } })
    assert.equal(1, remembered { name = "a", endpoints = { { port = 2 } }, linger = true })
    assert.equal(1, remembered { name = "a", endpoints = {} })
    assert.equal(1, remembered(nil))
  end)
end)
