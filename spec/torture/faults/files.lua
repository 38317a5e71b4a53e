-- The agent's disk: full, read-only, with I/O errors; and the agent killed at steps of a
-- publication.

local file = require("host.file")
local json = require("host.json")
local script = require("spec.support.script")

local list = {}

-- Each file that Envoy reads, or the next agent, is whole.
local function check_whole(field)
  local pipe = assert(io.popen(("find %s -name '*.json'"):format(field.disk)))
  local count = 0
  for path in pipe:lines() do
    assert(json.decode(assert(file.read(path)), { max_bytes = 1 << 24 }), path .. " is torn")
    count = count + 1
  end
  pipe:close()
  assert(count >= 5, "only " .. count .. " files are left")
end

local function disk(name, injected, says, begin, finish)
  list[#list + 1] = { row = "disk", name = name, injected = injected, event = "pass_failed",
    says = says, lines = 6, turns = true, during = check_whole,
    begin = function(field)
      local held = begin(field)
      field:turn()
      return held
    end,
    finish = finish }
end

disk("full", "a tmpfs without a free page", "No space left on device",
  function(field)
    -- dd stops where the disk is full.
    os.execute(("dd if=/dev/zero of=%s/ballast bs=4096 2>/dev/null"):format(field.disk))
  end,
  function(field) os.remove(field.disk .. "/ballast") end)
disk("read-only", "`mount -o remount,ro`", "Read%-only file system",
  function(field) script.sh("mount -o remount,ro %s", field.disk) end,
  function(field) script.sh("mount -o remount,rw %s", field.disk) end)
for _, call in ipairs { "openat", "fchmod", "fsync", "renameat" } do
  disk("I/O errors of " .. call, "strace: each `" .. call .. "` fails with EIO",
    "Input/output error",
    function(field) return field:inject(call, "error=EIO") end,
    function(field, held) field.world:stop(held) end)
  -- A pass that has begun meets it at another file than the next one.
  list[#list].twice = call == "openat"
end

-- A step of a publication at which the agent is killed; the next one begins at once.
local function killed(call, nth)
  list[#list + 1] = { row = "disk", name = ("the agent is killed at %s %d"):format(call, nth),
    injected = ("strace: SIGKILL at the %s of a publication; the next agent"):format(
      ({ "first", "second", "third", "fourth", "fifth", "sixth", "seventh" })[nth] .. " `" .. call
        .. "`"),
    event = "envoy_taken_over", lines = 4, turns = true, ends_agent = true, next = true,
    begin = function(field)
      field:inject(call, ("signal=KILL:when=%d"):format(nth))
      field:ends_while_it_publishes()
      local whole, why = pcall(check_whole, field)
      field:start()
      assert(whole, why)
    end,
    finish = function() end }
end

for nth = 1, 7 do killed("renameat", nth) end
for _, nth in ipairs { 1, 3, 5 } do killed("fsync", nth) end
killed("unlink", 1)

return list
