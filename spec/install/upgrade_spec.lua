-- The main job from an installed tree, and its upgrade: installing over it while it runs.

local installed = require "spec.support.installed"
local script = require "spec.support.script"
local sidecar = require "spec.support.sidecar"
local world_of = require "spec.support.world"

local missing = world_of.missing()
if missing then
  pending("upgrade: " .. missing)
  return
end

describe("an installed agent", function()
  local tree, one

  setup(function()
    tree = installed.new()
    tree:make("install")
    one = sidecar.new("blue")
    one:mesh { sidecar.service("shop-blue", { ["/shop"] = 1 }, { one.ports.blue }) }
    one:start({}, { tree:path("bin/nightjar"), "run" })
  end)
  teardown(function()
    assert.same({}, one.world:close())
    tree:remove()
  end)

  it("serves with the installed policies and templates", function()
    one:answers("/shop", 200)
  end)

  it("is upgraded in place: nobody who asks notices it", function()
    one:answers("/shop", 200)
    one:under_load("/shop", function()
      local from = one:mark()
      tree:make("install")
      -- The agent of before goes on with the programs and policies of after.
      one:publishes(function()
        one:mesh { sidecar.service("shop-blue", { ["/shop"] = 1, ["/more"] = 1 },
          { one.ports.blue }) }
      end)
      one.world:signal(one.agent, "USR2")
      one:logged("event=envoy_taken_over", 15, from)
    end)
    one:answers("/more", 200)
    if script.can_trace() then
      local exe = installed.shell("readlink /proc/" .. one.agent.pid .. "/exe")
      assert.equal(tree:path("bin/nightjar") .. "\n", exe)
    end
  end)
end)
