-- Counts what nightjar executes on a mesh of Cloud Map, under valgrind: `nightjar-plan`, and passes
-- of an agent. For spec/load/budget_spec.lua and spec/load/growth_spec.lua.

local callgrind = require("spec.support.callgrind")
local cli = require("spec.support.cli")
local discover = require("nightjar.agent.discover")
local moto = require("spec.support.moto")
local planner = require("nightjar.agent.planner")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local settings_of = require("nightjar.settings")

local counted = {}
counted.__index = counted

-- As the agent calls it, but without limits on time.
local PLAN = "%s/nightjar-plan --max-memory-mib 256 --max-instructions 100000000 "
  .. "--max-cpu-ms 600000 --max-seconds 600 <%s/request"

---Why nothing can be counted here.
---@return string?
function counted.missing()
  return callgrind.missing() or moto.missing()
end

---An endpoint and a folder for what is counted.
---@return table counted `endpoint` (spec/support/moto.lua)
function counted.new()
  return setmetatable({ endpoint = moto.faulty(), folder = cli.folder() }, counted)
end

function counted:stop()
  self.endpoint:stop()
  cli.remove(self.folder)
end

local function settings(self)
  return assert(settings_of.load { flags = {}, data_directory = program.data_directory(),
    environment = { TMP_DIR = self.folder, ENVOY_BIN = "", SERVICE_MEMBER = reference.MEMBER,
      AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = self.endpoint.endpoint,
      AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } })
end

-- What the agent sends to nightjar-plan for a mesh, in the file `request`.
local function write_request(self, size)
  self.endpoint:state(reference.state(size))
  local text
  local execute = sched.exec
  local _ <close> = setmetatable({}, { __close = function() sched.exec = execute end })
  sched.exec = function(options)
    text = options.input
    return execute(options)
  end
  sched.run(function()
    local given = settings(self)
    local snapshot = assert(discover.run(nil, given))
    assert(planner.run({ snapshot = snapshot, now = snapshot.taken_at }, given))
  end)
  cli.write(self.folder .. "/request", text)
end

---The memory of one plan, in its sandbox. It has its whole answer before it writes any of that, and
---then waits for who reads it.
---@param size? table as of `plan`
---@return integer KiB resident at its peak
function counted:plan_memory(size)
  write_request(self, size)
  local pipe = assert(io.popen(("cd %s && rm -f answer && mkfifo answer && { %s >answer & } "
    .. "&& exec 3<answer && head -c 1 <&3 >first && grep VmHWM /proc/$!/status "
    .. "&& cat <&3 >rest && wait $! && wc -c <rest"):format(self.folder,
    PLAN:format(program.directory, self.folder))))
  local text = pipe:read("a")
  assert(pipe:close(), text)
  local peak, answered = text:match("VmHWM:%s*(%d+) kB\n%s*(%d+)")
  -- More than a pipe holds, else it may have ended before it was looked at.
  assert(tonumber(answered) > 1 << 16, text)
  return math.tointeger(tonumber(peak))
end

---One plan, from the start of the process to its end.
---@param size? { services: integer, instances: integer } of the mesh; else that of the reference
---@return { instructions: integer, allocations: integer } plan
---@return { calls: integer } first calls of AWS until then
function counted:plan(size)
  write_request(self, size)
  local first = { calls = #self.endpoint:asked().requests }
  assert(os.execute(("cc -shared -fPIC -o %s/unconfined.so spec/support/unconfined.c")
    :format(self.folder)))
  return callgrind.run(PLAN:format(program.directory, self.folder),
    { environment = ("LD_PRELOAD=%s/unconfined.so"):format(self.folder) }), first
end

---So many passes of an agent, from the start of the process to its end, without its plans.
---@param count integer
---@param changes? boolean each finds something changed; on the mesh of the reference alone
---@param size? table as above
---@return { instructions: integer, allocations: integer, calls: integer }
function counted:passes(count, changes, size)
  self.endpoint:state(reference.state(size))
  local command = program.directory .. "/nightjar test spec/support/budget_passes.lua"
  local counts = callgrind.run(command, { environment = ("BUDGET_ENDPOINT=%s BUDGET_PASSES=%d %s")
    :format(self.endpoint.endpoint, count, changes and "BUDGET_CHANGES=1" or "") })
  counts.calls = #self.endpoint:asked().requests
  return counts
end

return counted
