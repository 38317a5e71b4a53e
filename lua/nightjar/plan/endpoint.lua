-- Turns one instance of a snapshot into an endpoint, or says why it is none.

local address = require("nightjar.plan.address")
local seconds = require("nightjar.plan.seconds")
local text = require("nightjar.text")

local endpoint = {}

-- In the order of preference: what holds the address, and of which family.
local ADDRESSES = {
  { key = "AWS_INSTANCE_IPV4", family = "ipv4" },
  { key = "AWS_INSTANCE_IPV6", family = "ipv6" },
  { key = "AWS_INSTANCE_CNAME", family = "host" },
}

-- What an instance may be registered by instead, and why that is no endpoint here: names that only
-- Route 53 resolves in its own way, and an address without the port to go with it.
local UNSUPPORTED = { "AWS_ALIAS_DNS_NAME", "AWS_EC2_INSTANCE_ID" }

local HEALTH = { HEALTHY = "healthy", UNHEALTHY = "unhealthy" }

-- A host name may be an address in disguise; a STATIC cluster can then serve it.
local function fits(wanted, value)
  local family = address.family(value)
  if family == wanted or (wanted == "host" and family) then return family end
end

-- Whoever writes to Cloud Map shall not make a listener serve what only this host may ask for.
local function leads_to_the_host(value, key, warn)
  if not address.is_link_local(value) then return false end
  warn("forbidden_address", key, ("%s is of this host's own link, where metadata services are; "
    .. "it is no endpoint"):format(text.quote(value)))
  return true
end

local function is_admin(value, port, admin_port, warn)
  if port ~= admin_port or not address.is_loopback(value) then return false end
  warn("forbidden_address", "AWS_INSTANCE_PORT", ("%d of %s is Envoy's own admin interface "
    .. "(ENVOY_ADMIN_PORT); the instance is left out"):format(port, text.quote(value)))
  return true
end

-- An Envoy without IPv6 sockets refuses all clusters for one such address (tried: 1.40).
local function cannot_be_reached(value, key, family, no_ipv6, warn)
  if family ~= "ipv6" or not no_ipv6 then return false end
  warn("no_ipv6", key, ("%s is of IPv6, which this host has not"):format(text.quote(value)))
  return true
end

-- The first good address; warns of each bad one before it.
local function find_address(attributes, no_ipv6, warn)
  local found_any = false
  for _, kind in ipairs(ADDRESSES) do
    local value = attributes[kind.key]
    if value and value ~= "" then
      found_any = true
      local family = fits(kind.family, value)
      if family and not leads_to_the_host(value, kind.key, warn)
        and not cannot_be_reached(value, kind.key, family, no_ipv6, warn) then
        return family == "ipv6" and value:lower() or value, family
      end
      if not family then
        warn("bad_address", kind.key, ("%s is no %s"):format(text.quote(value),
          kind.family == "host" and "host name" or "address of family " .. kind.family))
      end
    end
  end
  if not found_any then
    warn("missing_address", "AWS_INSTANCE_IPV4", "missing, and so are AWS_INSTANCE_IPV6 and "
      .. "AWS_INSTANCE_CNAME; the instance is left out")
  end
end

local function find_port(attributes, warn)
  local value = attributes.AWS_INSTANCE_PORT
  if not value or value == "" then
    return warn("missing_port", "AWS_INSTANCE_PORT", "missing; the instance is left out")
  end
  local port = address.port(value)
  if port then return port end
  warn("bad_port", "AWS_INSTANCE_PORT", ("%s is not an integer from 1 to 65535; the instance "
    .. "is left out"):format(text.quote(value)))
end

-- Whether it is registered in a way that has no address and port of its own.
local function is_unsupported(attributes, warn)
  for _, key in ipairs(UNSUPPORTED) do
    if attributes[key] and attributes[key] ~= "" then
      warn("unsupported_attribute", key, "not supported; the instance is left out: register it "
        .. "with AWS_INSTANCE_IPV4, AWS_INSTANCE_IPV6 or AWS_INSTANCE_CNAME, and "
        .. "AWS_INSTANCE_PORT")
      return true
    end
  end
  return false
end

local function has_place(attributes)
  local port = attributes.AWS_INSTANCE_PORT
  if not port or port == "" then return false end
  for _, kind in ipairs(ADDRESSES) do
    if (attributes[kind.key] or "") ~= "" then return true end
  end
  return false
end

---@param instance table { id, attributes, health, since, health_since }
---@param attributes table<string, string> its attributes, cleaned
---@param context table `now`: stands in for a time that the snapshot lacks; `admin_port` of Envoy's
---       admin interface, which is on loopback; `no_ipv6`: this host has none
---@param warn fun(code: string, attribute: string, message: string)
---@return table? endpoint nil when it has no usable address or port
function endpoint.read(instance, attributes, context, warn)
  if not has_place(attributes) and is_unsupported(attributes, warn) then return nil end
  local value, family = find_address(attributes, context.no_ipv6, warn)
  local port = find_port(attributes, warn)
  if not value or not port or is_admin(value, port, context.admin_port, warn) then return nil end
  local zone = attributes.AVAILABILITY_ZONE
  local since = seconds.read(instance.since, context.now)
  return {
    id = instance.id,
    address = value,
    family = family,
    port = port,
    zone = text.is_name(zone) and zone or nil,
    health = HEALTH[instance.health] or "unknown",
    since = since,
    health_since = seconds.read(instance.health_since, since),
    attributes = attributes,
  }
end

return endpoint
