-- Where Envoy's admin interface is: a bootstrap left by an earlier agent, or an operator's own,
-- need not have it where the settings say, so Envoy writes its address into the state folder.

local file = require("host.file")

local address = {}

---The file that Envoy writes (`--admin-address-path`).
---@param directory string the state folder
---@return string path
function address.path(directory)
  return directory .. "/envoy-admin-address"
end

---What Envoy has written.
---@param directory string the state folder
---@return string? address `host:port`; nil while it has not
function address.read(directory)
  return (file.read(address.path(directory), 256) or ""):match("^%S+:%d+$")
end

---Where the admin interface is by the settings.
---@param settings table `envoy_admin_port`
---@return string address
function address.expected(settings)
  return "127.0.0.1:" .. settings.envoy_admin_port
end

return address
