-- Specs of the settings: precedence, checks, warnings, and the page that documents them.
local schema = require "nightjar.settings.schema"
local settings = require "nightjar.settings"

local MEMBER = "srv-0123456789abcdef"

local function load(environment, more)
  local input = { environment = environment, data_directory = "/data" }
  for key, value in pairs(more or {}) do input[key] = value end
  return settings.load(input)
end

local function file(values)
  return { file = { path = "nightjar.yaml", values = values } }
end

local function errors(environment, more)
  local loaded, list = load(environment, more)
  assert.is_nil(loaded)
  return list
end

local function warnings(environment, more)
  local list = {}
  for i, one in ipairs(assert(load(environment, more)).warnings) do list[i] = one.message end
  return list
end

describe("settings", function()
  it("has the documented defaults", function()
    local got = assert(load {})
    local expected = {
      service_port = 8080, envoy_admin_port = 9901, refresh_time = 30, failure_sleep = 300,
      exit_on_generation_failure = false, envoy_template_dir = "/data/templates",
      policy_dir = "/data/policies", mesh_file = "/data/examples/mesh.yaml",
      envoy_configuration_file = "envoy-config.yaml", tmp_dir = "/tmp",
      config_dir = "/tmp/active-envoy-config", state_dir = "/tmp/nightjar-state",
      trigger_stop_file = "/tmp/stop.txt", envoy_pid_file = "/tmp/envoy.pid",
      envoy_log_level = "info", envoy_base_id = 0, service_container_name = "NOT_SET",
      discovery = "file", envoy_bin = "envoy", stop_timeout = 25, log_level = "info",
      log_format = "logfmt", ping_path = "/ping", plan_max_memory = 256,
      plan_max_instructions = 100000000, plan_max_cpu = 1, plan_deadline = 30,
      api_concurrency = 8, gateway = false, hook_timeout = 10,
    }
    for name, value in pairs(expected) do assert.same(value, got[name], name) end
    for _, name in ipairs { "service_member", "status_address", "snapshot_store", "hook",
      "aws_region" } do
      assert.is_nil(got[name], name)
    end
    assert.same({}, got.namespaces)
    assert.same({}, got.warnings)
  end)

  it("takes a flag over the environment over the file over the default", function()
    local flags, environment = { SERVICE_PORT = "1" }, { SERVICE_PORT = "2" }
    local values = { service_port = 3 }
    local cases = {
      { flags, environment, values, 1, "flag" }, { {}, environment, values, 2, "environment" },
      { {}, {}, values, 3, "file nightjar.yaml" }, { {}, {}, {}, 8080, "default" },
    }
    for _, case in ipairs(cases) do
      local more = file(case[3])
      more.flags = case[1]
      local got = assert(load(case[2], more))
      assert.equal(case[4], got.service_port)
      assert.equal(case[5], got.sources.SERVICE_PORT)
    end
  end)

  it("takes an empty variable as unset, but for ENVOY_BIN", function()
    local got = assert(load({ SERVICE_PORT = "", TMP_DIR = "  ", ENVOY_BIN = "" },
      file { service_port = 81 }))
    assert.equal(81, got.service_port)
    assert.equal("/tmp", got.tmp_dir)
    assert.equal("", got.envoy_bin)
    assert.equal("environment", got.sources.ENVOY_BIN)
    assert.equal("", assert(load({}, file { envoy_bin = "" })).envoy_bin)
    assert.equal("envoy", assert(load({}, file { envoy_bin = nil })).envoy_bin)
  end)

  it("names source and expectation of a wrong value, all of them at once", function()
    assert.same({
      'SERVICE_PORT (environment): expected a port from 1 to 65535, got "abc"',
      "REFRESH_TIME (file nightjar.yaml): expected a number of seconds from 0.1 to 86400, "
        .. 'got "-1"',
      'LOG_FORMAT (flag): expected one of logfmt, json, got "xml"',
    }, errors({ SERVICE_PORT = "abc" },
      { flags = { LOG_FORMAT = "xml" }, file = file({ refresh_time = -1 }).file }))
  end)

  it("accepts and refuses values by their type", function()
    local cases = {
      { "SERVICE_PORT", "1", 1 }, { "SERVICE_PORT", "65535", 65535 }, { "SERVICE_PORT", "0" },
      { "SERVICE_PORT", "65536" }, { "SERVICE_PORT", "0x50" }, { "SERVICE_PORT", "80.0" },
      { "REFRESH_TIME", "0.5", 0.5 }, { "REFRESH_TIME", "1e3" }, { "REFRESH_TIME", "nan" },
      { "REFRESH_TIME", "0" }, { "STOP_TIMEOUT", "0", 0 }, { "ENVOY_BASE_ID", "7", 7 },
      { "ENVOY_BASE_ID", "-1" }, { "ENVOY_LOG_LEVEL", "DEBUG", "debug" },
      { "PING_PATH", "/health", "/health" }, { "PING_PATH", "ping" }, { "PING_PATH", "/" },
      { "PING_PATH", "/a?b" }, { "ENVOY_CONFIGURATION_FILE", "a/b.yaml", "a/b.yaml" },
      { "ENVOY_CONFIGURATION_FILE", "../b.yaml" }, { "ENVOY_CONFIGURATION_FILE", "/b.yaml" },
      { "ENVOY_CONFIGURATION_FILE", "b.yaml.mustache", "b.yaml" },
      { "TMP_DIR", "/x/", "/x" }, { "TMP_DIR", "/", "/" }, { "TMP_DIR", "/a\nb" },
      { "STATUS_ADDRESS", "127.0.0.1:99", "127.0.0.1:99" },
      { "STATUS_ADDRESS", "[::1]:99", "[::1]:99" },
      { "STATUS_ADDRESS", "/run/x.sock", "/run/x.sock" }, { "STATUS_ADDRESS", "0.0.0.0:99" },
      { "STATUS_ADDRESS", "localhost" }, { "SNAPSHOT_STORE", "s3://bucket/a", "s3://bucket/a" },
      { "SNAPSHOT_STORE", "https://bucket/a" }, { "PLAN_MAX_MEMORY", "7" },
      { "HOOK", "/etc/my hook", "/etc/my hook" }, { "HOOK", "hook" }, { "HOOK", "./hook" },
      { "HOOK", "https://h.example:8443/a?b", "https://h.example:8443/a?b" },
      { "HOOK", "http://h", "http://h" }, { "HOOK", "https://me:word@h/a" },
      { "HOOK", "ftp://h/a" }, { "HOOK", "https:///a" }, { "HOOK", "https://h/a b" },
      { "HOOK", "https://h/@a", "https://h/@a" },
      { "HOOK_TIMEOUT", "0" }, { "HOOK_TIMEOUT", "2.5", 2.5 },
    }
    for _, case in ipairs(cases) do
      local got = load { [case[1]] = case[2] }
      local label = case[1] .. "=" .. case[2]
      if case[3] == nil then
        assert.is_nil(got, label)
      else
        assert.equal(case[3], assert(got, label)[case[1]:lower()], label)
      end
    end
  end)

  it("says what a bucket's name is where one is refused", function()
    for _, store in ipairs { "s3://b/p", "s3://My-Bucket/p", "s3://my_bucket", "s3:///p" } do
      local _, err = load { SNAPSHOT_STORE = store }
      assert.matches("expected s3://bucket/prefix, the bucket of 3 to 63 lower case letters",
        err[1], 1, true)
    end
  end)

  it("switches EXIT_ON_GENERATION_FAILURE on by anything but 0, false, no or empty", function()
    for word, value in pairs { ["0"] = false, ["false"] = false, No = false, [""] = false,
      ["1"] = true, yes = true, off = true } do
      local got = assert(load { EXIT_ON_GENERATION_FAILURE = word })
      assert.equal(value, got.exit_on_generation_failure, word)
    end
    assert.is_true(load({}, file { exit_on_generation_failure = true }).exit_on_generation_failure)
    assert.is_false(
      load({}, file { exit_on_generation_failure = false }).exit_on_generation_failure)
  end)

  it("knows ENVOY_CONFIGURATION_TEMPLATE as another name of ENVOY_CONFIGURATION_FILE", function()
    local got = assert(load { ENVOY_CONFIGURATION_TEMPLATE = "old.yaml" })
    assert.equal("old.yaml", got.envoy_configuration_file)
    got = assert(load { ENVOY_CONFIGURATION_TEMPLATE = "old.yaml",
      ENVOY_CONFIGURATION_FILE = "new.yaml" })
    assert.equal("new.yaml", got.envoy_configuration_file)
  end)
end)

describe("settings of discovery", function()
  it("reads Cloud Map when SERVICE_MEMBER is given, else a file", function()
    assert.equal("cloudmap", assert(load { SERVICE_MEMBER = MEMBER }).discovery)
    assert.equal("file", assert(load {}).discovery)
    assert.equal("file", assert(load { SERVICE_MEMBER = "web-blue", DISCOVERY = "file" }).discovery)
  end)

  it("takes an id, an ARN of any partition and -gateway- in any case", function()
    for _, member in ipairs { MEMBER, "-GateWay-",
      "arn:aws-cn:servicediscovery:cn-north-1:123456789012:service/" .. MEMBER } do
      local got = assert(load { SERVICE_MEMBER = member })
      assert.equal(member, got.service_member)
      assert.equal(member:lower() == "-gateway-", got.gateway)
    end
  end)

  it("requires SERVICE_MEMBER for Cloud Map", function()
    local expected = "expected a Cloud Map service id (srv-…), its ARN, or -gateway-"
    assert.same({ "SERVICE_MEMBER: not set; " .. expected }, errors { DISCOVERY = "cloudmap" })
    assert.same({ "SERVICE_MEMBER (environment): " .. expected .. ', got "web"' },
      errors { SERVICE_MEMBER = "web" })
  end)

  it("hands AWS settings of flags and file on in the environment", function()
    local got = assert(load({ AWS_REGION = "a", AWS_PROFILE = "p", AWS_SECRET_ACCESS_KEY = "s" },
      { flags = { AWS_REGION = "b" }, file = file({ aws_ca_bundle = "/ca" }).file }))
    assert.same({ AWS_REGION = "b", AWS_PROFILE = "p", AWS_SECRET_ACCESS_KEY = "s",
      AWS_CA_BUNDLE = "/ca" }, got.environment)
  end)

  it("takes no secret from a flag or a file", function()
    for _, entry in ipairs(schema.entries) do
      assert.is_nil(entry.name:match("SECRET") or entry.name:match("TOKEN$")
        or entry.name:match("KEY_ID"), entry.name)
    end
    assert.same({ '"aws_secret_access_key" (file nightjar.yaml): unknown key' },
      errors({}, file { aws_secret_access_key = "x" }))
  end)
end)

describe("settings of other meshes", function()
  it("reads NAMESPACE_0 to NAMESPACE_99 in order, an ARN kept whole", function()
    local arn = "arn:aws-us-gov:servicediscovery:us-gov-west-1:123456789012:namespace/ns-abc"
    local got = assert(load({ NAMESPACE_99 = "last", NAMESPACE_99_PORT = "9099", NAMESPACE_2 = arn,
      NAMESPACE_2_PORT = "9002" }, file { namespace_10 = "id:ns-x", namespace_10_port = 9010 }))
    assert.same({
      { ref = "NAMESPACE_2", namespace = arn, port = 9002 },
      { ref = "NAMESPACE_10", namespace = "id:ns-x", port = 9010 },
      { ref = "NAMESPACE_99", namespace = "last", port = 9099 },
    }, got.namespaces)
  end)

  it("warns of one without a usable port, and skips it alone", function()
    local environment = { NAMESPACE_0 = "a", NAMESPACE_1 = "b", NAMESPACE_1_PORT = "x",
      NAMESPACE_2 = "c", NAMESPACE_2_PORT = "9002", NAMESPACE_3_PORT = "9003",
      NAMESPACE_4 = "arn:aws:sns:x", NAMESPACE_4_PORT = "9004",
      NAMESPACE_5 = "caf\xe9", NAMESPACE_5_PORT = "9005" }
    assert.equal(1, #assert(load(environment)).namespaces)
    assert.same({
      "NAMESPACE_0 (environment): skipped: NAMESPACE_0_PORT is not set; "
        .. "expected a port from 1 to 65535",
      "NAMESPACE_1 (environment): skipped: NAMESPACE_1_PORT (environment): "
        .. 'expected a port from 1 to 65535, got "x"',
      "NAMESPACE_3_PORT (environment): has no effect: NAMESPACE_3 is not set",
      "NAMESPACE_4 (environment): skipped: expected a namespace's name, id:ns-…, bare id, "
        .. 'or ARN, got "arn:aws:sns:x"',
      "NAMESPACE_5 (environment): skipped: expected a namespace's name, id:ns-…, bare id, "
        .. 'or ARN, got "caf\\xe9"',
    }, warnings(environment))
  end)

  it("refuses a namespace given twice, however it is written, naming both", function()
    local arn = "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-abc"
    for _, pair in ipairs { { "x", "x" }, { "ns-abc", "id:ns-abc" }, { arn, "ns-abc" } } do
      local list = errors { NAMESPACE_1 = pair[1], NAMESPACE_1_PORT = "9001",
        NAMESPACE_7 = pair[2], NAMESPACE_7_PORT = "9002" }
      assert.equal(1, #list)
      assert.matches("^NAMESPACE_1 %(environment%) and NAMESPACE_7 %(environment%): both name",
        list[1])
    end
  end)

  it("refuses two listeners on one port, naming both", function()
    assert.same({
      "SERVICE_PORT (default) and NAMESPACE_1_PORT (environment): both are port 8080; "
        .. "expected different ports",
      "ENVOY_ADMIN_PORT (default) and NAMESPACE_2_PORT (environment): both are port 9901; "
        .. "expected different ports",
    }, errors { SERVICE_MEMBER = MEMBER, NAMESPACE_1 = "a", NAMESPACE_1_PORT = "8080",
      NAMESPACE_2 = "b", NAMESPACE_2_PORT = "9901" })
    assert.equal(1, #errors { ENVOY_ADMIN_PORT = "9902", STATUS_ADDRESS = "127.0.0.1:9902" })
  end)

  it("leaves a gateway's SERVICE_PORT out of that check, since it has no such listener", function()
    assert.truthy(load { SERVICE_MEMBER = "-gateway-", NAMESPACE_1 = "a",
      NAMESPACE_1_PORT = "8080" })
  end)
end)

describe("settings that nobody knows", function()
  it("warns of variables that look like ours, with the nearest known one", function()
    assert.same({
      "NAMESPACE_100 (environment): unknown variable; did you mean NAMESPACE_10?",
      "NIGHTJAR_CONFG (environment): unknown variable; did you mean NIGHTJAR_CONFIG?",
      "NIGHTJAR_SPEED (environment): unknown variable",
      "SERVCE_PORT (environment): unknown variable; did you mean SERVICE_PORT?",
      "service_port (environment): unknown variable; did you mean SERVICE_PORT?",
    }, warnings { NAMESPACE_100 = "a", NIGHTJAR_CONFG = "a", NIGHTJAR_SPEED = "1",
      SERVCE_PORT = "1", service_port = "1" })
  end)

  it("warns of a store for a mesh that comes from a file", function()
    assert.same({ "SNAPSHOT_STORE (environment): not used, as a mesh file is not shared" },
      warnings { SNAPSHOT_STORE = "s3://bucket/mesh" })
    assert.same({}, warnings { SNAPSHOT_STORE = "s3://bucket/mesh", SERVICE_MEMBER = "srv-1" })
  end)

  it("never shows what may be the password of a webhook", function()
    assert.same({ "HOOK (environment): expected the absolute path of a program, or an http:// or "
      .. "https:// URL, got something else" }, errors { HOOK = "htps://h.example/secret" })
    for given, shown in pairs { ["https://h.example/secret"] = "https://h.example/…",
      ["https://h.example?secret"] = "https://h.example/…",
      ["http://h.example"] = "http://h.example", ["/etc/hook"] = "/etc/hook" } do
      for _, row in ipairs(settings.describe(assert(load { HOOK = given }))) do
        if row.name == "HOOK" then assert.equal(shown, row.value) end
      end
    end
  end)

  it("is silent about the variables of others", function()
    assert.same({}, warnings { TMPDIR = "/x", HOME = "/", PATH = "/bin", CONFIG = "x",
      CONFIGS = "x", KUBERNETES_SERVICE_PORT = "443", AWS_EXECUTION_ENV = "x", AWS_REGIO = "x",
      POD_NAMESPACE = "x", NAMESPACE = "x", NIGHTJAR = "x" })
  end)

  it("refuses unknown keys of the file, with the nearest known one", function()
    assert.same({
      '"SERVICE_PORT" (file nightjar.yaml): unknown key; did you mean "service_port"?',
      '"polices" (file nightjar.yaml): unknown key; did you mean "policies"?',
      '"servce_port" (file nightjar.yaml): unknown key; did you mean "service_port"?',
      '"zzz" (file nightjar.yaml): unknown key',
    }, errors({}, file { servce_port = 1, zzz = 1, polices = 1, SERVICE_PORT = 1 }))
  end)

  it("refuses the file's own name in it", function()
    assert.same({ '"nightjar_config" (file nightjar.yaml): unknown key' },
      errors({}, file { nightjar_config = "x" }))
  end)

  it("refuses a file that is no mapping, and values that are none", function()
    assert.same({ "file nightjar.yaml: expected a mapping from setting to value" },
      errors({}, file { "a" }))
    assert.same({ "file nightjar.yaml: expected a mapping from setting to value" },
      errors({}, file "text"))
    assert.same({ "service_port (file nightjar.yaml): expected a single value, "
      .. "got a list or mapping" }, errors({}, file { service_port = { 1 } }))
  end)

  it("warns of a mesh file that is not read", function()
    local got = assert(load { SERVICE_MEMBER = "srv-0123456789abcdef", MESH_FILE = "a.yaml" })
    assert.equal("MESH_FILE (environment): not read, as DISCOVERY is cloudmap where "
      .. "SERVICE_MEMBER is set; DISCOVERY=file reads it", got.warnings[1].message)
    assert.same({}, assert(load { SERVICE_MEMBER = "-gateway-", MESH_FILE = "a.yaml",
      DISCOVERY = "file" }).warnings)
  end)

  it("takes the policies' settings from the file", function()
    local got = assert(load({}, file { policies = { weights = { floor = 2 }, audience = {} } }))
    assert.same({ weights = { floor = 2 }, audience = {} }, got.policies)
    assert.same({ "policies.weights (file nightjar.yaml): expected a mapping from setting to "
      .. "value" }, errors({}, file { policies = { weights = 1 } }))
    assert.same({ "policies (file nightjar.yaml): expected a mapping from policy to its settings" },
      errors({}, file { policies = { "weights" } }))
  end)

  it("takes a policy's setting that is null for one that is not given", function()
    local null = require("host.yaml").decode "~"
    local got = assert(load({}, file { policies = { a = { b = null, c = { d = null, e = 1 } } } }))
    assert.same({ a = { c = { e = 1 } } }, got.policies)
  end)

  it("shows control characters of a value escaped, and long values cut", function()
    local list = errors { SERVICE_PORT = "\27[31m\nx" }
    assert.matches('got "\\x1b[31m\\nx"', list[1], 1, true)
    assert.is_true(#errors({ SERVICE_PORT = ("x"):rep(5000) })[1] < 200)
  end)
end)

describe("settings.describe", function()
  local function row(loaded, name)
    for _, one in ipairs(settings.describe(loaded)) do
      if one.name == name then return one end
    end
  end

  it("gives each value and its source, namespaces as they were given", function()
    local got = assert(load { NAMESPACE_3 = "x", NAMESPACE_3_PORT = "bad", ENVOY_BIN = "" })
    assert.same({ name = "SERVICE_PORT", value = 8080, source = "default", aws = false },
      row(got, "SERVICE_PORT"))
    assert.same({ name = "NAMESPACE_3_PORT", value = "bad", source = "environment", aws = false },
      row(got, "NAMESPACE_3_PORT"))
    assert.equal("", row(got, "ENVOY_BIN").value)
    assert.is_nil(row(got, "NAMESPACE_4"))
  end)

  it("takes the password out of a URL", function()
    local got = assert(load { AWS_ENDPOINT_URL = "http://me:secret@localhost:1/x" })
    assert.equal("http://localhost:1/x", row(got, "AWS_ENDPOINT_URL").value)
  end)
end)

describe("settings.flags", function()
  it("offers every setting as a flag", function()
    local names = {}
    for _, flag in ipairs(settings.flags()) do names[flag.name] = flag end
    for _, entry in ipairs(schema.entries) do
      assert.truthy(names[entry.name:lower():gsub("_", "-")], entry.name)
    end
    assert.equal("NAMESPACE_42_PORT", names["namespace-42-port"].key)
    assert.equal("CONFIG", names.config.key)
    assert.is_nil(names["exit-on-generation-failure"].value)
  end)
end)

describe("docs/settings.md", function()
  it("is what docs/settings.lua writes from the schema", function()
    local page = assert(io.open("docs/settings.md", "rb"))
    local text = page:read("a")
    page:close()
    local path = package.path
    local written = dofile("docs/settings.lua")
    package.path = path
    assert.equal(written, text)
  end)
end)
