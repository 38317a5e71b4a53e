-- An Envoy that refuses files, dies, hangs or does not start.

local file = require("host.file")
local script = require("spec.support.script")

local list = {}

local GONE = "there is no Envoy until the next start"

local function add(name, injected, event, says, begin, finish, more)
  local fault = { row = "Envoy", name = name, injected = injected, event = event, says = says,
    begin = begin, finish = finish, lines = 8 }
  for key, value in pairs(more or {}) do fault[key] = value end
  fault.alone = fault.explains ~= nil
  list[#list + 1] = fault
end

-- ---- it refuses a file ----

-- What was refused before is not tried again, so that each time it is something else.
local turn = 0

local function refuses(name, template, old, new, says)
  local shown = new:gsub("\n.*", ""):gsub("%%0?3?d", "N")
  add("refuses " .. name, ("`%s` in `%s`"):format(shown, template), "refused", says,
    function(field)
      turn = turn + 1
      local path = field.templates .. "/" .. template
      local text = assert(file.read(path))
      local from, to = text:find(old, 1, true)
      assert(file.write(path, text:sub(1, assert(from, old) - 1) .. new:format(turn)
        .. text:sub(to + 1)))
      return { path, text }
    end,
    function(_, held) assert(file.write(held[1], held[2])) end)
end

refuses("clusters", "cds.json.yaml.mustache", "connect_timeout: 1s", "connect_timeout: -%ds",
  "cds%.json")
refuses("routes", "rds/@listeners.json.yaml.mustache", '- name: "{{cluster_name}}"',
  "- name: nowhere%d", "rds/private")
refuses("listeners", "lds.json.yaml.mustache", "port_value: {{mesh_port}}", "port_value: 70%03d",
  "lds%.json")
refuses("a bootstrap", "envoy-config.yaml.mustache", "node:",
  "no_such_field: %d\nnode:", "envoy%-config%.yaml: Envoy refuses it: .*no_such_field")

-- ---- it dies ----

local function signal(field, name)
  assert(os.execute(("kill -%s %d"):format(name, field:envoy())))
end

local function nothing() end

for _, name in ipairs { "SEGV", "ABRT", "KILL" } do
  add("dies of " .. name, "SIG" .. name, "envoy_crashed", "signal=" .. name,
    function(field) signal(field, name) end, nothing, { explains = GONE })
end
add("ends by itself", "`/quitquitquit`", "envoy_died", nil,
  function(field)
    script.sh("curl -sS -o /dev/null -X POST %s",
      ("http://127.0.0.1:%d/quitquitquit"):format(field.admin_port))
  end, nothing, { explains = GONE })
add("dies at each start", "`ENVOY_BIN` ends with SIGSEGV; SIGSEGV", "envoy_crash_loop",
  'last="signal SEGV"',
  function(field)
    assert(file.write(field.world.directory .. "/bin/dies", ""))
    signal(field, "SEGV")
  end,
  function(field) os.remove(field.world.directory .. "/bin/dies") end,
  -- Where Envoy has died several times already, three deaths more take two minutes.
  { explains = GONE, patience = 150, slow = true })

-- ---- it hangs ----

add("is silent for a while", "SIGSTOP, and SIGCONT as soon as that is told", "envoy_silent", nil,
  function(field) signal(field, "STOP") end, function(field) signal(field, "CONT") end,
  { slow = true })
add("hangs", "SIGSTOP", "envoy_hangs", nil,
  function(field) signal(field, "STOP") end, nothing,
  { explains = "Envoy is killed and started anew", patience = 60, slow = true })

-- ---- it cannot start ----

add("is missing", "`ENVOY_BIN` is moved away; SIGKILL", "envoy_missing", "ENVOY_BIN",
  function(field)
    script.sh("mv %s %s", field.envoy_bin, field.envoy_bin .. ".away")
    signal(field, "KILL")
  end,
  function(field) script.sh("mv %s %s", field.envoy_bin .. ".away", field.envoy_bin) end,
  { explains = GONE, slow = true })
add("may not be executed", "`chmod 644` of `ENVOY_BIN`; SIGKILL", "envoy_not_executable", nil,
  function(field)
    script.sh("chmod 644 %s", field.envoy_bin)
    signal(field, "KILL")
  end,
  function(field) script.sh("chmod 755 %s", field.envoy_bin) end,
  { explains = GONE, slow = true })

-- The limit of the user namespace in which the agent and its Envoy are.
local function limit(field, count)
  script.sh("nsenter --user --target %s sh -c %s", tostring(field.agent.pid),
    ("echo %d >/proc/sys/user/max_inotify_instances"):format(count))
end

add("finds no inotify instances", "a limit of 0 in its user namespace; SIGKILL",
  "envoy_inotify_exhausted", "sysctl",
  function(field)
    limit(field, 0)
    signal(field, "KILL")
  end,
  function(field) limit(field, 1024) end, { explains = GONE, patience = 30, slow = true })

return list
