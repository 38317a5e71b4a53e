-- Folders of published files that somebody removes under a real Envoy, which goes on watching what
-- is gone.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("removed folders: " .. missing)
  return
end

describe("a folder of published files that is removed", function()
  local sidecar, world

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
  end)

  after_each(function()
    assert.are.same({}, world:close())
  end)

  local function start(settings)
    sidecar:start(settings)
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged")
  end

  local function remove(path)
    assert(os.execute("rm -r '" .. path .. "'"))
  end

  -- A change is in force.
  local function follows()
    local from = sidecar:mark()
    sidecar:mesh { service("web-blue", { ["/web"] = 1, ["/more"] = 1 }, { sidecar.ports.blue }) }
    sidecar:answers("/more", 200, 10)
    sidecar:passed(10, from)
    assert.is_nil(world:log(sidecar.agent):find("event=pass_failed", 1, true))
  end

  for name, folder in pairs { ["of the routes"] = "/rds", ["of them all"] = "" } do
    it(name .. " costs a hot restart, and no request", function()
      start()
      local old, from = sidecar:envoy(), sidecar:mark()
      local load = world:load(sidecar:url("/web"), 10, 300)
      remove(sidecar.folder .. folder)
      sidecar:logged("event=folder_made_anew", 10, from)
      sidecar:logged("event=envoy_hot_restart", 10, from)
      sidecar:logged("event=unchanged", 10, from)
      follows()
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.are_not.equal(old, sidecar:envoy())
      assert.are.equal("1", sidecar:stat("server.hot_restart_epoch"))
      -- Once: there is nothing more to be done.
      local _, count = world:log(sidecar.agent):gsub("event=envoy_hot_restart", "")
      assert.are.equal(1, count)
    end)
  end

  it("while no agent runs is noticed by the next one", function()
    start()
    local old = sidecar:envoy()
    world:signal(sidecar.agent, "KILL")
    world:ended(sidecar.agent, 3)
    remove(sidecar.folder)
    sidecar:start()
    sidecar:logged("event=envoy_taken_over")
    sidecar:logged("event=envoy_hot_restart", 10)
    sidecar:logged("event=unchanged", 10)
    follows()
    assert.are_not.equal(old, sidecar:envoy())
  end)

  it("in a shared volume is told, since nobody else can restart Envoy", function()
    start()
    local admin = "http://127.0.0.1:" .. sidecar.admin_port
    world:signal(sidecar.agent, "KILL")
    world:ended(sidecar.agent, 3)
    sidecar:start { ENVOY_BIN = "" }
    sidecar:logged("event=unchanged")
    local from = sidecar:mark()
    remove(sidecar.folder .. "/rds")
    sidecar:logged("event=folder_made_anew", 10, from)
    sidecar:logged('help="restart Envoy"', 10, from)
    assert.is_truthy(file.stat(sidecar.folder .. "/rds"))
    assert.are.equal(200, (world:get(admin .. "/ready")))
  end)
end)
