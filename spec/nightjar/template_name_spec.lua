-- What the name of a template says, and which paths may be written.
local template_name = require("nightjar.template_name")

describe("a template's name", function()
  local function parse(name)
    local parsed = template_name.parse(name)
    return { parsed.target, parsed.render, parsed.convert, parsed.list }
  end

  it("that ends in .mustache is rendered", function()
    assert.same({ "x.yaml", true, false }, parse("x.yaml.mustache"))
    assert.same({ "a/b", true, false }, parse("a/b.mustache"))
  end)

  it("that is YAML for a .json is converted", function()
    assert.same({ "cds.json", true, true }, parse("cds.json.yaml.mustache"))
    assert.same({ "cds.json", true, true }, parse("cds.json.yml.mustache"))
    assert.same({ "cds.json", false, true }, parse("cds.json.yaml"))
  end)

  it("with other suffixes is copied as it is", function()
    for _, name in ipairs({ "x.yaml", "x.json", "x", "a/x.mustache.txt", "json.yaml",
      "x@y.txt" }) do
      assert.same({ name, false, false }, parse(name))
      assert.is_false(template_name.is_work(name))
    end
  end)

  it("with @list stands for one file for each element", function()
    assert.same({ "rds/@listeners.json", true, true, "listeners" },
      parse("rds/@listeners.json.yaml.mustache"))
    assert.same({ "x@y.txt", true, false, "y" }, parse("x@y.txt.mustache"))
  end)

  it("below partials/ is work, and has no target", function()
    assert.is_true(template_name.is_work("partials/x"))
    assert.is_true(template_name.is_work("partials/a/x.mustache"))
    assert.is_nil(template_name.parse("partials/x.mustache").target)
    assert.is_false(template_name.is_partial("my/partials/x"))
  end)
end)

describe("an element's name in a path", function()
  it("takes the place of @list and of nothing else", function()
    assert.equal("rds/a-1.json", template_name.expand("rds/@listeners.json", "listeners", "a-1"))
    assert.equal("a/a@lists", template_name.expand("@list/@list@lists", "list", "a"))
  end)

  it("is made safe, and two never become one", function()
    assert.equal("web@x.local", template_name.file_safe("web@x.local"))
    assert.equal("%2E.%2Fetc%2Fpasswd", template_name.file_safe("../etc/passwd"))
    assert.equal("a%0Ab%25", template_name.file_safe("a\nb%"))
    assert.equal("x%2F1", template_name.expand("@l", "l", "x/1"))
  end)
end)

describe("a path", function()
  local function refused(path, expected)
    local ok, err = template_name.check(path)
    assert.is_nil(ok)
    assert.equal(expected, err)
  end

  it("below the folder is fine", function()
    assert.is_true(template_name.check("a/b-c/d.json"))
    assert.is_true(template_name.check("a..b/c."))
  end)

  it("that leads out, is absolute, hidden, empty or too long is refused", function()
    refused("../x", 'expected a path below the output folder, got one with ".." in it')
    refused("a/../x", 'expected a path below the output folder, got one with ".." in it')
    refused("a//x", 'expected a path below the output folder, got one with "" in it')
    refused("./x", 'expected a path below the output folder, got one with "." in it')
    refused("x/", 'expected a path below the output folder, got one with "" in it')
    refused("/x", "expected a path below the output folder, got an absolute one")
    refused("a/.x", 'expected no hidden name, got ".x"')
    refused("a\nb", "expected a path without control characters")
    refused("", "expected a path of 1 to 4096 bytes")
    refused(("x"):rep(256), "expected names of at most 255 bytes")
    refused(("x/"):rep(3000), "expected a path of 1 to 4096 bytes")
  end)
end)
