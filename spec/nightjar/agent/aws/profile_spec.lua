-- Profiles of AWS's two shared files: which counts, and what is an error.

local profile = require "nightjar.agent.aws.profile"
local script = require "spec.support.script"
local variables = require "nightjar.agent.aws.variables"

describe("the shared files", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  local function write(name, text)
    script.sh("mkdir -p %s", (folder .. "/" .. name):match("^(.*)/"))
    local handle = assert(io.open(folder .. "/" .. name, "w"))
    handle:write(text)
    handle:close()
    return folder .. "/" .. name
  end

  local function settings(environment)
    environment.HOME = environment.HOME or folder
    return { environment = environment, sources = {} }
  end

  local function values(environment)
    return assert(profile.load(settings(environment or {}))).values
  end

  it("are looked for below HOME, and need not be there", function()
    assert.same({ name = "default", found = false }, (function()
      local found = assert(profile.load(settings {}))
      return { name = found.name, found = found.found }
    end)())
    write(".aws/config", "[default]\nregion = r1\n")
    assert.equal("r1", values().region)
  end)

  it("are one: the credentials file's values win", function()
    write(".aws/config", "[default]\nregion = r1\noutput = json\n[profile web]\nregion = r2\n")
    write(".aws/credentials", "[default]\nregion = r3\n[web]\naws_access_key_id = A\n"
      .. "[other]\nx = 1\n")
    assert.same({ region = "r3", output = "json" }, values())
    assert.same({ region = "r2", aws_access_key_id = "A" }, values { AWS_PROFILE = "web" })
    assert.same({ x = "1" }, values { AWS_DEFAULT_PROFILE = "other" })
  end)

  it("take their profiles from [profile NAME], quoted or not, and from [default]", function()
    write(".aws/config", '[profile "my own"]\nx = 1\n[profile   b]\nx = 2\n[c]\nx = 3\n'
      .. '[profilex]\nx = 4\n[profile a b]\nx = 5\n')
    assert.equal("1", values({ AWS_PROFILE = "my own" }).x)
    assert.equal("2", values({ AWS_PROFILE = "b" }).x)
    for _, name in ipairs { "c", "x", "profilex", "a b", "a" } do
      local found, err = profile.load(settings { AWS_PROFILE = name })
      assert.is_nil(found, name)
      assert.matches("^AWS_PROFILE: " .. name .. ": no such profile in .*/.aws/credentials or .*"
        .. "/.aws/config$", err)
    end
  end)

  it("may stand elsewhere, with ~ and variables in the path", function()
    write("here/config", "[default]\nregion = r1\n")
    assert.equal("r1", values({ AWS_CONFIG_FILE = "~/here/config" }).region)
    assert.equal("r1", values({ AWS_CONFIG_FILE = "$BASE/here/config", BASE = folder }).region)
    assert.equal("r1", values({ AWS_CONFIG_FILE = "${BASE}/here/config", BASE = folder }).region)
  end)

  it("that are wrong are named with their line", function()
    local path = write("bad", "[default]\nregion\n")
    local found, err = profile.load(settings { AWS_CONFIG_FILE = path })
    assert.is_nil(found)
    assert.equal(path .. ": line 2: expected a [section], or name = value", err)
  end)

  it("that may not be read are an error where they are asked for", function()
    local found, err = profile.load(settings { AWS_CONFIG_FILE = folder })
    assert.is_nil(found)
    assert.matches(folder, err, 1, true)
  end)

  it("are explicit on the command line alone", function()
    assert.is_false(profile.is_explicit(settings { AWS_PROFILE = "x" }))
    assert.is_true(profile.is_explicit { aws_profile = "x", sources = { AWS_PROFILE = "flag" },
      environment = {} })
  end)

  it("hold what variables may say too; the variable wins", function()
    write(".aws/config", "[default]\nca_bundle = /p\nuse_fips_endpoint = TRUE\nregion = r1\n")
    local found = assert(profile.load(settings {}))
    assert.same({ "/p", "profile default: ca_bundle" },
      { variables.lookup(settings {}, "AWS_CA_BUNDLE", found) })
    assert.same({ "/e", "AWS_CA_BUNDLE" },
      { variables.lookup(settings { AWS_CA_BUNDLE = "/e" }, "AWS_CA_BUNDLE", found) })
    assert.is_true(variables.is_true(settings {}, "AWS_USE_FIPS_ENDPOINT", found))
    assert.is_false(variables.is_true(settings { AWS_USE_FIPS_ENDPOINT = "false" },
      "AWS_USE_FIPS_ENDPOINT", found))
  end)
end)
