-- Specs of `nightjar config`: its shape, its sources, and no secrets.
local cli = require "spec.support.cli"
local json = require "host.json"
local null = json.null

local SECRETS = { AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "verysecret",
  AWS_SESSION_TOKEN = "sessionsecret" }

describe("nightjar config", function()
  local function as_json(environment, ...)
    local words = { "config", "--json", ... }
    words.environment = environment
    local got = cli.run(words)
    assert.equal(0, got.status, got.stderr)
    return assert(json.decode(got.stdout)), got.stdout
  end

  it("has the documented shape, with null for what is not known", function()
    local all = as_json({})
    local keys = {}
    for key in pairs(all) do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({ "credentials", "endpoint", "region", "settings" }, keys)
    assert.same({ value = 8080, source = "default" }, all.settings.SERVICE_PORT)
    assert.same({ value = null, source = "default" }, all.settings.SERVICE_MEMBER)
    assert.same({ value = null, source = null }, all.region)
    assert.same({ value = null, source = null }, all.endpoint)
    assert.same({ source = null, access_key_id = null, expires = null }, all.credentials)
  end)

  it("tells flag, environment, file and default apart", function()
    local folder = cli.folder()
    cli.write(folder .. "/n.yaml", "refresh_time: 5\nenvoy_bin: ''\n")
    local all = as_json({ NAMESPACE_3 = "x", NAMESPACE_3_PORT = 9003,
      NIGHTJAR_CONFIG = folder .. "/n.yaml" }, "--service-port=81").settings
    cli.remove(folder)
    assert.same({ value = 81, source = "flag" }, all.SERVICE_PORT)
    assert.same({ value = "x", source = "environment" }, all.NAMESPACE_3)
    assert.same({ value = 5, source = "file " .. folder .. "/n.yaml" }, all.REFRESH_TIME)
    assert.same({ value = "", source = "file " .. folder .. "/n.yaml" }, all.ENVOY_BIN)
    assert.same({ value = "info", source = "default" }, all.LOG_LEVEL)
  end)

  it("tells region, endpoint and whose credentials, but no secret", function()
    local environment = { AWS_REGION = "eu-west-1", AWS_ENDPOINT_URL = "http://127.0.0.1:1" }
    for name, value in pairs(SECRETS) do environment[name] = value end
    local all, text = as_json(environment)
    assert.equal("eu-west-1", all.region.value)
    assert.equal("http://127.0.0.1:1", all.endpoint.value)
    assert.equal("AKIDEXAMPLE", all.credentials.access_key_id)
    assert.is_nil(text:find("secret"))
    local table_text = cli.run({ "config", environment = environment }).stdout
    assert.is_nil(table_text:find("secret"))
    assert.matches("\nregion +eu%-west%-1 ", table_text)
    assert.matches("\ncredentials +AKIDEXAMPLE ", table_text)
  end)

  it("takes region from a flag", function()
    local all = as_json({ AWS_REGION = "a-b-1" }, "--aws-region", "eu-north-1")
    assert.equal("eu-north-1", all.region.value)
    assert.matches("flag", all.region.source)
    assert.same({ value = "eu-north-1", source = "flag" }, all.settings.AWS_REGION)
  end)

  it("prints a table for people", function()
    local got = cli.run { "config", environment = { SERVICE_PORT = 81, ENVOY_BIN = "" } }
    assert.equal(0, got.status)
    assert.matches("^SETTING +VALUE +SOURCE\n", got.stdout)
    assert.matches("\nSERVICE_PORT +81 +environment\n", got.stdout)
    assert.matches("\nSERVICE_MEMBER +%- +default\n", got.stdout)
    assert.is_nil(got.stdout:find("AWS_CONFIG_FILE", 1, true))
  end)

  it("never puts control characters of the environment on a terminal", function()
    local got = cli.run { "config", environment = { NAMESPACE_0 = "a\27[31m" } }
    assert.is_nil((got.stdout .. got.stderr):find("\27"))
  end)
end)
