-- Handles are used again and requests signed as they start: neither shows in what is sent.

local http = require("host.http")
local json = require("host.json")
local loop = require("host.loop")
local peer = require("spec.support.http_peer")
local script = require("spec.support.script")
local sigv4 = require("host.sigv4")

-- 2026-11-24T03:36:00Z
local NOW = 1795491360

describe("host.http", function()
  local server, base

  setup(function() server, base = peer.start() end)
  teardown(function() server:signal("KILL") end)

  local function request(options)
    local id = assert(http.start(options))
    while true do
      for _, event in ipairs(assert(loop.wait(10))) do
        if event.id == id then return event end
      end
    end
  end

  -- What arrives, without what tells one connection from another.
  local function arrives(options)
    local event = request(options)
    local said = event.status == 200 and json.decode(event.body)
    if type(said) == "table" then said.connection, said.target = nil, nil end
    return event.error and event.error.kind or said or { event.status, event.body }
  end

  describe("a request that follows others", function()
    local variants = {
      { headers = { { "X-A", "1" }, { "X-B", "2" } } },
      {},
      { method = "POST", body = ("x"):rep(3000), headers = { { "Content-Type", "a/b" } } },
      { method = "POST", body = "y" },
      { method = "POST" },
      { method = "POST", body = "{}", headers = { { "X-A", "" } } },
      { method = "PUT", body = "z" },
      { method = "GET", body = "with a body" },
      { method = "DELETE" },
      { method = "HEAD" },
      { max_body = 10 },
      { path = "/slow?1.0", timeout = 0.2 },
      { path = "/slow?0.3", timeout = 5 },
      { path = "/echo?b=1" },
      { headers = { { "X-Long", ("l"):rep(20000) } } },
    }

    local function options_of(variant)
      local options = { url = base .. "/echo" }
      for name, value in pairs(variant) do options[name] = value end
      options.url, options.path = base .. (variant.path or "/echo"), nil
      return options
    end

    it("is what it would be alone, whichever they were", function()
      local alone = {}
      for i, variant in ipairs(variants) do
        local options = options_of(variant)
        -- An address of its own, so that no handle is set up for it.
        options.url = options.url:gsub("%?[%d.]+$", "%00") .. (variant.path and "" or "?alone")
        alone[i] = arrives(options)
      end
      for i = 1, #variants do
        for j = 1, #variants, 2 do
          arrives(options_of(variants[j]))
          assert.same(alone[i], arrives(options_of(variants[i])), ("%d after %d"):format(i, j))
        end
      end
    end)

    it("gets nothing of another's answer", function()
      local large = request { url = base .. "/size?3000" }
      assert.equal(3000, #large.body)
      local event = request { url = base .. "/status?204" }
      assert.equal(204, event.status)
      assert.is_true(#event.body < 3000)
      assert.equal("resolve", request { url = "http://nobody.invalid/" }.error.kind)
      event = request { url = base .. "/echo" }
      assert.is_nil(event.error)
      assert.equal(200, event.status)
    end)
  end)

  describe("a kept connection", function()
    -- Starts a request for each path and waits for all, in their order.
    local function all(paths, from)
      local place, events, left = {}, {}, #paths
      for i, path in ipairs(paths) do
        place[assert(http.start { url = (from or base) .. path, timeout = 20 })] = i
      end
      while left > 0 do
        for _, event in ipairs(assert(loop.wait(20))) do
          events[place[event.id]], left = event, left - 1
        end
      end
      return events
    end

    it("that the server closes wakes nobody but once", function()
      local events
      for _ = 1, 3 do assert.equal("left", request({ url = base .. "/leave" }).body) end
      local before = os.clock()
      events = all { "/leave", "/slow?1.0" }
      assert.same({ "left", "slow" }, { events[1].body, events[2].body })
      -- Of processor time; who is woken again and again uses all of that second.
      assert.is_true(os.clock() - before < 0.3)
    end)

    it("gives its number to another one, which is heard too", function()
      for _ = 1, 5 do
        for _, path in ipairs { "/close", "/drop", "/echo", "/leave", "/cut", "/slow?0.01" } do
          assert.is_truthy(request({ url = base .. path }).body or path == "/cut")
        end
      end
    end)

    -- Each takes memory, and AWS has two hosts for most services.
    it("is one of as many as were in use at once, and two more", function()
      local other, there = peer.start()
      finally(function() other:signal("KILL") end)
      local text = ([[
        local http, loop = require("host.http"), require("host.loop")
        local function all(base, count)
          for _ = 1, count do assert(http.start { url = base .. "/slow?0.2" }) end
          while count > 0 do count = count - #loop.wait(10) end
        end
        local function opened(base)
          assert(http.start { url = base .. "/connections" })
          return assert(loop.wait(10))[1].body
        end
        local here, there = "%s", "%s"
        local before = tonumber(opened(here))
        for _ = 1, 2 do
          all(here, 8)
          all(there, 8)
          say(("%%d %%d"):format(opened(here) - before, opened(there)))
        end
        all(there, 8)
        say(("%%d %%d"):format(opened(here) - before, opened(there)))
      ]]):format(base, there)
      -- Eight new ones, seven beside the first; then six, as two were kept; then none.
      assert.same({ "7 8", "13 14", "13 14" }, script.run(text).said)
    end)

    it("may be one of more than are watched together", function()
      local other, there = peer.start()
      finally(function() other:signal("KILL") end)
      local paths = {}
      for i = 1, 64 do paths[i] = "/slow?0.2" end
      for _, from in ipairs { base, there, base } do
        for _, event in ipairs(all(paths, from)) do assert.equal("slow", event.body) end
      end
    end)
  end)

  describe("a request with a signer", function()
    local identity = { region = "eu-central-1", service = "servicediscovery",
      access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMI/K7MDENG" }

    local function who(fields)
      local one = {}
      for name, value in pairs(identity) do one[name] = value end
      for name, value in pairs(fields or {}) do one[name] = value end
      return one
    end

    local function header(said, name)
      local found
      for _, pair in ipairs(said.headers) do
        if pair[1]:lower() == name then
          assert.is_nil(found, name .. " is sent twice")
          found = pair[2]
        end
      end
      return found
    end

    local cases = {
      ["keys alone"] = { {} },
      ["a session token"] = { { session_token = "FwoGZXIvYXdzE-token" } },
      ["a token that is not signed"] = { { session_token = "t", unsigned_token = true } },
      ["S3's rules"] = { { service = "s3", normalize = false, double_encode = false,
        content_sha256 = true }, { method = "PUT", path = "/a//b%20c?x=1&a=" } },
      ["the payload's hash"] = { {}, { payload_hash = sigv4.sha256("{}") } },
      ["no body"] = { {}, { method = "GET", path = "/echo?b=2&a=1" } },
    }
    for name, case in pairs(cases) do
      it("is signed as host.sigv4 signs it: " .. name, function()
        local signs, options = who(case[1]), { method = "POST", path = "/echo", time = NOW }
        for key, value in pairs(case[2] or {}) do options[key] = value end
        if options.method ~= "GET" then options.body = "{}" end
        options.url, options.path = base .. options.path, nil
        options.headers = { { "X-Amz-Target", "A.B" }, { "User-Agent", "nightjar" },
          { "Content-Type", "application/json" } }
        local whole = who(case[1])
        for key, value in pairs(options) do whole[key] = value end
        local expected = assert(sigv4.sign(whole))
        options.signer = assert(sigv4.signer(signs))
        for _ = 1, 2 do -- the second with what the signer has kept
          local event = request(options)
          local said = event.status == 200 and assert(json.decode(event.body))
          -- S3's path is nothing that the server knows: that it is signed suffices.
          if said then
            for _, pair in ipairs(expected.headers) do
              assert.equal(pair[2], header(said, pair[1]:lower()), pair[1])
            end
          else
            assert.equal(404, event.status)
          end
        end
      end)
    end

    it("is signed with the time that it gives, and the signer's key of that day", function()
      local signer = assert(sigv4.signer(identity))
      for _, time in ipairs { NOW, NOW + 86400, NOW, NOW + 1 } do
        local options = { url = base .. "/echo", method = "POST", body = "{}", time = time }
        local whole = who(options)
        options.signer = signer
        local said = assert(json.decode(request(options).body))
        local headers = assert(sigv4.sign(whole)).headers
        assert.equal(headers[1][2], header(said, "x-amz-date"))
        assert.equal(headers[2][2], header(said, "authorization"))
      end
    end)

    it("is refused where the signature would be wrong, and what follows is not marked", function()
      local signer = assert(sigv4.signer(identity))
      local id, err, code = http.start { url = base .. "/echo", signer = signer, time = NOW,
        headers = { { "X-Amz-Date", "20200101T000000Z" } } }
      assert.is_nil(id)
      assert.matches("X%-Amz%-Date", err)
      assert.equal("syntax", code)
      id, err, code = http.start { url = "ftp://a.example/", signer = signer, time = NOW }
      assert.is_nil(id)
      assert.equal("cannot sign: the URL: expected http:// or https://, a host, perhaps a port, "
        .. "a path", err)
      assert.equal("syntax", code)
      assert.error_matches(function() http.start { url = base, signer = signer } end, "'time'")
      assert.has_error(function() http.start { url = base, signer = {}, time = NOW } end)
      local said = assert(json.decode(request { url = base .. "/echo" }.body))
      assert.is_nil(header(said, "authorization"))
      assert.is_nil(header(said, "x-amz-date"))
    end)
  end)
end)

describe("host.sigv4's signer", function()
  local function refuses(fields, expected)
    local identity = { region = "r", service = "s", access_key_id = "A",
      secret_access_key = "hidden-secret" }
    for name, value in pairs(fields) do identity[name] = value end
    local signer, err, code = sigv4.signer(identity)
    assert.is_nil(signer)
    assert.equal("syntax", code)
    assert.matches(expected, err)
    assert.is_nil(err:find("hidden", 1, true))
  end

  it("is not made of what nobody can sign with, and names no secret", function()
    refuses({ secret_access_key = "" }, "secret access key")
    refuses({ session_token = "hidden\r\nX: y" }, "session token")
    refuses({ region = "a/b" }, "region")
    refuses({ service = "" }, "service")
    refuses({ access_key_id = ("A"):rep(300) }, "access key id")
    assert.error_matches(function() sigv4.signer { region = "r" } end, "'service'")
    assert.error_matches(function() sigv4.signer { regoin = "r" } end, "regoin")
  end)
end)
