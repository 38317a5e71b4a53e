-- The sidecar's image, run as a careful task definition runs it.

local podman = require("spec.support.podman")

local missing = podman.missing()
if missing then
  pending("the sidecar's image: " .. missing)
  return
end

describe("the sidecar's image", function()
  local container

  teardown(function()
    container:remove()
  end)

  it("serves the example mesh, as user 1337, with nothing writable but /tmp", function()
    container = podman.start(podman.image("sidecar"))
    container:ready()
    assert.equal("1337", container:exec("id", "-u"):match("%d+"))
  end)
end)
