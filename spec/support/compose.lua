-- Runs the services of a compose file with podman, for the specs of examples/compose: in the order
-- that its conditions ask for, each with all that the file says of it. Whatever in the file is not
-- known here is an error, so that nothing in it is left out.

local json = require("host.json")
local podman = require("spec.support.podman")
local world_of = require("spec.support.world")

local compose = {}
compose.__index = compose

-- host.yaml refuses merge keys (`<<`), which compose files live by.
local READ = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"

local function run(...)
  local words = { ... }
  for i, word in ipairs(words) do
    words[i] = "'" .. word:gsub("'", "'\\''") .. "'"
  end
  local pipe = assert(io.popen(table.concat(words, " "), "r"))
  local text = pipe:read("a")
  pipe:close()
  return text
end

local function keys(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

---Fail at a key that is not in `known`.
local function check(path, map, known)
  for _, name in ipairs(keys(map)) do
    if not known[name] then
      error(("%s.%s: no such key is known to spec/support/compose.lua"):format(path, name), 0)
    end
  end
end

---Seconds of a duration such as `1m30s`.
local function seconds(text)
  local sum, rest = 0, text
  rest = rest:gsub("(%d+)(%a)", function(count, unit)
    local factor = ({ h = 3600, m = 60, s = 1 })[unit]
    sum = sum + (factor and count * factor or error("expected a duration, got " .. text, 0))
    return ""
  end)
  return rest == "" and sum or error("expected a duration such as 1m30s, got " .. text, 0)
end

---Replace `${NAME:-default}` in every text, as compose does.
local function interpolate(value, environment)
  if type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = interpolate(item, environment)
    end
  elseif type(value) == "string" then
    value = value:gsub("%${([%w_]+):%-([^}]*)}", function(name, default)
      return tostring(environment[name] or default)
    end)
    assert(not value:find("$", 1, true), "expected ${NAME:-default} and no other $: " .. value)
  end
  return value
end

-- What each key of a service adds to `podman run`.
local OPTIONS = {
  user = function(_, add, value) add("--user=" .. value) end,
  read_only = function(_, add, value)
    add("--read-only=" .. tostring(value))
    add("--read-only-tmpfs=false")
  end,
  cap_drop = function(_, add, list)
    for _, name in ipairs(list) do add("--cap-drop=" .. name) end
  end,
  security_opt = function(_, add, list)
    for _, option in ipairs(list) do
      assert(option == "no-new-privileges:true", "another security_opt: " .. option)
      add("--security-opt=no-new-privileges")
    end
  end,
  volumes = function(self, add, list)
    for _, text in ipairs(list) do
      local name = text:match("^([%w_]+):/")
      assert(self.file.volumes[name] ~= nil, "expected a volume of the file, got " .. text)
      add("--volume=" .. self.project .. "_" .. text)
    end
  end,
  ports = function(_, add, list)
    for _, text in ipairs(list) do add("--publish=" .. text) end
  end,
  network_mode = function(self, add, value)
    local owner = assert(value:match("^service:(.+)$"), "expected service:NAME, got " .. value)
    add("--network=container:" .. self.containers[owner].id)
  end,
  networks = function(_, add, map)
    check("networks", map, { default = true })
    check("networks.default", map.default, { aliases = true })
    for _, alias in ipairs(map.default.aliases) do add("--network-alias=" .. alias) end
  end,
}
-- Keys that are looked at elsewhere.
local OTHERS = { image = true, build = true, command = true, environment = true,
  depends_on = true, healthcheck = true, stop_grace_period = true }
local HEALTH = { test = true, interval = true, timeout = true, retries = true,
  start_period = true }

local function known_service_keys()
  local known = {}
  for _, set in ipairs { OPTIONS, OTHERS } do
    for name in pairs(set) do known[name] = true end
  end
  return known
end

local function check_file(file)
  local known = { name = true, services = true, volumes = true }
  for name, value in pairs(file) do
    -- What begins with x- is there to be merged into services.
    known[name] = known[name] or name:find("^x%-") ~= nil
    assert(name ~= "volumes" or next(value), "volumes: expected some")
  end
  check("compose file", file, known)
  for name, service in pairs(file.services) do
    check("services." .. name, service, known_service_keys())
    check(name .. ".build", service.build or {},
      { context = true, dockerfile = true, target = true })
    check(name .. ".healthcheck", service.healthcheck or {}, HEALTH)
    for dependency, how in pairs(service.depends_on or {}) do
      check(name .. ".depends_on", { [dependency] = how }, file.services)
      -- `restart` is about what the specs never do: `docker compose restart`.
      check(name .. ".depends_on." .. dependency, how, { condition = true, restart = true })
    end
  end
end

---Read a compose file; nothing is started yet.
---@param path string
---@param environment table<string, string|integer>? for `${NAME:-default}`
---@return table compose `file` what it says, `containers` by the service's name
function compose.read(path, environment)
  local file = interpolate(assert(json.decode(run("python3", "-c", READ, path))),
    environment or {})
  check_file(file)
  return setmetatable({ file = file, project = file.name, containers = {} }, compose)
end

---Images and how each is built: `{ context, dockerfile, target }`, as the file says it, once for
---each service that builds it.
---@return table<string, table[]>
function compose:images()
  local images = {}
  for _, service in pairs(self.file.services) do
    local builds = images[service.image] or {}
    images[service.image] = builds
    builds[#builds + 1] = service.build
  end
  return images
end

---Run a service, whose conditions are met.
function compose:start(name)
  local service, options = self.file.services[name], {}
  local function add(word)
    options[#options + 1] = word
  end
  add(("--name=%s-%s-1"):format(self.project, name))
  if not service.network_mode then
    add("--network=" .. self.project .. "_default")
    add("--network-alias=" .. name)
  end
  for _, key in ipairs(keys(service)) do
    if OPTIONS[key] then
      OPTIONS[key](self, add, service[key])
    end
  end
  self.containers[name] = podman.start(service.image, { hardened = false, options = options,
    environment = service.environment, command = service.command })
end

---Does a service's health check pass now? When it is asked, and how often it may fail, is left to
---who calls: a loaded machine must not decide the specs.
function compose:healthy(name)
  local health = assert(self.file.services[name].healthcheck, name .. " has no healthcheck")
  assert(health.test[1] == "CMD", name .. ": expected a healthcheck of the form CMD")
  local argv = { "timeout", tostring(seconds(health.timeout)), "podman", "exec",
    self.containers[name].id, table.unpack(health.test, 2) }
  return run("sh", "-c", '"$@" >/dev/null 2>&1 </dev/null && echo yes', "sh",
    table.unpack(argv)) == "yes\n"
end

-- What `depends_on` may ask for. A service that ended otherwise will never meet a condition.
local CONDITIONS = {
  service_healthy = function(self, name)
    assert(self.containers[name]:state("Status") == "running", name .. " does not run any more")
    return self:healthy(name)
  end,
  service_completed_successfully = function(self, name)
    if self.containers[name]:state("Status") ~= "exited" then
      return false
    end
    local status = self.containers[name]:state("ExitCode")
    assert(status == "0", name .. " ended with status " .. status)
    return true
  end,
}

---Is a condition met? What once held is not asked again, as with compose.
function compose:met(name, condition)
  local key = name .. " " .. condition
  if not self.held[key] and self.containers[name] then
    local probe = CONDITIONS[condition] or error("no such condition: " .. condition, 0)
    self.held[key] = probe(self, name)
  end
  return self.held[key]
end

---Start what can be started now.
---@return boolean all is everything started?
function compose:round()
  local all = true
  for _, name in ipairs(keys(self.file.services)) do
    local ready = true
    for _, other in ipairs(keys(self.file.services[name].depends_on or {})) do
      ready = self:met(other, self.file.services[name].depends_on[other].condition) and ready
    end
    if ready and not self.containers[name] then
      self:start(name)
    end
    all = all and ready
  end
  return all
end

---What every container wrote, for a message.
function compose:logs()
  local parts = {}
  for _, name in ipairs(keys(self.containers)) do
    parts[#parts + 1] = ("== %s\n%s"):format(name, self.containers[name]:log():sub(-2000))
  end
  return table.concat(parts, "\n")
end

---Start all services in their order and wait until those with a health check are healthy.
---@param limit number seconds for all of it
function compose:up(limit)
  self:down()
  podman.must("network", "create", self.project .. "_default")
  self.held = {}
  local fine, err = pcall(world_of.eventually, function()
    if not self:round() then
      return false
    end
    for _, name in ipairs(keys(self.file.services)) do
      if self.file.services[name].healthcheck and not self:met(name, "service_healthy") then
        return false
      end
    end
    return true
  end, limit, "all services are up")
  if not fine then
    error(err .. "\n" .. self:logs(), 0)
  end
end

---Stop a service as compose does: TERM, and the kill after its grace period.
---@return integer status
function compose:stop(name)
  return self.containers[name]:stop(seconds(self.file.services[name].stop_grace_period or "10s"))
end

---Remove all of the project: containers, network, volumes.
function compose:down()
  local names = { {}, {} }
  for _, name in ipairs(keys(self.file.services)) do
    -- Who shares another's network goes before it.
    local list = names[self.file.services[name].network_mode and 1 or 2]
    list[#list + 1] = ("%s-%s-1"):format(self.project, name)
  end
  for _, list in ipairs(names) do
    podman.must("rm", "--force", "--ignore", "--volumes", "--time=0", table.unpack(list))
  end
  podman.must("network", "rm", "--force", self.project .. "_default")
  for _, name in ipairs(keys(self.file.volumes)) do
    podman.must("volume", "rm", "--force", self.project .. "_" .. name)
  end
  self.containers = {}
end

return compose
