-- The policy that leaves the own service out of its sidecar's routes.

local build = require("spec.support.mesh")

describe("policies/own_service.lua", function()
  it("compares the SERVICE, not the name in Cloud Map", function()
    local plan = build.plan(build.own({
      build.service("x1", { SERVICE = "web", ["/one"] = "1" }),
      build.service("x2", { SERVICE = "web", ["/two"] = "1" }),
      build.service("web", { SERVICE = "other", ["/three"] = "1" }),
    }, "x1"))
    assert.same({ "/three" }, build.paths(plan, "private-8080"))
  end)

  it("leaves the private paths of the own service out too", function()
    local plan = build.plan(build.own({ build.service("web", { ["?/admin"] = "1" }) }, "web"))
    assert.same({}, build.paths(plan, "private-8080"))
    assert.equal("/admin", plan.listeners[1].removed[1].path)
  end)
end)
