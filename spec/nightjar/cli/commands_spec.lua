-- docs/commands.md shows what the commands print; it must be true.
local cli = require "spec.support.cli"
local program = require "host.program"

local guide = cli.read(program.data_directory() .. "/docs/commands.md")

-- A line of the guide as a pattern: `…` stands for anything.
local function line_pattern(line)
  local pattern = line:gsub("…", "\0"):gsub("%p", "%%%0"):gsub(" +\0", " \0"):gsub("\0", ".-")
  return "^" .. pattern .. "$"
end

-- Whether the lines match; a line that is `…` alone stands for any number of lines.
local function matches(expected, i, lines, j)
  if i > #expected then return j > #lines end
  if expected[i] == "…" then
    for skip = j, #lines + 1 do
      if matches(expected, i + 1, lines, skip) then return true end
    end
    return false
  end
  return lines[j] ~= nil and lines[j]:find(line_pattern(expected[i])) ~= nil
    and matches(expected, i + 1, lines, j + 1)
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

-- The examples in their order: { words, expected lines }.
local function examples()
  local list = {}
  for block in guide:gmatch("```console\n(.-)```") do
    for _, line in ipairs(lines_of(block)) do
      local command = line:match("^%$ nightjar (.*)$")
      if command then
        list[#list + 1] = { command = command, expected = {} }
      else
        table.insert(list[#list].expected, line)
      end
    end
  end
  return list
end

describe("the page of commands", function()
  local folder

  setup(function()
    folder = cli.folder()
    cli.write(folder .. "/shop.yaml", assert(guide:match("```yaml\n(.-)```")))
    cli.write(folder .. "/shop_spec.lua", assert(guide:match("```lua\n(.-)```")))
    for _, name in ipairs { "policies", "plain" } do
      os.execute(("cp -r '%s/policies' '%s/%s'"):format(program.data_directory(), folder, name))
    end
    local init, count = cli.read(folder .. "/plain/init.lua"):gsub('"canary_ramp", ', "")
    assert(count == 1, "init.lua lists canary_ramp")
    cli.write(folder .. "/plain/init.lua", init)
  end)
  teardown(function() cli.remove(folder) end)

  for _, example in ipairs(examples()) do
    it("is right about `nightjar " .. example.command .. "`", function()
      local words = { directory = folder }
      for word in example.command:gmatch("%S+") do words[#words + 1] = word end
      local got = cli.run(words)
      assert.equal(example.command:find("^diff") and 1 or 0, got.status, got.stderr)
      assert.equal("", got.stderr)
      assert.is_true(matches(example.expected, 1, lines_of(got.stdout), 1), got.stdout)
    end)
  end

  it("names every command", function()
    for _, name in ipairs(require("nightjar.cli.main").commands) do
      assert.is_truthy(guide:find("`" .. name, 1, true), name)
    end
  end)

  it("draws what it says it draws", function()
    assert.matches("^<svg ", cli.read(folder .. "/ramp.svg"))
  end)
end)
