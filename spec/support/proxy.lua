-- HAProxy between the agent and AWS: what networks, load balancers and front ends do to an answer,
-- switched at run time.

local file = require("host.file")
local script = require("spec.support.script")

local proxy = {}
proxy.__index = proxy

-- The name that the good certificate is for, beside localhost.
proxy.NAME = "aws.nightjar.test"

-- What it answers to every request, for each fault: an HAProxy rule of `http-request`.
local function says(status, kind, text)
  return ("return status %d content-type %s string '%s'"):format(status, kind, text)
end
local JSON, HTML = "application/x-amz-json-1.1", "text/html"

proxy.rules = {
  status_500 = says(500, JSON, '{"__type":"InternalFailure"}'),
  status_502 = "deny deny_status 502",
  status_503 = says(503, JSON, '{"__type":"ServiceUnavailable"}'),
  status_504 = "deny deny_status 504",
  html_503 = "deny deny_status 503",
  html_200 = says(200, HTML, "<html><body>Welcome to the guest network</body></html>"),
  cut_json = says(200, JSON, '{"Services":[{"Id":"srv-web-bl'),
  throttled = says(429, JSON,
    '{"__type":"com.amazonaws.servicediscovery#RequestLimitExceeded","Message":"Rate exceeded"}'),
  expired_token = says(400, JSON,
    '{"__type":"ExpiredTokenException","message":"The security token is expired"}'),
  denied = says(400, JSON, '{"__type":"AccessDeniedException","Message":"not authorized"}'),
  tarpit = "tarpit",
  closed = "reject",
}

-- The same for some requests only: a rule and a condition on the request.
proxy.partial = {
  second_page = { proxy.rules.html_503, "{ req.body -m sub NextToken }" },
  one_service = { proxy.rules.status_503, "{ req.body -m sub '\"ServiceName\":\"web-green\"' }" },
  one_operation = { proxy.rules.throttled,
    "{ req.hdr(x-amz-target) -m end .GetServiceAttributes }" },
  deleted = { says(404, JSON, '{"__type":"ServiceNotFound","Message":"shop-blue"}'),
    "{ req.body -m sub '\"ServiceName\":\"shop-blue\"' }" },
}

local CONFIGURATION = [[
global
  stats socket %DIRECTORY/admin.sock mode 600 level admin
  set-var proc.fault str(none)
  nbthread 1
defaults
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout tarpit 30s
frontend door
  mode tcp
  bind 127.0.0.1:%PORT
  tcp-request connection reject if { var(proc.fault) -m str reset }
  tcp-request inspect-delay 30s
  tcp-request content accept if !{ var(proc.fault) -m str no_handshake }
  tcp-request content accept if { wait_end }
  use_backend wrong_name if { var(proc.fault) -m str wrong_name }
  use_backend expired if { var(proc.fault) -m str expired }
  use_backend untrusted if { var(proc.fault) -m str untrusted }
  default_backend good
%BACKENDS
frontend aws
  mode http
%BINDS
  # Each request is a connection, so that a fault of connections meets the next one.
  option httpclose
  option http-buffer-request
%RULES
%MORE
  default_backend cloudmap
backend cloudmap
  mode http
  server s %UPSTREAM
%BEYOND
]]

local CERTIFICATES = { "good", "wrong_name", "expired", "untrusted" }

---Why there is no such proxy here.
function proxy.missing()
  if os.execute("command -v haproxy >/dev/null 2>&1 && command -v openssl >/dev/null 2>&1") then
    return nil
  end
  return "no haproxy or no openssl: `make test` installs them"
end

-- An authority that is trusted and one that is not, and what they vouch for.
local function make_certificates(folder)
  for _, name in ipairs { "ca", "stranger" } do
    script.sh([[cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
      -nodes -keyout %s.key -out %s.pem -days 2 -subj /CN=%s 2>/dev/null]], folder, name, name,
      name)
  end
  local names = ("DNS:localhost,DNS:%s,DNS:*.%s"):format(proxy.NAME, proxy.NAME:match("%.(.*)"))
  for _, name in ipairs(CERTIFICATES) do
    script.sh([[cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
      -keyout one.key -out one.csr -subj /CN=%s 2>/dev/null && echo subjectAltName=%s > one.ext &&
      ca=%s && openssl x509 -req -in one.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial -days %s \
      -extfile one.ext -out one.pem 2>/dev/null && cat one.pem one.key > %s.crt]],
      folder, name, name == "wrong_name" and "DNS:other.example.com" or names,
      name == "untrusted" and "stranger" or "ca", name == "expired" and "-1" or "2", name)
  end
end

local function rule_lines()
  local lines = {}
  local function add(fault, rule, condition)
    lines[#lines + 1] = ("  http-request %s if { var(proc.fault) -m str %s } %s"):format(rule,
      fault, condition)
  end
  for fault, rule in pairs(proxy.rules) do add(fault, rule, "") end
  for fault, rule in pairs(proxy.partial) do add(fault, rule[1], rule[2]) end
  return table.concat(lines, "\n")
end

---Starts HAProxy before an endpoint.
---@param world table
---@param upstream string host:port of the endpoint
---@param more { rules: string, backends: string }? further lines for the frontend of requests, and
---  backends that they name
---@return table proxy `port`, `ca_file`
function proxy.new(world, upstream, more)
  more = more or { rules = "", backends = "" }
  local folder = world.directory .. "/proxy"
  assert(file.mkdir(folder))
  make_certificates(folder)
  local ports = { world:ports(#CERTIFICATES + 1) }
  local self = setmetatable({ world = world, folder = folder, port = table.remove(ports),
    ca_file = folder .. "/ca.pem" }, proxy)
  local backends, binds = {}, {}
  for i, name in ipairs(CERTIFICATES) do
    backends[i] = ("backend %s\n  mode tcp\n  server s 127.0.0.1:%d"):format(name, ports[i])
    binds[i] = ("  bind 127.0.0.1:%d ssl crt %s/%s.crt"):format(ports[i], folder, name)
  end
  local values = { DIRECTORY = folder, PORT = self.port, UPSTREAM = upstream, RULES = rule_lines(),
    BACKENDS = table.concat(backends, "\n"), BINDS = table.concat(binds, "\n"),
    MORE = more.rules, BEYOND = more.backends }
  assert(file.write(folder .. "/haproxy.cfg", (CONFIGURATION:gsub("%%(%u%u+)", values))))
  world:start("haproxy", { "haproxy", "-db", "-f", folder .. "/haproxy.cfg" })
  world.eventually(function() return file.stat(folder .. "/admin.sock") end, 5, "haproxy is up")
  return self
end

function proxy:command(text)
  local pipe = assert(io.popen(("python3 spec/support/admin_socket.py %s/admin.sock '%s'"):format(
    self.folder, text)))
  local answer = pipe:read("a")
  pipe:close()
  assert(not answer:find("%S"), answer)
end

---From now on every new request, or connection, meets this fault; "none" ends it.
function proxy:fault(name)
  self:command(("experimental-mode on; set var proc.fault str(%s)"):format(name))
end

---Nobody listens on the port.
function proxy:refuse() self:command("disable frontend door") end
function proxy:listen() self:command("enable frontend door") end

return proxy
