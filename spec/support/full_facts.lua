-- Facts of an agent to which everything has happened: each field that facts.gather may give.

local lifecycle = require("nightjar.agent.lifecycle")
local weights = require("nightjar.agent.weights")

local NOW = 1764368000.25

local function service(name, more)
  local one = { id = "srv-" .. name, name = name, read_at = NOW - 10, instances = { {}, {} },
    attributes = { ["/secret-attribute"] = "1" } }
  for key, value in pairs(more or {}) do one[key] = value end
  return one
end

local function meshes()
  return {
    { ref = "own", id = "ns-1", name = "shop.local", port = 8080, audience = "private",
      read_at = NOW - 60, services = { service("web-blue"),
        service("web-green", { stale = true, error = "AccessDenied", read_at = NOW - 600 }) } },
    { ref = "NAMESPACE_0", id = "ns-2", name = "partners", port = 9090, audience = "public",
      read_at = 0, stale = true, error = "NamespaceNotFound", services = {} },
  }
end

local function plan()
  return { { name = "private-8080", routes = { { path = "/web", clusters = {
    { service = "web", color = "blue", cluster = "web-blue@shop.local", weight = 80 },
    { service = "web", color = "green", cluster = "web-green@shop.local", weight = 20 } } } } } }
end

local function pass()
  return {
    under_way = { at = NOW - 1, seconds = 1, stage = "plan" }, longest = 300,
    last = { at = NOW - 31, ended = NOW - 30.5, seconds = 0.5, outcome = "failed" },
    good = NOW - 60, next_in = 29, seconds = 12.5,
    outcomes = { published = 2, unchanged = 20, failed = 3, given_up = 1 },
    failures = {
      plan = { reason = "plan: policies/x.lua:3: no", since = NOW - 90, at = NOW - 30, count = 2 },
      internal = { reason = "a bug", since = NOW - 900, at = NOW - 900, over = NOW - 870,
        count = 1 },
    },
    failed = { plan = 2, internal = 1 }, stages = { "discover", "plan", "publish", "supervise" },
  }
end

local function aws()
  return { region = "eu-central-1", since = NOW - 3600, passes = 26, retries = 2, throttles = 1,
    slowed = 1, skew = 0.0, operations = { servicediscovery = { DiscoverInstances = 100 } },
    day = { operations = { servicediscovery = { DiscoverInstances = 110000 } }, calls = 110000,
      dollars = 0.11 },
    credentials = { source = "container", method = "container", expires = NOW + 3600,
      troubled = true } }
end

local function envoy()
  return { supervised = true, state = "live", since = NOW - 100, states = lifecycle.states,
    pid = 42, epoch = 1, base_id = 0, processes = 2, starts = 3, restarts = 1, crashes = 1,
    deaths = { crash = 1, hang = 1 }, last_cause = "crash", problem = "envoy: none",
    no_hot_restart = "no /dev/shm" }
end

---@return table facts a new table each time
return function()
  return {
    now = NOW, version = "0.1.0", started = NOW - 3600, stopping = nil, leaving = 12.5,
    discovery = "cloudmap", member = "srv-web", gateway = true,
    settings = { { name = "AWS_REGION", source = "environment" } },
    process = { pid = 7, cpu_seconds = 1.25, resident_bytes = 12 << 20, virtual_bytes = 40 << 20,
      heap_bytes = 2 << 20, open_fds = 12, max_fds = 1024 },
    loop = { waiting = 0, idle = 1 }, pass = pass(),
    generation = {
      in_force = { name = "9c41d0f3a7be1f20", at = math.floor(NOW - 500), cause = "mesh",
        difference = { "route /web: green 10 → 20" }, listeners = { "private-8080" },
        files = { "cds.json", "lds.json" } },
      refused = { name = "aaaa1111", reason = "Envoy refused cds.json", files = { "cds.json" },
        outside = false },
      pinned = { generation = "9c41d0f3a7be1f20", at = math.floor(NOW - 300),
        problem = "plan: no" },
      accepted = 2, refusals = 1, kept = 3,
    },
    snapshot = { meshes = meshes() }, stale = { services = 1, began = NOW - 500 },
    weights = weights.pack(plan()),
    warnings = { lines = 3, current = { { code = "weight_invalid", mesh = "shop.local",
      service = "web-blue", message = "expected an integer" } } },
    aws = aws(), envoy = envoy(), sandbox = { "rlimits", "seccomp" },
    shadow = { failing = false, text = "route /web: green 10 → 30" },
    events = { warn = { stale = 1 }, error = { refused = 1, pass_failed = 3 } },
  }
end
