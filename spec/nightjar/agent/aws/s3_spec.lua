-- Objects of S3: where they are, as botocore says too; conditions, against the emulator.

local cloudmap = require "nightjar.agent.aws.cloudmap"
local moto = require "spec.support.moto"
local s3 = require "nightjar.agent.aws.s3"
local sched = require "nightjar.agent.sched"

local function connect(environment, bucket, http)
  environment.HOME = "/nonexistent"
  environment.AWS_REGION = environment.AWS_REGION or "eu-central-1"
  environment.AWS_ACCESS_KEY_ID = environment.AWS_ACCESS_KEY_ID or "AKIA1"
  environment.AWS_SECRET_ACCESS_KEY = environment.AWS_SECRET_ACCESS_KEY or "hunter2"
  local base = assert(cloudmap.connect({ environment = environment, sources = {} },
    { http = http }))
  return s3.connect(base.context, base.region, base.credentials, bucket)
end

-- The URL that an object is asked for at.
local function url_of(environment, bucket, key)
  local url
  local client = assert(connect(environment, bucket, function(request)
    url = request.url
    return { status = 304, headers = {}, body = "" }
  end))
  assert(sched.run(s3.get, client, key or "p/ns-1.json", '"e"'))
  return url
end

describe("an object's address", function()
  it("has the bucket in its host where that is possible", function()
    assert.equal("https://fleet.s3.eu-central-1.amazonaws.com/p/ns-1.json", url_of({}, "fleet"))
    assert.equal("https://fleet.s3.cn-north-1.amazonaws.com.cn/p/ns-1.json",
      url_of({ AWS_REGION = "cn-north-1" }, "fleet"))
    assert.equal("https://s3.eu-central-1.amazonaws.com/with.dots/p/ns-1.json",
      url_of({}, "with.dots"))
  end)

  it("is S3's own with FIPS and dual stack", function()
    assert.equal("https://fleet.s3.dualstack.us-gov-west-1.amazonaws.com/p/ns-1.json",
      url_of({ AWS_USE_DUALSTACK_ENDPOINT = "true", AWS_REGION = "us-gov-west-1" }, "fleet"))
    assert.equal("https://fleet.s3-fips.dualstack.us-east-2.amazonaws.com/p/ns-1.json", url_of({
      AWS_USE_DUALSTACK_ENDPOINT = "true", AWS_USE_FIPS_ENDPOINT = "true",
      AWS_REGION = "us-east-2" }, "fleet"))
  end)

  it("has the bucket in its path at an operator's endpoint", function()
    assert.equal("http://minio.local:9000/fleet/p/ns-1.json",
      url_of({ AWS_ENDPOINT_URL_S3 = "http://minio.local:9000",
        AWS_ENDPOINT_URL = "http://other" }, "fleet"))
    assert.equal("http://127.0.0.1:9000/base/fleet/p/ns-1.json",
      url_of({ AWS_ENDPOINT_URL = "http://127.0.0.1:9000/base/" }, "fleet"))
  end)

  it("follows a profile's addressing_style", function()
    local path = os.tmpname()
    local function with(style, environment)
      local handle = assert(io.open(path, "w"))
      handle:write("[default]\ns3 =\n  addressing_style = " .. style .. "\n")
      handle:close()
      environment.AWS_CONFIG_FILE = path
      return environment
    end
    assert.equal("http://fleet.minio.local/p/ns-1.json",
      url_of(with("virtual", { AWS_ENDPOINT_URL = "http://minio.local" }), "fleet"))
    assert.equal("https://s3.eu-central-1.amazonaws.com/fleet/p/ns-1.json",
      url_of(with("path", {}), "fleet"))
    local client, err = connect(with("both", {}), "fleet")
    os.remove(path)
    assert.is_nil(client)
    assert.equal("profile default: s3: addressing_style: expected auto, path or virtual, got "
      .. '"both"', err)
  end)

  it("encodes each byte of a key once", function()
    assert.equal("https://fleet.s3.eu-central-1.amazonaws.com/a%20b/%C3%BC%2B~%281%29%26%3D.json",
      url_of({}, "fleet", "a b/ü+~(1)&=.json"))
  end)

  if moto.missing("botocore") then
    pending(moto.missing("botocore"))
    return
  end

  it("is the one that botocore asks", function()
    local cases = moto.print("s3_address.py")
    assert.is_true(#cases >= 60)
    for _, case in ipairs(cases) do
      local own = case.endpoint ~= ""
      local environment = { AWS_REGION = case.region, AWS_ENDPOINT_URL_S3 = case.endpoint,
        AWS_USE_FIPS_ENDPOINT = case.fips and "true" or nil,
        AWS_USE_DUALSTACK_ENDPOINT = case.dual and "true" or nil }
      assert.equal(case.url, url_of(environment, case.bucket, case.key),
        ("%s %s %s"):format(case.region, case.bucket, own and case.endpoint or ""))
    end
  end)
end)

describe("a refusal", function()
  it("names the region that the bucket is in", function()
    local client = assert(connect({}, "fleet", function()
      return { status = 301, headers = { ["x-amz-bucket-region"] = "eu-west-1" },
        body = "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to "
          .. "access must be addressed using the specified endpoint.</Message></Error>" }
    end))
    local answer, problem = sched.run(s3.get, client, "a", nil)
    assert.is_nil(answer)
    assert.equal("GetObject: 301 PermanentRedirect: the bucket is in region eu-west-1, but "
      .. "eu-central-1 is asked", problem:brief())
  end)
end)

describe("objects of the emulator", function()
  local missing = moto.missing()
  if missing then
    pending(missing)
    return
  end

  local cloud

  setup(function()
    cloud = moto.start()
    cloud:call { { service = "s3", operation = "create_bucket", parameters = {
      Bucket = "my-bucket", CreateBucketConfiguration = { LocationConstraint = "eu-central-1" } } },
    }
  end)

  teardown(function() cloud:stop() end)

  local function client_of(user, bucket)
    local keys = cloud.users[user]
    return assert(connect({ AWS_ENDPOINT_URL_S3 = cloud.endpoint, AWS_ACCESS_KEY_ID = keys.id,
      AWS_SECRET_ACCESS_KEY = keys.secret }, bucket or "my-bucket"))
  end

  local function status(answer, problem)
    return answer and answer.status or problem.status .. " " .. problem.code
  end

  it("are written under conditions, with the rights that docs/fleet.md names", function()
    local client, key = client_of("fleet"), "mesh/ä b(1).json"
    local function put(body, etag) return sched.run(s3.put, client, key, body, etag) end
    local function get(etag) return sched.run(s3.get, client, key, etag) end
    assert.equal("404 NoSuchKey", status(get()))
    assert.equal("404 NoSuchKey", status(put("{}", '"0"')))
    local first = assert(put("{}"))
    assert.equal("412 PreconditionFailed", status(put("{ }")))
    local answer = assert(get())
    assert.same({ "{}", first.headers.etag }, { answer.body, answer.headers.etag })
    assert.equal(304, status(get(first.headers.etag)))
    assert.equal(first.headers.etag, put("{}", first.headers.etag).headers.etag)
    assert.equal("412 PreconditionFailed", status(put("[]", '"0"')))
    assert.equal(first.headers.etag, sched.run(s3.head, client, key).headers.etag)
    assert.same({ GetObject = 3, PutObject = 5, HeadObject = 1 }, client:counts())
  end)

  it("are refused to others, and outside the prefix", function()
    for _, case in ipairs { { "agent", "mesh/a.json" }, { "fleet", "other/a.json" } } do
      assert.equal("403 AccessDenied", status(sched.run(s3.put, client_of(case[1]), case[2], "{}")))
    end
  end)

  it("are in a bucket that exists", function()
    assert.equal("404 NoSuchBucket", status(sched.run(s3.get, client_of("operator", "nowhere"),
      "a")))
  end)
end)
