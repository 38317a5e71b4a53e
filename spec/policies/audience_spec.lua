-- The policy of who sees what: which keys count for a private and for a public listener.

local build = require("spec.support.mesh")

describe("policies/audience.lua", function()
  local services = {
    build.service("blue", { SERVICE = "a", COLOR = "blue", ["/a"] = "90", ["?/a"] = "50" }),
    build.service("green", { SERVICE = "a", COLOR = "green", ["/a"] = "10" }),
  }

  it("decides for each color by itself which key counts inside", function()
    local plan = build.plan(build.own(services))
    assert.same({ blue = 50, green = 10 }, build.weights(plan, "private-8080", "/a"))
    assert.equal("its private key for this path counts inside the mesh",
      plan.listeners[1].removed[1].why[2]:match("%((.*)%)"))
  end)

  it("shows the public weights outside", function()
    local plan = build.plan(build.snapshot({ build.namespace("NAMESPACE_0", "m", 9000,
      services) }))
    assert.same({ blue = 90, green = 10 }, build.weights(plan, "public-9000", "/a"))
  end)
end)
