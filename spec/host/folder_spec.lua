-- Reading beneath a folder that is not trusted (host/folder.h).

local file = require("host.file")
local script = require("spec.support.script")

local LINKS_SAFE = { inside = "inner", ["deep/up"] = "top" }

-- Reads each name in a process whose kernel refuses openat2, as old ones do.
local READ_ALL = [[
local folder = assert(require("host.file").folder(%q))
for _, name in ipairs { %s } do
  local text, _, code = folder:read(name, 100)
  say(name .. " " .. (text or code))
end
]]

-- Reads two names, which are good and bad in turn, until each has been both.
local READ_SWAPPED = [[
local folder = assert(require("host.file").folder(%q))
local seen = {}
for i = 1, 400000 do
  for _, name in ipairs { "top", "way/x" } do
    local text, _, code = folder:read(name, 100)
    seen[name .. " " .. (text or code)] = true
  end
  local enough = (seen["top top"] and (seen["top EXDEV"] or seen["top ELOOP"]))
    and seen["way/x inner"] and (seen["way/x EXDEV"] or seen["way/x ELOOP"])
  if enough and i > 300 then break end
end
for what in pairs(seen) do say(what) end
]]

describe("a folder", function()
  local root, folder

  before_each(function()
    root = script.folder()
    script.sh("cd %s && mkdir -p t/deep/er && cd t && printf top >top && printf inner >deep/er/x" ..
      " && printf secret >../secret && mkfifo pipe && ln -s deep/er/x inside" ..
      " && ln -s ../top deep/up && ln -s ../secret out && ln -s /etc/passwd absolute" ..
      " && ln -s .. deep/above && ln -s deep/er way && ln -s loop loop && ln -s none dangling",
      root)
    folder = assert(file.folder(root .. "/t"))
  end)
  after_each(function()
    folder:close()
    script.discard(root)
  end)

  describe("list", function()
    it("gives the relative paths of all that is no folder, sorted", function()
      assert.same({ "absolute", "dangling", "deep/above", "deep/er/x", "deep/up", "inside", "loop",
        "out", "pipe", "top", "way" }, folder:list())
    end)

    it("leaves out book-keeping and temporaries", function()
      script.sh("cd %s/t && mkdir ..2026 && touch ..2026/x ..data .hidden" ..
        " .nightjar-0123456789abcdef.tmp", root)
      local list = table.concat(assert(folder:list()), " ")
      assert.is_truthy(list:find(".hidden", 1, true))
      assert.is_nil(list:find("..", 1, true))
      assert.is_nil(list:find("nightjar", 1, true))
    end)

    it("may be asked for again, and sees what has changed", function()
      local before = #folder:list()
      assert(file.write(root .. "/t/new", "x"))
      assert.equal(before + 1, #folder:list())
    end)

    it("is bounded in number and depth", function()
      local list, err, code = folder:list({ max_files = 10 })
      assert.is_nil(list)
      assert.equal("cannot list: " .. root .. "/t: it has more than 10 entries", err)
      assert.equal("limit", code)
      assert.is_table(folder:list({ max_files = 11, max_depth = 2 }))
      local _, deep, kind = folder:list({ max_depth = 1 })
      assert.matches("nested too deeply, at deep/er", deep, 1, true)
      assert.equal("limit", kind)
    end)

    it("raises about unknown limits", function()
      assert.has_error(function() folder:list({ max = 1 }) end)
      assert.has_error(function() folder:list({ max_files = "x" }) end)
    end)
  end)

  describe("read", function()
    -- valgrind refuses the call that follows links safely, and then they are not followed.
    local function with_openat2(name, fn)
      if os.getenv("VALGRIND") then return pending(name .. ": valgrind knows no openat2") end
      it(name, fn)
    end

    with_openat2("reads files beneath the folder", function()
      assert.equal("top", folder:read("top"))
      assert.equal("inner", folder:read("deep/er/x"))
      assert.equal("top", folder:read("./deep/../top"))
    end)

    with_openat2("follows links that stay inside", function()
      for name, text in pairs(LINKS_SAFE) do
        assert.equal(text, folder:read(name))
      end
      assert.equal("inner", folder:read("way/x"))
    end)

    with_openat2("refuses what leads out", function()
      for _, name in ipairs { "out", "absolute", "../secret", "/etc/passwd", "deep/above/top/../..",
        "deep/../../secret" } do
        local text, err, code = folder:read(name)
        assert.is_nil(text, name)
        assert.is_truthy(code == "EXDEV" or code == "ENOTDIR", name .. " " .. code)
        if code == "EXDEV" then
          assert.equal("cannot read: " .. root .. "/t/" .. name ..
            ": it leads out of its folder, which is not allowed", err)
        end
      end
    end)

    it("refuses to leave and come back", function()
      assert.equal("EXDEV", select(3, folder:read("../t/top")))
    end)

    it("refuses special files at once", function()
      local text, err, code = folder:read("pipe")
      assert.is_nil(text)
      assert.equal("cannot read: " .. root .. "/t/pipe: expected a file, found a fifo", err)
      assert.equal("EINVAL", code)
    end)

    with_openat2("refuses folders, circles, what is not there and what is too large", function()
      assert.equal("EISDIR", select(3, folder:read("deep")))
      assert.equal("ELOOP", select(3, folder:read("loop")))
      assert.equal("ENOENT", select(3, folder:read("dangling")))
      assert.equal("ENOENT", select(3, folder:read("none")))
      assert.equal("ENOENT", select(3, folder:read("")))
      assert.equal("EFBIG", select(3, folder:read("top", 2)))
      assert.equal("top", folder:read("top", 3))
    end)

    it("stays with the folder that was opened when its name moves on", function()
      script.sh("mv %s/t %s/moved && mkdir %s/t && printf other >%s/t/top", root, root, root, root)
      assert.equal("top", folder:read("top"))
    end)
  end)

  describe("whose files become links that lead out, and files again, all the time,", function()
    local swapper

    -- `top` takes turns with a link to a secret, the folder `way` with one to where `x` is another.
    before_each(function()
      script.sh("cd %s && mkdir outside && printf secret >outside/x && cd t && rm way && mkdir way"
        .. " && printf inner >way/x && ln -s ../outside off", root)
      swapper = assert(io.popen(("cd '%s/t' && exec python3 %s/spec/support/swap.py top out way off"
        .. " >../begun 2>&1"):format(root, os.getenv("PWD")), "w"))
      for _ = 1, 100 do
        if file.read(root .. "/begun") == "begun\n" then return end
        os.execute("sleep 0.05")
      end
      error("nothing is swapped: " .. tostring(file.read(root .. "/begun")))
    end)
    after_each(function() swapper:close() end)

    local function read(wrap, refusals)
      local seen = script.run(READ_SWAPPED:format(root .. "/t"), wrap).said
      local allowed = { ["top top"] = true, ["way/x inner"] = true }
      for _, code in ipairs(refusals) do
        allowed["top " .. code], allowed["way/x " .. code] = true, true
      end
      for _, what in ipairs(seen) do assert.is_true(allowed[what], what) end
      assert.is_true(#seen >= 4, table.concat(seen, ", "))
    end

    it("gives what is inside, or refuses", function()
      if os.getenv("VALGRIND") then return pending("valgrind knows no openat2") end
      read("", { "EXDEV", "EAGAIN" })
    end)

    it("does so without the kernel's help", function()
      if not script.can_trace() then return pending(script.NO_TRACE) end
      read(script.trace("--seccomp-bpf -f -e trace=openat2 -e inject=openat2:error=ENOSYS"),
        { "ELOOP", "ENOTDIR" })
    end)
  end)

  describe("without the kernel's help", function()
    local ASKED = { "top", "deep/er/x", "deep//er/./x", "inside", "way/x", "out", "absolute",
      "../secret", "/etc/passwd", "deep/../top", "deep/above/secret", "pipe", "deep", "none",
      "top/x", "deep/er/none", "loop" }
    -- Links are not followed at all; ".." is not taken.
    local EXPECTED = { "top top", "deep/er/x inner", "deep//er/./x inner", "inside ELOOP",
      "way/x ELOOP", "out ELOOP", "absolute ELOOP", "../secret EXDEV", "/etc/passwd EXDEV",
      "deep/../top EXDEV", "deep/above/secret ELOOP", "pipe EINVAL", "deep EISDIR", "none ENOENT",
      "top/x ENOTDIR", "deep/er/none ENOENT", "loop ELOOP" }

    for _, reason in ipairs { "ENOSYS", "EPERM" } do
      it("reads the same files and follows no link when openat2 answers " .. reason, function()
        if not script.can_trace() then return pending(script.NO_TRACE) end
        local quoted = {}
        for i, name in ipairs(ASKED) do quoted[i] = ("%q"):format(name) end
        local result = script.run(READ_ALL:format(root .. "/t", table.concat(quoted, ", ")),
          script.trace("-e inject=openat2:error=" .. reason))
        assert.same(EXPECTED, result.said)
      end)
    end
  end)

  it("is closed by close, by <close> and by the collector", function()
    local function descriptors()
      local count = 0
      for _ in pairs(assert(file.list("/proc/self/fd"))) do count = count + 1 end
      return count
    end
    collectgarbage()
    local before = descriptors()
    for _ = 1, 50 do
      local one = assert(file.folder(root))
      one:close()
      one:close()
    end
    for _ = 1, 50 do
      local _ <close> = assert(file.folder(root))
    end
    assert.equal(before, descriptors())
    for _ = 1, 50 do assert(file.folder(root)) end
    collectgarbage()
    assert.equal(before, descriptors())
  end)

  it("leaks no descriptor when it is listed or read, well or not", function()
    local before = #assert(file.list("/proc/self/fd"))
    for _ = 1, 20 do
      folder:list()
      folder:list({ max_depth = 0 })
      folder:list({ max_files = 1 })
      for _, name in ipairs { "top", "pipe", "out", "deep", "none" } do folder:read(name, 1) end
    end
    assert.equal(before, #assert(file.list("/proc/self/fd")))
  end)

  describe("stamp", function()
    local function stamp() return (assert(folder:stamp())) end

    it("is the same while nothing changes", function()
      assert.equal(32, #stamp())
      assert.equal(stamp(), stamp())
    end)

    local changes = {
      ["a file is written anew"] = "printf other >t/top",
      ["a file gets another of its size in its place"] =
        "printf pot >t/new && mv t/new t/top",
      ["a file of its size and time takes its place"] =
        "cp -p t/top t/new && mv t/new t/top",
      ["a file's mode changes"] = "chmod 600 t/top",
      ["a file's time is set"] = "touch -d @1000000000 t/deep/er/x",
      ["a file is added deep down"] = "printf x >t/deep/er/y",
      ["a file is removed"] = "rm t/deep/er/x",
      ["a file is renamed"] = "mv t/top t/pot",
      ["a link leads elsewhere"] = "ln -sfn top t/inside",
      ["what a link leads to changes"] = "printf longer >secret",
      ["what a link leads to is removed"] = "rm secret",
    }
    for name, command in pairs(changes) do
      it("is another one when " .. name, function()
        local before = stamp()
        script.sh("cd %s && " .. command, root)
        assert.not_equal(before, stamp())
      end)
    end

    it("tells of the latest change", function()
      local _, first = folder:stamp()
      assert.is_true(math.abs(first - os.time()) < 60)
      script.sh("sleep 0.05; chmod 600 %s/t/top", root)
      assert.is_true(select(2, folder:stamp()) > first)
    end)

    it("of an empty folder has no change to tell of", function()
      script.sh("mkdir %s/empty", root)
      local empty = assert(file.folder(root .. "/empty"))
      local digest, changed = empty:stamp()
      empty:close()
      assert.equal(32, #digest)
      assert.equal(0, changed)
    end)

    it("takes as many files and levels as it is told", function()
      assert.equal("limit", select(3, folder:stamp { max_files = 3 }))
      assert.equal("limit", select(3, folder:stamp { max_depth = 1 }))
    end)
  end)

  it("cannot be used once it is closed", function()
    folder:close()
    assert.has_error(function() folder:list() end)
    assert.has_error(function() folder:read("top") end)
  end)

  it("must be one", function()
    local none, err, code = file.folder(root .. "/none")
    assert.is_nil(none)
    assert.equal("cannot open folder: " .. root .. "/none: No such file or directory", err)
    assert.equal("ENOENT", code)
    assert.equal("ENOTDIR", select(3, file.folder(root .. "/secret")))
  end)
end)
