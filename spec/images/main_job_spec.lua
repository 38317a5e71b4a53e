-- The main job in the sidecar's image: the very spec of spec/system/, with the agent in a container
-- as user 1337, on a root that nothing can write, without a capability.

local podman = require("spec.support.podman")
local world_of = require("spec.support.world")

local missing = podman.missing()
if missing then
  pending("the main job in the sidecar's image: " .. missing)
  return
end

world_of.nightjar = "spec/images/sidecar"
describe("in the sidecar's image,", assert(loadfile("spec/system/main_job_spec.lua", "t", _ENV)))
