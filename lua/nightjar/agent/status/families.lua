-- Every metric: its name, type, labels and meaning, and where its value is in the facts. In this
-- order they are written, and listed in docs/status.md.
--
-- `read(facts, add)` calls `add(value, label, …)` for each sample, the labels in the order of
-- `labels`; a value of nil adds nothing. A summary adds `{ value, suffix }`.

local cause = require("nightjar.agent.cause")
local health = require("nightjar.agent.status.health")
local weights = require("nightjar.agent.weights")

---Routes of so many colors are told; how many more there are is a metric of its own.
local MOST_WEIGHTS = 5000
-- Series about single services end here, for all meshes together.
local MOST_SERVICES = 5000

local families = {}

---@param name string
---@param type "counter"|"gauge"|"summary"
---@param labels string[]?
---@param help string
---@param read fun(facts: table, add: fun(value: any, ...: any))
local function family(name, type, labels, help, read)
  families[#families + 1] = { name = name, type = type, labels = labels, help = help, read = read }
end

-- One number that stands at a place in the facts.
local function at(...)
  local path = { ... }
  return function(facts, add)
    local value = facts
    for _, key in ipairs(path) do
      value = value and value[key]
    end
    add(value)
  end
end

local function flag(value)
  return value and 1 or 0
end

local function each_sorted(map, visit)
  local keys = {}
  for key in pairs(map or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    visit(key, map[key])
  end
end

-- ---- the process, by the names that Prometheus's own clients use ----

family("process_cpu_seconds_total", "counter", nil,
  "Processor time of the agent, of user and system, in seconds.", at("process", "cpu_seconds"))
family("process_resident_memory_bytes", "gauge", nil, "Resident memory of the agent, in bytes.",
  at("process", "resident_bytes"))
family("process_virtual_memory_bytes", "gauge", nil, "Virtual memory of the agent, in bytes.",
  at("process", "virtual_bytes"))
family("nightjar_heap_bytes", "gauge", nil,
  "What Lua holds of the agent's memory, garbage included, in bytes.", at("process", "heap_bytes"))
family("process_open_fds", "gauge", nil, "Open file descriptors of the agent.",
  at("process", "open_fds"))
family("process_max_fds", "gauge", nil, "Most file descriptors that the agent may open.",
  at("process", "max_fds"))
family("process_start_time_seconds", "gauge", nil,
  "When the agent began, also after a restart in place, in seconds since 1970.", at("started"))

-- ---- the agent ----

family("nightjar_build_info", "gauge", { "version" }, "The agent's version; always 1.",
  function(facts, add) add(1, facts.version) end)
family("nightjar_ready", "gauge", nil,
  "1 if a generation is in force and Envoy is live, as `nightjar ready` says.",
  function(facts, add)
    -- Where nobody has asked Envoy, nobody knows.
    if facts.answer or facts.envoy.supervised then
      add(flag((health.ready(facts, facts.answer))))
    end
  end)
family("nightjar_live", "gauge", nil, "0 if a pass or the main loop hangs.",
  function(facts, add) add(flag((health.live(facts)))) end)
family("nightjar_log_lines_total", "counter", { "level", "event" },
  "Lines of the log at the levels warn and error, by their event.",
  function(facts, add)
    each_sorted(facts.events, function(level, events)
      each_sorted(events, function(event, count) add(count, level, event) end)
    end)
  end)

-- ---- passes ----

family("nightjar_passes_total", "counter", { "outcome" },
  "Passes by how they ended: published, unchanged, failed, given_up.",
  function(facts, add)
    each_sorted(facts.pass.outcomes, function(outcome, count) add(count, outcome) end)
  end)
family("nightjar_pass_duration_seconds", "summary", nil, "How long passes took, in seconds.",
  function(facts, add)
    local count = 0
    for _, passes in pairs(facts.pass.outcomes) do
      count = count + passes
    end
    add { value = facts.pass.seconds, suffix = "_sum" }
    add { value = count, suffix = "_count" }
  end)
family("nightjar_last_pass_duration_seconds", "gauge", nil, "How long the last pass took.",
  at("pass", "last", "seconds"))
family("nightjar_last_pass_timestamp_seconds", "gauge", nil,
  "When the last pass ended, in seconds since 1970.", at("pass", "last", "ended"))
family("nightjar_last_good_pass_timestamp_seconds", "gauge", nil,
  "When a pass last ended well, in seconds since 1970.", at("pass", "good"))
family("nightjar_pass_running_seconds", "gauge", nil,
  "For how long a pass has been under way; 0: none is.",
  function(facts, add) add(facts.pass.under_way and facts.pass.under_way.seconds or 0) end)
family("nightjar_stage_failures_total", "counter", { "stage" },
  "Failures by stage of a pass; internal: an error of nightjar's own.",
  function(facts, add)
    for _, stage in ipairs(facts.pass.stages) do
      add(facts.pass.failed[stage] or 0, stage)
    end
    add(facts.pass.failed.internal or 0, "internal")
  end)
family("nightjar_stage_failing", "gauge", { "stage" },
  "1 if this stage failed when it was last reached.",
  function(facts, add)
    local function one(stage)
      local last = facts.pass.failures[stage]
      add(flag(last and not last.over), stage)
    end
    for _, stage in ipairs(facts.pass.stages) do
      one(stage)
    end
    one("internal")
  end)

-- ---- generations ----

family("nightjar_generation_info", "gauge", { "generation", "cause" },
  "The generation in force and what caused it; always 1.",
  function(facts, add)
    local one = facts.generation.in_force
    add(one and 1, one and one.name, one and one.cause)
  end)
family("nightjar_generation_timestamp_seconds", "gauge", nil,
  "When the generation in force came into force, in seconds since 1970.",
  at("generation", "in_force", "at"))
family("nightjar_generations_accepted_total", "counter", nil,
  "Generations that came into force.", at("generation", "accepted"))
family("nightjar_generations_refused_total", "counter", nil,
  "Generations that Envoy refused.", at("generation", "refusals"))
family("nightjar_generation_refused", "gauge", nil,
  "1 if the newest generation is not in force because Envoy refused it.",
  function(facts, add) add(flag(facts.generation.refused)) end)
family("nightjar_generation_pinned", "gauge", nil,
  "1 if `nightjar rollback` holds the generation in force.",
  function(facts, add) add(flag(facts.generation.pinned)) end)
family("nightjar_history_generations", "gauge", nil,
  "Generations to which `nightjar rollback` can go back.", at("generation", "kept"))

-- ---- the mesh ----

local function each_mesh(facts, visit)
  for _, mesh in ipairs(facts.snapshot and facts.snapshot.meshes or {}) do
    visit(mesh)
  end
end

local function each_service(facts, visit)
  local told = 0
  each_mesh(facts, function(mesh)
    for _, service in ipairs(mesh.services) do
      told = told + 1
      if told > MOST_SERVICES then
        return
      end
      visit(service, mesh)
    end
  end)
end

local MESH, SERVICE = { "mesh", "ref" }, { "mesh", "ref", "service" }

local function age(facts, item)
  return math.max(0, facts.now - item.read_at)
end

family("nightjar_services", "gauge", MESH, "Services that are known of a mesh.",
  function(facts, add)
    each_mesh(facts, function(mesh) add(#mesh.services, mesh.name, mesh.ref) end)
  end)
family("nightjar_stale_services", "gauge", MESH,
  "Services that keep old data because their last reading failed.",
  function(facts, add)
    each_mesh(facts, function(mesh)
      local count = 0
      for _, service in ipairs(mesh.services) do
        count = count + flag(service.stale)
      end
      add(count, mesh.name, mesh.ref)
    end)
  end)
family("nightjar_mesh_stale", "gauge", MESH, "1 if the last reading of the whole mesh failed.",
  function(facts, add)
    each_mesh(facts, function(mesh) add(flag(mesh.stale), mesh.name, mesh.ref) end)
  end)
family("nightjar_mesh_age_seconds", "gauge", MESH,
  "How old the list of the mesh's services is; nothing for one that was never read.",
  function(facts, add)
    each_mesh(facts, function(mesh)
      add(mesh.read_at > 0 and age(facts, mesh) or nil, mesh.name, mesh.ref)
    end)
  end)
family("nightjar_oldest_reading_age_seconds", "gauge", nil,
  "How old the oldest reading of a service is; what is read seldom counts.",
  function(facts, add)
    local oldest
    each_mesh(facts, function(mesh)
      for _, service in ipairs(mesh.services) do
        oldest = math.max(oldest or 0, age(facts, service))
      end
    end)
    add(oldest)
  end)
family("nightjar_service_age_seconds", "gauge", SERVICE, "How old the reading of a service is.",
  function(facts, add)
    each_service(facts, function(service, mesh)
      add(age(facts, service), mesh.name, mesh.ref, service.name)
    end)
  end)
family("nightjar_service_stale", "gauge", SERVICE,
  "1 if a service keeps old data because its last reading failed.",
  function(facts, add)
    each_service(facts, function(service, mesh)
      add(flag(service.stale), mesh.name, mesh.ref, service.name)
    end)
  end)
family("nightjar_service_endpoints", "gauge", SERVICE,
  "Instances of a service, whatever their health.",
  function(facts, add)
    each_service(facts, function(service, mesh)
      add(#service.instances, mesh.name, mesh.ref, service.name)
    end)
  end)
family("nightjar_route_weight", "gauge", { "listener", "route", "service", "color", "cluster" },
  "The weight of a color in a route in force.",
  function(facts, add)
    local told = 0
    for one in weights.each(facts.weights or "") do
      told = told + 1
      if told > MOST_WEIGHTS then
        return
      end
      add(one.weight, one.listener, one.route, one.service, one.color, one.cluster)
    end
  end)
family("nightjar_route_weights_left_out", "gauge", nil,
  "Weights that are in force and not told here, for there are too many.",
  function(facts, add)
    local count = 0
    for _ in weights.each(facts.weights or "") do
      count = count + 1
    end
    add(facts.weights and math.max(0, count - MOST_WEIGHTS) or nil)
  end)
family("nightjar_warnings", "gauge", { "code" }, "Warnings of the plan that hold now, by code.",
  function(facts, add)
    local codes = {}
    for _, warning in ipairs(facts.warnings.current) do
      codes[warning.code] = (codes[warning.code] or 0) + 1
    end
    each_sorted(codes, function(code, count) add(count, code) end)
  end)

-- ---- AWS ----

family("nightjar_aws_requests_total", "counter", { "service", "operation" },
  "Requests to AWS, each try counted.",
  function(facts, add)
    each_sorted(facts.aws and facts.aws.operations, function(service, operations)
      each_sorted(operations, function(operation, count) add(count, service, operation) end)
    end)
  end)
family("nightjar_aws_retries_total", "counter", nil, "Requests to AWS that were further tries.",
  at("aws", "retries"))
family("nightjar_aws_throttles_total", "counter", nil,
  "Answers by which AWS asked for fewer requests.", at("aws", "throttles"))
family("nightjar_aws_slowed_operations", "gauge", nil,
  "Operations that go slower now because AWS asked for it.", at("aws", "slowed"))
family("nightjar_aws_day_cost_dollars", "gauge", nil,
  "What a day of this agent's requests costs at list price; of a fleet, its own part.",
  at("aws", "day", "dollars"))
family("nightjar_aws_clock_ahead_seconds", "gauge", nil,
  "By how much AWS's clock is ahead of this machine's; 0 unless that mattered.", at("aws", "skew"))
family("nightjar_credentials_info", "gauge", { "source", "method" },
  "Where the AWS credentials in use come from; always 1.",
  function(facts, add)
    local held = facts.aws and facts.aws.credentials
    add(held and 1, held and held.source, held and held.method)
  end)
family("nightjar_credentials_expiry_timestamp_seconds", "gauge", nil,
  "When the AWS credentials in use expire, in seconds since 1970; nothing if they do not.",
  at("aws", "credentials", "expires"))
family("nightjar_credentials_renewal_failing", "gauge", nil,
  "1 if the AWS credentials could not be renewed when they should have been.",
  function(facts, add)
    local held = facts.aws and facts.aws.credentials
    add(held and flag(held.troubled) or nil)
  end)

-- ---- Envoy ----

-- Of an Envoy that the agent starts.
local function supervised(read)
  return function(facts, add)
    if facts.envoy.supervised then
      read(facts, add)
    end
  end
end

family("nightjar_envoy_state", "gauge", { "state" },
  "1 for the state that Envoy is in, 0 for the others.",
  supervised(function(facts, add)
    for _, state in ipairs(facts.envoy.states) do
      add(flag(state[1] == facts.envoy.state), state[1])
    end
  end))
family("nightjar_envoy_state_timestamp_seconds", "gauge", nil,
  "Since when Envoy is in its state, in seconds since 1970.", supervised(at("envoy", "since")))
family("nightjar_envoy_processes", "gauge", nil,
  "Envoys that run: 2 in a hot restart.", supervised(at("envoy", "processes")))
family("nightjar_envoy_epoch", "gauge", nil,
  "How many hot restarts lie behind the Envoy that runs.", supervised(at("envoy", "epoch")))
family("nightjar_envoy_starts_total", "counter", nil,
  "Envoys that were started.", supervised(at("envoy", "starts")))
family("nightjar_envoy_restarts_total", "counter", nil,
  "Starts after a death or a failed start.", supervised(at("envoy", "restarts")))
family("nightjar_envoy_deaths_total", "counter", { "cause" },
  "Deaths and failed starts of Envoy, by cause (docs/supervision.md).",
  supervised(function(facts, add)
    add(facts.envoy.deaths.hang or 0, "hang")
    each_sorted(cause.list, function(name) add(facts.envoy.deaths[name] or 0, name) end)
  end))
family("nightjar_sandbox_layer_info", "gauge", { "layer" },
  "A protection that nightjar-plan runs under; always 1.",
  function(facts, add)
    for _, layer in ipairs(facts.sandbox or {}) do
      add(1, layer)
    end
  end)

return families
