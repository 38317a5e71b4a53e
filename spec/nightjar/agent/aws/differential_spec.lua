-- Two hundred ways to say where credentials come from, resolved by the AWS SDK and by nightjar.
--
-- spec/support/profiles writes them; botocore and nightjar read the same files and ask the same
-- container agent, instance and STS, whose keys follow from who asks for what.

local cli = require "spec.support.cli"
local credentials = require "nightjar.agent.aws.credentials"
local endpoint = require "nightjar.agent.aws.endpoint"
local json = require "host.json"
local moto = require "spec.support.moto"
local region = require "nightjar.agent.aws.region"
local sched = require "nightjar.agent.sched"
local sts = require "nightjar.agent.aws.sts"

-- Where nightjar differs on purpose. `error`: it refuses what the SDK takes; otherwise it does what
-- the SDK does once told so in its own words (`instead` in spec/support/profiles).
local DIFFERENCES = {
  ["AWS_REGION"] = { reason = "the SDKs' guide names it first; botocore alone does not read it" },
  ["AWS_PROFILE first"] = { reason = "botocore prefers its own older AWS_DEFAULT_PROFILE" },
  ["AWS_SECURITY_TOKEN"] = { reason = "a name of before 2014, which no other SDK reads" },
  ["an empty value"] = { reason = "it counts as not given, here as in variables" },
  ["region of the instance"] = { reason = "botocore asks the instance in one of its modes only" },
  ["the line end of a token"] = { reason = "tokens are written with one by hand, never meant" },
  ["web identity before a role"] = {
    reason = "EKS sets it for this very container; the shared files are the machine's" },
  ["secret without id"] = { error = "^AWS_ACCESS_KEY_ID: not set, though AWS_SECRET_ACCESS_KEY is$",
    reason = "going on would sign with someone else's keys without a word" },
  ["FIPS and an endpoint"] = {
    error = "^AWS_USE_FIPS_ENDPOINT: cannot be used together with the endpoint of",
    reason = "AWS's endpoint rules call it an error; botocore drops the wish for FIPS" },
  ["section DEFAULT"] = { error = "has only one of aws_access_key_id and aws_secret_access_key",
    reason = "an accident of Python's parser: it adds to every other section" },
}

local METHODS = {
  ["env"] = "environment", ["shared-credentials-file"] = "credentials_file",
  ["config-file"] = "config_file", ["custom-process"] = "credential_process",
  ["assume-role"] = "assume_role", ["assume-role-with-web-identity"] = "web_identity",
  ["container-role"] = "container", ["iam-role"] = "instance",
}

-- What nightjar says where the SDK raises this, and how many cases there are at least.
local ERRORS = {
  none = { 3, "no AWS credentials", "has only one of" },
  ClientError = { 2, "403 AccessDenied: not you" },
  ConfigParseError = { 14, ": line %d+: ", "section %[default%]: s3: expected name = value" },
  CredentialRetrievalError = { 6, "credential_process: .-: ", "credential_source %w+: " },
  EOFError = { 1, "mfa_serial: a code of a device cannot be asked for" },
  FileNotFoundError = { 2, "No such file or directory" },
  InfiniteLoopConfigError = { 5, "source_profile: a circle: .+ → " },
  InvalidConfigError = { 8, "no profile \"nobody\"", "has both source_profile and",
    "credential_source: expected", "no credentials in it", "AWS_ROLE_ARN: not set, though",
    "web_identity_token_file needs role_arn", "single sign%-on needs a person",
    "no section %[services gone%]" },
  IsADirectoryError = { 1, "web_identity_token_file: .*found a folder" },
  JSONDecodeError = { 1, "expected a JSON object on its output" },
  ParamValidationError = { 4, "400 ValidationError" },
  PartialCredentialsError = { 6, "not set, though", "has only one of",
    "role_arn needs source_profile or credential_source" },
  ProfileNotFound = { 6, "no such profile in " },
  SSOTokenLoadError = { 2, "single sign%-on needs a person" },
  ValueError = { 3, "a quote that is not closed", "a backslash at its end",
    "plain HTTP is for loopback" },
}

local function settings_of(case)
  local explicit = case.explicit ~= json.null and case.explicit or nil
  return { environment = case.environment, aws_profile = explicit,
    sources = { AWS_PROFILE = explicit and "flag" } }
end

local function given(value)
  if value == json.null then return nil end
  return value
end

-- The calls of STS as one line each; a session's name that was made up is no difference.
local function calls_of(requests)
  local lines = {}
  for _, call in ipairs(requests) do
    if call.role == "sts" then
      local name = call.session_name
      if name:find("^botocore%-session%-%d+$") or name:find("^nightjar%-%d+$") then
        name = "(made up)"
      end
      local line = {}
      for _, key in ipairs { "action", "role_arn", "external_id", "duration", "web_token", "signed",
        "access_key_id", "session_token", "region", "service" } do
        line[#line + 1] = key .. "=" .. tostring(given(call[key]))
      end
      lines[#lines + 1] = name .. " " .. table.concat(line, " ")
    end
  end
  return lines
end

local function ours(double, control, case)
  local settings = settings_of(case)
  double:control(control)
  local result = { keys = {} }
  local found, err = sched.run(function() return credentials.new(settings):get() end)
  if found then
    result.keys = { method = found.method, id = found.access_key_id,
      secret = found.secret_access_key, token = found.session_token }
  end
  result.error, result.calls = err, calls_of(double:asked().requests)
  local where, region_err = region.describe(settings)
  result.region = where and where.value
  result.endpoints, result.messages = {}, {}
  for name, service in pairs { sts = sts.service, servicediscovery = false } do
    local target, problem = endpoint.describe(settings, service or nil, result.region)
    result.endpoints[name] = target and target.value:gsub("/$", "") or "an error"
    table.insert(result.messages, problem)
  end
  table.insert(result.messages, err)
  table.insert(result.messages, region_err)
  return result
end

local function theirs(sdk)
  local result = { keys = {}, calls = calls_of(sdk.calls), endpoints = {} }
  local keys = sdk.keys
  result.error = keys.error
  if not keys.error then
    result.keys = { method = METHODS[keys.method], id = keys.id, secret = keys.secret,
      token = given(keys.token) }
  end
  if type(sdk.region) == "string" then result.region = sdk.region end
  for name, value in pairs(sdk.endpoints or {}) do
    result.endpoints[name] = type(value) == "string" and value:gsub("/$", "") or "an error"
  end
  if not sdk.endpoints then result.endpoints = nil end
  return result
end

describe("nightjar, beside the AWS SDK", function()
  local missing = moto.missing()
  if missing then
    pending("needs the AWS SDK: " .. missing)
    return
  end

  local double, folder, cases

  setup(function()
    double, folder = moto.metadata(), cli.folder()
    local told = moto.print("profiles", double.endpoint, folder)
    cases = told.cases
    for _, case in ipairs(cases) do
      case.difference, case.instead = given(case.difference), given(case.instead)
      case.ours, case.sdk = ours(double, told.control, case), theirs(case.sdk)
      case.instead = case.instead and theirs(case.instead)
      case.expected = case.instead or case.sdk
    end
  end)

  teardown(function()
    double:stop()
    cli.remove(folder)
  end)

  -- Compares one part of every case; a difference is told with both sides.
  local function agree(part)
    local compared = 0
    for _, case in ipairs(cases) do
      local refused = case.difference and DIFFERENCES[case.difference].error
      local theirs_part, ours_part = part(case.expected), part(case.ours)
      if not refused and theirs_part ~= nil then
        compared = compared + 1
        assert.same(theirs_part, ours_part, ("case %s, with the files of %s: %s"):format(case.name,
          case.folder, case.ours.error or ""))
      end
    end
    return compared
  end

  it("finds the same keys, by the same way", function()
    -- All but the four that nightjar refuses on purpose.
    assert.equal(196, agree(function(result) return result.keys end))
  end)

  it("asks STS for the same roles, in the same order and region, with the same keys", function()
    -- What STS would refuse for its form the SDK does not send; nightjar asks, and is refused.
    local compared = agree(function(result)
      return not (result.error or ""):find("^ParamValidationError") and result.calls or nil
    end)
    assert.is_true(compared > 180)
  end)

  it("takes the same region", function()
    assert.is_true(agree(function(result) return result.region end) > 150)
  end)

  it("speaks to the same endpoints of STS and of Cloud Map", function()
    -- With a file that cannot be read nothing is called; the SDK looks for endpoints all the same.
    local compared = agree(function(result)
      return not (result.error or ""):find("^ConfigParseError") and result.endpoints or nil
    end)
    assert.is_true(compared > 150)
  end)

  it("says what is wrong where the SDK raises", function()
    local seen = {}
    for _, case in ipairs(cases) do
      local raised = case.expected.error
      if raised then
        local class = raised:match("^%w+")
        assert(ERRORS[class], case.name .. ": " .. raised)
        seen[class] = (seen[class] or 0) + 1
        local told = false
        for position = 2, #ERRORS[class] do
          told = told or case.ours.error:find(ERRORS[class][position]) ~= nil
        end
        assert(told, ("case %s: %s, for the SDK's %s"):format(case.name, case.ours.error, raised))
      end
    end
    for class, entry in pairs(ERRORS) do
      assert((seen[class] or 0) >= entry[1], ("%d cases of %s"):format(seen[class] or 0, class))
    end
  end)

  it("puts no secret into a message", function()
    local looked = 0
    for _, case in ipairs(cases) do
      for _, secret in ipairs(case.secrets) do
        for _, message in ipairs(case.ours.messages) do
          looked = looked + 1
          assert(not message:find(secret, 1, true), case.name .. ": " .. message)
        end
      end
    end
    assert.is_true(looked > 100)
  end)

  for name, difference in pairs(DIFFERENCES) do
    it(("differs on purpose: %s (%s)"):format(name, difference.reason), function()
      local count, differing = 0, 0
      for _, case in ipairs(cases) do
        if case.difference == name then
          count = count + 1
          local same = pcall(assert.same,
            { case.sdk.keys, case.sdk.calls, case.sdk.region, case.sdk.endpoints },
            { case.ours.keys, case.ours.calls, case.ours.region, case.ours.endpoints })
          if not same then differing = differing + 1 end
          if difference.error then
            assert.matches(difference.error, table.concat(case.ours.messages, "\n"))
          end
        end
      end
      -- An entry that no longer tells the two apart has to go.
      assert.is_true(count > 0 and differing > 0)
    end)
  end

  it("was asked in two hundred ways, of which each method comes up", function()
    local seen = {}
    for _, case in ipairs(cases) do
      local method = case.ours.keys.method or "none"
      seen[method] = (seen[method] or 0) + 1
      if case.difference then assert(DIFFERENCES[case.difference], case.difference) end
    end
    assert.equal(200, #cases)
    for method, least in pairs { environment = 9, credentials_file = 20, config_file = 25,
      credential_process = 8, assume_role = 30, web_identity = 10, container = 3, instance = 3,
      none = 60 } do
      assert((seen[method] or 0) >= least, ("%s: %d"):format(method, seen[method] or 0))
    end
  end)
end)
