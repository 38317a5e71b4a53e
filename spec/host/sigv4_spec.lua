-- Signatures, against AWS's own test suite and its SDK; canonical forms; hashes.

local json = require("host.json")
local sigv4 = require("host.sigv4")

local VECTORS = (os.getenv("VECTORS") or "../shared/vectors") .. "/sigv4"

-- 2026-11-24T03:36:00Z
local NOW = 1795491360

-- A field that shall not be there.
local NONE = {}

-- AWS's own example credentials, which open nothing.
local function request(fields)
  local whole = {
    method = "GET", url = "https://mesh.example.com/", region = "eu-central-1",
    service = "servicediscovery", time = NOW, access_key_id = "AKIDEXAMPLE",
    secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", details = true,
  }
  for name, value in pairs(fields or {}) do
    if value == NONE then value = nil end
    whole[name] = value
  end
  return whole
end

local function lines_of(text)
  local list = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

-- Method, path, query, headers …, "", names of the headers, hash of the payload.
local function canonical(fields)
  return lines_of(assert(sigv4.sign(request(fields))).canonical_request)
end

local function canonical_path(path, options)
  local fields = options or {}
  fields.url, fields.path, fields.headers = NONE, path, { Host = "mesh.example.com" }
  return canonical(fields)[2]
end

local function canonical_query(query)
  return canonical({ url = NONE, query = query, headers = { Host = "h" } })[3]
end

describe("AWS's Signature Version 4 suite", function()
  local function read(path)
    local stream = assert(io.open(path, "rb"))
    local text = stream:read("a")
    stream:close()
    return text
  end

  -- Expected files may end in a newline or not; no step does.
  local function expected(folder, name)
    return (read(folder .. "/header-" .. name .. ".txt"):gsub("\n$", ""))
  end

  -- The suite's requests are no strict HTTP: a path may hold spaces and UTF-8 as they are, so that
  -- the target is all between the method and the version; lines end in LF; the body follows an
  -- empty line; a line that begins with a space goes on with the header before it.
  local function parse(text)
    local first, rest = text:match("^([^\n]*)\n?(.*)$")
    local method, target = first:match("^(%S+) (.*) HTTP/1%.1$")
    local headers, position = {}, 1
    while position <= #rest do
      local line, after = rest:match("^([^\n]*)\n?()", position)
      position = after
      if line == "" then break end
      if line:match("^%s") then
        headers[#headers][2] = headers[#headers][2] .. "\n" .. line
      else
        headers[#headers + 1] = { line:match("^([^:]*):(.*)$") }
      end
    end
    local path, query = target:match("^([^?]*)%??(.*)$")
    return { method = method, path = path, query = query, headers = headers,
      body = rest:sub(position) }
  end

  -- Days are counted from the first of March, so that leap days come last; os.time() would bring
  -- the machine's time zone in.
  local function unix(timestamp)
    local year, month, day, hour, minute, second =
      timestamp:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)Z$")
    if month + 0 <= 2 then year, month = year - 1, month + 12 end
    local days = 365 * year + year // 4 - year // 100 + year // 400 +
      (153 * (month - 3) + 2) // 5 + day - 719469
    return ((days * 24 + hour) * 60 + minute) * 60 + second
  end

  local function sign(folder)
    local context = assert(json.decode(read(folder .. "/context.json")))
    local fields = parse(read(folder .. "/request.txt"))
    fields.region, fields.service = context.region, context.service
    fields.time = unix(context.timestamp)
    fields.access_key_id = context.credentials.access_key_id
    fields.secret_access_key = context.credentials.secret_access_key
    fields.session_token = context.credentials.token
    fields.normalize = context.normalize
    fields.unsigned_token = context.omit_session_token or false
    fields.content_sha256, fields.details = context.sign_body, true
    return assert(sigv4.sign(fields))
  end

  local cases = {}
  local pipe = assert(io.popen("ls '" .. VECTORS .. "' 2>/dev/null"))
  for name in pipe:lines() do cases[#cases + 1] = name end
  pipe:close()

  if #cases == 0 then
    pending("is not at " .. VECTORS .. " (set VECTORS to the folder of the standards' test data)")
  end
  for _, name in ipairs(cases) do
    it("passes " .. name, function()
      local folder = VECTORS .. "/" .. name
      local signed = sign(folder)
      assert.equal(expected(folder, "canonical-request"), signed.canonical_request)
      assert.equal(expected(folder, "string-to-sign"), signed.string_to_sign)
      assert.equal(expected(folder, "signature"), signed.signature)
      local whole = read(folder .. "/header-signed-request.txt"):lower()
      for _, header in ipairs(signed.headers) do
        local line = "\n" .. header[1]:lower() .. ":" .. header[2]:lower()
        assert.is_truthy(whole:find(line, 1, true), "not in the signed request:" .. line)
      end
    end)
  end
end)

-- Cases of our own, with the signatures that botocore 1.44 gives for them at this time.
describe("host.sigv4 signs as AWS's SDK does", function()
  for _, case in ipairs {
    { "headers given several times",
      { headers = { { "X-Color", "green" }, { "X-Color", "green" }, { "X-Color", "blue" } } },
      "b99076d4944fc04f1abe70e45458aae681f07ba48f174695af2c090486e74788" },
    { "names in any case and values in theirs",
      { method = "POST", headers = { { "x-COLOR", "GREEN" } } },
      "0523a310ffd8cc9b7efb80bee616d771aa12d73d7b8145464107b81939cd6c51" },
    { "paths that climb, stand still and double their slashes",
      { url = "https://mesh.example.com/a/b/../../c/./d//" },
      "bf99eac9a86db655cd29ea59235a903c675206619eab8dc0cc717823d506ede8" },
    { "an encoded space in the path", { url = "https://mesh.example.com/a%20b" },
      "ecc455a20bfaf859a19d082087daa24046968d93d7c4a77b42e1f3442dc2d90c" },
    { "a plain space in the path", { url = "https://mesh.example.com/a b/" },
      "63bd9b21c3ddb59b3a2876e3e5cbfe7aa8425e09be38a4d558e3ac38b230ac08" },
    { "UTF-8 in the query", { url = "https://mesh.example.com/?f%C3%A4rbe=gr%C3%BCn&a=" },
      "fd0f8b7d983f0fe9a86a341943bb8fa7d2e7441f4c26e6ca1286529cdf2f893c" },
    { "UTF-8 in the query as it is", { url = "https://mesh.example.com/?färbe=grün&a=" },
      "fd0f8b7d983f0fe9a86a341943bb8fa7d2e7441f4c26e6ca1286529cdf2f893c" },
    { "a call of Cloud Map with a session token",
      { method = "POST", url = "https://servicediscovery.eu-central-1.amazonaws.com/",
        headers = { { "Content-Type", "application/x-amz-json-1.1" },
          { "X-Amz-Target", "Route53AutoNaming_v20170314.ListServices" } },
        body = '{"MaxResults":100}', session_token = "a+token/with=signs" },
      "cb3eacb85643204f783d847d186a478a92d2c518c0ff411f8b0e29f08d1a853c" },
    { "a call of S3, whose paths are names",
      { url = "https://bucket.example.com/a//b/../c%20d", service = "s3", normalize = false,
        double_encode = false, content_sha256 = true },
      "ddb7fdabcad3cb5473190a253987e0d76a8e57fa286ecc5c547523fedb5f4166" },
    { "an endpoint with a port", { url = "http://127.0.0.1:5000/" },
      "c22cedccbbee903f0eb0fdb7f61d2f611587c5255ea2ef65c32454c951f5a029" },
  } do
    it(case[1], function()
      assert.equal(case[3], assert(sigv4.sign(request(case[2]))).signature)
    end)
  end
end)

describe("the canonical path", function()
  for _, case in ipairs {
    { "", "/", "/" },
    { "/", "/", "/" },
    { "//", "/", "//" },
    { "/a//b", "/a/b", "/a//b" },
    { "/./a", "/a", "/./a" },
    { "/a/.", "/a", "/a/." },
    { "/a/./", "/a/", "/a/./" },
    { "/a/..", "/", "/a/.." },
    { "/a/../", "/", "/a/../" },
    { "/../../a", "/a", "/../../a" },
    { "/a/b/../../..", "/", "/a/b/../../.." },
    { "/...", "/...", "/..." },
    { "/.a/b..", "/.a/b..", "/.a/b.." },
    { "/a b", "/a%20b", "/a%20b" },
    { "/a%20b", "/a%2520b", "/a%2520b" },
    { "/ä", "/%C3%A4", "/%C3%A4" },
    { "/-._~", "/-._~", "/-._~" },
    { "/a:b@c!$&'()*+,;=", "/a%3Ab%40c%21%24%26%27%28%29%2A%2B%2C%3B%3D",
      "/a%3Ab%40c%21%24%26%27%28%29%2A%2B%2C%3B%3D" },
    { "/%2F", "/%252F", "/%252F" },
  } do
    it(("of %q is %s, or %s as it is"):format(case[1], case[2], case[3]), function()
      assert.equal(case[2], canonical_path(case[1]))
      assert.equal(case[3], canonical_path(case[1], { normalize = false }))
    end)
  end

  it("keeps escapes, in capitals, when it is encoded once", function()
    local once = { double_encode = false, normalize = false }
    assert.equal("/a%20b%2Fc", canonical_path("/a%20b%2fc", once))
    assert.equal("/%25zz%25", canonical_path("/%zz%", once))
    assert.equal("/a%20b", canonical_path("/a b", once))
  end)

  it("must begin with a slash", function()
    local signed, err = sigv4.sign(request { url = NONE, path = "a" })
    assert.is_nil(signed)
    assert.matches("the path: expected it to begin with a slash", err, 1, true)
  end)
end)

describe("the canonical query", function()
  for _, case in ipairs {
    { "", "" },
    { "b=2&a=1", "a=1&b=2" },
    { "a=2&a=1&a=10", "a=1&a=10&a=2" },
    { "a", "a=" },
    { "a=", "a=" },
    { "=a", "=a" },
    { "&&a=1&", "a=1" },
    { "a-b=1&a=2", "a=2&a-b=1", "names are sorted before signs are put between" },
    { "B=1&a=2", "B=1&a=2", "as bytes, capitals first" },
    { "a=b=c", "a=b%3Dc" },
    { "a=%7e%2D", "a=~-" },
    { "a=1+1", "a=1%2B1" },
    { "a=%", "a=%25" },
    { "a=%4", "a=%254" },
    { "a=/?", "a=%2F%3F" },
    { "ä=ö", "%C3%A4=%C3%B6" },
    { "%41=1", "A=1" },
  } do
    it(("of %q is %q%s"):format(case[1], case[2], case[3] and ": " .. case[3] or ""), function()
      assert.equal(case[2], canonical_query(case[1]))
    end)
  end
end)

describe("the canonical headers", function()
  it("are trimmed and sorted, with runs of white space made one space", function()
    local lines = canonical({ headers = {
      { "X-B", "  two   words\t" }, { "x-a", "one\r\n   folded\n line" }, { "X-Empty", "  " },
    } })
    assert.same({ "host:mesh.example.com", "x-a:one folded line", "x-amz-date:20261124T033600Z",
      "x-b:two words", "x-empty:", "", "host;x-a;x-amz-date;x-b;x-empty" },
      { table.unpack(lines, 4, 10) })
  end)

  it("may be given as a map", function()
    local as_map = canonical({ headers = { ["X-B"] = "2", ["X-A"] = "1" } })
    local as_list = canonical({ headers = { { "X-A", "1" }, { "X-B", "2" } } })
    assert.same(as_list, as_map)
  end)

  it("leave out what a proxy or the transport may change", function()
    local lines = canonical({ headers = {
      ["User-Agent"] = "x", Authorization = "x", Connection = "x", Expect = "x",
      ["X-Amzn-Trace-Id"] = "x", ["Transfer-Encoding"] = "x",
    } })
    assert.equal("host;x-amz-date", lines[7])
  end)

  it("leave out what a client notes about its tries", function()
    assert.equal("host;x-amz-date", canonical({ headers = {
      ["amz-sdk-invocation-id"] = "x", ["Amz-Sdk-Request"] = "attempt=1; max=3" } })[7])
  end)

  it("have the host that the transport sends", function()
    for url, host in pairs {
      ["https://a.example/x"] = "a.example",
      ["https://a.example:443"] = "a.example",
      ["http://a.example:80/"] = "a.example",
      ["http://a.example:443/"] = "a.example:443",
      ["HTTP://a.example:8080?x"] = "a.example:8080",
      ["http://[::1]:80/"] = "[::1]",
      ["http://[fd00::23]/"] = "[fd00::23]",
    } do
      assert.equal("host:" .. host, canonical({ url = url })[4])
    end
  end)

  it("take a host that is given for the URL's", function()
    assert.equal("host:other", canonical({ headers = { { "HOST", "other" } } })[4])
  end)
end)

describe("host.sigv4", function()
  -- The key that a secret gives for a day, region and service is kept: it must never serve others.
  it("signs the same whatever it has signed before", function()
    local variants = { {}, { secret_access_key = "other" }, { region = "eu-west-1" },
      { service = "s3" }, { time = NOW + 86400 }, { access_key_id = "OTHER" },
      { secret_access_key = "o" }, { secret_access_key = "othe" }, { region = "eu-central-11" },
      { session_token = "token" } }
    local alone = {}
    for i, fields in ipairs(variants) do
      assert(sigv4.sign(request { secret_access_key = "in between " .. i }))
      alone[i] = assert(sigv4.sign(request(fields))).signature
    end
    for i, fields in ipairs(variants) do
      for j, others in ipairs(variants) do
        assert(sigv4.sign(request(others)))
        assert.equal(alone[i], assert(sigv4.sign(request(fields))).signature, i .. " after " .. j)
      end
    end
  end)

  it("says how the signature came about only where that is asked for", function()
    local signed = assert(sigv4.sign(request { details = false }))
    assert.is_nil(signed.canonical_request)
    assert.is_nil(signed.string_to_sign)
    assert.is_nil(signed.signature)
    assert.equal(2, #signed.headers)
  end)

  it("gives the headers that are to be added, in one order", function()
    local signed = assert(sigv4.sign(request { session_token = "token", content_sha256 = true }))
    local names = {}
    for i, header in ipairs(signed.headers) do names[i] = header[1] end
    assert.same({ "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Authorization" },
      names)
    assert.equal(sigv4.sha256(""), signed.headers[3][2])
  end)

  it("sends a token that is not signed", function()
    local with = assert(sigv4.sign(request { session_token = "token", unsigned_token = true }))
    local without = assert(sigv4.sign(request()))
    assert.equal(without.signature, with.signature)
    assert.same({ "X-Amz-Security-Token", "token" }, with.headers[2])
  end)

  it("takes the payload's hash instead of the payload", function()
    local one = assert(sigv4.sign(request { body = "text" }))
    local other = assert(sigv4.sign(request { payload_hash = sigv4.sha256("text") }))
    assert.equal(one.signature, other.signature)
  end)

  it("leaves the fragment of a URL out", function()
    assert.same(canonical({ url = "https://a.example/x?y=1" }),
      canonical({ url = "https://a.example/x?y=1#z?q" }))
  end)

  for what, fields in pairs {
    ["the URL"] = { url = "ftp://a.example/" },
    ["the URL: expected"] = { url = "https:///path" },
    ["the URL: expected http:// or https://"] = { url = "https://user:word@a.example/" },
    ["the method"] = { method = "" },
    ["the method: expected"] = { method = "GET /x" },
    ["the region"] = { region = "eu/central" },
    ["the service"] = { service = "a\nb" },
    ["the access key id"] = { access_key_id = "" },
    ["the secret access key"] = { secret_access_key = "" },
    ["the session token"] = { session_token = "a\r\nX-Evil: 1" },
    ["the payload's hash"] = { payload_hash = "a b" },
    ["a header"] = { headers = { { "a b", "1" } } },
    ["a header: expected"] = { headers = { { "", "1" } } },
    ["X-Amz-Date"] = { headers = { { "x-amz-date", "1" } } },
    ["X-Amz-Security-Token"] = { headers = { { "X-AMZ-SECURITY-TOKEN", "1" } } },
    ["the path"] = { url = "https://a.example/" .. ("x"):rep(20000) },
    ["the path: it has more than 1024 segments"] =
      { url = "https://a.example" .. ("/x"):rep(2000) },
    ["the query"] = { url = "https://a.example/?" .. ("x"):rep(20000) },
    ["the query: it has more than 256 parameters"] =
      { url = "https://a.example/?" .. ("x&"):rep(300) },
  } do
    it("refuses a wrong request and names " .. what, function()
      local signed, err, code = sigv4.sign(request(fields))
      assert.is_nil(signed)
      assert.equal("cannot sign: " .. what, err:sub(1, #what + 13))
      assert.is_truthy(code == "syntax" or code == "limit")
    end)
  end

  it("never shows a secret in an error", function()
    for _, fields in ipairs { { region = "" }, { session_token = "se cret" }, { method = "" } } do
      local _, err = sigv4.sign(request(fields))
      assert.is_nil(err:find("wJalr", 1, true))
      assert.is_nil(err:find("cret", 1, true))
    end
  end)

  it("refuses more headers than it has room for", function()
    local headers = {}
    for i = 1, 200 do headers[i] = { "X-" .. i, "v" } end
    assert.has_error(function() sigv4.sign(request { headers = headers }) end)
  end)

  it("refuses headers without end", function()
    local _, err, code = sigv4.sign(request { headers = { { "X-Long", ("x"):rep(100000) } } })
    assert.is_string(err)
    assert.equal("limit", code)
  end)

  it("raises about wrong use", function()
    for name, fields in pairs {
      ["'region': missing"] = { region = NONE },
      ["'time': missing"] = { time = NONE },
      ["'time': expected an integer"] = { time = 1.5 },
      ["'url': given together"] = { path = "/" },
      ["unknown option 'headres'"] = { headres = {} },
      ["'headers': expected pairs"] = { headers = { "Host: a" } },
      ["'headers': expected a value, got a number"] = { headers = { { "A", 1 } } },
      ["'headers': expected a name"] = { headers = { [true] = "x" } },
    } do
      local ok, err = pcall(sigv4.sign, request(fields))
      assert.is_false(ok)
      assert.is_truthy(err:find(name, 1, true), err)
    end
    assert.has_error(function() sigv4.sign("x") end)
  end)

  it("changes with each part of a request", function()
    local seen = { [assert(sigv4.sign(request())).signature] = "nothing changed" }
    for name, value in pairs {
      method = "PUT", url = "https://mesh.example.com/x", region = "eu-west-1", service = "sts",
      time = NOW + 1, secret_access_key = "x", body = "x", session_token = "x",
      headers = { A = "1" },
    } do
      local signature = assert(sigv4.sign(request { [name] = value })).signature
      assert.is_nil(seen[signature], name)
      seen[signature] = name
    end
  end)
end)

-- RFC 4231, test cases 1 to 3 and 6 for HMAC; FIPS 180-2's examples for SHA-256.
describe("hashes", function()
  it("are SHA-256", function()
    for text, hex in pairs {
      [""] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      ["abc"] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      [("a"):rep(1000000)] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    } do
      assert.equal(hex, sigv4.sha256(text))
    end
  end)

  it("are HMAC-SHA-256, with keys of any length", function()
    for _, case in ipairs {
      { ("\x0b"):rep(20), "Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
      { "Jefe", "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
      { ("\xaa"):rep(20), ("\xdd"):rep(50),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
      { ("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    } do
      assert.equal(case[3], sigv4.hmac(case[1], case[2]))
    end
    assert.equal("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
      sigv4.hmac("", ""))
  end)
end)
