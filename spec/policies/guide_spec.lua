-- README.md and docs/policies.md show policies and a menu; they must be true.

local build = require("spec.support.mesh")
local cli = require("spec.support.cli")
local cookbook = require("spec.support.cookbook")
local policy_folder = require("nightjar.plan.policy_folder")
local program = require("host.program")
local sandbox = require("nightjar.plan.sandbox")
local schema = require("nightjar.plan.schema")
local shop = require("spec.support.shop")
local yaml = require("host.yaml")

local guide = build.read(program.data_directory() .. "/docs/policies.md")

-- The blocks of the guide in their order, before the cookbook: { language, text, file }. A block
-- of Lua is for the file that was named last before it.
local function blocks()
  local list, from = {}, 1
  local last = assert(guide:find("## Cookbook\n", 1, true))
  while true do
    local first, stop, language, text = guide:find("```(%l*)\n(.-)```\n", from)
    if not first or first > last then return list end
    local file
    for name in guide:sub(from, first):gmatch("`(my%-policies/[%w_]+%.lua)`") do file = name end
    list[#list + 1] = { language = language, text = text, file = file }
    from = stop + 1
  end
end

-- All that the guide asks its reader to do, as one script.
local function walk(folder)
  local script = { ("set -eu; cd '%s'; cp -R '%s/policies' '%s/examples' ."):format(folder,
    program.data_directory(), program.data_directory()),
    ("export PATH='%s':$PATH TMP_DIR='%s/tmp'"):format(program.directory, folder) }
  for _, block in ipairs(blocks()) do
    if block.language == "sh" then
      script[#script + 1] = block.text
    elseif block.language == "lua" and block.file and not block.text:find("^return") then
      script[#script + 1] = ("cat >%s <<'END-OF-FILE'\n%sEND-OF-FILE"):format(block.file,
        block.text)
    end
  end
  cli.write(folder .. "/walk.sh", table.concat(script, "\n"))
  local pipe = assert(io.popen(("bash '%s/walk.sh' 2>&1"):format(folder)))
  local output = pipe:read("a")
  return output, pipe:close()
end

describe("the guide for authors of policies", function()
  it("can be followed to the letter, from the first line to a tested policy in force", function()
    local folder = cli.folder()
    local output, ok = walk(folder)
    cli.remove(folder)
    assert.is_true(ok, output)
    for _, text in ipairs({ "policies: ok, %d+ examples\n", "quiet_night: 10 → 0 %(it is night%)",
      "green +10 → 0", "2026%-11%-26T22:00:00Z +100.0 %% +0.0 %%", "2 successes / 0 failures" }) do
      assert.matches(text, output)
    end
    assert.is_nil(output:find("nightjar: [%l ]*error"), output)
  end)

  it("shows a second list that works", function()
    for _, block in ipairs(blocks()) do
      if block.text:find("shadow =", 1, true) and block.language == "lua" then
        local policies = build.shipped_policies()
        for _, one in ipairs(policies) do
          if one.name == "init.lua" then one.text = block.text end
        end
        policies[#policies + 1] = { name = "quiet_night.lua", text = build.policy("") }
        assert.is_true(select(3, assert(policy_folder.load(policies))))
        return
      end
    end
    error("the guide shows none")
  end)

  it("shows settings that the policies take", function()
    local seen = 0
    for _, block in ipairs(blocks()) do
      local page = block.language == "yaml" and schema.plain(assert(yaml.decode(block.text)))
      local said = page and page.policies
      if said then
        seen, said.quiet_night = seen + 1, nil
        shop.plan(shop.snapshot({ weight = 1 }, { weight = 1 }), { settings = said })
      end
    end
    assert.equal(2, seen)
  end)

  for _, recipe in ipairs(cookbook.recipes(guide)) do
    it("has a recipe that comes to what it says: " .. recipe.title, function()
      local text, _, warned = cookbook.cook(recipe)
      assert.equal(recipe.text, text)
      assert.same({}, warned)
    end)
  end

  it("names every shipped policy in the cookbook", function()
    local page = guide:match("\n## Cookbook\n(.-)<!%-%- The rest")
    for _, policy in ipairs(assert(policy_folder.load(build.shipped_policies()))) do
      assert.is_truthy(page:find("`" .. policy.name .. "`", 1, true), policy.name)
    end
  end)

  it("ends with what docs/policies.lua writes of the policies' records", function()
    local path = package.path
    local written = dofile("docs/policies.lua")
    package.path = path
    assert.equal(written, guide)
  end)

  it("lists the sandbox's menu, all of it and nothing else", function()
    local menu = assert(guide:match("### What a policy can use\n\n```\n(.-)```"))
    local library, told = "", {}
    for line in menu:gmatch("[^\n]+") do
      local name, rest = line:match("^(%l+%d*)  +(.*)$")
      if name then library, line = name .. ".", rest end
      for word in line:gmatch("%S+") do told[#told + 1] = library .. word end
    end
    table.sort(told)
    local box = sandbox.new({ ["x.lua"] = "return _ENV" })
    local globals, there = box:load("x.lua"), {}
    for _, name in ipairs({ "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall",
      "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "tonumber",
      "tostring", "type", "xpcall" }) do
      assert.is_function(globals[name], name)
      there[#there + 1] = name
    end
    for _, name in ipairs({ "math", "string", "table", "utf8" }) do
      for key in pairs(globals[name]) do there[#there + 1] = name .. "." .. key end
    end
    table.sort(there)
    assert.same(there, told)
  end)
end)

describe("the README", function()
  it("shows a policy that does what it says", function()
    local readme = build.read(program.data_directory() .. "/README.md")
    local text = assert(readme:match("```lua\n(.-)```"))
    local plan = build.plan(build.own({
      build.service("web", { SERVICE = "web", COLOR = "blue", ["/web"] = "90" }),
      build.service("web-canary", { SERVICE = "web", COLOR = "canary", ["/web"] = "10" }),
    }), { policies = build.policies({ half = text }) })
    assert.same({ blue = 90, canary = 5 }, build.weights(plan, "private-8080", "/web"))
    local why = build.route(plan, "private-8080", "/web").clusters[1].why
    assert.equal("half: 10 → 5", why[#why])
  end)
end)
