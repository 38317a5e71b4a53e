-- Passes of `nightjar once` on a folder that a running Envoy reads, with a fault at any of their
-- system calls, for the specs of faults.

local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local strace = require("spec.support.strace")
local world_of = require("spec.support.world")

local passes = {}
passes.__index = passes

-- Until a fault meets the call that it is meant for: how often a pipe is read before it may differ.
local TRIES = 40
-- A fault that misses its aim may leave nightjar-plan with an input that never ends; so long, in
-- seconds, is it waited for.
local DEADLINE = 10

local function replaces(call)
  return call.line:find("O_CREAT", 1, true) or ({ write = true, fsync = true, close = true,
    mkdir = true, mkdirat = true, rename = true, renameat = true, renameat2 = true })[call.name]
end

-- What a call can meet; `reason`: what the pass must say if it fails.
passes.faults = {
  { fault = "signal=KILL", name = "killed", can = function() return true end },
  { fault = "error=ENOSPC", name = "without space", reason = "No space left on device",
    can = replaces },
  { fault = "error=EIO", name = "with an I/O error", reason = "Input/output error",
    can = function(call) return call.name ~= "fcntl" end },
}

-- The program, with a nightjar-plan beside it that starts the real one and reads and writes at
-- once: else the number of a call among its kind would differ from run to run, and faults miss.
local function steady_program(folder)
  script.sh("mkdir %s && cp %s spec/support/at_once.py %s", folder,
    program.directory .. "/nightjar", folder)
  local text = '#!/bin/sh\nexec python3 -IS %s/at_once.py %s "$@"\n'
  assert(file.write(folder .. "/nightjar-plan",
    text:format(folder, program.directory .. "/nightjar-plan"), { mode = 493 })) -- 0755
  return folder .. "/nightjar"
end

---A world with an Envoy to come, see `start`.
---@param port_count integer of free ports for further listeners, `ports`
---@param ... string names of backends
---@return table passes `sidecar`, `world`; `command` makes one pass, which says its part in `err`;
---  `steady` makes one for `strace`
function passes.new(port_count, ...)
  -- In memory, where to have a file written out takes no time: the passes are many, and a fault at
  -- a call is the same.
  local world = world_of.new(world_of.memory())
  local sidecar = sidecar_of.within(world, ...)
  local self = setmetatable({ sidecar = sidecar, world = world, err = world.directory .. "/err",
    ports = { world:ports(port_count) } }, passes)
  self.templates = sidecar:own_templates()
  local function command_of(nightjar)
    return ("env TMP_DIR=%s/tmp ENVOY_ADMIN_PORT=%d MESH_FILE=%s DISCOVERY=file "
      .. "ENVOY_TEMPLATE_DIR=%s POLICY_DIR=%s/policies AWS_EC2_METADATA_DISABLED=true "
      .. "LOG_LEVEL=warn PLAN_DEADLINE=%d %s once 2>%s"):format(world.directory,
      sidecar.admin_port, sidecar.mesh_file, self.templates, program.data_directory(), DEADLINE,
      nightjar, self.err)
  end
  self.command = command_of(sidecar.program)
  self.steady = command_of(steady_program(world.directory .. "/bin"))
  return self
end

---Publish the first generation, start an Envoy on it, and load on `/web`.
function passes:start()
  local sidecar = self.sidecar
  assert(os.execute(self.command))
  self.world:start("envoy", { "envoy", "--config-path", sidecar.folder .. "/envoy-config.yaml",
    "--base-id", sidecar.admin_port, "--log-level", "error", "--drain-time-s", "1" })
  sidecar:answers("/web", 200)
  self.load = self.world:load(sidecar:url("/web"), 4, 100)
end

---Contents by path below a folder, of hidden files too.
---@return table<string, string>
function passes.contents(folder)
  local texts = {}
  local function add(prefix)
    for _, item in ipairs(assert(file.list(folder .. "/" .. prefix))) do
      if item.type == "folder" then
        add(prefix .. item.name .. "/")
      else
        texts[prefix .. item.name] = assert(file.read(folder .. "/" .. prefix .. item.name))
      end
    end
  end
  add("")
  return texts
end

---Make one pass, and list its system calls on the published files and on the state.
---@return table[] calls see spec/support/strace.lua
function passes:calls()
  local calls = {}
  for _, call in ipairs(strace.run(self.steady, self.world.directory .. "/tmp/",
    self.world.directory .. "/trace").calls) do
    calls[#calls + 1] = call.nth and call or nil
  end
  return calls
end

-- What is wrong right after a fault, whatever the pass was about.
function passes:check_struck(wrong, fault, result)
  -- Where it missed its aim it met something that is no file.
  if fault.reason and result.hit and result.hit.nth and result.status ~= 0 then
    local said = file.read(self.err) or ""
    if result.status ~= 1 or not (said:find(fault.reason, 1, true)
      or self.expected and said:find(self.expected, 1, true)) then
      wrong("ended with %s and said: %s", tostring(result.status), said)
    end
  end
  local status = self.world:get(self.sidecar:url("/web"))
  if status ~= 200 then
    wrong("Envoy answers %s", tostring(status))
  end
  passes.check_state(wrong, self.sidecar.state)
end

---What is wrong with the files of a state folder: JSON that is none, history that is another.
---@param wrong fun(format: string, ...: any)
---@param folder string
function passes.check_state(wrong, folder)
  for path, text in pairs(passes.contents(folder)) do
    local hash = path:match("^history/(%x+)$")
    if hash and json.hash(text) ~= hash or path:find("%.json$") and not json.decode(text) then
      wrong("state file %s is torn", path)
    end
  end
end

---What is wrong unless Envoy runs the published files.
function passes:check_running(wrong)
  local sidecar = self.sidecar
  local names = { ["cluster_manager.cds"] = "cds.json", ["listener_manager.lds"] = "lds.json",
    [("http.public-%d.rds.public-%d"):format(sidecar.port, sidecar.port)] =
      ("rds/public-%d.json"):format(sidecar.port) }
  for name, path in pairs(names) do
    local version = sidecar:stat(name .. ".version_text")
    if version ~= sidecar:read(path).version_info then
      wrong("Envoy runs version %s of %s", tostring(version), path)
    end
  end
end

-- One case: a fault, what is then, a pass that nothing hinders, and what is after it. The files of
-- the moment between the two are each the old one or the new one.
function passes:strike(call, fault, kind)
  kind.prepare()
  local old, faults = self.contents(self.sidecar.folder), {}
  local result = strace.strike(self.steady, self.world.directory .. "/tmp/",
    self.world.directory .. "/trace", call, fault.fault)
  local function wrong(...)
    faults[#faults + 1] = ("%s at %s: "):format(fault.name,
      result.hit and result.hit.line or "nothing") .. string.format(...)
  end
  self:check_struck(wrong, fault, result)
  local struck = self.contents(self.sidecar.folder)
  kind.repair(wrong)
  local new = kind.new and kind.new(struck) or self.contents(self.sidecar.folder)
  for path, text in pairs(struck) do
    if text ~= old[path] and text ~= new[path] and not path:find("%.tmp$") then
      wrong("%s was neither the old one nor the new one", path)
    end
  end
  kind.check(wrong, old)
  self:check_running(wrong)
  return result, faults
end

---A fault at one call; the number that it has among its kind may differ from run to run.
---@param call table
---@param fault table one of `passes.faults`
---@param kind { prepare: fun(), repair: fun(wrong: function), check: fun(wrong: function,
---  old: table<string, string>), new: (fun(struck: table): table<string, string>)? } prepare: makes
---  a generation to publish; repair: the pass after the fault; check: what is wrong then; new: the
---  other contents that files may have after the fault, unless they are those after the repair
---@param faults string[] what was wrong is added
---@return true? met
function passes:case(call, fault, kind, faults)
  local number = call.number
  for _ = 1, TRIES do
    local result, found = self:strike({ name = call.name, number = number }, fault, kind)
    table.move(found, 1, #found, #faults + 1, faults)
    if result.hit and result.hit.nth == call.nth then
      return true
    end
    number = strace.aim(call, number, result)
  end
  faults[#faults + 1] = fault.name .. " is never reached: " .. call.line
end

---A fault at each of some calls; prints the count.
---@param calls table[]
---@param fault table
---@param kind table as for `case`
---@return string[] faults
---@return integer missed calls that the fault did not meet
function passes:cases(calls, fault, kind)
  local faults, cases, missed, started = {}, 0, 0, os.time()
  for _, call in ipairs(calls) do
    if fault.can(call) then
      local met = self:case(call, fault, kind, faults)
      cases, missed = cases + 1, missed + (met and 0 or 1)
    end
  end
  print(("# %s: %d cases at %d calls, %d s"):format(fault.name, cases - missed, cases,
    os.time() - started))
  return faults, missed
end

return passes
