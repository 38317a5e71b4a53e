-- Pages for people: their links lead somewhere, and a shell reads their commands.

local cli = require("spec.support.cli")
local file = require("host.file")
local json = require("host.json")

local PAGES = { "docs/architecture.md", "docs/contributing.md", "docs/deploy.md", "docs/fleet.md",
  "docs/migration.md", "docs/operating.md", "docs/reliability.md", "docs/runbook.md",
  "docs/security.md",
  "examples/ecs/README.md", "examples/shared-volume/README.md", "examples/terraform/README.md" }

-- Pages that tell people to set attributes with the AWS CLI.
local SETTING = { "README.md", "docs/migration.md", "docs/policies.md",
  "examples/compose/README.md", "examples/ecs/README.md", "examples/shared-volume/README.md",
  "examples/terraform/README.md" }

local function folder_of(path)
  return path:match("^(.*)/")
end

-- A heading as the links of a page name it.
local function slug(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local function has_heading(text, anchor)
  for heading in text:gmatch("\n#+ ([^\n]+)") do
    if slug(heading) == anchor then return true end
  end
  return false
end

-- The indented blocks of a page, which are commands.
local function commands(text)
  local blocks, block = {}, nil
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    local command = line:match("^    (.*)$")
    if command then
      block = (block or "") .. command .. "\n"
    elseif line ~= "" and block then
      blocks[#blocks + 1], block = block, nil
    end
  end
  blocks[#blocks + 1] = block
  return blocks
end

for _, path in ipairs(PAGES) do
  describe(path, function()
    local text

    setup(function() text = assert(file.read(path)) end)

    it("links to files and headings that are there", function()
      for target in text:gmatch("%]%(([^)]+)%)") do
        local name, anchor = target:match("^([^#]*)#?(.*)$")
        local whole = name == "" and path or folder_of(path) .. "/" .. name
        local linked = assert(file.read(whole))
        assert.is_true(anchor == "" or has_heading(linked, anchor), target)
      end
    end)

    it("has commands that a shell can read", function()
      for _, block in ipairs(commands(text)) do
        local folder = cli.folder()
        cli.write(folder .. "/commands", block)
        local ok = os.execute(("bash -n %s/commands 2>%s/problem"):format(folder, folder))
        local problem = cli.read(folder .. "/problem")
        cli.remove(folder)
        assert.is_true(ok, problem)
      end
    end)
  end)
end

describe("README.md", function()
  it("links to every page of docs/", function()
    local text = assert(file.read("README.md"))
    local pipe = assert(io.popen("ls docs/*.md"))
    for path in pipe:lines() do
      assert.is_truthy(text:find("](" .. path .. ")", 1, true), path)
    end
    pipe:close()
  end)
end)

-- The words that a page gives to `--attributes`, without what the specs below run by a shell.
local function attributes(path)
  local found = {}
  local text = assert(file.read(path)):gsub("\\\n%s*", " ")
  for words in text:gmatch("%-%-attributes%s+([^\n]+)") do
    if not words:find("$2", 1, true) then
      found[#found + 1] = words:match("^'([^']*)'") or words:match("^[^%s`]+")
    end
  end
  return found
end

-- KEY=VALUE of the CLI takes letters, digits and -_.#/: in a key, and no comma in a value, so a
-- private path (`?/shop`) can be set by JSON only.
local function is_taken(words)
  if words:find("^{") then
    return json.decode(words) ~= nil
  end
  for pair in (words .. ","):gmatch("(.-),") do
    if not pair:find("^[%w_.#/:-]+=[^,]*$") then return false end
  end
  return true
end

describe("a command that sets attributes", function()
  for _, path in ipairs(SETTING) do
    it("is one that the AWS CLI can read: " .. path, function()
      local all = attributes(path)
      assert.is_true(#all > 0 or path == "examples/ecs/README.md")
      for _, words in ipairs(all) do assert.is_true(is_taken(words), words) end
    end)
  end

  it("sets public and private paths alike: examples/ecs/README.md", function()
    local block
    for _, one in ipairs(commands(assert(file.read("examples/ecs/README.md")))) do
      if one:find("weight()", 1, true) then block = one end
    end
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    cli.write(folder .. "/commands", [[
aws() { case $1 in cloudformation) echo srv-1 ;; *) echo "$4 ${@: -1}" ;; esac }
]] .. block)
    assert.is_true(os.execute(("bash %s/commands >%s/printed"):format(folder, folder)))
    assert.are.equal([[
srv-1 {"/shop": "100"}
srv-1 {"/shop": "10"}
srv-1 {"?/prices": "1"}
]], cli.read(folder .. "/printed"))
  end)
end)
