-- Acknowledgement, with an Envoy whose answers are given: what a real one cannot be brought to do.

local acknowledge = require("nightjar.agent.acknowledge")
local sched = require("nightjar.agent.sched")

local function sub(version, taken, refused)
  return { version = version, taken = taken or 1, refused = refused or 0 }
end

local function running(clusters, listeners, routes, warming)
  return { clusters = clusters, listeners = listeners, routes = routes or {},
    warming = warming or 0 }
end

local CDS = { path = "cds.json", step = "clusters", version = "c2", resources = { "a" } }
local OTHER = { path = "b.json", step = "clusters", version = "x", resources = { "b" } }
local RDS = { path = "rds/r.json", step = "routes", version = "r2", resources = { "r" },
  kind = "RouteConfiguration" }
local LDS = { path = "lds.json", step = "listeners", version = "l2", resources = { "l" } }

-- An Envoy that gives these answers one after the other, the last one for ever.
local function envoy(...)
  local answers, at = { ... }, 0
  return { subscriptions = function()
    at = math.min(at + 1, #answers)
    if answers[at] then
      return answers[at]
    end
    return nil, "nobody answers"
  end }
end

local function wait(one, files, options)
  options = options or {}
  options.again = options.again or function() return true end
  return sched.run(acknowledge.wait, one, files, options)
end

describe("acknowledge.missing", function()
  it("names what runs in another version", function()
    assert.same({ CDS }, acknowledge.missing({ CDS, RDS },
      running(sub("c1"), nil, { r = sub("r2") })))
  end)

  it("takes a step as taken when one of its files is: the other is not subscribed to", function()
    assert.same({}, acknowledge.missing({ OTHER, CDS }, running(sub("c2"))))
  end)

  it("does not wait for routes that no listener names", function()
    assert.same({}, acknowledge.missing({ RDS }, running(sub("c2"))))
  end)

  it("wants a file read anew where that is asked for", function()
    local since = running(sub("c2", 4))
    assert.same({ CDS }, acknowledge.missing({ CDS }, running(sub("c2", 4)), since, true))
    assert.same({}, acknowledge.missing({ CDS }, running(sub("c2", 5)), since, true))
    -- A new process counts from the start.
    assert.same({}, acknowledge.missing({ CDS }, running(sub("c2", 1)), since, true))
  end)
end)

describe("acknowledge of files without a version of ours", function()
  local OWN = { path = "own.yaml", step = "clusters", kind = "Cluster", counted = true,
    resources = { "a" } }
  local EDS = { path = "eds.yaml", step = "clusters", kind = "ClusterLoadAssignment",
    counted = true, resources = { "a" } }

  it("goes by the counter of what Envoy has taken", function()
    local before = running(sub("1", 4))
    assert.same({ OWN }, acknowledge.missing({ OWN }, running(sub("1", 4)), before))
    assert.same({}, acknowledge.missing({ OWN }, running(sub("1", 5)), before))
    -- A process that has read nothing yet.
    assert.same({ OWN }, acknowledge.missing({ OWN }, running(sub("", 0))))
    assert.same({}, acknowledge.missing({ OWN }, running(sub("1", 1))))
  end)

  it("goes by the cluster's own counter for endpoints", function()
    local function now(taken, refused)
      local one = running(sub("c"))
      one.assignments = { a = sub("", taken, refused) }
      return one
    end
    assert.same({ EDS }, acknowledge.missing({ EDS }, now(1), now(1)))
    assert.same({}, acknowledge.missing({ EDS }, now(2), now(1)))
    assert.same({ EDS }, acknowledge.refused({ EDS }, now(1, 1), now(1)))
    -- Nobody subscribes to it.
    assert.same({}, acknowledge.missing({ EDS }, running(sub("c")), running(sub("c"))))
  end)

  it("tells a refusal", function()
    local _, err, code, list = wait(envoy(running(sub("", 1, 1))), { OWN },
      { before = running(sub("", 1, 0)) })
    assert.equal("Envoy refused own.yaml", err)
    assert.equal("refused", code)
    assert.same({ OWN }, list)
  end)

  it("does not wait for ever for what Envoy may not be told to read", function()
    local started = sched.now()
    assert.is_true(wait(envoy(running(sub("1", 4))), { OWN }, { before = running(sub("1", 4)) }))
    assert.is_true(sched.now() - started > 2)
  end)
end)

describe("acknowledge.wait", function()
  it("returns once Envoy runs everything and nothing warms", function()
    assert.is_true(wait(envoy(running(sub("c1")), running(sub("c2"), nil, nil, 1),
      running(sub("c2"))), { CDS }))
  end)

  it("names the file that was refused, and counts no older refusal", function()
    local before = running(sub("c1", 1, 3), sub("l1"))
    local ok, err, code = wait(envoy(running(sub("c1", 1, 4), sub("l1"))), { CDS, LDS },
      { before = before })
    assert.is_nil(ok)
    assert.equal("Envoy refused cds.json", err)
    assert.equal("refused", code)
    assert.is_true(wait(envoy(running(sub("c2", 1, 3))), { CDS }, { before = before }))
  end)

  it("sees the refusal of routes whose subscription is new", function()
    local _, err, code = wait(envoy(running(sub("c2"), sub("l2"), { r = sub("", 0, 1) }, 1)),
      { RDS, LDS }, { before = running(sub("c2"), sub("l1")) })
    assert.equal("refused", code)
    assert.matches("rds/r.json", err)
  end)

  it("puts what is not taken in again after a second, first step first", function()
    local again, taken = {}, false
    local one = { subscriptions = function()
      return running(sub(taken and "c2" or "c1"), sub("l2"), { r = sub(taken and "r2" or "r1") })
    end }
    local started = sched.now()
    assert.is_true(wait(one, { CDS, RDS, LDS }, { again = function(file)
      again[#again + 1], taken = file.path, true
      return true
    end }))
    assert.same({ "cds.json" }, again)
    assert.is_true(sched.now() - started >= 1)
  end)

  it("bears with an Envoy that does not answer for a moment", function()
    assert.is_true(wait(envoy(running(sub("c1")), false, false, running(sub("c2"))), { CDS }))
  end)

  it("gives up when Envoy does not take a file, without calling that a refusal", function()
    local ok, err, code = wait(envoy(running(sub("c1"))), { CDS })
    assert.is_nil(ok)
    assert.equal("Envoy does not take up cds.json", err)
    assert.equal("lost", code)
  end)

  it("passes on that a file cannot be put in again", function()
    local ok, err, code = wait(envoy(running(sub("c1"))), { CDS },
      { again = function() return nil, "disk full" end })
    assert.is_nil(ok)
    assert.equal("disk full", err)
    assert.equal("lost", code)
  end)
end)
