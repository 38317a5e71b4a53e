-- Load of three kinds at once, as fast as it goes: keep-alive connections, a connection for each
-- request, and requests that take three seconds. The endpoints are HAProxy's, which answers faster
-- than Envoy asks.

local file = require("host.file")
local json = require("host.json")
local world_of = require("spec.support.world")

local wrk = {}

---Why there is no such load; nil when there is.
function wrk.missing()
  for _, name in ipairs { "wrk", "haproxy" } do
    if not os.execute("command -v " .. name .. " >/dev/null 2>&1") then
      return "no " .. name .. " on PATH: `make test` installs it"
    end
  end
end

local FRONTEND = [[

frontend %s
  bind 127.0.0.1:%d
  http-request tarpit deny_status 200 if { path_sub slow }
  http-request return status 200 content-type text/plain string %s hdr x-backend %s
]]

---Start endpoints that answer with their own name, after three seconds where the path says `slow`.
---@param world table
---@param ... string names
---@return table<string, integer> ports by name
function wrk.endpoints(world, ...)
  local names, ports = { ... }, {}
  local free = { world:ports(#names) }
  local text = { "global\n  maxconn 4000\n  nbthread 1\ndefaults\n  mode http\n"
    .. "  timeout client 60s\n  timeout tarpit 3s\n  timeout http-keep-alive 60s\n" }
  for i, name in ipairs(names) do
    ports[name] = free[i]
    text[#text + 1] = FRONTEND:format(name, free[i], name, name)
  end
  local path = world.directory .. "/endpoints.cfg"
  assert(file.write(path, table.concat(text)))
  world:start("endpoints", { "haproxy", "-db", "-q", "-f", path })
  world_of.eventually(function()
    return (world:get(("http://127.0.0.1:%d/"):format(free[#free]))) == 200
  end, 5, "the endpoints listen")
  return ports
end

-- Seconds that no case needs; it is ended when it has seen enough.
local LONGEST = "300s"

local function start(world, name, connections, url, header)
  return world:start(name .. "-" .. #world.running, { "wrk", "-t", "1", "-c", tostring(connections),
    "-d", LONGEST, "--timeout", "20s", "-s", "spec/support/wrk_report.lua", "-H", header, url })
end

---Start the load on a path, and on `/slow` below it.
---@return table load for `wrk.finish`
function wrk.start(world, url)
  return {
    kept = start(world, "kept", 8, url, "x-load: kept"),
    new = start(world, "new", 4, url, "connection: close"),
    slow = start(world, "slow", 8, url .. "/slow", "x-load: slow"),
  }
end

---End the load.
---@return { requests: integer, failed: integer, slow: integer, faults: string } seen `failed`: any
---  status but 2xx and 3xx, any error of a socket, any time-out
function wrk.finish(world, load)
  for _, process in pairs(load) do
    world:signal(process, "INT")
  end
  local seen = { requests = 0, failed = 0, faults = {} }
  for kind, process in pairs(load) do
    assert(world:ended(process, 15) == 0, "wrk failed: " .. world:log(process))
    local text = assert(file.read(process.base .. ".out"))
    local one = assert(json.decode(text:match("\n({.*})") or text))
    seen.requests = seen.requests + one.requests
    seen[kind] = one.requests
    for _, name in ipairs { "connect", "read", "write", "status", "timeout" } do
      seen.failed = seen.failed + one[name]
      if one[name] > 0 then
        seen.faults[#seen.faults + 1] = ("%s: %d %s"):format(kind, one[name], name)
      end
    end
  end
  seen.faults = table.concat(seen.faults, ", ")
  return seen
end

return wrk
