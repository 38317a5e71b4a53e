-- The field on which faults are tried: Cloud Map (an emulator, through the real SDK), HAProxy with
-- TLS before it, an agent with folders, clock, disk and name server of its own, the Envoy that it
-- supervises, backends, and clients that send requests all the time. What holds of all of it stands
-- in spec/support/ordeal.lua, the faults in spec/torture/faults/.

local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local proxy_of = require("spec.support.proxy")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local field = setmetatable({}, { __index = sidecar_of })
field.__index = field

local DISK = 16 << 20   -- bytes
local CLIENTS, RATE = 8, 160
local SKEWED_DAYS = 3   -- by which the endpoint's clock is ahead in the fault `skewed`
-- Seconds from a field's beginning to its ramp's: certificates are good for two days.
local TO_RAMP = 20 * 3600

-- Starts the agent where a name server, inotify's limits and mounts are its own.
local ENCLOSED = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'

---Why there can be no such field here.
---@return string?
function field.missing()
  local able = [[unshare --user --map-root-user --mount sh -c \
    'mount --bind /dev/null /etc/resolv.conf && echo 9 >/proc/sys/user/max_inotify_instances' \
    2>/dev/null && d=$(mktemp -d) && mount -t tmpfs none "$d" 2>/dev/null && umount "$d" \
    && rmdir "$d" && command -v nsenter >/dev/null]]
  return world_of.missing() or moto.missing() or proxy_of.missing()
    or (not script.can_trace() and script.NO_TRACE)
    or (not os.execute(able) and "may not make mounts and namespaces here")
    or nil
end

-- ---- its parts ----

local function at(port)
  return { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = tostring(port) }
end

-- The own service, one with weights that faults must not move, one with a ramp, and one that may
-- be spoilt; the latter two carry their settings as people do who have no service attributes.
local function services(ports, ramp)
  local function one(name, path, weight, more)
    local group, color = name:match("(.*)-(.*)")
    local attributes = { SERVICE = group, COLOR = color, [path] = tostring(weight) }
    for key, value in pairs(more or {}) do attributes[key] = value end
    return { name = name, attributes = attributes, instances = { a = at(ports[name]) } }
  end
  return { one("me-blue", "/me", 1), one("me-green", "/me", 1),
    one("web-blue", "/web", 70), one("web-green", "/web", 30),
    one("shop-blue", "/shop", 90),
    one("shop-green", "/shop", 10, { RAMP_START = ramp, RAMP_STEPS = "50", RAMP_INTERVAL = "1h" }),
    one("odd-blue", "/odd", 1) }
end

-- Half of the list of services, and that there is more of it.
local function first_page(self)
  local list = self.aws:cloudmap("list_services", {}).Services
  local half = {}
  for i = 1, #list // 2 do
    half[i] = { Id = list[i].Id, Name = list[i].Name, Arn = list[i].Arn }
  end
  local path = self.world.directory .. "/page.json"
  assert(file.write(path, assert(json.encode { Services = half, NextToken = "half" })))
  return path
end

-- What HAProxy does beyond its usual faults: half of the pages of a list; answers that the failing
-- endpoint breaks off; a clock that is days ahead, and by which the signatures must go.
local function more_of_proxy(self)
  local seconds = SKEWED_DAYS * 86400
  local lists = "{ req.hdr(x-amz-target) -m end .ListServices }"
  local refused = [[return status 403 content-type application/x-amz-json-1.1 hdr date ]]
    .. [["%%[date(%d),http_date]" string '{"__type":"InvalidSignatureException",]]
    .. [["message":"Signature expired"}']]
  local rules = { ("  http-request %s if { var(proc.fault) -m str half_list } %s "
      .. "{ req.body -m sub NextToken }"):format(proxy_of.rules.html_503, lists),
    ("  http-request return status 200 content-type application/x-amz-json-1.1 file %s "
      .. "if { var(proc.fault) -m str half_list } %s"):format(first_page(self), lists),
    "  http-request return status 404 content-type application/x-amz-json-1.1 string "
      .. [['{"__type":"ServiceNotFound","Message":"odd-blue"}' if { var(proc.fault) -m str ]]
      .. [[deleted_odd } { req.body -m sub '"ServiceName":"odd-blue"' }]],
    ("  http-request set-var(txn.day) date(%d),utime(%%Y%%m%%d)"):format(seconds),
    "  acl by_their_clock req.hdr(x-amz-date),bytes(0,8),strcmp(txn.day) eq 0",
    "  acl is_skewed var(proc.fault) -m str skewed",
    "  http-request " .. refused:format(seconds) .. " if is_skewed !by_their_clock",
    "  http-request " .. refused:format(0) .. " if !is_skewed by_their_clock",
    "  use_backend broken if { var(proc.fault) -m beg broken }",
    ("  http-response set-header date %%[date(%d),http_date] if { var(proc.fault) -m str skewed }")
      :format(seconds) }
  return { rules = table.concat(rules, "\n"), backends = "backend broken\n  mode http\n"
    .. "  server s " .. self.broken.endpoint:match("//(.*)") }
end

local function start_name_server(self)
  local folder = self.world.directory
  -- A port of ours as a part of the address: no other spec has the same.
  local address = ("127.54.%d.%d"):format(self.admin_port >> 8, self.admin_port & 255)
  assert(file.write(folder .. "/resolv.conf", "nameserver " .. address .. "\n"))
  local server = self.world:start("dns", { "python3", "spec/support/dns.py", address,
    folder .. "/mute" })
  self.eventually(function() return (file.read(server.base .. ".out") or ""):find("ready") end, 5,
    "the name server answers")
end

-- ENVOY_BIN, which faults may take away or have refuse to start.
local function make_envoy(self)
  local folder = self.world.directory .. "/bin"
  assert(file.mkdir(folder))
  self.envoy_bin = folder .. "/envoy"
  assert(file.write(self.envoy_bin, ([[#!/bin/sh
[ ! -e %s/dies ] || kill -SEGV $$
exec envoy "$@"
]]):format(folder), { mode = 493 })) -- 0755
end

local function make_disk(self)
  local folder = self.world.directory .. "/tmp"
  assert(file.mkdir(folder))
  script.sh("mount -t tmpfs -o size=" .. DISK .. " tmpfs %s", folder)
  self.disk = folder
end

local NAMES = { "me-blue", "me-green", "web-blue", "web-green", "shop-blue", "shop-green",
  "odd-blue" }

-- Starts everything but the agent.
local function build(self)
  self.templates = self:own_templates()
  self.policies = self.world.directory .. "/policies"
  script.sh("cp -R policies %s", self.policies)
  self.aws = moto.start()
  local _, ids = self.aws:fill("corp.local", services(self.ports,
    os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + TO_RAMP)))
  self.ids = ids
  self.broken = moto.faulty()
  self.proxy = proxy_of.new(self.world, self.aws.endpoint:match("//(.*)"), more_of_proxy(self))
  start_name_server(self)
  make_envoy(self)
  make_disk(self)
  self.preloaded = self.world.directory .. "/skew.so"
  script.sh("cc -shared -fPIC -o %s spec/support/skew.c", self.preloaded)
  self:jump(0)
end

local function start(self)
  self:start()
  self:answers("/web", 200, 30)
  self:answers("/shop", 200, 30)
  self.eventually(function() return self:passes() > 0 end, 15, "a pass ends")
  local tally = self.world.directory .. "/tally"
  self.load = self.world:start("load", { "python3", "spec/support/load.py",
    self:url("/web") .. "," .. self:url("/shop"), CLIENTS, RATE, tally })
  self.eventually(function() return file.read(tally) end, 5, "the clients tell what they have seen")
end

---A field with its first generation in force and clients that send requests.
---@return table field
function field.new()
  local self = setmetatable(sidecar_of.new(table.unpack(NAMES)), field)
  self.green = 30 -- the weight of web-green, see `turn`
  local ok, err = xpcall(function()
    build(self)
    start(self)
  end, debug.traceback)
  if not ok then
    pcall(self.close, self)
    error(err, 0)
  end
  return self
end

---Ends all of it.
---@return string[] left names of what did not end by itself
function field:close()
  if self.agent then
    self.world:signal(self.agent, "TERM")
    pcall(self.world.ended, self.world, self.agent, 15)
  end
  if self.aws then self.aws:stop() end
  if self.broken then self.broken:stop() end
  for _, pid in ipairs(self.world:strays("envoy")) do
    os.execute(("kill -KILL %d 2>/dev/null"):format(pid))
  end
  if self.disk then os.execute(("umount %s || umount -l %s"):format(self.disk, self.disk)) end
  return self.world:close()
end

-- ---- the agent ----

local REFRESH = 1 -- seconds

---Starts the agent; `self.agent` is its process.
function field:start()
  local world = self.world
  sidecar_of.start(self, { DISCOVERY = "cloudmap", SERVICE_MEMBER = self.ids["me-blue"],
    SERVICE_PORT = self.port, REFRESH_TIME = REFRESH, LIST_TIME = 0,
    LOG_LEVEL = "info", ENVOY_LOG_LEVEL = "error", ENVOY_BIN = self.envoy_bin,
    ENVOY_TEMPLATE_DIR = self.templates, POLICY_DIR = self.policies,
    STATUS_ADDRESS = world.directory .. "/status.sock", STOP_TIMEOUT = 5,
    MESH_FILE = "", AWS_REGION = "eu-central-1", AWS_CA_BUNDLE = self.proxy.ca_file,
    AWS_MAX_ATTEMPTS = 1,
    AWS_ENDPOINT_URL = ("https://%s:%d"):format(proxy_of.NAME, self.proxy.port),
    AWS_ACCESS_KEY_ID = self.aws.users.agent.id, HOME = "/nonexistent",
    AWS_SECRET_ACCESS_KEY = self.aws.users.agent.secret, AWS_EC2_METADATA_DISABLED = "true",
    LD_PRELOAD = self.preloaded, CLOCK_SKEW_FILE = world.directory .. "/skew",
  }, { "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
    ENCLOSED, "sh", world.directory .. "/resolv.conf", sidecar_of.program, "run" })
end

---Ends the agent, with its Envoy, and starts the next one.
function field:renew()
  self.world:stop(self.agent, 20)
  self:start()
  self:answers("/web", 200, 20)
  self.eventually(function() return self:passes() > 0 end, 30, "a pass of the next agent ends")
end

---What GET /status answers; nil when nobody does.
---@return table?
function field:status()
  local answer = sched.run(function()
    return (sched.http { url = "http://field/status", timeout = 5,
      unix_socket = self.world.directory .. "/status.sock" })
  end)
  return answer and answer.status == 200 and json.decode(answer.body) or nil
end

---How many passes of this agent have ended.
---@return integer
function field:passes()
  local pass = (self:status() or {}).pass
  return pass and pass.published + pass.unchanged + pass.failed + pass.given_up or 0
end

---Waits for the end of so many further passes.
---@param count integer?
---@param seconds number?
function field:end_of_pass(count, seconds)
  local from = self:passes()
  self.eventually(function() return self:passes() >= from + (count or 1) end, seconds or 30,
    "a pass ends")
end

---Has system calls of the running agent fail, or end it.
---@param call string
---@param effect string strace's: `error=EIO`, `signal=KILL:when=2`
---@return table process of strace; it lets go of the agent when it is stopped
function field:inject(call, effect)
  local base = self.world.directory
  local process = self.world:start("strace-" .. #self.world.running, { "strace", "-p",
    self.agent.pid, "-o", base .. "/trace", "-e", "trace=" .. call, "-e",
    ("inject=%s:%s"):format(call, effect) })
  self.eventually(function()
    return self.world:log(process):find("attached", 1, true)
  end, 10, "strace is attached")
  return process
end

---Waits until the agent has ended, with changes for it to publish.
function field:ends_while_it_publishes()
  for _ = 1, 20 do
    self:turn()
    if pcall(self.eventually, function() return self.world:status(self.agent) end,
      2 * REFRESH, "the agent has ended") then
      return
    end
  end
  error("the agent goes on")
end

---Moves the agent's wall clock.
---@param seconds integer ahead of the real one
function field:jump(seconds)
  -- In place: the agent has the file mapped.
  local path = self.world.directory .. "/skew"
  local out = assert(io.open(path, "r+b") or io.open(path, "wb"))
  out:write(string.pack("<i8", seconds))
  out:close()
end

-- ---- what is seen ----

---Lines of the agent's log beyond `from` that are of a level or above; Envoy writes there too.
---@param from integer
---@param all boolean? of every level, not only warnings and errors
---@return string[]
function field:lines(from, all)
  local found = {}
  for line in self.world:log(self.agent):sub(from):gmatch("[^\n]+") do
    if line:find("^time=%S+ level=") and (all or line:find("level=warn", 1, true)
      or line:find("level=error", 1, true)) then
      found[#found + 1] = line:gsub("^time=%S+ ", "")
    end
  end
  return found
end

---What the clients have counted so far, as load.py tells it; not before all that has happened
---until now.
---@return table tally
function field:tally()
  local path, now = self.world.directory .. "/tally", require("host.clock").now()
  return self.eventually(function()
    local seen = json.decode(file.read(path) or "")
    return seen and seen.at > now and seen
  end, 10, "the clients tell what they have seen")
end

---What the clients have seen since a tally.
---@param from table a tally
---@return { requests: integer, failed: integer, backends: table<string, integer>,
---  latest: string[] }
function field:since(from)
  local now = self:tally()
  local seen = { requests = now.requests - from.requests, failed = now.failed - from.failed,
    backends = {}, latest = now.latest }
  for name, count in pairs(now.backends) do
    local more = count - (from.backends[name] or 0)
    seen.backends[name] = more > 0 and more or nil
  end
  return seen
end

---The weights that Envoy is given for a path: by name of the service-color.
---@param path string
---@return table<string, integer>
function field:weights(path)
  local weights = {}
  local routes = self:read("rds/private-" .. self.port .. ".json").resources[1]
  for _, route in ipairs(routes.virtual_hosts[1].routes) do
    local match, action = route.match, route.route
    if (match.path_separated_prefix or match.prefix) == path and action then
      for _, one in ipairs((action.weighted_clusters or {}).clusters or {}) do
        weights[one.name:match("^[^@]+")] = one.weight
      end
      if action.cluster then weights[action.cluster:match("^[^@]+")] = 1 end
    end
  end
  return weights
end

-- ---- what is done ----

---Has Cloud Map say another weight of web-green, which is not much another one.
function field:turn()
  self.green = self.green == 30 and 31 or 30
  self.aws:cloudmap("update_service_attributes",
    { ServiceId = self.ids["web-green"], Attributes = { ["/web"] = tostring(self.green) } })
end

---Is the last turn in force, in what Envoy runs?
---@return boolean
function field:turned()
  local ok, weights = pcall(self.weights, self, "/web")
  if not ok or weights["web-green"] ~= self.green then return false end
  local name = "private-" .. self.port
  local ran, version = pcall(self.stat, self, ("http.%s.rds.%s.version_text"):format(name, name))
  return ran and version == self:read("rds/" .. name .. ".json").version_info
end

---Sets attributes of a service.
function field:attributes(service, attributes)
  self.aws:cloudmap("update_service_attributes",
    { ServiceId = self.ids[service], Attributes = attributes })
end

---Takes attributes away from a service.
function field:no_attributes(service, names)
  self.aws:cloudmap("delete_service_attributes",
    { ServiceId = self.ids[service], Attributes = names })
end

return field
