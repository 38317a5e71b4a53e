-- Names in folders: the kernel tells when they come and go, of others nothing.

local file = require("host.file")
local loop = require("host.loop")
local script = require("spec.support.script")

-- Every event for as long as there are any.
local function news()
  local list = {}
  while true do
    local events = assert(loop.wait(#list == 0 and 2 or 0.05))
    if #events == 0 then return list end
    for _, event in ipairs(events) do list[#list + 1] = event end
  end
end

local function nothing()
  assert.same({}, loop.wait(0.1))
end

describe("loop.watch", function()
  local folder, ids

  local function watch(path, options)
    local id = assert(loop.watch(path, options))
    ids[#ids + 1] = id
    return id
  end

  local function told(id, lost)
    local list = news()
    assert.is_true(#list > 0, "nothing was told")
    for _, event in ipairs(list) do
      assert.same({ type = "watch", id = id, lost = lost }, event)
    end
  end

  -- What is open by a link of that name: one inotify instance, or none.
  local function instances()
    local pipe = assert(io.popen("readlink /proc/" .. file.read("/proc/self/stat"):match("^%d+")
      .. "/fd/* 2>/dev/null | grep -c inotify"))
    local count = pipe:read("n")
    pipe:close()
    return count
  end

  before_each(function()
    folder, ids = script.folder(), {}
    while #assert(loop.wait(0.05)) > 0 do end -- luacheck: ignore 542
  end)

  after_each(function()
    for _, id in ipairs(ids) do loop.unwatch(id) end
    script.discard(folder)
  end)

  it("tells of a name that is made, renamed into place or linked", function()
    local id = watch(folder .. "/name")
    for _, how in ipairs { "touch %s/name", "touch %s/other; mv %s/other %s/name",
      "ln -s nowhere %s/name", "mkdir %s/name" } do
      script.sh((how:gsub("%%s", folder)))
      told(id)
      script.sh("rm -rf %s", folder .. "/name")
    end
  end)

  it("tells of no other name, and of none that goes or is written to", function()
    script.sh("touch %s", folder .. "/name")
    watch(folder .. "/name")
    script.sh("touch %s %s; rm %s", folder .. "/name2", folder .. "/nam", folder .. "/nam")
    script.sh("echo text > %s; chmod 600 %s; rm %s", folder .. "/name", folder .. "/name",
      folder .. "/name")
    nothing()
  end)

  it("tells of a name that goes where that is asked for", function()
    local id = watch(folder .. "/name", { removal = true })
    for _, how in ipairs { "rm %s", "mv %s %s.old" } do
      script.sh("touch %s", folder .. "/name")
      told(id)
      script.sh((how:gsub("%%s", folder .. "/name")))
      told(id)
    end
  end)

  it("tells of several names of one folder apart", function()
    local coming = watch(folder .. "/coming")
    local going = watch(folder .. "/going", { removal = true })
    script.sh("touch %s", folder .. "/going")
    told(going)
    script.sh("touch %s", folder .. "/coming")
    told(coming)
    script.sh("rm %s", folder .. "/coming")
    nothing()
    script.sh("rm %s", folder .. "/going")
    told(going)
    loop.unwatch(going)
    script.sh("rm -f %s; touch %s", folder .. "/coming", folder .. "/coming")
    told(coming)
  end)

  it("tells once of what came often", function()
    local id = watch(folder .. "/name", { removal = true })
    for _ = 1, 20 do script.sh("touch %s; rm %s", folder .. "/name", folder .. "/name") end
    assert.same({ { type = "watch", id = id } }, loop.wait(1))
  end)

  it("tells of all names when the kernel's queue has overflowed", function()
    local limit = tonumber(file.read("/proc/sys/fs/inotify/max_queued_events"))
    if not limit or limit > 100000 then return pending("the queue of this host is too long") end
    local id = watch(folder .. "/name")
    -- Two names by turns, since equal events in a row are one.
    script.sh(("cd %%s; touch a b; python3 -c \"import os\nfor i in range(%d):\n "
      .. "os.rename('a', 'c'); os.rename('c', 'a')\""):format(limit // 2 + 100), folder)
    told(id)
  end)

  it("says that it is over when the folder is removed or moved", function()
    for _, how in ipairs { "rmdir %s", "mv %s %s.moved" } do
      script.sh("mkdir %s", folder .. "/sub")
      local id = watch(folder .. "/sub/name")
      script.sh((how:gsub("%%s", folder .. "/sub")))
      told(id, true)
      assert.same({ nil, "ENOENT" },
        { loop.watch(folder .. "/sub/name"), (select(3, loop.watch(folder .. "/sub/name"))) })
    end
  end)

  it("says that it is over when the folder's file system is unmounted", function()
    local result = script.run(([[
      local loop = require("host.loop")
      os.execute("mount -t tmpfs none " .. FOLDER)
      assert(loop.watch(FOLDER .. "/name"))
      os.execute("umount " .. FOLDER)
      local event = assert(loop.wait(2))[1]
      say(event and event.type .. " " .. tostring(event.lost) or "nothing")
    ]]):gsub("FOLDER", (("%q"):format(folder):gsub("%%", "%%%%"))), "unshare -Urm")
    if result.err:find("unshare", 1, true) then
      return pending("no user namespace may be made here")
    end
    assert.same({ "watch true" }, result.said, result.err)
  end)

  it("goes on where a folder is watched anew before the old watch ends", function()
    local id = watch(folder .. "/name")
    for _ = 1, 100 do
      local new = watch(folder .. "/name")
      loop.unwatch(id)
      id = new
    end
    script.sh("touch %s", folder .. "/name")
    told(id)
  end)

  it("takes a path as the shell does", function()
    script.sh("mkdir %s", folder .. "/sub")
    local id = watch(folder .. "/sub/name//")
    script.sh("touch %s", folder .. "/sub/name")
    told(id)
    watch("/name-in-the-root")
    local here = watch("name-here")
    script.sh("touch name-here")
    finally(function() os.remove("name-here") end)
    told(here)
  end)

  it("holds one instance while there is a watch, and none after", function()
    assert.equal(0, instances())
    local first, second = watch(folder .. "/one"), watch("/tmp/two")
    assert.equal(1, instances())
    loop.unwatch(first)
    assert.equal(1, instances())
    loop.unwatch(second)
    assert.equal(0, instances())
    assert.is_nil((loop.watch(folder .. "/none/name")))
    assert.equal(0, instances())
    local id = watch(folder .. "/one")
    script.sh("touch %s", folder .. "/one")
    told(id)
  end)

  it("hands the instance to no program", function()
    watch(folder .. "/name")
    local out = folder .. "/fds"
    local process = assert(require("host.child").spawn {
      argv = { "sh", "-c", "readlink /proc/$$/fd/* > " .. out } })
    repeat loop.wait(1) until process:status()
    assert.is_nil(file.read(out):find("inotify", 1, true))
  end)

  it("says why it cannot watch", function()
    local function code(path) return (select(3, loop.watch(path))) end
    script.sh("touch %s", folder .. "/file")
    assert.equal("ENOENT", code(folder .. "/none/name"))
    assert.equal("ENOTDIR", code(folder .. "/file/name"))
    assert.equal("EINVAL", code("/"))
    local _, message = loop.watch(folder .. "/none/name")
    assert.equal(("cannot watch: %s/none/name: No such file or directory"):format(folder), message)
    for i = 1, 16 do watch(folder .. "/" .. i) end
    assert.equal("limit", code(folder .. "/17"))
  end)

  it("meets the host's limits with a code", function()
    local result = script.run([[
      local loop = require("host.loop")
      say(tostring((select(3, loop.watch("/tmp/name")))))
    ]], [[unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$0" "$@"']])
    if result.err:find("unshare", 1, true) then
      return pending("no user namespace may be made here")
    end
    assert.same({ "EMFILE" }, result.said, result.err)
  end)

  it("refuses what is no path", function()
    assert.error_matches(function() loop.watch("") end, "path")
    assert.error_matches(function() loop.watch("/tmp/a\0b") end, "NUL")
    assert.error_matches(function() loop.watch() end, "string expected")
    assert.error_matches(function() loop.watch("/tmp/a", { removed = true }) end, "removed")
    assert.error_matches(function() loop.unwatch("x") end, "number expected")
    loop.unwatch(123456)
  end)
end)
