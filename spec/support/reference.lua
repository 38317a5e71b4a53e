-- The reference mesh of docs/cost.md, as the failing endpoint (spec/support/cloudmap.py) takes it:
-- 20 services, each blue and green, 3 instances per service-colour, one `service-settings` instance
-- each, which gives a public and a private path.

local json = require("host.json")

local reference = {}

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"

reference.SERVICES, reference.COLORS, reference.INSTANCES = 20, { "blue", "green" }, 3

-- The second and third byte of an address are those of the service-colour.
local function address_of(number, color, i)
  return ("10.%d.%d.%d"):format(number % 250, number // 250 * 10 + #color, i)
end

local function service_color(number, color, count)
  local id = ("srv-%02d%s"):format(number, color)
  local instances = json.array { { InstanceId = "service-settings", Attributes = {
    SERVICE = "svc" .. number, COLOR = color, ["/svc" .. number] = "50",
    ["?/private" .. number] = "50" } } }
  for i = 1, count do
    instances[i + 1] = { InstanceId = "i" .. i, Attributes = {
      AWS_INSTANCE_IPV4 = address_of(number, color, i), AWS_INSTANCE_PORT = "8080" } }
  end
  return { Id = id, Name = ("svc%d-%s"):format(number, color), NamespaceId = "ns-1",
    Arn = ARN .. "service/" .. id, Instances = instances }
end

---What the endpoint is to know.
---@param size? { services: integer, instances: integer } of another mesh of the same kind
---@return table state
function reference.state(size)
  size = size or { services = reference.SERVICES, instances = reference.INSTANCES }
  local services = {}
  for number = 1, size.services do
    for _, color in ipairs(reference.COLORS) do
      services[#services + 1] = service_color(number, color, size.instances)
    end
  end
  return { services = services, namespaces = { { Id = "ns-1", Name = "shop.local",
    HttpName = "shop.local", Arn = ARN .. "namespace/ns-1" } } }
end

---The id of a service-colour, for SERVICE_MEMBER.
reference.MEMBER = "srv-01blue"

return reference
