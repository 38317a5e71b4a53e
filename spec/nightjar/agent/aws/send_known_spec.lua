-- Calls that a client sends together, most of whose answers are known. What comes of them over a
-- real endpoint is in discover/usual_spec.lua.

local cloudmap = require "nightjar.agent.aws.cloudmap"
local json = require "host.json"
local sched = require "nightjar.agent.sched"
local sigv4 = require "host.sigv4"

describe("calls that are sent together", function()
  local asked, batches, elapsed, environment

  before_each(function()
    asked, batches, elapsed = {}, {}, 5
    environment = { AWS_REGION = "eu-central-1", AWS_ACCESS_KEY_ID = "AKIA1",
      AWS_SECRET_ACCESS_KEY = "hunter2", HOME = "/nonexistent" }
  end)

  -- A client whose batches send the first two calls, and the call that they consist of.
  local function open()
    local client = assert(cloudmap.connect(
      { environment = environment, sources = {}, api_concurrency = 2 }, {
        http = function(request)
          asked[#asked + 1] = request
          return { status = 200, body = "{}", headers = {} }
        end,
        batch = function(request, holder)
          batches[#batches + 1] = request
          holder:begun(function() end)
          holder:over(2)
          return 2, {}
        end,
        monotonic = function() return elapsed end,
      }))
    local call = assert(client:prepare("DiscoverInstances", { ServiceName = "web" }))
    call.payload_hash = sigv4.sha256(call.body)
    return client, call
  end

  local KNOWN = assert(json.fingerprint("{}"))

  local function send(client, call)
    return sched.run(client.send_known, client, { call, call, call }, { KNOWN, KNOWN, KNOWN },
      { host_prefix = "data-", deadline = 30, first_by = 12 }, 0)
  end

  it("go to where a single call goes, in the same words", function()
    local client, call = open()
    assert.same({ 2, {} }, { send(client, call) })
    sched.run(client.send, client, call, { host_prefix = "data-" })
    local batch, single = batches[1], asked[1]
    assert.equal("https://data-servicediscovery.eu-central-1.amazonaws.com/", batch.url)
    for _, name in ipairs { "method", "url", "timeout", "connect_timeout", "stall_timeout",
      "max_body", "ca_file", "proxy" } do
      assert.equal(single[name], batch[name], name)
    end
    for position, pair in ipairs(batch.headers) do
      if position ~= batch.counted then assert.same(single.headers[position], pair) end
    end
    -- What counts is the end of an id: the single call's is the one after the batch's three.
    local id = batch.headers[batch.counted]
    assert.same({ "amz-sdk-invocation-id",
      id[2] .. ("%012x"):format(batch.first + 3 & 0xffffffffffff) },
      single.headers[batch.counted])
    assert.same({ call.body, call.payload_hash, KNOWN }, { table.unpack(batch.items, 7, 9) })
    assert.equal(9, #batch.items)
  end)

  it("have the places and the time of single calls, and are counted as those that were sent",
    function()
      local client, call = open()
      send(client, call)
      assert.equal(2, batches[1].limit)
      assert.equal(7, batches[1].deadline)
      assert.equal(2, client:counts().DiscoverInstances)
      -- The right to the third was given back.
      assert.equal(998, client.limiter:take_many("DiscoverInstances", 5000, 0))
    end)

  it("are left to single calls where the keys cannot sign, and cost nothing", function()
    environment.AWS_SESSION_TOKEN = "of\ntwo lines"
    local client, call = open()
    assert.same({ 0, {} }, { send(client, call) })
    assert.same({}, batches)
    assert.equal(1000, client.limiter:take_many("DiscoverInstances", 5000, 0))
    local _, problem = sched.run(client.send, client, call)
    assert.equal("CredentialsError", problem.code)
  end)

  it("are left to single calls, which show them, where requests are traced", function()
    local client, call = open()
    client.context.batch = nil
    assert.same({ 0, {} }, { send(client, call) })
  end)
end)
