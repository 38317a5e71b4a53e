-- Region and endpoint: which setting decides, and what is refused.

local endpoint = require "nightjar.agent.aws.endpoint"
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

  it("takes the service's variable before the general one", function()
    local environment = { AWS_REGION = "r", AWS_ENDPOINT_URL = "http://a:1",
      AWS_ENDPOINT_URL_SERVICEDISCOVERY = "http://b:2" }
    assert.same({ value = "http://b:2", source = "AWS_ENDPOINT_URL_SERVICEDISCOVERY" },
      endpoint.describe(settings(environment)))
    environment.AWS_ENDPOINT_URL_SERVICEDISCOVERY = nil
    assert.same({ value = "http://a:1", source = "AWS_ENDPOINT_URL" },
      endpoint.describe(settings(environment)))
    environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "true"
    assert.equal("region r", endpoint.describe(settings(environment)).source)
  end)

  it("reads the profile's endpoint, its services section first", function()
    local text = "[default]\nregion = r\nendpoint_url = http://a:1\n"
    assert.same({ value = "http://a:1", source = "profile default" },
      endpoint.describe(with_file(text, {})))
    text = text .. "services = mine\n"
    local found, err = endpoint.describe(with_file(text, {}))
    assert.is_nil(found)
    assert.equal("profile default: services: no section [services mine]", err)
    text = text .. "[services mine]\nservicediscovery =\n  endpoint_url = http://b:2\n"
    assert.same({ value = "http://b:2", source = "services mine" },
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
