-- docs/policies.md shows a policy and a menu; both must be true.

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
