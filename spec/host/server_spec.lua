-- A server for readers on this host: what it hands over, what it answers, whom it turns away.

local clock = require("host.clock")
local file = require("host.file")
local host = require("host.server")
local json = require("host.json")
local peer = require("spec.support.http_peer")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

-- Runs `fn(base, requests)` beside a server on a port of its own, or a socket. Answers by itself
-- with `answer(request)`, if that is given.
local function serving(fn, answer, options)
  sched.run(function()
    local requests, port = sched.serve(options or { host = "127.0.0.1", port = 0 })
    assert(requests, port)
    if answer then
      sched.spawn(function()
        while true do
          local request = requests:take()
          sched.spawn(function() host.answer(request.id, answer(request)) end)
        end
      end)
    end
    fn("http://127.0.0.1:" .. port, requests)
    sched.unserve()
  end)
end

local function hello() return { body = "hello", headers = { ["X-One"] = "1" } } end

-- Bytes as they are, over a connection of bash's; returns what comes until the other end closes.
local function raw(base, text, seconds)
  local port = base:match(":(%d+)$")
  local result = assert(sched.exec { argv = { "bash", "-c",
    ([[exec 3<>/dev/tcp/127.0.0.1/%s; cat >&3; timeout %s cat <&3]]):format(port, seconds or 15) },
    input = text, deadline = 30 })
  return result.stdout, result.status
end

describe("host.server", function()
  it("hands a request over and sends what is answered", function()
    serving(function(base)
      local response = assert(sched.http { url = base .. "/a%20b/c?x=1&y=%26&x=2&z" ,
        headers = { ["X-Two"] = "2", Accept = "text/plain" } })
      assert.equal(200, response.status)
      assert.equal("1", response.headers["x-one"])
      assert.equal('GET /a b/c x=2 y=& z= x-two=2 accept=text/plain', response.body)
    end, function(request)
      return { headers = { ["X-One"] = "1" }, body = ("%s %s x=%s y=%s z=%s x-two=%s accept=%s")
        :format(request.method, request.path, request.query.x, request.query.y, request.query.z,
          request.headers["x-two"], request.headers.accept) }
    end)
  end)

  it("answers in whatever order answers come, many at once and one after the other", function()
    serving(function(base)
      local bodies = sched.all({ 5, 1, 4, 2, 3, 1 }, 6, function(tenths)
        return assert(sched.http { url = base .. "/" .. tenths }).body
      end)
      assert.same({ "/5", "/1", "/4", "/2", "/3", "/1" }, bodies)
      for i = 1, 30 do
        assert.equal("/" .. i % 2, assert(sched.http { url = base .. "/" .. i % 2 }).body)
      end
    end, function(request)
      sched.sleep(tonumber(request.path:sub(2)) * 0.05)
      return { body = request.path }
    end)
  end)

  it("sends large bodies, empty ones, and none to HEAD", function()
    local large = ("0123456789abcdef"):rep(256 * 1024)
    serving(function(base)
      assert.equal(large, assert(sched.http { url = base .. "/large" }).body)
      local none = assert(sched.http { url = base .. "/none" })
      assert.equal(404, none.status)
      assert.equal("", none.body)
      local head = assert(sched.http { url = base .. "/large", method = "HEAD" })
      assert.equal("", head.body)
      assert.equal(tostring(#large), head.headers["content-length"])
    end, function(request)
      return request.path == "/large" and { body = large } or { status = 404 }
    end)
  end)

  it("takes nothing that has a body, nor headers that are too long", function()
    serving(function(base, requests)
      assert.equal(413, assert(sched.http { url = base .. "/", method = "POST",
        body = "x" }).status)
      assert.equal(413, assert(sched.http { url = base .. "/", method = "PUT",
        body = ("x"):rep(1000000) }).status)
      local long = sched.http { url = base .. "/", headers = { X = ("l"):rep(20000) } }
      assert.is_true(long == nil or long.status == 431 or long.status == 413)
      assert.equal(0, #requests.entries)
      sched.spawn(function() host.answer(requests:take().id, hello()) end)
      assert.equal("hello", assert(sched.http { url = base .. "/" }).body)
    end)
  end)

  it("survives what is no HTTP", function()
    serving(function(base)
      for _, text in ipairs { "\0\1\2\3\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /%00%ff%zz?%=%&=&& HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ("A"):rep(100000), "\22\3\1\2\0\1\0\1\252\3\3" } do
        raw(base, text, 1)
        assert.equal("hello", assert(sched.http { url = base .. "/" }).body)
      end
    end, hello)
  end)

  it("goes on serving whatever it is sent, and hands over nothing that is no request", function()
    local seen = 0
    serving(function(base)
      local result = assert(sched.exec { argv = { "python3", "spec/support/fuzz_http.py",
        base:match("%d+$"), "1", "600" }, deadline = 120, stderr = true })
      assert.equal(0, result.status, result.stderr)
      local statuses = assert(json.decode(result.stdout))
      assert.is_true(statuses["200"] > 50 and statuses["400"] > 50, result.stdout)
      assert.is_nil(statuses["500"])
      assert.is_true(seen > 50)
      assert.equal("hello", assert(sched.http { url = base .. "/" }).body)
    end, function(request)
      seen = seen + 1
      for _, text in ipairs { request.method, request.path } do
        assert(type(text) == "string" and #text <= 16384)
      end
      for _, part in ipairs { request.query, request.headers } do
        for name, value in pairs(part) do
          assert(type(name) == "string" and type(value) == "string")
        end
      end
      return hello()
    end)
  end)

  it("answers nobody twice, nor one who has gone", function()
    serving(function(base, requests)
      local late
      local task = sched.spawn(function()
        return sched.http { url = base .. "/", timeout = 0.1 }
      end)
      late = requests:take()
      local _, err = task:join()
      assert.equal("timeout", err.kind)
      sched.sleep(0.2)
      host.answer(late.id, hello()) -- whether or not that is known yet
      assert.is_false(host.answer(late.id, hello()))
      sched.spawn(function()
        local request = requests:take()
        assert.is_true(host.answer(request.id, hello()))
        assert.is_false(host.answer(request.id, hello()))
      end)
      assert.equal("hello", assert(sched.http { url = base .. "/" }).body)
      assert.is_false(host.answer(12345, hello()))
    end)
  end)

  it("ends those that wait when it is closed, and can be opened again", function()
    sched.run(function()
      for _ = 1, 3 do
        local requests, port = sched.serve { host = "127.0.0.1", port = 0 }
        local task = sched.spawn(function()
          return sched.http { url = ("http://127.0.0.1:%d/"):format(port) }
        end)
        local request = requests:take()
        sched.unserve()
        local response, err = task:join()
        assert.is_nil(response)
        assert.equal("read", err.kind)
        assert.is_false(host.answer(request.id, hello()))
      end
    end)
  end)

  it("has no more connections than it may, and serves on", function()
    serving(function(base)
      local answered = 0
      sched.all((function() local list = {} for i = 1, 60 do list[i] = i end return list end)(), 60,
        function()
          local response = sched.http { url = base .. "/", timeout = 5,
            headers = { Connection = "close" } }
          answered = answered + (response and response.status == 200 and 1 or 0)
        end)
      assert.is_true(answered >= 16, tostring(answered))
      assert.equal("hello", assert(sched.http { url = base .. "/" }).body)
    end, function()
      sched.sleep(0.05)
      return hello()
    end)
  end)

  it("does not wake anybody who waits while nobody asks", function()
    serving(function()
      local started, turns = clock.monotonic(), 0
      local loop = require("host.loop")
      local wait = loop.wait
      finally(function() loop.wait = wait end)
      loop.wait = function(...)
        turns = turns + 1
        return wait(...)
      end
      sched.sleep(0.5)
      assert.is_true(turns <= 3, turns .. " turns")
      assert.is_true(clock.monotonic() - started >= 0.5)
    end)
  end)

  describe("on a socket", function()
    local folder
    before_each(function() folder = script.folder() end)
    after_each(function() script.discard(folder) end)

    it("is for its owner and group, and leaves nothing behind", function()
      local path = folder .. "/status.sock"
      serving(function()
        assert.equal(tonumber("660", 8), file.stat(path).mode & 511)
        local response = assert(sched.http { url = "http://localhost/", unix_socket = path })
        assert.equal("hello", response.body)
      end, hello, { path = path })
      assert.is_nil(file.stat(path))
    end)

    it("takes the place of one that nobody listens on, and of nothing else", function()
      local path = folder .. "/status.sock"
      assert(os.execute(("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"%s\")'")
        :format(path)))
      serving(function()
        local _, err = host.open { path = path }
        assert.matches("there is a server already", err)
        assert.equal(200, assert(sched.http { url = "http://localhost/",
          unix_socket = path }).status)
      end, hello, { path = path })
      for _, command in ipairs { "touch %s", "mkdir %s", "ln -s nowhere %s", "mkfifo %s" } do
        assert(os.execute(command:format(path)))
        local ok, err, code = host.open { path = path }
        assert.is_nil(ok)
        assert.equal("EADDRINUSE", code)
        assert.is_truthy(err:find(path, 1, true))
        os.execute("rm -r " .. path)
      end
    end)

    it("says where it cannot be", function()
      local _, err, code = host.open { path = folder .. "/missing/status.sock" }
      assert.equal("ENOENT", code)
      assert.matches("cannot listen: .*missing/status%.sock", err)
      _, _, code = host.open { path = "/" .. ("x"):rep(200) }
      assert.equal("ENAMETOOLONG", code)
    end)
  end)

  it("says that somebody else listens", function()
    local other, _, port = peer.start()
    finally(function() other:signal("KILL") end)
    local ok, err, code = host.open { host = "localhost", port = math.tointeger(tonumber(port)) }
    assert.is_nil(ok)
    assert.equal("EADDRINUSE", code)
    assert.matches("127%.0%.0%.1:" .. port, err)
  end)

  it("is told what to do in words that it knows", function()
    assert.error_matches(function() host.open { prot = 1 } end, "prot")
    assert.error_matches(function() host.open {} end, "'host'")
    assert.error_matches(function() host.open { host = "127.0.0.1", port = 70000 } end, "'port'")
    assert.error_matches(function() host.answer(1, { headers = { A = "b\r\nC: d" } }) end,
      "headers")
    assert.error_matches(function() host.answer(1, { status = 99 }) end, "'status'")
    local _, err, code = host.open { host = "example.com", port = 1 }
    assert.equal("EINVAL", code)
    assert.matches("example.com:1", err)
  end)

  it("listens to an address of IPv6 too", function()
    if (file.read("/proc/net/if_inet6") or "") == "" then return pending("no IPv6 here") end
    local port = assert(host.open { host = "::1", port = 0 })
    finally(host.close)
    assert.is_true(port > 0)
    assert.matches(":" .. ("%04X"):format(port) .. " ", file.read("/proc/net/tcp6", 1 << 20))
  end)
end)
