-- Where credentials come from, in which order, and when they are renewed.

local credentials = require "nightjar.agent.aws.credentials"
local json = require "host.json"
local sched = require "nightjar.agent.sched"

local files = {}

local function temporary(text)
  local path = os.tmpname()
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  files[#files + 1] = path
  return path
end

local function settings(environment)
  environment.HOME = environment.HOME or "/nonexistent"
  environment.AWS_EC2_METADATA_DISABLED = environment.AWS_EC2_METADATA_DISABLED or "true"
  return { environment = environment, sources = {} }
end

-- Answers of a container's endpoint, in order; the last one goes on.
local function endpoint(answers)
  local asked = {}
  return asked, function(request)
    asked[#asked + 1] = request
    local answer = answers[math.min(#asked, #answers)]
    if type(answer) == "number" then return { status = answer, headers = {}, body = "" } end
    if type(answer) == "string" then return nil, { kind = "timeout", message = answer } end
    return { status = 200, headers = {}, body = json.encode(answer) }
  end
end

local function keys(id, expires)
  return { AccessKeyId = id, SecretAccessKey = "s", Token = "t", Expiration = expires }
end

local function get(environment, options)
  options = options or {}
  options.sleep = options.sleep or function() end
  return sched.run(function()
    return credentials.new(settings(environment), options):get()
  end)
end

describe("credentials", function()
  after_each(function()
    for index, path in ipairs(files) do
      os.remove(path)
      files[index] = nil
    end
  end)

  describe("of the environment", function()
    it("come with their session token", function()
      local found = get { AWS_ACCESS_KEY_ID = "AKIA1", AWS_SECRET_ACCESS_KEY = "s",
        AWS_SESSION_TOKEN = "t" }
      assert.same({ access_key_id = "AKIA1", secret_access_key = "s", session_token = "t",
        source = "environment", method = "environment" }, found)
    end)

    it("are refused by half, rather than replaced by someone else's", function()
      local found, err = get { AWS_ACCESS_KEY_ID = "AKIA1",
        AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/" }
      assert.is_nil(found)
      assert.equal("AWS_SECRET_ACCESS_KEY: not set, though AWS_ACCESS_KEY_ID is", err)
    end)

    it("come before a profile", function()
      local path = temporary "[default]\naws_access_key_id=B\naws_secret_access_key=C\n"
      assert.equal("environment", get({ AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s",
        AWS_SHARED_CREDENTIALS_FILE = path }).source)
    end)
  end)

  describe("of a profile", function()
    it("are read from the credentials file before the configuration file", function()
      local environment = {
        AWS_SHARED_CREDENTIALS_FILE = temporary("[default]\naws_access_key_id = A\n"
          .. "aws_secret_access_key = s1\n[web]\naws_access_key_id = W\n"
          .. "aws_secret_access_key = s2\naws_session_token = t\n"),
        AWS_CONFIG_FILE = temporary("[default]\naws_access_key_id = C\n"
          .. "aws_secret_access_key = s3\n[profile only]\naws_access_key_id = O\n"
          .. "aws_secret_access_key = s4\n"),
      }
      assert.equal("A", get(environment).access_key_id)
      environment.AWS_PROFILE = "web"
      assert.same({ access_key_id = "W", secret_access_key = "s2", session_token = "t",
        source = "profile web", method = "credentials_file" }, get(environment))
      environment.AWS_PROFILE = "only"
      assert.equal("O", get(environment).access_key_id)
    end)

    it("that is in no file is an error that names it", function()
      local found, err = get { AWS_PROFILE = "nobody" }
      assert.is_nil(found)
      assert.matches("AWS_PROFILE: nobody: no such profile", err, 1, true)
    end)

    it("that needs a person is an error, not passed over", function()
      for line, expected in pairs {
        ["sso_account_id = 1"] = "sso_account_id: single sign-on needs a person",
        ["login_session = arn"] = "login_session: a console login needs a person",
      } do
        local found, err = get { AWS_CONFIG_FILE = temporary("[default]\n" .. line .. "\n") }
        assert.is_nil(found)
        assert.equal("profile default: " .. expected .. "; nightjar does not support it", err)
      end
    end)
  end)

  describe("of a container", function()
    it("are asked of the agent's address by a relative URI, never of a proxy", function()
      local asked, http = endpoint { keys("A", "2099-01-01T00:00:00Z") }
      local found = get({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/v2/credentials/1" },
        { http = http })
      assert.equal("http://169.254.170.2/v2/credentials/1", asked[1].url)
      assert.equal("", asked[1].proxy)
      assert.is_nil(asked[1].headers.Authorization)
      assert.same({ access_key_id = "A", secret_access_key = "s", session_token = "t",
        expires = 4070908800, source = "container", method = "container" }, found)
    end)

    it("are asked in plain text of known hosts only", function()
      for url, allowed in pairs {
        ["http://localhost:80/x"] = true, ["http://127.1.2.3/x"] = true,
        ["http://[::1]:8080/x"] = true, ["http://169.254.170.23/v1/credentials"] = true,
        ["http://[fd00:ec2::23]/v1/credentials"] = true, ["https://anywhere.example/x"] = true,
        ["http://anywhere.example/x"] = false, ["http://169.254.170.2.example/x"] = false,
        ["http://127.0.0.1.example/"] = false, ["http://localhost@evil.example/"] = false,
        ["ftp://localhost/secret"] = false, ["localhost"] = false,
        ["http://localhost/a secret"] = false, ["http://me:secret@localhost/"] = false,
      } do
        local asked, http = endpoint { keys("A") }
        local found, err = get({ AWS_CONTAINER_CREDENTIALS_FULL_URI = url }, { http = http })
        assert.equal(allowed, found ~= nil, url)
        assert.equal(allowed and 1 or 0, #asked, url)
        if not allowed then
          assert.matches("AWS_CONTAINER_CREDENTIALS_FULL_URI", err, 1, true)
          assert.not_matches("secret", err, 1, true)
        end
      end
    end)

    it("carry the authorization token; the token file is read anew each time", function()
      local path = temporary "first\n"
      local asked, http = endpoint { keys("A", "2000-01-01T01:00:00Z") }
      sched.run(function()
        local now = 946688400 - 3600
        local store = credentials.new(settings { AWS_CONTAINER_AUTHORIZATION_TOKEN = "other",
          AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/",
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = path },
          { http = http, now = function() return now end })
        store:get()
        now = now + 3000
        local handle = assert(io.open(path, "w"))
        handle:write("second")
        handle:close()
        store:get()
      end)
      assert.equal("first", asked[1].headers.Authorization)
      assert.equal("second", asked[2].headers.Authorization)
    end)

    it("refuse a token that would forge a header", function()
      local found, err = get { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/",
        AWS_CONTAINER_AUTHORIZATION_TOKEN = "a\r\nX-Evil: 1" }
      assert.is_nil(found)
      assert.matches("line break", err, 1, true)
      assert.is_nil(err:find("Evil", 1, true))
    end)

    it("are asked for three times", function()
      local asked, http = endpoint { "timed out", 503, keys("A") }
      local environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/" }
      assert.equal("A", get(environment, { http = http }).access_key_id)
      assert.equal(3, #asked)
      asked, http = endpoint { 500 }
      local found, err = get(environment, { http = http })
      assert.is_nil(found)
      assert.equal(3, #asked)
      assert.equal("container credentials: http://localhost/: HTTP status 500", err)
    end)

    it("are not asked for again after a refusal", function()
      local asked, http = endpoint { 403 }
      assert.is_nil((get({ AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/" },
        { http = http })))
      assert.equal(1, #asked)
    end)
  end)

  describe("that expire", function()
    local now, asked, store

    local function open(answers)
      local http
      asked, http = endpoint(answers)
      store = credentials.new(settings
        { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/" },
        { http = http, now = function() return now end, random = function() return 0.5 end,
          sleep = function() end })
    end

    local function at(time)
      now = time
      return sched.run(function() return store:get() end)
    end

    -- 2000-01-01T01:00:00Z
    local EXPIRY = 946688400

    it("are held until 15 minutes before, and renewed within the next minute", function()
      open { keys("A", "2000-01-01T01:00:00Z"), keys("B", "2000-01-01T07:00:00Z") }
      assert.equal("A", at(EXPIRY - 3600).access_key_id)
      assert.equal("A", at(EXPIRY - 901).access_key_id)
      assert.equal(1, #asked)
      -- Within a minute from there: half of one, as chance has it here.
      assert.equal("A", at(EXPIRY - 871).access_key_id)
      assert.equal("B", at(EXPIRY - 869).access_key_id)
      assert.equal(2, #asked)
    end)

    it("stay in use while renewal fails, until they have expired", function()
      open { keys("A", "2000-01-01T01:00:00Z"), 500 }
      at(EXPIRY - 3600)
      assert.equal("A", at(EXPIRY - 860).access_key_id)
      assert.equal(4, #asked)
      assert.equal("A", at(EXPIRY - 850).access_key_id)
      assert.equal(4, #asked)
      assert.equal("A", at(EXPIRY - 599).access_key_id)
      assert.equal("A", at(EXPIRY - 1).access_key_id)
      assert.equal(10, #asked)
      local found, err = at(EXPIRY + 1)
      assert.is_nil(found)
      assert.matches("HTTP status 500", err, 1, true)
    end)

    it("are fetched once for all who wait", function()
      open { keys("A", "2000-01-01T01:00:00Z") }
      now = EXPIRY - 3600
      local plain = store.context.http
      store.context.http = function(request)
        sched.sleep(0.01)
        return plain(request)
      end
      local found = sched.run(function()
        return sched.all({ 1, 2, 3 }, 3, function() return store:get() end)
      end)
      assert.equal("A", found[3].access_key_id)
      assert.equal(1, #asked)
    end)

    it("are fetched anew once AWS says that they have expired", function()
      open { keys("A"), keys("B") }
      local first = at(0)
      assert.equal("A", at(1e12).access_key_id)
      store:expire(first)
      assert.equal("B", at(1e12).access_key_id)
      store:expire(first)
      assert.equal("B", at(1e12).access_key_id)
    end)
  end)

  it("that are nowhere are an error that says where was looked", function()
    local found, err = get {}
    assert.is_nil(found)
    assert.equal("no AWS credentials: not in the environment, a web identity, a profile, the "
      .. "container's endpoint or the instance's metadata", err)
  end)

  it("are described without their secrets, inside and outside the scheduler", function()
    local _, http = endpoint { keys("AKIA2", "2026-11-24T03:41:10Z") }
    local given = settings { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://localhost/" }
    local expected = { source = "container", access_key_id = "AKIA2",
      expires = "2026-11-24T03:41:10Z" }
    assert.same(expected, credentials.describe(given, { http = http }))
    assert.same(expected, sched.run(credentials.describe, given, { http = http }))
  end)
end)
