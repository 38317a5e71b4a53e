-- Specs of the reading of policies and templates.
local cli = require "spec.support.cli"
local sources = require "nightjar.agent.sources"

describe("sources", function()
  local folder, settings

  before_each(function()
    folder = cli.folder()
    settings = { policy_dir = folder .. "/policies", envoy_template_dir = folder .. "/templates" }
    cli.write(folder .. "/policies/init.lua", "return {}")
    cli.write(folder .. "/templates/a.yaml.mustache", "a: 1")
  end)
  after_each(function() cli.remove(folder) end)

  it("reads policies and what they share, but no specs and no other files", function()
    cli.write(folder .. "/policies/lib/x.lua", "return 1")
    cli.write(folder .. "/policies/init_spec.lua", "error()")
    cli.write(folder .. "/policies/README.md", "text")
    cli.write(folder .. "/policies/meta/nightjar.lua", "---@meta")
    cli.write(folder .. "/policies/.luarc.json", "{}")
    assert.same({ { name = "init.lua", text = "return {}" },
      { name = "lib/x.lua", text = "return 1" } }, assert(sources.read(settings)).policies)
  end)

  it("copies what is far larger than a text may be", function()
    cli.write(folder .. "/templates/filter.wasm", ("\0wasm"):rep(1 << 20))
    assert.equal(5 << 20, #assert(sources.read(settings)).copies[1].content)
    cli.write(folder .. "/templates/b.yaml.mustache", ("x"):rep(5 << 20))
    local read, err = sources.read(settings)
    assert.is_nil(read)
    assert.matches("b.yaml.mustache: it is larger than 4194304 bytes", err, 1, true)
  end)

  it("parts templates from files that are copied as the bytes they are", function()
    cli.write(folder .. "/templates/rds/@listeners.json.yaml.mustache", "{}")
    cli.write(folder .. "/templates/static/error.html", "<p>\0\255")
    local read = assert(sources.read(settings))
    assert.same({ { name = "a.yaml.mustache", text = "a: 1" },
      { name = "rds/@listeners.json.yaml.mustache", text = "{}" } }, read.templates)
    assert.same({ { path = "static/error.html", content = "<p>\0\255" } }, read.copies)
  end)

  it("reads anew each time", function()
    assert(sources.read(settings))
    cli.write(folder .. "/policies/init.lua", "return { 'x' }")
    assert.equal("return { 'x' }", sources.read(settings).policies[1].text)
  end)

  local function refused(pattern)
    local read, err = sources.read(settings)
    assert.is_nil(read)
    assert.matches(pattern, err)
  end

  it("names a folder that is not there", function()
    settings.policy_dir = folder .. "/none"
    refused("^policies: [^:]+: " .. folder:gsub("%p", "%%%0") .. "/none: No such file")
    settings.policy_dir, settings.envoy_template_dir = folder .. "/policies", folder .. "/none"
    refused("^templates: [^:]+: " .. folder:gsub("%p", "%%%0") .. "/none: No such file")
  end)

  it("refuses a link that leads out, and a FIFO, without waiting for it", function()
    os.execute("ln -s /etc/hostname " .. folder .. "/templates/out.html")
    refused("^templates: .*out%.html")
    os.execute("rm " .. folder .. "/templates/out.html; mkfifo " .. folder .. "/templates/fifo")
    refused("^templates: .*fifo")
  end)

  it("refuses a template that is no UTF-8, naming the byte", function()
    cli.write(folder .. "/templates/b.yaml.mustache", "ab\255")
    refused("^templates: " .. folder:gsub("%p", "%%%0")
      .. "/templates/b%.yaml%.mustache: byte 3: expected UTF%-8$")
  end)

  it("refuses a file whose name cannot be shown, naming it as far as it can", function()
    local names = { ["a\nb.yaml.mustache"] = "a\\nb.yaml.mustache",
      ["\27[31m.html"] = "\\x1b[31m.html", ["\255.html"] = "\\xff.html" }
    for name, shown in pairs(names) do
      cli.write(folder .. "/templates/" .. name, "x")
      local read, err = sources.read(settings)
      assert.is_nil(read)
      assert.equal("templates: " .. folder .. "/templates/" .. shown
        .. ": expected a name of UTF-8 without control characters", err)
      os.remove(folder .. "/templates/" .. name)
    end
    cli.write(folder .. "/policies/\255.lua", "return {}")
    refused("^policies: " .. folder:gsub("%p", "%%%0")
      .. "/policies/\\xff%.lua: expected a name of UTF%-8")
  end)

  it("takes no notice of the names of files that it does not read", function()
    cli.write(folder .. "/policies/\255.txt", "x")
    assert(sources.read(settings))
  end)

  it("refuses a file, and a number of files, beyond all reason", function()
    cli.write(folder .. "/templates/big", ("x"):rep(64 * 1024 * 1024 + 1))
    refused("^templates: .*big")
    os.remove(folder .. "/templates/big")
    os.execute(("cd %s/templates && seq 1001 | xargs touch"):format(folder))
    refused("^templates: .*1000")
  end)
end)
