-- What an agent has for itself, on the reference mesh and over TLS, as with AWS: after some passes,
-- however its connections end. Resident memory beyond that are pages of libraries, which the kernel
-- shares among processes and maps as it likes; `make bench` tells of them.

local file = require("host.file")
local moto = require("spec.support.moto")
local proxy_of = require("spec.support.proxy")
local reference = require("spec.support.reference")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")

local missing = moto.missing() or proxy_of.missing()
  or not script.can_trace() and script.NO_TRACE
if missing then
  pending("memory: " .. missing)
  return
end

-- KiB. 2026-11-29: 3,640 to 3,980. A bound is raised deliberately: with the reason and the date.
local MOST = 4096
local PASSES = 40
-- Passes in which it is looked at: in the midst of one there are handshakes, and 4,260 KiB. On a
-- busy machine passes follow each other at once, and many looks find one under way.
local LOOKED_AT = 10

-- By names, as with AWS: its two hosts, and the threads that look them up.
local can_unshare = os.execute("unshare --mount true 2>/dev/null")

describe("an agent's own memory, over TLS,", function()
  local s, world, endpoint

  before_each(function()
    s = sidecar_of.new("blue")
    world = s.world
    endpoint = moto.faulty()
    endpoint:state(reference.state())
  end)

  after_each(function()
    endpoint:stop()
    assert.same({}, world:close())
  end)

  local function passes()
    return select(2, world:log(s.agent):gsub("event=unchanged", ""))
  end

  -- Its anonymous memory in KiB (proc_pid_smaps(5)).
  local function anonymous()
    local text = assert(file.read(("/proc/%d/smaps_rollup"):format(s.agent.pid), 4096))
    return tonumber(text:match("\nAnonymous:%s*(%d+)"))
  end

  local function argv()
    if not can_unshare then return nil end
    local path = world.directory .. "/hosts"
    assert(file.write(path, ("127.0.0.1 localhost %s data-%s\n"):format(proxy_of.NAME,
      proxy_of.NAME)))
    return { "unshare", "--mount", "sh", "-c",
      'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", path, sidecar_of.program, "run" }
  end

  local function is_small(rules)
    local proxy = proxy_of.new(world, endpoint.endpoint:match("//(.*)"),
      { rules = rules, backends = "" })
    s:start({ DISCOVERY = "cloudmap", SERVICE_MEMBER = reference.MEMBER, SERVICE_PORT = s.port,
      REFRESH_TIME = 0.3, ENVOY_BIN = "", AWS_REGION = "eu-central-1",
      AWS_ENDPOINT_URL = ("https://%s:%d"):format(can_unshare and proxy_of.NAME or "localhost",
        proxy.port),
      AWS_CA_BUNDLE = proxy.ca_file, AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s" }, argv())
    s.eventually(function() return passes() >= PASSES end, 60, PASSES .. " passes")
    local kib, last = math.huge, passes() + LOOKED_AT -- between two passes: the least of all looks
    s.eventually(function()
      kib = math.min(kib, anonymous())
      return passes() >= last
    end, 60, LOOKED_AT .. " passes more")
    print(("# anonymous memory: %d KiB of %d"):format(kib, MOST))
    assert.is_true(kib <= MOST, kib .. " KiB")
  end

  it("is small where connections are kept", function()
    is_small("  no option httpclose\n  timeout http-keep-alive 60s")
  end)

  it("is small where connections end before the next pass", function()
    is_small("  no option httpclose\n  timeout http-keep-alive 100ms")
  end)

  it("is small where each connection ends with its answer", function() is_small("") end)
end)
