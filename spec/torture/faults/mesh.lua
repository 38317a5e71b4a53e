-- What people write in Cloud Map: one service is wrong, all else goes on.

local list = {}

local function add(name, injected, event, says, attributes, more)
  local names = {}
  for key in pairs(attributes) do names[#names + 1] = key end
  local fault = { row = "Cloud Map", name = name, injected = injected, event = event, says = says,
    begin = function(field) field:attributes("odd-blue", attributes) end,
    finish = function(field)
      if attributes["/odd"] or attributes.SERVICE then
        field:attributes("odd-blue", { ["/odd"] = "1", SERVICE = "odd" })
      else
        field:no_attributes("odd-blue", names)
      end
    end }
  for key, value in pairs(more or {}) do fault[key] = value end
  list[#list + 1] = fault
end

add("a weight is no number", "`/odd=many`", "bad_weight", "service=odd%-blue",
  { ["/odd"] = "many" })
add("a weight is negative", "`/odd=-1`", "bad_weight", "service=odd%-blue", { ["/odd"] = "-1" })
add("a key is no path", "`/odd/../x=1`", "bad_key", "service=odd%-blue", { ["/odd/../x"] = "1" })
add("a name is no name", "`SERVICE` of 8,000 letters", "bad_name", "service=odd%-blue",
  { SERVICE = ("x"):rep(8000) })
add("a value would break a document", '`SERVICE=x"}]` with lines of YAML', "bad_name",
  "service=odd%-blue", { SERVICE = 'x"}]\n- {name: evil, "a": [{{{x}}}' })
add("a policy's attribute is nonsense", "`TIMEOUT:/odd=soon`", "bad_attribute",
  "service=odd%-blue", { ["TIMEOUT:/odd"] = "soon" })

local function instance(name, injected, event, attributes)
  list[#list + 1] = { row = "Cloud Map", name = name, injected = injected, event = event,
    says = "service=odd%-blue",
    begin = function(field)
      field.aws:cloudmap("register_instance", { ServiceId = field.ids["odd-blue"],
        InstanceId = "bad", Attributes = attributes })
    end,
    finish = function(field)
      field.aws:cloudmap("deregister_instance",
        { ServiceId = field.ids["odd-blue"], InstanceId = "bad" })
    end }
end

instance("a port is no port", "`AWS_INSTANCE_PORT=http`", "bad_port",
  { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = "http" })
instance("a port is missing", "no `AWS_INSTANCE_PORT`", "missing_port",
  { AWS_INSTANCE_IPV4 = "127.0.0.1" })
instance("an address is that of the metadata", "`AWS_INSTANCE_IPV4=169.254.169.254`",
  "forbidden_address", { AWS_INSTANCE_IPV4 = "169.254.169.254", AWS_INSTANCE_PORT = "80" })

return list
