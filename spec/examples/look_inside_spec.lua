-- How to look at a mesh from outside: the commands of the examples' pages, run against a mesh such
-- as the same pages make.

local cli = require("spec.support.cli")
local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local program = require("host.program")

local missing = moto.missing()
if missing then
  pending("the pages' looks inside: " .. missing)
  return
end

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"

describe("looking inside from any machine", function()
  local endpoint

  setup(function()
    endpoint = moto.faulty()
    endpoint:state {
      namespaces = { { Id = "ns-1", Name = "mesh.internal", HttpName = "mesh.internal",
        Arn = ARN .. "namespace/ns-1" } },
      services = { { Id = "srv-blue", Name = "shop-blue", NamespaceId = "ns-1",
        Arn = ARN .. "service/srv-blue",
        Attributes = { SERVICE = "shop", COLOR = "blue", ["/shop"] = "100" },
        Instances = json.array { { InstanceId = "a", HealthStatus = "HEALTHY",
          Attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = "8000" } } } } },
    }
  end)

  teardown(function() endpoint:stop() end)

  for _, name in ipairs { "ecs", "shared-volume", "terraform" } do
    it("shows the weights of a path: examples/" .. name .. "/README.md", function()
      local page = assert(file.read("examples/" .. name .. "/README.md"))
      local commands = assert(page:match("\n(    SERVICE_MEMBER=[^\n]*\n[^`]-explain[^\n]*)"))
      local folder = cli.folder()
      finally(function() cli.remove(folder) end)
      cli.write(folder .. "/commands", ([[
cd %s
export PATH=%s:$PATH TMP_DIR=%s/tmp AWS_ENDPOINT_URL=%s AWS_REGION=eu-central-1
export AWS_ACCESS_KEY_ID=A AWS_SECRET_ACCESS_KEY=s AWS_EC2_METADATA_DISABLED=true
]]):format(folder, program.directory, folder, endpoint.endpoint) .. commands)
      os.execute(("bash -e %s/commands >%s/printed 2>&1"):format(folder, folder))
      local printed = cli.read(folder .. "/printed")
      assert.is_truthy(printed:find("shop%-blue@mesh%.internal +blue +weight 100 +100%.0 %%"),
        printed)
    end)
  end
end)
