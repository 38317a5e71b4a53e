-- Memory that runs out in passes over Cloud Map, an emulator that the real AWS SDK fills: each call
-- signed, over libcurl. `make torture`; EVERY gives a part: 10 each tenth.

local failing_of = require("spec.support.failing_memory")
local file = require("host.file")
local moto = require("spec.support.moto")
local passes_of = require("spec.support.passes")
local program = require("host.program")
local rows_of = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local world_of = require("spec.support.world")

local missing = world_of.missing() or moto.missing()
if missing then
  pending("memory that runs out over Cloud Map: " .. missing)
  return
end

local PASSES = 200 // tonumber(os.getenv("EVERY") or 1)

describe("a pass over Cloud Map that runs out of memory", function()
  local field, s, folder, failing, aws, ids, environment
  local rows, turn = rows_of.of("lack_of_memory_aws"), 0
  local argv = { program.directory .. "/nightjar", "once" }

  local function at(name)
    return { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = tostring(s.ports[name]) }
  end

  local function change()
    turn = turn + 1
    aws:cloudmap("update_service_attributes",
      { ServiceId = ids["web-blue"], Attributes = { ["/web"] = tostring(turn) } })
  end

  local function is_new()
    local text = file.read(("%s/rds/private-%d.json"):format(s.folder, s.port)) or ""
    return ((text .. "\n"):gsub(",\n", "\n")):find('"weight": ' .. turn .. "\n", 1, true) ~= nil
  end

  setup(function()
    folder = script.folder()
    failing = failing_of.new(folder)
    field = passes_of.new(0, "blue", "green")
    s = field.sidecar
    aws = moto.start()
    local _
    _, ids = aws:fill("corp.local", {
      { name = "web-blue", instances = { a = at("blue") }, attributes = { ["/web"] = "100" },
        settings = { SERVICE = "web", COLOR = "blue" } },
      { name = "web-green", instances = { a = at("green") },
        settings = { SERVICE = "web", COLOR = "green", ["/web"] = "10" } },
      { name = "me-blue", instances = { a = at("blue") },
        settings = { SERVICE = "me", COLOR = "blue", ["/me"] = "1" } },
    })
    environment = { TMP_DIR = s.world.directory .. "/tmp", ENVOY_ADMIN_PORT = s.admin_port,
      LOG_LEVEL = "warn", ENVOY_BIN = "", SERVICE_MEMBER = ids["me-blue"], SERVICE_PORT = s.port,
      AWS_ENDPOINT_URL = aws.endpoint, AWS_REGION = "eu-central-1",
      AWS_ACCESS_KEY_ID = aws.users.agent.id, AWS_SECRET_ACCESS_KEY = aws.users.agent.secret }
    turn = 99
    change()
    local first = failing:run(argv, environment)
    assert(first.status == 0 and is_new(), first.err)
    s.world:start("envoy", { "envoy", "--config-path", s.folder .. "/envoy-config.yaml",
      "--base-id", s.admin_port, "--log-level", "error", "--drain-time-s", "1" })
    s:answers("/web", 200)
  end)

  teardown(function()
    local left = s.world:close()
    aws:stop()
    script.discard(folder)
    assert.are.same({}, left)
  end)

  for _, span in ipairs { { 1 << 40, "for good" }, { 5, "for five allocations" } } do
    it("fails with the cause or keeps what it has, and the next one repairs: " .. span[2],
      function()
        change()
        local whole = failing:run(argv, environment)
        assert.equal(0, whole.status, whole.err)
        local load = s.world:load(s:url("/web"), 4, 50)
        local faults, failed = {}, 0
        local function wrong(...) faults[#faults + 1] = string.format(...) end
        local numbers = failing_of.spread(whole.calls, PASSES)
        for _, first in ipairs(numbers) do
          change()
          local result = failing:run(argv, environment, first, span[1])
          if result.signal or not result.status or result.status >= 124
            or result.status ~= 0 and not result.err:find("%S") then
            wrong("from %d: ended with %s: %s", first, result.signal or result.status, result.err)
          end
          failed = failed + (result.status == 0 and 0 or 1)
          if s.world:get(s:url("/web")) ~= 200 then wrong("from %d: no answer", first) end
          local repaired = failing:run(argv, environment)
          if repaired.status ~= 0 or not is_new() then
            wrong("from %d: the next pass does not repair: %s, after %s", first, repaired.err,
              result.err)
          end
          passes_of.check_state(wrong, s.state)
        end
        assert.are.same({}, faults)
        local seen = s.world:finish_load(load)
        assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
        local figures = ("%d passes over %d allocations: %d failed; %d requests, %d failed"):format(
          #numbers, whole.calls, failed, seen.requests, seen.failed)
        print("# " .. span[2] .. ": " .. figures)
        rows:add { fault = "memory runs out in a pass over Cloud Map, " .. span[2],
          injected = "malloc, calloc and realloc fail from the Nth call on",
          outcome = "the pass fails with the cause, or keeps what it has; the next one repairs",
          figures = figures }
      end)
  end
end)
