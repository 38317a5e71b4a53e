-- Batches: requests of whose answers only those are told of that say something new.

local http = require("host.http")
local json = require("host.json")
local loop = require("host.loop")
local peer = require("spec.support.http_peer")
local sigv4 = require("host.sigv4")

-- 2026-11-24T03:36:00Z
local NOW = 1795491360
local IDENTITY = { region = "eu-central-1", service = "servicediscovery",
  access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMI/K7MDENG" }

describe("a batch of host.http", function()
  local server, base

  setup(function() server, base = peer.start() end)
  teardown(function() server:signal("KILL") end)
  before_each(function()
    for _, path in ipairs { "/forget", "/most-busy" } do
      assert(http.start { url = base .. path })
      assert(loop.wait(10))
    end
  end)

  local function get(path)
    assert(http.start { url = base .. path })
    return assert(loop.wait(10))[1].body
  end

  -- Names of those that arrived, sorted.
  local function arrived()
    local names = json.decode(get("/notes"))
    table.sort(names)
    return table.concat(names, " ")
  end

  -- Items that ask the server for an answer each; what they have is what it says unless `new`.
  local function items_of(asked)
    local items = {}
    for i, one in ipairs(asked) do
      one.say = one.say or { "something", i }
      local body = assert(json.encode(one))
      local known = one.new and { "else" } or one.say
      items[#items + 1] = body
      items[#items + 1] = sigv4.sha256(body)
      items[#items + 1] = assert(json.fingerprint(json.encode(known)))
    end
    return items
  end

  local function options_of(asked, fields)
    local options = { method = "POST", url = base .. "/ask", items = items_of(asked), limit = 8,
      headers = { { "X-Count", "n-" }, { "X-Other", "o" } }, time = NOW, timeout = 10,
      signer = assert(sigv4.signer(IDENTITY)) }
    for name, value in pairs(fields or {}) do options[name] = value end
    return options
  end

  -- Waits for its end: how many were started, the events before that by item, and how many it said
  -- that it needs.
  local function finish(id)
    local answers, needs = {}, {}
    while true do
      local events = assert(loop.wait(10))
      assert.is_truthy(events[1], "nothing came")
      for _, event in ipairs(events) do
        assert.same({ "batch", id }, { event.type, event.id })
        if event.started then return event.started, answers, needs end
        if event.item then
          assert.is_nil(answers[event.item])
          answers[event.item] = event
        else
          needs[#needs + 1] = event.active
        end
      end
    end
  end

  local function run(asked, fields)
    return finish(assert(http.batch(options_of(asked, fields))))
  end

  local function many(count, fields)
    local asked = {}
    for i = 1, count do
      asked[i] = { name = ("%03d"):format(i) }
      for name, value in pairs(fields or {}) do asked[i][name] = value end
    end
    return asked
  end

  it("tells of no answer that says what is known, but of its end", function()
    local started, answers = run(many(20))
    assert.equal(20, started)
    assert.same({}, answers)
    assert.equal(20, #json.decode(get("/notes")))
  end)

  it("tells of each answer that says something new, and whose it is", function()
    local asked = many(10)
    asked[3].new, asked[10].new = true, true
    local started, answers = run(asked)
    assert.equal(10, started)
    assert.same({ 200, '["something", 3]' }, { answers[3].status, answers[3].body })
    assert.equal('["something", 10]', answers[10].body)
    assert.equal("16", answers[3].headers["content-length"])
    answers[3], answers[10] = nil, nil
    assert.same({}, answers)
  end)

  it("begins nothing more after an answer of another status", function()
    local asked = many(20)
    asked[4].status = "400 Bad"
    asked[5].wait = 0.3 -- or its answer may come first, and another one begin
    local started, answers = run(asked, { limit = 2 })
    -- At most the two were under way when it came.
    assert.is_true(started == 4 or started == 5, started)
    assert.equal(400, answers[4].status)
    assert.is_nil(next(answers, next(answers)))
    assert.equal("001 002 003 004" .. (started == 5 and " 005" or ""), arrived())
  end)

  it("begins nothing more after a failure", function()
    local asked = many(20)
    asked[3].drop = true
    local started, answers = run(asked, { limit = 1 })
    assert.equal(3, started)
    assert.equal("read", answers[3].error.kind)
    assert.is_nil(answers[3].status)
  end)

  it("does not wait for a server that is away, but tells of it", function()
    local started, answers = run(many(20), { url = "http://127.0.0.1:1/", limit = 3 })
    assert.equal(3, started)
    for item = 1, 3 do assert.equal("connect", answers[item].error.kind) end
  end)

  it("has so many requests under way, and one more each time it is widened", function()
    run(many(12, { wait = 0.05 }), { limit = 3 })
    assert.equal("3", get("/most-busy"))
    local id = assert(http.batch(options_of(many(12, { wait = 0.05 }), { limit = 3 })))
    http.widen_batch(id)
    http.widen_batch(id)
    assert.equal(12, (finish(id)))
    assert.equal("5", get("/most-busy"))
  end)

  it("says how many requests at a time it still needs, when all have begun", function()
    local asked = many(9)
    asked[7].wait = 1
    local started, answers, needs = run(asked, { limit = 4 })
    assert.equal(9, started)
    assert.same({}, answers)
    assert.equal(1, needs[#needs])
    -- Answers that come together are told of together.
    for position, count in ipairs(needs) do
      assert.is_true(count < (needs[position - 1] or 4), count)
    end
  end)

  it("says so too where an answer has stopped it, and where it was widened meanwhile", function()
    local asked = many(20, { wait = 1 })
    asked[1].status, asked[1].wait = "400 Bad", 0
    local id = assert(http.batch(options_of(asked, { limit = 2 })))
    assert.equal(400, assert(loop.wait(10))[1].status)
    http.widen_batch(id)
    local started, _, needs = finish(id)
    assert.equal(2, started)
    assert.equal(1, needs[#needs])
    assert.equal("001 002", arrived())
  end)

  it("begins nothing after its deadline, and waits for what is under way", function()
    local started, answers = run(many(20, { wait = 0.2 }),
      { limit = 2, deadline = 0.3 })
    assert.equal(4, started)
    assert.same({}, answers)
    started = run(many(5), { deadline = 0 })
    assert.equal(0, started)
  end)

  it("keeps the limits of each request", function()
    local asked = many(3)
    asked[2].wait = 5
    local started, answers = run(asked, { limit = 1, timeout = 0.3 })
    assert.equal(2, started)
    assert.equal("timeout", answers[2].error.kind)
    asked = many(3)
    asked[2].say = ("x"):rep(1000)
    started, answers = run(asked, { limit = 1, max_body = 500 })
    assert.equal(2, started)
    assert.equal("too_large", answers[2].error.kind)
  end)

  local function header(headers, name)
    for _, pair in ipairs(headers) do
      if pair[1]:lower() == name then return pair[2] end
    end
  end

  it("sends headers and a number that counts on, each request signed for itself", function()
    local asked = many(3, { echo = true, new = true })
    local options = options_of(asked, { counted = 1, first = 0xfffffffffffe })
    local started, answers = finish(assert(http.batch(options)))
    assert.equal(3, started)
    for item, count in ipairs { "n-fffffffffffe", "n-ffffffffffff", "n-000000000000" } do
      local said = json.decode(answers[item].body)
      local body = options.items[3 * item - 2]
      assert.equal(body, said.body)
      assert.equal(count, header(said.headers, "x-count"))
      assert.equal("o", header(said.headers, "x-other"))
      local alone = { method = "POST", url = options.url, body = body, time = NOW,
        headers = { { "X-Count", count }, { "X-Other", "o" } } }
      for name, value in pairs(IDENTITY) do alone[name] = value end
      for _, pair in ipairs(assert(sigv4.sign(alone)).headers) do
        assert.equal(pair[2], header(said.headers, pair[1]:lower()), pair[1])
      end
    end
  end)

  it("signs what begins later for a later time", function()
    local asked = many(2, { echo = true, new = true })
    asked[1].wait = 1.1
    local _, answers = run(asked, { limit = 1 })
    local dates = {}
    for item = 1, 2 do
      dates[item] = header(json.decode(answers[item].body).headers, "x-amz-date")
    end
    assert.same({ "20261124T033600Z", "20261124T033601Z" }, dates)
  end)

  it("needs nothing of what it was made from, nor the signer's last reference", function()
    local options = options_of(many(30, { wait = 0.01 }), { limit = 1 })
    local id = assert(http.batch(options))
    for i = 1, #options.items do options.items[i] = nil end
    for name in pairs(options) do options[name] = nil end
    options = nil -- luacheck: ignore options
    collectgarbage()
    collectgarbage()
    local started, answers = finish(id)
    assert.equal(30, started)
    assert.same({}, answers)
  end)

  it("that is cancelled tells how much has begun, and of what came before nothing", function()
    local asked = many(20, { wait = 0.02, new = true })
    local id = assert(http.batch(options_of(asked, { limit = 4 })))
    assert.same({}, loop.wait(0))
    assert.equal(4, http.cancel_batch(id))
    assert.is_nil(http.cancel_batch(id))
    http.widen_batch(id)
    assert.same({}, loop.wait(0.1))
    assert.is_true(#json.decode(get("/notes")) <= 4)
  end)

  it("runs beside others and beside single requests", function()
    local first = assert(http.batch(options_of(many(8, { wait = 0.02 }), { limit = 2 })))
    local asked = many(8, { wait = 0.02 })
    asked[5].new = true
    local second = assert(http.batch(options_of(asked, { limit = 2 })))
    local single = assert(http.start { url = base .. "/slow?0.03" })
    local ended, new = {}, nil
    while not (ended[first] and ended[second] and ended[single]) do
      for _, event in ipairs(assert(loop.wait(10))) do
        if event.item then
          new = { event.id == second, event.item }
        elseif not event.active then
          ended[event.id == single and event.type == "http" and single or event.id] =
            event.started or event.body
        end
      end
    end
    assert.same({ true, 5 }, new)
    assert.equal(8, ended[first])
    assert.equal(8, ended[second])
  end)

  it("leaves its end to be told however it is left", function()
    -- The state is closed while it is under way: see the sanitizers.
    local script = require("spec.support.script")
    local said = script.run(([[
      local http, loop, sigv4 = require("host.http"), require("host.loop"), require("host.sigv4")
      local json = require("host.json")
      local body = '{"wait":5,"say":1}'
      assert(http.batch { method = "POST", url = "%s/ask", time = 0, limit = 2, headers = {
        { "X-Count", "" } }, signer = assert(sigv4.signer { region = "r", service = "s",
        access_key_id = "a", secret_access_key = "b" }),
        items = { body, sigv4.sha256(body), json.fingerprint("1"),
          body, sigv4.sha256(body), json.fingerprint("1") } })
      say(#assert(loop.wait(0.1)))
    ]]):format(base)).said
    assert.same({ "0" }, said)
  end)

  describe("that nobody can make", function()
    local function fails(message, fields, remove)
      it("says " .. message, function()
        local options = options_of(many(1), fields)
        if remove then options[remove] = nil end
        local ok, id, err = pcall(http.batch, options)
        local said = ok and err or id
        assert.is_truthy(tostring(said):find(message, 1, true), tostring(said))
        assert.same({}, loop.wait(0))
      end)
    end

    fails("option 'items': expected a list of strings", nil, "items")
    fails("option 'items': expected 1 to 1000 of them", { items = {} })
    fails("option 'items': expected strings, three for each item", { items = { "a", 5, "b" } })
    fails("option 'known': expected a fingerprint of host.json", { items = { "a", "b", "short" } })
    fails("unknown option 'colour'", { colour = "red" })
    fails("host.signer expected", nil, "signer")
    fails("option 'time': missing", nil, "time")
    fails("option 'limit': expected an integer from 1 to 256", { limit = 0 })
    fails("option 'first': expected an integer", { first = -1 })
    fails("a header of at most 127 bytes counts them", { counted = 3 })
    fails("a header of at most 127 bytes counts them",
      { headers = { { "X-Count", ("n"):rep(116) } } })
    fails("cannot sign: the URL: expected", { url = "no url" })
  end)

  it("whose headers cannot be sent begins nothing", function()
    local started, answers = run(many(3), { headers = { { "X-Count", "" }, { "a b", "c" } } })
    assert.equal(0, started)
    assert.same({}, answers)
  end)
end)
