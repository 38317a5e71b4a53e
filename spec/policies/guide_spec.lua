-- README.md and docs/policies.md show policies and a menu; they must be true.

local build = require("spec.support.mesh")
local examples = require("nightjar.plan.examples")
local program = require("host.program")
local sandbox = require("nightjar.plan.sandbox")

local guide = build.read(program.data_directory() .. "/docs/policies.md")

describe("the guide for authors of policies", function()
  it("shows a policy that works", function()
    local text = assert(guide:match("```lua\n(.-)```"))
    local results = assert(examples.run(build.policies({ friday = text })))
    assert.equal(1, #results)
    assert.is_true(results[1].ok, results[1].message)
  end)

  it("lists the sandbox's menu, all of it and nothing else", function()
    local menu = assert(guide:match("## What a policy can use\n\n```\n(.-)```"))
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
