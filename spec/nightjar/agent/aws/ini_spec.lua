-- The format of AWS's shared files, as its SDKs read it.

local ini = require "nightjar.agent.aws.ini"

describe("the format of AWS's shared files", function()
  it("reads sections, names and values", function()
    assert.same({
      default = { region = "eu-west-1" },
      ["profile web"] = { region = "us-east-1", output = "json" },
    }, ini.parse("[default]\nregion = eu-west-1\n\n[profile web]\r\nREGION=us-east-1\n"
      .. "output =json"))
  end)

  it("leaves comments out, but not what only looks like one", function()
    assert.same({ a = { x = "1#2;3", y = "4" } },
      ini.parse("# one\n; two\n[a] ; three\nx = 1#2;3\ny = 4 # four\n"))
  end)

  it("keeps a value with equal signs whole", function()
    assert.equal("abc/def==", ini.parse("[a]\nkey = abc/def==\n").a.key)
  end)

  it("nests indented lines below a name without a value", function()
    assert.same({ ["services here"] = { servicediscovery = { endpoint_url = "http://x" },
      region = "r" } },
      ini.parse("[services here]\nservicediscovery =\n  endpoint_url = http://x\nregion = r\n"))
  end)

  it("takes quotes and white space off a section's name", function()
    assert.truthy(ini.parse('[profile "my own"]\nx=1')["profile my own"])
    assert.truthy(ini.parse("[ profile   other ]\nx=1")["profile other"])
  end)

  it("joins a section that is given twice and passes over lines that mean nothing", function()
    assert.same({ a = { x = "1", y = "2" }, b = {} },
      ini.parse("stray\n[a]\nx=1\nnonsense\n[b]\n[a]\ny=2"))
  end)
end)
