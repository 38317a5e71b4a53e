-- Requests: what is sent, what comes back from servers good and bad, who may be a proxy.

local http = require("host.http")
local json = require("host.json")
local loop = require("host.loop")
local clock = require("host.clock")
local peer = require("spec.support.http_peer")
local script = require("spec.support.script")

-- Waits for the responses of some requests: id → event.
local function responses(ids, seconds)
  local found, left, deadline = {}, 0, clock.monotonic() + (seconds or 20)
  for _, id in ipairs(ids) do
    found[id], left = false, left + 1
  end
  while left > 0 do
    assert(clock.monotonic() < deadline, "no response")
    for _, event in ipairs(assert(loop.wait(1))) do
      if event.type == "http" and found[event.id] == false then
        found[event.id], left = event, left - 1
      end
    end
  end
  return found
end

local function request(options, seconds)
  local id = assert(http.start(options))
  return responses({ id }, seconds)[id]
end

local function succeeds(command)
  return os.execute(command .. " >/dev/null 2>&1") == true
end

local function can_unshare()
  return succeeds("unshare --net --mount true")
end

local function took(fn)
  local started = clock.monotonic()
  fn()
  return clock.monotonic() - started
end

describe("host.http", function()
  local server, base

  setup(function() server, base = peer.start() end)
  teardown(function() server:signal("KILL") end)

  local function get(path, options)
    options = options or {}
    options.url = base .. path
    return request(options)
  end

  local function echo(options)
    return json.decode(get("/echo", options).body)
  end

  local function header(said, name)
    for _, pair in ipairs(said.headers) do
      if pair[1]:lower() == name then return pair[2] end
    end
  end

  describe("a request", function()
    it("gets status, headers and body", function()
      local event = get("/status?503")
      assert.equal("http", event.type)
      assert.equal(503, event.status)
      assert.equal("4", event.headers["content-length"])
      assert.equal("body", event.body)
    end)

    it("sends what it is given", function()
      local said = echo { method = "POST", body = "a\0b", headers = { ["X-One"] = "1" } }
      assert.equal("POST", said.method)
      assert.equal("a\0b", said.body)
      assert.equal("1", header(said, "x-one"))
      assert.equal("3", header(said, "content-length"))
    end)

    it("sends headers in the order of a list, and empty ones", function()
      local said = echo { headers = { { "X-B", "2" }, { "X-A", "" }, { "X-B", "3" } } }
      local sent = {}
      for _, pair in ipairs(said.headers) do
        if pair[1]:sub(1, 2) == "X-" then sent[#sent + 1] = pair[1] .. "=" .. pair[2] end
      end
      assert.same({ "X-B=2", "X-A=", "X-B=3" }, sent)
    end)

    it("adds no content type and no expectation of its own", function()
      local said = echo { method = "POST", body = ("x"):rep(5000) }
      assert.is_nil(header(said, "content-type"))
      assert.is_nil(header(said, "expect"))
      said = echo { method = "POST", body = "{}", headers = { ["content-type"] = "x/y" } }
      assert.equal("x/y", header(said, "content-type"))
    end)

    for _, method in ipairs { "PUT", "DELETE", "PATCH", "OPTIONS" } do
      it("can be a " .. method, function()
        assert.equal(method, echo({ method = method }).method)
      end)
    end

    it("says that a body is empty where one belongs", function()
      for _, method in ipairs { "POST", "PUT" } do
        local said = echo { method = method }
        assert.equal(method, said.method)
        assert.equal("0", header(said, "content-length"))
      end
    end)

    it("leaves the path and the query as they are", function()
      local event = get("/echo?a=%2F&b=../c&d=%7e")
      assert.equal("/echo?a=%2F&b=../c&d=%7e", json.decode(event.body).target)
      event = request { url = base .. "/a/../echo" }
      assert.equal(404, event.status)
    end)

    it("has no headers but its own and what HTTP needs", function()
      local names = {}
      for i, pair in ipairs(echo({ headers = { { "X-A", "1" } } }).headers) do
        names[i] = pair[1]
      end
      assert.same({ "Host", "X-A" }, names)
      assert.equal("a/b", header(echo({ headers = { { "Accept", "a/b" } } }), "accept"))
    end)

    it("follows no redirect", function()
      local event = get("/redirect")
      assert.equal(302, event.status)
      assert.equal("/echo", event.headers.location)
    end)

    it("gets header names in lower case and joins what came apart", function()
      local headers = get("/headers").headers
      assert.equal("a, b, c", headers["x-several"])
      assert.equal("", headers["x-empty"])
    end)

    it("gets the headers of the last answer only", function()
      local event = get("/continue")
      assert.equal(200, event.status)
      assert.equal("final", event.body)
      assert.equal("1", event.headers["x-late"])
      assert.is_nil(event.headers["x-early"])
    end)

    it("understands an old server that ends the body by closing", function()
      local event = get("/old")
      assert.equal(200, event.status)
      assert.equal("old", event.body)
    end)

    it("can go to a socket in the file system", function()
      local folder = script.folder()
      local other = peer.start { "--unix", folder .. "/socket" }
      local event = request { url = "http://anything/status?201",
        unix_socket = folder .. "/socket" }
      other:signal("KILL")
      script.discard(folder)
      assert.equal(201, event.status)
    end)
  end)

  describe("a response of which the caller knows what it says", function()
    local KNOWN = assert(json.fingerprint('{"b":[1,"x"],"a":2}'))

    local function say(body, status, known)
      return request { method = "POST", body = body, url = base .. "/say?" .. (status or 200),
        known = known or KNOWN }
    end

    it("comes without headers and body, in whatever order it says that", function()
      for _, text in ipairs { '{"b":[1,"x"],"a":2}', ' {"a": 2, "b": ["x", 1]}\n' } do
        local event = say(text)
        assert.same({ type = "http", id = event.id, status = 200, known = true }, event)
      end
    end)

    it("comes whole where it says something else, or is no JSON", function()
      for _, text in ipairs { '{"b":[1,"x"],"a":3}', '{"b":[1,"x"],"a":2', "", "[]", "2" } do
        local event = say(text)
        assert.is_nil(event.known)
        assert.equal(text, event.body)
        assert.equal("1", event.headers["x-said"])
      end
    end)

    it("comes whole with every status but 200", function()
      for _, status in ipairs { 201, 400, 503 } do
        local event = say('{"b":[1,"x"],"a":2}', status)
        assert.same({ status, '{"b":[1,"x"],"a":2}' }, { event.status, event.body })
        assert.is_nil(event.known)
      end
    end)

    it("is not taken for known by the next request, which knows nothing", function()
      for _ = 1, 3 do
        assert.is_true(say('{"b":[1,"x"],"a":2}').known)
        local event = request { method = "POST", body = '{"b":[1,"x"],"a":2}',
          url = base .. "/say?200" }
        assert.equal('{"b":[1,"x"],"a":2}', event.body)
        assert.equal("1", event.headers["x-said"])
        assert.is_nil(event.known)
      end
    end)

    it("is refused a fingerprint that is none", function()
      assert.error_matches(function() say("{}", 200, "short") end,
        "option 'known': expected a fingerprint of host.json")
    end)
  end)

  describe("connections", function()
    it("are kept for the next request", function()
      local first = echo().connection
      for _ = 1, 5 do assert.equal(first, echo().connection) end
    end)

    it("are as many as requests at a time", function()
      local before = tonumber(get("/connections").body)
      local ids = {}
      for i = 1, 10 do ids[i] = assert(http.start { url = base .. "/slow?0.1" }) end
      for _, event in pairs(responses(ids)) do assert.equal("slow", event.body) end
      local after = tonumber(get("/connections").body)
      assert.is_true(after - before <= 10)
      assert.is_true(after - before >= 9)
    end)

    it("may be closed after each answer, with a word or without", function()
      for _, path in ipairs { "/close", "/drop", "/close", "/drop", "/old", "/drop" } do
        local event = get(path)
        assert.equal(200, event.status, event.error and event.error.message)
      end
      assert.equal(200, get("/echo", { method = "POST", body = "x" }).status)
    end)

    it("that end while idle are replaced for POST as well", function()
      for _ = 1, 20 do
        assert.equal("dropped", get("/drop").body)
        local event = get("/echo", { method = "POST", body = "again" })
        assert.equal(200, event.status, event.error and event.error.message)
      end
    end)
  end)

  describe("a failure", function()
    local function fails(kind, why, path, options)
      local event = get(path, options)
      assert.is_nil(event.status)
      assert.equal(kind, event.error.kind, event.error.message)
      assert.matches(why, event.error.message)
      assert.matches("^GET: http://127%.0%.0%.1:%d+/", event.error.message)
    end

    it("is named connect when nobody listens", function()
      local event = request { url = "http://127.0.0.1:1/path?secret=1" }
      assert.equal("connect", event.error.kind)
      assert.matches("^GET: http://127.0.0.1:1/path: ", event.error.message)
      assert.is_nil(event.error.message:find("secret"))
    end)

    it("is named resolve when the name is unknown", function()
      assert.equal("resolve", request({ url = "http://name.invalid/" }).error.kind)
    end)

    it("is named timeout when no answer comes", function()
      local seconds = took(function()
        fails("timeout", "timed out", "/silent", { timeout = 0.2 })
      end)
      assert.is_true(seconds >= 0.2 and seconds < 2)
    end)

    it("is named timeout when half of an answer comes", function()
      fails("timeout", "timed out", "/stall", { timeout = 0.2 })
    end)

    it("is named timeout when an answer stalls", function()
      local seconds = took(function()
        fails("timeout", "stalled", "/stall", { timeout = 20, stall_timeout = 0.3 })
      end)
      assert.is_true(seconds >= 0.3 and seconds < 2)
    end)

    it("is not a stall while bytes come", function()
      fails("timeout", "timed out", "/trickle", { timeout = 1.5, stall_timeout = 1 })
    end)

    for _, path in ipairs { "/cut", "/cut-chunk", "/nothing", "/reset", "/garbage" } do
      it("is named read after " .. path, function() fails("read", "", path) end)
    end

    it("is named too_large by what is announced", function()
      fails("too_large", "", "/size?1001", { max_body = 1000 })
    end)

    it("is named too_large by what comes", function()
      fails("too_large", "body is longer than allowed", "/endless", { max_body = 100000 })
    end)

    it("is not too large at the limit", function()
      assert.equal(1000, #get("/size?1000", { max_body = 1000 }).body)
      assert.equal("", get("/size?0", { max_body = 0 }).body)
    end)

    it("is named too_large for endless headers", function()
      fails("too_large", "headers are longer than allowed", "/many-headers")
    end)

    it("is named cancelled, once", function()
      local id = assert(http.start { url = base .. "/silent" })
      assert(loop.wait(0.05))
      assert.is_true(http.cancel(id))
      assert.is_false(http.cancel(id))
      assert.equal("cancelled", responses({ id })[id].error.kind)
    end)

    it("of one leaves the others alone", function()
      local ids = {}
      for i, path in ipairs { "/reset", "/slow?0.2", "/cut", "/slow?0.2", "/nothing" } do
        ids[i] = assert(http.start { url = base .. path })
      end
      local found = responses(ids)
      assert.equal("slow", found[ids[2]].body)
      assert.equal("slow", found[ids[4]].body)
      for _, i in ipairs { 1, 3, 5 } do assert.equal("read", found[ids[i]].error.kind) end
    end)
  end)

  describe("a wrong request", function()
    local function refused(code, why, options)
      local id, err, got = http.start(options)
      assert.is_nil(id)
      assert.equal(code, got)
      assert.matches(why, err)
    end

    it("is refused for its URL", function()
      refused("url", "expected http", { url = "ftp://127.0.0.1/" })
      refused("url", "expected http", { url = "file:///etc/passwd" })
      refused("url", "", { url = "http://user:secret@127.0.0.1/" })
      refused("url", "control character", { url = "http://127.0.0.1/a b" })
      refused("url", "control character", { url = "http://127.0.0.1/\r\nHost: x" })
      refused("url", "", { url = "http://" })
      refused("url", "", { url = "" })
    end)

    it("is refused without its secrets", function()
      local _, err = http.start { url = "http://127.0.0.1/ ?token=secret" }
      assert.is_nil(err:find("secret"))
    end)

    it("is refused for headers that would be other headers", function()
      refused("header", "control character", { url = base, headers = { A = "b\r\nC: d" } })
      refused("header", "control character", { url = base, headers = { A = "b\0c" } })
      refused("header", "letters, digits", { url = base, headers = { ["A:"] = "b" } })
      refused("header", "letters, digits", { url = base, headers = { [""] = "b" } })
      refused("header", "letters, digits", { url = base, headers = { ["A\n"] = "b" } })
    end)

    it("is refused beyond 256 at a time", function()
      local ids = {}
      for i = 1, 256 do ids[i] = assert(http.start { url = base .. "/silent" }) end
      refused("limit", "256 requests are under way", { url = base .. "/echo" })
      for _, id in ipairs(ids) do http.cancel(id) end
      responses(ids)
      assert.equal(200, get("/echo").status)
    end)

    it("is an error of the caller's where its form is wrong", function()
      assert.error_matches(function() http.start {} end, "'url'")
      assert.error_matches(function() http.start { url = base, metod = "GET" } end, "metod")
      assert.error_matches(function() http.start { url = base, method = "G T" } end, "'method'")
      assert.error_matches(function() http.start { url = base, headers = { 1 } } end, "'headers'")
      assert.error_matches(function() http.start { url = base, timeout = -1 } end, "'timeout'")
      assert.error_matches(function() http.start { url = base, body = 1 } end, "'body'")
    end)
  end)

  describe("proxies", function()
    -- A fresh process, for the environment is read by libcurl as it is at the start. Its proxy is
    -- the server of this spec, which gets the whole URL as its target.
    local function through(environment, options)
      local result = script.run(([[
        local http, loop = require("host.http"), require("host.loop")
        assert(http.start { timeout = 5, %s })
        local event = assert(loop.wait(10))[1]
        say(event.body or event.error.kind)
      ]]):format(options), "env " .. environment:gsub("BASE", base))
      assert(result.said[1], result.err)
      return result.said[1]
    end

    for _, variable in ipairs { "http_proxy", "ALL_PROXY" } do
      it("of the environment are used: " .. variable, function()
        assert.equal("not here", through(variable .. "=BASE", 'url = "http://host.invalid/a"'))
      end)
    end

    it("of the environment are not used where it says so", function()
      assert.equal("resolve", through("http_proxy=BASE no_proxy=.invalid",
        'url = "http://host.invalid/a"'))
    end)

    it("of the request come first", function()
      assert.equal("not here", through("http_proxy=http://127.0.0.1:1",
        ('url = "http://host.invalid/", proxy = "%s"'):format(base)))
    end)

    for _, host in ipairs { "127.0.0.1", "localhost", "LOCALHOST", "a.localhost", "[::1]",
      "127.1", "0x7f000001", "2130706433", "127.9.9.9", "0.0.0.0", "[::ffff:127.0.0.1]" } do
      it("are never asked for " .. host, function()
        assert.equal("connect", through("http_proxy=BASE ALL_PROXY=BASE no_proxy=",
          ('url = "http://%s:1/a"'):format(host)))
      end)
    end

    -- In a network without any interface, so that nothing ever reaches the real link; there the
    -- message tells whom libcurl wanted to talk to.
    for _, host in ipairs { "169.254.170.2", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]",
      "[fd00:ec2::23]" } do
      it("are never asked for the link's " .. host, function()
        if not can_unshare() then return pending("needs the right to make namespaces") end
        local result = script.run(([[
          local http, loop = require("host.http"), require("host.loop")
          assert(http.start { url = "http://%s:1/" })
          say(assert(loop.wait(10))[1].error.message)
        ]]):format(host), "unshare --net env http_proxy=http://127.0.0.2:9 no_proxy=")
        assert.matches("connect to " .. host:gsub("[%[%]]", ""):gsub("%.", "%%."),
          result.said[1] or result.err)
      end)
    end

    it("are asked for other addresses, in such a network too", function()
      if not can_unshare() then return pending("needs the right to make namespaces") end
      local result = script.run([[
        local http, loop = require("host.http"), require("host.loop")
        assert(http.start { url = "http://192.0.2.1:1/" })
        say(assert(loop.wait(10))[1].error.message)
      ]], "unshare --net env http_proxy=http://127.0.0.2:9 no_proxy=")
      assert.matches("connect to 127%.0%.0%.2 port 9", result.said[1] or result.err)
    end)

    it("are never asked for this machine even when the request names one", function()
      assert.equal("connect", through("A=b",
        ('url = "http://127.0.0.1:1/", proxy = "%s"'):format(base)))
    end)
  end)

  describe("the wait", function()
    it("is idle while a request waits", function()
      local id = assert(http.start { url = base .. "/slow?0.5" })
      local before = os.clock()
      responses({ id })
      assert.is_true(os.clock() - before < 0.1)
    end)
  end)
end)

describe("host.http with TLS", function()
  local folder
  local servers = {}

  local function certificate(name, subject, days)
    script.sh([[cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
      -keyout %s.key -out request.pem -subj /CN=%s 2>/dev/null &&
      echo subjectAltName=%s > extensions &&
      openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days %s \
      -extfile extensions -out %s.pem 2>/dev/null]],
      folder, name, name, subject, tostring(days), name)
  end

  setup(function()
    folder = script.folder()
    for _, name in ipairs { "ca", "other" } do
      script.sh([[cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
        -nodes -keyout %s.key -out %s.pem -days 2 -subj /CN=%s 2>/dev/null]],
        folder, name, name, name)
    end
    certificate("good", "IP:127.0.0.1", 2)
    certificate("name", "DNS:other.example.com", 2)
    certificate("expired", "IP:127.0.0.1", -1)
  end)

  teardown(function()
    for _, server in pairs(servers) do server:signal("KILL") end
    script.discard(folder)
  end)

  local function get(name, ca)
    local base
    servers[name], base = peer.start { "--tls", folder .. "/" .. name .. ".pem",
      folder .. "/" .. name .. ".key" }
    return request { url = base .. "/echo", ca_file = ca and folder .. "/" .. ca .. ".pem" }
  end

  it("talks to a server whose authority is trusted", function()
    local event = get("good", "ca")
    assert.equal(200, event.status, event.error and event.error.message)
  end)

  it("trusts the system's authorities only, if not told otherwise", function()
    assert.equal("tls", get("good").error.kind)
  end)

  it("does not trust beside the given file", function()
    assert.equal("tls", get("good", "other").error.kind)
  end)

  it("refuses a certificate for another name", function()
    local event = get("name", "ca")
    assert.equal("tls", event.error.kind)
    assert.matches("no alternative certificate subject name matches", event.error.message)
  end)

  it("refuses an expired certificate", function()
    local event = get("expired", "ca")
    assert.equal("tls", event.error.kind)
    assert.matches("expired", event.error.message)
  end)

  it("says that a file of authorities is missing", function()
    local event = get("good", "missing")
    assert.equal("tls", event.error.kind)
  end)

  it("refuses a server that talks something else", function()
    local server, base = peer.start { "--greeting", "220 mail.example.com ESMTP" }
    local event = request { url = base:gsub("^http:", "https:") .. "/echo" }
    server:signal("KILL")
    assert.equal("tls", event.error.kind)
  end)
end)

describe("host.http with a mute name server", function()
  -- A network and a resolv.conf of its own, whose name server takes questions and never answers.
  local UNSHARE = [[unshare --net --mount sh -c '
    ip link set lo up && printf "nameserver 127.0.0.1\n" > "$1/resolv.conf" &&
    mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 77
    python3 -c "import socket,sys,time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"127.0.0.1\", 53))
open(sys.argv[1], \"w\"); time.sleep(120)" "$1/ready" & server=$!
    until [ -e "$1/ready" ]; do sleep 0.05; done
    shift; "$@"; status=$?; kill $server; exit $status' sh ]]

  local function run(text)
    local folder = script.folder()
    local result = script.run(text, UNSHARE .. folder)
    script.discard(folder)
    return result
  end

  local function possible()
    return can_unshare() and succeeds("command -v ip")
  end

  it("times out in time, and never blocks the wait", function()
    if not possible() then return pending("needs the right to make namespaces") end
    local result = run [[
      local clock = require("host.clock")
      local http, loop = require("host.http"), require("host.loop")
      local started, longest = clock.monotonic(), 0
      local ids = {}
      for i = 1, 8 do
        local url = "http://name" .. i .. ".example.com/"
        ids[assert(http.start { url = url, timeout = 0.5 })] = true
      end
      local cancelled = assert(http.start { url = "http://name.example.com/" })
      ids[cancelled] = true
      local kinds = {}
      while next(ids) do
        local before = clock.monotonic()
        for _, event in ipairs(assert(loop.wait(0.1))) do
          ids[event.id] = nil
          kinds[event.error.kind] = (kinds[event.error.kind] or 0) + 1
        end
        local now = clock.monotonic()
        longest = math.max(longest, now - before - 0.1)
        if now - started > 0.2 then http.cancel(cancelled) end
        longest = math.max(longest, clock.monotonic() - now)
      end
      say(tostring(kinds.timeout))
      say(tostring(kinds.cancelled))
      say(clock.monotonic() - started < 2 and "in time" or "late")
      say(longest < 0.2 and "never blocked" or "blocked " .. longest)
    ]]
    assert.same({ "8", "1", "in time", "never blocked" }, result.said, result.err)
  end)

  it("leaves a limited number of look-ups behind", function()
    if not possible() then return pending("needs the right to make namespaces") end
    local result = run [[
      local http, loop = require("host.http"), require("host.loop")
      local started, refusal = 0, nil
      repeat
        local id, err, code = http.start { url = "http://name.example.com/", timeout = 0.01 }
        if id then started = started + 1 else refusal = code .. " " .. err end
        assert(loop.wait(1))
      until refusal or started > 100
      say(started .. " " .. tostring(refusal))
    ]]
    assert.same({ "32 limit cannot request: http://name.example.com/: " ..
      "32 name look-ups are still unanswered" }, result.said, result.err)
  end)
end)

describe("a request of more than a day", function()
  it("is one of a day, and is cancelled as any other", function()
    local id = assert(http.start { url = "http://localhost.:9/", timeout = 1e12 })
    http.cancel(id)
    assert.equal("cancelled", responses({ id })[id].error.kind)
  end)
end)
