-- A world for a system spec: a folder, free ports, processes with logs; `close` ends it all and
-- says what it had to kill. Processes are no children of the event loop's, so that they go on
-- between two uses of it.

local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local sched = require("nightjar.agent.sched")

local world = {}
world.__index = world

---The program that `world:agent` starts; a spec may name one that starts it in a container.
world.nightjar = program.directory .. "/nightjar"

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function shell(command)
  local pipe = assert(io.popen(command, "r"))
  local output = pipe:read("a")
  pipe:close()
  return output
end

---Is an Envoy to be had? System specs are pending without one.
function world.missing()
  if os.execute("command -v envoy >/dev/null 2>&1") then
    return nil
  end
  return "no envoy on PATH: `make test` puts one there"
end

---@param parent string? of its folder, instead of the usual one
function world.new(parent)
  local directory = shell("mktemp -d" .. (parent and " -p " .. quote(parent) or "")):match("%S+")
  return setmetatable({ directory = directory, running = {} }, world)
end

---A folder in memory, for a world whose programs have files written out many times; nil where there
---is none, or one in which no program may be.
---@return string? parent for `world.new`
function world.memory()
  local usable = os.execute([[folder=$(mktemp -d -p /dev/shm 2>/dev/null) || exit 1
    cp /bin/sh "$folder/sh" && "$folder/sh" -c :
    status=$?
    rm -rf "$folder"
    exit $status]])
  return usable and "/dev/shm" or nil
end

---Ports that were free a moment ago, and that no other spec is given, see spec/support/ports.py.
---@param count integer
---@return integer ...
function world.ports(_, count)
  local ports = {}
  for port in shell("python3 -IS spec/support/ports.py " .. count):gmatch("%d+") do
    ports[#ports + 1] = math.tointeger(port)
  end
  assert(#ports == count, "not enough free ports")
  return table.unpack(ports)
end

---Start a program.
---@param name string of its log, `NAME.log` in the world's folder
---@param argv string[]
---@param environment table<string, string|integer>?
---@return table process `pid`, `log`; see `stop` and `status`
function world:start(name, argv, environment)
  local base = self.directory .. "/" .. name
  local words = {}
  for key, value in pairs(environment or {}) do
    words[#words + 1] = key .. "=" .. quote(value)
  end
  table.sort(words)
  table.insert(words, 1, "env")
  table.insert(words, "python3 spec/support/launch.py " .. quote(base))
  for _, word in ipairs(argv) do
    words[#words + 1] = quote(word)
  end
  os.remove(base .. ".status")
  os.remove(base .. ".pid")
  os.execute(table.concat(words, " ") .. " >/dev/null 2>&1 &")
  local pid = self.eventually(function()
    return tonumber(file.read(base .. ".pid") or "")
  end, 5, name .. " has a process id")
  local process = { name = name, pid = pid, base = base, log = base .. ".log" }
  self.running[#self.running + 1] = process
  return process
end

function world.signal(_, process, name)
  return os.execute(("kill -%s %d 2>/dev/null"):format(name, process.pid))
end

---The exit status, once the process has ended.
function world.status(_, process)
  return math.tointeger(tonumber(file.read(process.base .. ".status") or ""))
end

---Wait for the end and return the exit status.
function world:ended(process, seconds)
  return self.eventually(function()
    return self:status(process)
  end, seconds, process.name .. " has ended")
end

function world:stop(process, seconds)
  self:signal(process, "TERM")
  return self:ended(process, seconds or 10)
end

---What a process wrote: its log (standard error).
function world.log(_, process)
  return file.read(process.log) or ""
end

-- Between two looks. To start a program for it would cost more than most looks do; within a task,
-- where something waits already, it must be one.
local function rest()
  if not pcall(sched.run, sched.sleep, 0.05) then
    os.execute("sleep 0.05")
  end
end

---Wait until `probe` returns something true; return that.
---@param probe fun(): any
---@param seconds number
---@param what string for the message when it does not happen
function world.eventually(probe, seconds, what)
  local deadline = os.time() + math.ceil(seconds) + 1
  while true do
    local value = probe()
    if value then
      return value
    end
    if os.time() >= deadline then
      error(("did not happen within %s s: %s"):format(seconds, what), 2)
    end
    rest()
  end
end

---One GET.
---@return integer? status nil when nobody answers
---@return string body or message
---@return table? headers
function world.get(_, url)
  return sched.run(function()
    local answer, err = sched.http { method = "GET", url = url, timeout = 10 }
    if not answer then
      return nil, err.message
    end
    return answer.status, answer.body, answer.headers
  end)
end

---Answers to `count` requests by their body; others by `status NNN`.
---@return table<string, integer>
function world.split(_, url, count)
  local seen, list = {}, {}
  for i = 1, count do
    list[i] = i
  end
  sched.run(function()
    sched.all(list, 16, function()
      local answer, err = sched.http { method = "GET", url = url, timeout = 10 }
      local key = not answer and err.kind or answer.status == 200 and answer.body
        or "status " .. answer.status
      seen[key] = (seen[key] or 0) + 1
    end)
  end)
  return seen
end

---Start backends; returns their ports by name.
function world:backends(...)
  local argv = { "python3", "spec/support/backend.py" }
  for _, name in ipairs { ... } do
    argv[#argv + 1] = name .. "=0"
  end
  local process = self:start("backends-" .. #self.running, argv)
  return self.eventually(function()
    local text = file.read(process.base .. ".out")
    return text and text:find("}") and json.decode(text)
  end, 10, "the backends listen"), process
end

---Start load on a URL; `finish_load` ends it and returns what it saw.
function world:load(url, connections, rate)
  return self:start("load-" .. #self.running,
    { "python3", "spec/support/load.py", url, connections, rate or 500 })
end

function world:finish_load(process)
  self:signal(process, "TERM")
  self:ended(process, 15)
  return assert(json.decode(assert(file.read(process.base .. ".out"))))
end

---Start the agent with settings; `ENVOY_BASE_ID`, `TMP_DIR` and the like are this world's own.
---@param settings table<string, string|integer>
function world:agent(settings)
  local admin = settings.ENVOY_ADMIN_PORT or self:ports(1)
  local environment = {
    TMP_DIR = self.directory .. "/tmp", ENVOY_ADMIN_PORT = admin, REFRESH_TIME = 1,
    ENVOY_PID_FILE = self.directory .. "/envoy.pid", ENVOY_BASE_ID = admin,
    TRIGGER_STOP_FILE = self.directory .. "/stop.txt", STOP_TIMEOUT = 5, LOG_LEVEL = "debug",
  }
  for name, value in pairs(settings) do
    environment[name] = value
  end
  local process = self:start("agent-" .. #self.running, { world.nightjar, "run" }, environment)
  process.admin, process.environment = "http://127.0.0.1:" .. admin, environment
  return process
end

---Processes that were given a file of this world's folder: an Envoy outlives an agent that was
---killed.
---@param name string? only those of this name
---@return integer[] pids
function world:strays(name)
  local pids = {}
  for _, entry in ipairs(assert(file.list("/proc"))) do
    local words = entry.name:match("^%d+$")
      and file.read("/proc/" .. entry.name .. "/cmdline", 65536)
    local own = words and (file.read("/proc/" .. entry.name .. "/comm", 64) or ""):match("[^\n]*")
    if words and words:find(self.directory, 1, true) and not words:find("launch.py", 1, true)
      and (not name or own == name) then
      pids[#pids + 1] = math.tointeger(tonumber(entry.name))
    end
  end
  return pids
end

---End everything; remove the folder unless KEEP is set.
---@return string[] left names of processes that did not end by themselves
function world:close()
  local left = {}
  for i = #self.running, 1, -1 do
    local process = self.running[i]
    if not self:status(process) then
      self:signal(process, "TERM")
    end
  end
  for _, process in ipairs(self.running) do
    local ok = pcall(self.ended, self, process, 10)
    if not ok then
      left[#left + 1] = process.name
      self:signal(process, "KILL")
    end
  end
  for _, pid in ipairs(self:strays()) do
    os.execute(("kill -KILL %d 2>/dev/null"):format(pid))
  end
  if not os.getenv("KEEP") then
    os.execute("rm -rf " .. quote(self.directory))
  end
  return left
end

return world
