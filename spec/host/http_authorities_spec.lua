-- Whom a TLS connection trusts: one file of authorities, of which only those that are needed are
-- read, and which may change at any time. Its name stays the same here: a process does so for one
-- file alone, and what is trusted of others is in http_spec.lua.

local file = require("host.file")
local http = require("host.http")
local loop = require("host.loop")
local peer = require("spec.support.http_peer")
local script = require("spec.support.script")

describe("host.http's authorities", function()
  local folder, server
  local NEW_KEY = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

  local function path(name) return folder .. "/" .. name .. ".pem" end

  local function read(name) return assert(file.read(path(name))) end

  -- A certificate that signs itself; `key` is another one's name whose key it has.
  local function authority(name, subject, key)
    if key then
      script.sh("cd %s && openssl req -x509 -new -key %s.key -out %s.pem -days 2 -utf8 -subj %s",
        folder, key, name, subject)
    else
      script.sh("cd %s && " .. NEW_KEY .. " -x509 -keyout %s.key -out %s.pem -days 2 -subj %s 2>&1",
        folder, name, name, subject)
    end
  end

  -- One that `by` has signed, for this machine, or for another authority.
  local function signed(name, by, extensions)
    script.sh("cd %s && " .. NEW_KEY .. [[ -keyout %s.key -out request.pem -subj /CN=%s 2>&1 &&
      echo %s > extensions && openssl x509 -req -in request.pem -CA %s.pem -CAkey %s.key \
        -CAcreateserial -days 2 -extfile extensions -out %s.pem 2>&1]],
      folder, name, name, extensions or "subjectAltName=IP:127.0.0.1", by, by, name)
  end

  setup(function()
    folder = script.folder()
    authority("ours", "/O=Some Company/CN=Our Authority")
    authority("others", "/CN=another")
    signed("leaf", "ours")
    signed("middle", "ours", "basicConstraints=critical,CA:true")
    signed("under", "middle")
  end)

  before_each(function() server = nil end)
  after_each(function() if server then server:signal("KILL") end end)
  teardown(function() script.discard(folder) end)

  -- The status, or the message and kind of a failure.
  local function answer(request)
    local id = assert(http.start(request))
    repeat
      for _, event in ipairs(assert(loop.wait(10))) do
        if event.id == id then
          return event.status or event.error.message, event.error and event.error.kind
        end
      end
    until false
  end

  -- The answer of a server with such a certificate, over a new connection, to one that trusts what
  -- the text holds. With a URL the server is asked for it as a proxy.
  local function get(text, certificate, url)
    assert(file.write(path("authorities"), text))
    local name = certificate or "leaf"
    local base
    server, base = peer.start { "--tls", path(name),
      folder .. "/" .. name:gsub("^chain%-", "") .. ".key" }
    local status, kind = answer { url = url or base .. "/echo", proxy = url and base,
      ca_file = path("authorities") }
    server:signal("KILL")
    return status, kind
  end

  local function refuses(why, text, certificate)
    local message, kind = get(text, certificate)
    assert.equal("tls", kind, message)
    assert.matches(why, message)
  end

  it("of one file are none of a request with another, though a connection is kept", function()
    assert(file.write(path("authorities"), read("ours")))
    local base
    server, base = peer.start { "--tls", path("leaf"), folder .. "/leaf.key" }
    assert.equal(200, (answer { url = base .. "/echo", ca_file = path("authorities") }))
    for _, name in ipairs { "others", "nothing" } do
      local message, kind = answer { url = base .. "/echo", ca_file = path(name) }
      assert.equal("tls", kind, message)
    end
    local message, kind = answer { url = base .. "/echo" }
    assert.equal("tls", kind, message)
    assert.equal(200, (answer { url = base .. "/echo", ca_file = path("authorities") }))
  end)

  it("are found among many, whatever stands between them", function()
    local many = { "# a comment\n\n" }
    for i = 1, 20 do
      authority("many", "/CN=authority " .. i)
      many[#many + 1] = read("many")
    end
    table.insert(many, 11, "Our Authority\n===\n" .. read("ours"):gsub("\n", "\r\n"))
    assert.equal(200, get(table.concat(many, "\n")))
  end)

  it("are asked again when the file has changed", function()
    refuses("certificate", read("others"))
    assert.equal(200, get(read("others") .. read("ours")))
    assert.equal(200, get(read("ours") .. read("others")))
    refuses("certificate", read("others"))
  end)

  it("are known by a name that is spelled in another way", function()
    authority("spelled", "/O=SOME  company/CN=our authority", "ours")
    assert.equal(200, get(read("spelled")))
  end)

  it("are all tried that have one name", function()
    authority("same", "/O=Some Company/CN=Our Authority")
    assert.equal(200, get(read("same") .. read("ours")))
    assert.equal(200, get(read("ours") .. read("same")))
    refuses("certificate", read("same"))
  end)

  it("may be what signed the server's certificate, with no word of who signed that", function()
    assert.equal(200, get(read("middle"), "under"))
    refuses("certificate", read("ours"), "under")
  end)

  it("are found for a chain that the server sends", function()
    assert(file.write(path("chain-under"), read("under") .. read("middle")))
    assert.equal(200, get(read("others") .. read("ours"), "chain-under"))
    refuses("certificate", read("others"), "chain-under")
  end)

  it("may be the server's certificate itself", function()
    assert.equal(200, get(read("others") .. read("leaf")))
  end)

  -- Who lets it in, and then does not know what it is asked for.
  it("count for a proxy that speaks TLS", function()
    local url = "https://service.example.com/"
    local message, kind = get(read("ours"), "leaf", url)
    assert.equal("connect", kind, message)
    message, kind = get(read("others"), "leaf", url)
    assert.equal("tls", kind, message)
  end)

  it("may be certificates of version 1", function()
    script.sh([[cd %s && openssl req -new -key ours.key -subj '/O=Some Company/CN=Our Authority' \
      -out request.pem && openssl x509 -req -in request.pem -key ours.key -days 2 \
      -out old.pem 2>&1 && ! openssl x509 -in old.pem -noout -text | grep -q 'Version: 3']], folder)
    assert.equal(200, get(read("old")))
  end)

  describe("in a file that holds more than certificates", function()
    it("count beside a key", function()
      assert.equal(200, get(assert(file.read(folder .. "/others.key")) .. read("ours")))
    end)

    it("count in OpenSSL's own form, which says what they are trusted for", function()
      local function say(what)
        script.sh("cd %s && openssl x509 -in ours.pem -trustout -out said.pem %s serverAuth",
          folder, what)
        return read("others") .. read("said")
      end
      assert.equal(200, get(say("-addtrust")))
      refuses("certificate", say("-addreject"))
    end)
  end)

  describe("in a file that cannot be used", function()
    local function names_the_file(text)
      refuses("error setting certificate file: " .. path("authorities"):gsub("%p", "%%%0"), text)
    end

    it("are an error that names it, when there are none", function()
      names_the_file("")
      names_the_file("no authorities here\n")
    end)

    it("are an error that names it, when one is cut off or spoilt", function()
      local whole = read("ours")
      names_the_file(read("others") .. whole:sub(1, #whole // 2))
      names_the_file(read("others") .. whole:sub(1, 200) .. "!" .. whole:sub(201))
      for _, der in ipairs { "MAA=", "MAIwAA==", "bm8gREVS" } do -- two empty sequences, and none
        names_the_file("-----BEGIN CERTIFICATE-----\n" .. der .. "\n-----END CERTIFICATE-----\n"
          .. whole)
      end
    end)

    it("are trusted again once it is mended", function()
      names_the_file("")
      assert.equal(200, get(read("ours")))
    end)
  end)

  -- Debian's libcurl has a file and a folder that it trusts; with both it would read the whole file
  -- for each connection: 140 authorities, 25 ms of the processor and 0.9 MiB each time.
  it("of the system are read once, however many connections there are", function()
    local system = "/etc/ssl/certs/ca-certificates.crt"
    if not script.can_trace() then return pending(script.NO_TRACE) end
    if not file.read(system) then return pending("there is no " .. system) end
    assert(file.write(path("system"), read("others") .. read("ours")))
    local base
    server, base = peer.start { "--tls", path("leaf"), folder .. "/leaf.key" }
    local mounted = ("unshare --mount sh -c 'mount --bind \"$0\" %s && exec \"$@\"' %s "):format(
      system, path("system"))
    local result = script.run(([[
      local http, loop = require("host.http"), require("host.loop")
      local left = 0
      for _ = 1, 8 do
        assert(http.start { url = "%s/slow?0.2" })
        left = left + 1
      end
      while left > 0 do
        for _, event in ipairs(assert(loop.wait(10))) do
          left = left - 1
          say(tostring(event.status or event.error.message))
        end
      end
    ]]):format(base), mounted .. script.trace("-e trace=openat", folder .. "/opened"))
    if #result.said == 0 and result.err:find("unshare") then return pending(result.err) end
    assert.same({ "200", "200", "200", "200", "200", "200", "200", "200" }, result.said, result.err)
    local _, opened = assert(file.read(folder .. "/opened")):gsub(system:gsub("%p", "%%%0"), "")
    assert.equal(2, opened) -- for what is in it, and for the one that was asked for
  end)
end)
