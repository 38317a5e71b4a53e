-- The status document, of facts that are given and of whole agents; its fields and docs/status.md.

local document = require("nightjar.agent.status.document")
local facts = require("nightjar.agent.status.facts")
local file = require("host.file")
local full_facts = require("spec.support.full_facts")
local json = require("host.json")
local running = require("spec.support.running")

-- Where the keys are names of others, which the page writes as `*`.
local NAMED_BY_OTHERS = { ["aws.operations"] = 2, ["aws.day.operations"] = 2,
  ["envoy.deaths"] = 1, ["log.warn"] = 1, ["log.error"] = 1 }

-- The paths of all that is no table, as the page writes them.
local function paths(value, path, found, free)
  found = found or {}
  if type(value) ~= "table" then
    found[path] = true
    return found
  elseif json.is_array(value) then
    for _, item in ipairs(value) do paths(item, path .. "[]", found) end
    return found
  end
  free = free or NAMED_BY_OTHERS[path] or 0
  for key, item in pairs(value) do
    local name = free > 0 and "*" or key
    paths(item, path and path .. "." .. name or name, found, free > 0 and free - 1 or nil)
  end
  return found
end

local function sent(known, answer)
  return assert(json.decode(assert(json.encode(document.of(known, answer)))))
end

local function on_the_page()
  local listed = {}
  local text = assert(file.read("docs/status.md"))
  for name in text:match("\n## The document\n(.-)\n## "):gmatch("\n| `([^`]+)`") do
    listed[name] = true
  end
  return listed
end

describe("the status document", function()
  it("has the fields that docs/status.md lists, and no others", function()
    local known = full_facts()
    local found = paths(sent(known))
    known = full_facts()
    known.stopping = "signal TERM"
    paths(sent(known), nil, found)
    assert.same(on_the_page(), found)
  end)

  it("tells times in UTC, and ages in seconds", function()
    local told = sent(full_facts())
    assert.equal("2025-11-28T22:13:20Z", told.at)
    assert.equal(3600, told.agent.uptime_seconds)
    assert.equal("2025-11-28T22:05:00Z", told.generation.in_force.since)
    assert.equal(500.25, told.generation.in_force.age_seconds)
    assert.equal(3600, told.credentials.expires_in_seconds)
    assert.equal("2025-11-28T23:13:20Z", told.credentials.expires)
  end)

  it("names each stage that ever failed, and says whether it fails now", function()
    local stages = sent(full_facts()).stages
    assert.equal("plan", stages[1].stage)
    assert.is_true(stages[1].failing)
    assert.equal(2, stages[1].in_a_row)
    assert.equal("internal", stages[2].stage)
    assert.is_false(stages[2].failing)
    assert.is_string(stages[2].over)
  end)

  it("tells of a mesh that was never read that it is stale, without an age", function()
    local mesh = sent(full_facts()).meshes[2]
    assert.is_true(mesh.stale)
    assert.is_nil(mesh.age_seconds)
    assert.equal("NamespaceNotFound", mesh.reason)
    assert.same({}, mesh.services)
  end)

  it("tells nothing of attributes, whose values are anybody's", function()
    local text = assert(json.encode(document.of(full_facts())))
    assert.is_nil(text:find("secret-attribute", 1, true))
  end)

  it("is JSON, whatever bytes the environment holds", function()
    local known = full_facts()
    local bytes = "/tmp/\xff\27x"
    known.member, known.stopping, known.missing = bytes, bytes, bytes
    known.envoy.problem, known.envoy.no_hot_restart, known.aws.credentials.source =
      bytes, bytes, bytes
    known.generation.pinned.problem = bytes
    local told = sent(known)
    assert.equal("/tmp/\\xff\\x1bx", told.agent.member)
    assert.equal("/tmp/\\xff\\x1bx", told.envoy.problem)
  end)

  it("says of an Envoy that it does not start only that", function()
    local known = full_facts()
    known.envoy.supervised = false
    local told = sent(known, { state = "LIVE" })
    assert.same({ supervised = false }, told.envoy)
    assert.is_true(told.ready)
  end)

  it("tells of whole agents what docs/status.md lists", function()
    local listed, place = on_the_page(), running.new()
    place:mesh { web = 1, other = 99999 }
    place:run(place:settings(), function(one, after_pass)
      local function check()
        local told = sent(facts.gather(one), { state = "LIVE" })
        for path in pairs(paths(told)) do assert.is_true(listed[path], path) end
        return told
      end
      assert.is_false(check().ready)
      after_pass()
      local told = check()
      assert.is_true(told.ready)
      assert.equal("published", told.pass.last.outcome)
      assert.equal(one.state.accepted.generation, told.generation.in_force.name)
      assert.equal("other", told.meshes[1].services[1].name)
      assert.equal(1, told.meshes[1].services[1].endpoints)
      function one.pass.discover() return nil, "discovery: away" end
      one.events:put({ signal = "HUP" })
      after_pass()
      told = check()
      assert.equal("discovery: away", told.stages[1].reason)
      assert.is_true(told.ready)
    end)
    place:close()
  end)
end)
