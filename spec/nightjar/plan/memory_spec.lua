-- How much memory a plan takes: of the scripts', which is counted and the same on every machine.
local build = require("spec.support.mesh")
local json = require("host.json")
local memory = require("nightjar.plan.memory")
local plan = require("spec.support.plan")

local COLORS <const> = { "blue", "green" }

local function snapshot(services, instances)
  local list = {}
  for i = 1, services do
    for _, color in ipairs(COLORS) do
      list[#list + 1] = build.service(("svc%d-%s"):format(i, color),
        { ["/svc" .. i] = "1", SERVICE = "svc" .. i, COLOR = color }, instances)
    end
  end
  return build.own(list)
end

local function template(name)
  return { name = name, text = build.read("templates/" .. name) }
end

local function request(services, instances)
  local made = plan.request("")
  made.snapshot, made.policies = snapshot(services, instances), build.shipped_policies()
  made.now = build.NOW
  made.settings.config_dir, made.settings.policies = "", nil
  made.templates = { template("cds.json.yaml.mustache"), template("lds.json.yaml.mustache"),
    template("rds/@listeners.json.yaml.mustache") }
  return made
end

describe("the memory of a plan", function()
  it("is less than 7 MiB for 2,000 endpoints in 200 clusters, files included", function()
    local result = plan.run(request(100, 10), { memory = 7, instructions = 1000000000 })
    assert.equal(0, result.status, result.output:sub(1, 300))
    assert.is_true(result.response.ok)
    assert.equal(200, #result.response.plan.clusters)
    local clusters
    for _, file in ipairs(result.response.files) do
      if file.path == "cds.json" then clusters = assert(json.decode(file.content)) end
    end
    assert.equal(200, #clusters.resources)
  end)

  it("is given back where there is much, and only there", function()
    local trimmed, position = 0, {}
    function position.trim() trimmed = trimmed + 1 end
    local much = { ("x"):rep(16 << 20) }
    memory.tidy(position)
    assert.equal(1, trimmed)
    memory.tidy(nil)
    assert.equal(16 << 20, #much[1])
  end)
end)
