-- The pages about deployments: their links lead somewhere, and a shell reads their commands.

local cli = require("spec.support.cli")
local file = require("host.file")

local PAGES = { "docs/deploy.md", "docs/migration.md", "examples/ecs/README.md",
  "examples/shared-volume/README.md", "examples/terraform/README.md" }

local function folder_of(path)
  return path:match("^(.*)/")
end

-- A heading as the links of a page name it.
local function slug(heading)
  return (heading:lower():gsub("[^%w%s-]", ""):gsub("%s", "-"))
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
