-- `nightjar test`: runs busted inside this program, so that specs of policies,
-- and our own, see the very modules that production runs.

local MISSING = [[
nightjar: test: busted: not found for Lua 5.4 (%s)
Install Debian's package `lua-busted`, or `luarocks --lua-version 5.4 install busted`.
]]

-- busted ends the program with os.exit from inside its runner. Here that
-- becomes an error which stops at run(), so that the program ends in one way
-- only: by returning its status through main, with everything closed.
local EXIT = {}

local function busted_words(words)
  local list = { [0] = "nightjar test", "--ignore-lua" }
  local passed = false
  for _, word in ipairs(words) do
    -- The first `--` is ours; busted would take it as its own end of options.
    if word == "--" and not passed then
      passed = true
    else
      list[#list + 1] = word
    end
  end
  return list
end

-- busted names itself after the chunk that calls its runner.
local function call_runner(runner)
  local chunk = assert(load("local runner = ... ; runner({ standalone = false }) ; return 0",
    "@nightjar test", "t"))
  return chunk(runner)
end

local function traceback(problem)
  if type(problem) == "table" and problem[1] == EXIT then return problem end
  return debug.traceback("nightjar: test: busted: " .. tostring(problem), 2)
end

local function run(_, words)
  local found, runner = pcall(require, "busted.runner")
  if not found then
    io.stderr:write(MISSING:format(tostring(runner):match("^[^\n]*")))
    return 1
  end
  local exit = os.exit
  os.exit = function(code) -- luacheck: ignore 122
    error({ EXIT, (code == nil or code == true or code == 0) and 0 or 1 })
  end
  _G.arg = busted_words(words)
  local ok, problem = xpcall(call_runner, traceback, runner)
  os.exit = exit -- luacheck: ignore 122
  io.stdout:flush()
  if ok then return 0 end
  if type(problem) == "table" and problem[1] == EXIT then return problem[2] end
  io.stderr:write(problem, "\n")
  return 1
end

return {
  about = "run specs (of policies, templates or nightjar itself) with busted inside this program",
  usage = "nightjar test [PATH…] [busted's options]",
  details = [[
PATH is a spec file, or a folder in which every *_spec.lua is run; without one,
`spec`. Everything but --help goes to busted, for example:

  nightjar test policies/canary_spec.lua
  nightjar test -o TAP --filter "weight" spec/policies
  nightjar test -- --help          busted's own options

A spec may `require "host.json"`, `require "nightjar.plan.mustache"` and all
else of this program. `require "nightjar.testing"` makes plans with the policies of
POLICY_DIR, of meshes written in two lines:

  local t = require "nightjar.testing"

  it("shares by weight", function()
    local plan = t.plan { ["/shop"] = { blue = 90, green = { 10, endpoints = 0 } } }
    assert.same({ blue = 90 }, plan:weights "/shop")
    assert.matches("no usable endpoint", plan:why("/shop", "green"))
  end)

`t.policy "friday"` is one policy alone: `t.policy "friday" { now = t.time
"2026-11-27", settings = { color = "red" }, ["/shop"] = { red = 1, blue = 9 } }`.
A plan has the methods weights, shares, route, routes, why, removed, cluster,
endpoints, warnings and warning; `plan:on "partner"` looks at another listener.

Exit status: 0 when every spec passed, 1 otherwise.]],
  takes = "file",
  raw = true,
  run = run,
}
