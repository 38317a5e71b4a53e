-- Region and endpoint: which setting decides, and what is refused.

local endpoint = require "nightjar.agent.aws.endpoint"
local options = require "nightjar.agent.aws.options"
local region = require "nightjar.agent.aws.region"

local function settings(environment)
  environment.HOME = environment.HOME or "/nonexistent"
  environment.AWS_EC2_METADATA_DISABLED = environment.AWS_EC2_METADATA_DISABLED or "true"
  return { environment = environment, sources = {} }
end

local files = {}

local function remove_files()
  for index, path in ipairs(files) do
    os.remove(path)
    files[index] = nil
  end
end

local function with_file(text, environment)
  local path = os.tmpname()
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  environment.AWS_CONFIG_FILE = path
  files[#files + 1] = path
  return settings(environment)
end

describe("region.describe", function()
  after_each(remove_files)

  it("takes AWS_REGION before AWS_DEFAULT_REGION before the profile", function()
    local text = "[default]\nregion = eu-west-3\n[profile web]\nregion = eu-west-2\n"
    local both = { AWS_REGION = "eu-central-1", AWS_DEFAULT_REGION = "us-east-1" }
    assert.same({ value = "eu-central-1", source = "AWS_REGION" },
      region.describe(with_file(text, both)))
    assert.same({ value = "us-east-1", source = "AWS_DEFAULT_REGION" },
      region.describe(with_file(text, { AWS_DEFAULT_REGION = "us-east-1", AWS_REGION = "" })))
    assert.same({ value = "eu-west-3", source = "profile default" },
      region.describe(with_file(text, {})))
    assert.same({ value = "eu-west-2", source = "profile web" },
      region.describe(with_file(text, { AWS_PROFILE = "web" })))
  end)

  it("says what to set where there is none", function()
    local found, err = region.describe(settings {})
    assert.is_nil(found)
    assert.matches("no AWS region: set AWS_REGION", err, 1, true)
  end)

  it("refuses a region that would lead to another host", function()
    for _, value in ipairs { "evil.example/", "a b", "-x", "x@y" } do
      local found, err = region.describe(settings { AWS_REGION = value })
      assert.is_nil(found)
      assert.matches("AWS_REGION: expected the name of an AWS region", err, 1, true)
    end
  end)

  it("names a profile that is nowhere", function()
    local found, err = region.describe(settings { AWS_PROFILE = "nobody" })
    assert.is_nil(found)
    assert.matches("AWS_PROFILE: nobody: no such profile", err, 1, true)
  end)
end)

describe("endpoint.describe", function()
  after_each(remove_files)

  it("knows the host of each partition", function()
    for name, host in pairs {
      ["eu-central-1"] = "servicediscovery.eu-central-1.amazonaws.com",
      ["cn-north-1"] = "servicediscovery.cn-north-1.amazonaws.com.cn",
      ["us-gov-west-1"] = "servicediscovery.us-gov-west-1.amazonaws.com",
      ["us-iso-east-1"] = "servicediscovery.us-iso-east-1.c2s.ic.gov",
      ["eusc-de-east-1"] = "servicediscovery.eusc-de-east-1.amazonaws.eu",
    } do
      assert.same({ value = "https://" .. host, source = "region " .. name, signing_region = name },
        endpoint.describe(settings { AWS_REGION = name }))
    end
  end)

  it("knows FIPS and dual-stack hosts", function()
    assert.equal("https://servicediscovery-fips.us-east-1.amazonaws.com", endpoint.describe(
      settings { AWS_REGION = "us-east-1", AWS_USE_FIPS_ENDPOINT = "true" }).value)
    assert.equal("https://servicediscovery.us-east-1.api.aws", endpoint.describe(
      settings { AWS_REGION = "us-east-1", AWS_USE_DUALSTACK_ENDPOINT = "true" }).value)
  end)

  local STS = { name = "sts", variable = "AWS_ENDPOINT_URL_STS" }

  local function sts(environment)
    local found = assert(endpoint.describe(settings(environment), STS, environment.AWS_REGION))
    return found.value:match("^https?://(.*)$"), found.signing_region
  end

  it("knows the STS of each region, partition and kind", function()
    for host, environment in pairs {
      ["sts.eu-central-1.amazonaws.com"] = { AWS_REGION = "eu-central-1" },
      ["sts.cn-north-1.amazonaws.com.cn"] = { AWS_REGION = "cn-north-1" },
      ["sts-fips.us-east-2.amazonaws.com"] = { AWS_REGION = "us-east-2",
        AWS_USE_FIPS_ENDPOINT = "true" },
      ["sts.us-gov-west-1.amazonaws.com"] = { AWS_REGION = "us-gov-west-1",
        AWS_USE_FIPS_ENDPOINT = "true" },
      ["sts-fips.us-gov-west-1.api.aws"] = { AWS_REGION = "us-gov-west-1",
        AWS_USE_FIPS_ENDPOINT = "true", AWS_USE_DUALSTACK_ENDPOINT = "true" },
      ["sts.cn-north-1.api.amazonwebservices.com.cn"] = { AWS_REGION = "cn-north-1",
        AWS_USE_DUALSTACK_ENDPOINT = "true" },
    } do
      assert.equal(host, (sts(environment)))
    end
  end)

  it("signs for us-east-1 where the old STS is asked for, in regions that had it", function()
    assert.same({ "sts.amazonaws.com", "us-east-1" },
      { sts { AWS_REGION = "eu-west-1", AWS_STS_REGIONAL_ENDPOINTS = "legacy" } })
    assert.same({ "sts.eu-south-1.amazonaws.com", "eu-south-1" },
      { sts { AWS_REGION = "eu-south-1", AWS_STS_REGIONAL_ENDPOINTS = "legacy" } })
    assert.same({ "sts.eu-west-1.amazonaws.com", "eu-west-1" },
      { sts { AWS_REGION = "eu-west-1" } })
  end)

  it("takes STS's own endpoint for STS", function()
    assert.same({ "b:2", "eu-west-1" }, { sts { AWS_REGION = "eu-west-1",
      AWS_ENDPOINT_URL = "http://a:1", AWS_ENDPOINT_URL_STS = "http://b:2" } })
  end)

  it("takes the service's variable before the general one", function()
    local environment = { AWS_REGION = "r", AWS_ENDPOINT_URL = "http://a:1",
      AWS_ENDPOINT_URL_SERVICEDISCOVERY = "http://b:2" }
    assert.same({ value = "http://b:2", is_own = true,
      source = "AWS_ENDPOINT_URL_SERVICEDISCOVERY" },
      endpoint.describe(settings(environment)))
    environment.AWS_ENDPOINT_URL_SERVICEDISCOVERY = nil
    assert.same({ value = "http://a:1", source = "AWS_ENDPOINT_URL", is_own = true },
      endpoint.describe(settings(environment)))
    environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "true"
    assert.equal("region r", endpoint.describe(settings(environment)).source)
  end)

  it("reads the profile's endpoint, its services section first", function()
    local text = "[default]\nregion = r\nendpoint_url = http://a:1\n"
    assert.same({ value = "http://a:1", source = "profile default", is_own = true },
      endpoint.describe(with_file(text, {})))
    text = text .. "services = mine\n"
    local found, err = endpoint.describe(with_file(text, {}))
    assert.is_nil(found)
    assert.equal("profile default: services: no section [services mine]", err)
    text = text .. "[services mine]\nservicediscovery =\n  endpoint_url = http://b:2\n"
    assert.same({ value = "http://b:2", source = "services mine", is_own = true },
      endpoint.describe(with_file(text, {})))
  end)

  it("refuses what is no URL without repeating the password in it", function()
    for _, value in ipairs { "localhost:5000", "ftp://x", "http://user:hunter2@x", "http://",
      "http://x:99999", "http://x?y" } do
      local found, err = endpoint.describe(settings { AWS_REGION = "r", AWS_ENDPOINT_URL = value })
      assert.is_nil(found, value)
      assert.matches("AWS_ENDPOINT_URL: expected a URL", err, 1, true)
      assert.is_nil(err:find("hunter2", 1, true))
    end
  end)

  it("refuses an endpoint together with FIPS", function()
    local found, err = endpoint.describe(settings { AWS_REGION = "r",
      AWS_ENDPOINT_URL = "http://a:1", AWS_USE_FIPS_ENDPOINT = "true" })
    assert.is_nil(found)
    assert.matches("AWS_USE_FIPS_ENDPOINT: cannot be used together", err, 1, true)
  end)
end)

describe("endpoint.with_prefix", function()
  it("puts the host prefix in front of names, custom ones too", function()
    assert.equal("https://data-servicediscovery.r.amazonaws.com/",
      endpoint.with_prefix("https://servicediscovery.r.amazonaws.com", "data-"))
    assert.equal("http://data-moto:5000/base/",
      endpoint.with_prefix("http://moto:5000/base/", "data-"))
    assert.equal("http://moto:5000/", endpoint.with_prefix("http://moto:5000"))
  end)

  it("never puts it in front of addresses and localhost", function()
    for _, host in ipairs { "127.0.0.1", "10.0.0.1", "[::1]", "[fd00::1]", "localhost",
      "LOCALHOST", "moto.localhost" } do
      assert.equal("http://" .. host .. ":5000/",
        endpoint.with_prefix("http://" .. host .. ":5000", "data-"))
    end
  end)
end)

describe("what holds for every call", function()
  after_each(remove_files)

  local function read(environment, text)
    return options.read(text and with_file(text, environment) or settings(environment))
  end

  it("has a default for all of it", function()
    local found = assert(read {})
    assert.same({ 3, nil, true, nil }, { found.max_attempts, found.ca_file, found.host_prefixes,
      found.http_proxy })
    assert.matches("^nightjar/[%d.]+$", found.user_agent)
  end)

  it("comes from variables and from the profile", function()
    local text = "[default]\nmax_attempts = 5\nca_bundle = /ca\nsdk_ua_app_id = my app/1\n"
      .. "disable_host_prefix_injection = true\n"
    local found = assert(read({}, text))
    assert.same({ 5, "/ca", false }, { found.max_attempts, found.ca_file, found.host_prefixes })
    assert.matches(" app/my%-app%-1$", found.user_agent)
    found = assert(read({ AWS_MAX_ATTEMPTS = "2", AWS_SDK_UA_APP_ID = ("x"):rep(60) }, text))
    assert.equal(2, found.max_attempts)
    assert.matches(" app/" .. ("x"):rep(50) .. "$", found.user_agent)
  end)

  it("is refused by name where it is nonsense", function()
    for expected, case in pairs {
      ['AWS_MAX_ATTEMPTS: expected an integer from 1, got "0"'] = { { AWS_MAX_ATTEMPTS = "0" } },
      ['profile default: max_attempts: expected an integer from 1, got "x"'] =
        { {}, "[default]\nmax_attempts = x\n" },
      ['AWS_RETRY_MODE: expected standard, got "eager"'] = { { AWS_RETRY_MODE = "eager" } },
    } do
      local found, err = read(case[1], case[2])
      assert.is_nil(found)
      assert.equal(expected, err)
    end
  end)

  it("takes HTTP_PROXY in capitals too, as the SDKs do", function()
    assert.equal("http://p:1", read({ HTTP_PROXY = "http://p:1" }).http_proxy)
    assert.is_nil(read({ HTTP_PROXY = "http://p:1", http_proxy = "http://q:1" }).http_proxy)
  end)
end)
