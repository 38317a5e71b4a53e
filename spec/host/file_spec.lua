-- Reading, writing, listing, sweeping: host.file on its normal path and on what people do wrong.

local file = require("host.file")
local script = require("spec.support.script")

describe("host.file", function()
  local root

  before_each(function() root = script.folder() end)
  after_each(function() script.discard(root) end)

  local function names()
    local list = {}
    for i, entry in ipairs(assert(file.list(root))) do list[i] = entry.name end
    return list
  end

  describe("read", function()
    it("gives back what was written, whatever the bytes", function()
      for _, text in ipairs { "", "x", "\0\255\r\n", ("0123456789"):rep(20000) } do
        assert(file.write(root .. "/a", text))
        assert.equal(text, file.read(root .. "/a"))
      end
    end)

    it("reads files whose size the system does not tell", function()
      assert.matches("^Name:", assert(file.read("/proc/self/status")))
    end)

    it("reads such a file to its end, further than one reading goes", function()
      local word = ("0123456789"):rep(10000)
      local process = assert(io.popen("exec sh -c 'echo $$; sleep 1' sh " .. word))
      local text = file.read("/proc/" .. process:read("l") .. "/cmdline")
      process:close()
      assert.equal(table.concat({ "sh", "-c", "echo $$; sleep 1", "sh", word, "" }, "\0"), text)
    end)

    it("follows links", function()
      assert(file.write(root .. "/a", "text"))
      script.sh("ln -s a %s/b", root)
      assert.equal("text", file.read(root .. "/b"))
    end)

    it("accepts a file of just the size allowed and refuses a byte more", function()
      assert(file.write(root .. "/a", "12345"))
      assert.equal("12345", file.read(root .. "/a", 5))
      local text, err, code = file.read(root .. "/a", 4)
      assert.is_nil(text)
      assert.equal("cannot read: " .. root .. "/a: it is larger than 4 bytes", err)
      assert.equal("EFBIG", code)
    end)

    it("bounds a file whose size the system does not tell", function()
      local text, _, code = file.read("/proc/self/status", 10)
      assert.is_nil(text)
      assert.equal("EFBIG", code)
    end)

    it("stays UTF-8 in its messages when a name is too long for them", function()
      for length = 400, 403 do
        local _, err = file.read("/" .. ("x"):rep(length) .. ("é"):rep(100))
        assert.is_truthy(utf8.len(err), err)
        assert.matches("%.%.%.: ", err)
      end
    end)

    it("names a file that is not there", function()
      local text, err, code = file.read(root .. "/none")
      assert.is_nil(text)
      assert.equal("cannot read: " .. root .. "/none: No such file or directory", err)
      assert.equal("ENOENT", code)
    end)

    it("refuses a FIFO at once, though nobody writes to it", function()
      script.sh("mkfifo %s/pipe", root)
      local text, err, code = file.read(root .. "/pipe")
      assert.is_nil(text)
      assert.matches("expected a file, found a fifo", err, 1, true)
      assert.equal("EINVAL", code)
    end)

    it("refuses devices and folders", function()
      local _, err = file.read("/dev/zero")
      assert.matches("expected a file, found a device", err, 1, true)
      local _, other, code = file.read(root)
      assert.matches("expected a file, found a folder", other, 1, true)
      assert.equal("EISDIR", code)
    end)

    it("raises about a path with a NUL in it and about a limit that is none", function()
      assert.has_error(function() file.read("/etc/passwd\0.txt") end)
      assert.has_error(function() file.read(root, -1) end)
      assert.has_error(function() file.read(root, 1.5) end)
    end)
  end)

  describe("write", function()
    it("replaces a file by another one", function()
      assert.is_true(file.write(root .. "/a", "old"))
      local before = assert(file.stat(root .. "/a"))
      assert.is_true(file.write(root .. "/a", "new"))
      assert.not_equal(before.inode, assert(file.stat(root .. "/a")).inode)
      assert.same({ "a" }, names())
    end)

    it("leaves a reader with the file it has open", function()
      assert(file.write(root .. "/a", "old"))
      local stream = assert(io.open(root .. "/a"))
      assert(file.write(root .. "/a", "new"))
      assert.equal("old", stream:read("a"))
      stream:close()
    end)

    it("gives the mode asked for, whatever the umask", function()
      local result = script.run(([[
        local file = require("host.file")
        assert(file.write(%q, "x"))
        assert(file.write(%q, "x", { mode = 384 }))
      ]]):format(root .. "/a", root .. "/b"), "sh -c 'umask 077 && exec \"$@\"' sh")
      assert.equal(0, result.status)
      assert.equal(tonumber("644", 8), assert(file.stat(root .. "/a")).mode)
      assert.equal(tonumber("600", 8), assert(file.stat(root .. "/b")).mode)
    end)

    it("replaces a link and leaves alone what it leads to", function()
      assert(file.write(root .. "/target", "target"))
      script.sh("ln -s target %s/link", root)
      assert(file.write(root .. "/link", "new"))
      assert.equal("target", file.read(root .. "/target"))
      assert.equal("new", file.read(root .. "/link"))
    end)

    it("works with the longest name there can be", function()
      local path = root .. "/" .. ("n"):rep(255)
      assert.is_true(file.write(path, "x"))
      assert.equal("x", file.read(path))
    end)

    it("works with a name in the current folder", function()
      local result = script.run([[
        say(tostring(require("host.file").write("here", "x")))
      ]], "env -C " .. root)
      assert.same({ "true" }, result.said)
      assert.equal("x", file.read(root .. "/here"))
    end)

    it("does not make the folder, and names the file", function()
      local ok, err, code = file.write(root .. "/none/a", "x")
      assert.is_nil(ok)
      assert.equal("cannot write: " .. root .. "/none/a: No such file or directory", err)
      assert.equal("ENOENT", code)
    end)

    it("does not take the place of a folder and leaves no temporary", function()
      assert(file.mkdir(root .. "/a/b"))
      local ok, err, code = file.write(root .. "/a", "x")
      assert.is_nil(ok)
      assert.matches("cannot put in place: " .. root .. "/a", err, 1, true)
      assert.equal("EISDIR", code)
      assert.same({ "a" }, names())
    end)

    it("wants the name of a file", function()
      for _, path in ipairs { root .. "/", root .. "/.", root .. "/..", "" } do
        local ok, err = file.write(path, "x")
        assert.is_nil(ok)
        assert.matches("expected the name of a file", err, 1, true)
      end
    end)

    it("survives a file size limit, with the old file whole", function()
      assert(file.write(root .. "/a", "old"))
      local result = script.run(([[
        local ok, err, code = require("host.file").write(%q, ("x"):rep(100000))
        say(tostring(ok)) say(code)
      ]]):format(root .. "/a"), "sh -c 'ulimit -f 8 && exec \"$@\"' sh")
      assert.same({ "nil", "EFBIG" }, result.said)
      assert.equal("old", file.read(root .. "/a"))
      assert.same({ "a" }, names())
    end)

    it("raises about unknown options", function()
      assert.has_error(function() file.write(root .. "/a", "x", { mod = 1 }) end)
      assert.has_error(function() file.write(root .. "/a", "x", { mode = 8 ^ 5 }) end)
    end)
  end)

  describe("mkdir", function()
    it("makes the folders above too and accepts what is there", function()
      assert.is_true(file.mkdir(root .. "/a//b/c/"))
      assert.is_true(file.mkdir(root .. "/a/b/c"))
      assert.equal("folder", assert(file.stat(root .. "/a/b/c")).type)
      assert.is_true(file.mkdir("/"))
    end)

    it("says when a file is in the way", function()
      assert(file.write(root .. "/a", "x"))
      for _, path in ipairs { "/a", "/a/b" } do
        local ok, err, code = file.mkdir(root .. path)
        assert.is_nil(ok)
        assert.equal("cannot make folder: " .. root ..
          "/a: something else is there that is no folder", err)
        assert.equal("ENOTDIR", code)
      end
    end)

    it("refuses a name that is empty or too long", function()
      assert.equal("ENOENT", select(3, file.mkdir("")))
      assert.equal("ENAMETOOLONG", select(3, file.mkdir(("/x"):rep(4000))))
    end)
  end)

  describe("remove", function()
    it("removes files, links and empty folders", function()
      assert(file.write(root .. "/a", "x"))
      assert(file.mkdir(root .. "/b"))
      script.sh("ln -s nowhere %s/c", root)
      for _, name in ipairs { "a", "b", "c" } do
        assert.is_true(file.remove(root .. "/" .. name))
      end
      assert.same({}, names())
      assert.equal("ENOENT", select(3, file.remove(root .. "/a")))
    end)

    it("removes no folder that holds something", function()
      assert(file.mkdir(root .. "/a/b"))
      assert.is_nil((file.remove(root .. "/a")))
      assert.equal("folder", assert(file.stat(root .. "/a/b")).type)
    end)
  end)

  describe("lock", function()
    -- What another process is told of the file.
    local function told(path)
      return script.run(([[local lock, err, code = require("host.file").lock(%q)
        say((lock and "locked" or err) .. (code and " " .. code or ""))]]):format(path)).said[1]
    end

    it("keeps other processes from it, until it is closed", function()
      local path = root .. "/lock"
      local lock = assert(file.lock(path))
      assert.equal("cannot lock: " .. path .. ": another process has it EAGAIN", told(path))
      assert.equal("file", file.stat(path).type)
      assert.equal(384, file.stat(path).mode)
      lock:close()
      lock:close()
      assert.equal("locked", told(path))
    end)

    it("ends with its process, and with nobody who was started by that", function()
      local path = root .. "/lock"
      local result = script.run(([[local file = require("host.file")
        local child = require("host.child")
        lock = assert(file.lock(%q))
        child.spawn { argv = { "sleep", "2" }, outlives = true }
        say(file.stat(%q).type)
        os.exit(0)]]):format(path, path))
      assert.same({ "file" }, result.said)
      assert.equal("locked", told(path))
    end)

    it("is no mere use of the file: what it holds stays", function()
      assert(file.write(root .. "/lock", "text"))
      local lock <close> = assert(file.lock(root .. "/lock"))
      assert.is_truthy(lock)
      assert.equal("text", file.read(root .. "/lock"))
    end)

    it("follows no link and takes nothing else for a file", function()
      script.sh("ln -s a %s/link; mkfifo %s/fifo; mkdir %s/folder", root, root, root)
      for name, code in pairs { link = "ELOOP", fifo = "EINVAL", folder = "EISDIR",
        ["none/x"] = "ENOENT" } do
        local lock, err, why = file.lock(root .. "/" .. name)
        assert.is_nil(lock)
        assert.matches("^cannot lock: ", err)
        assert.equal(code, why, name)
      end
      assert.is_nil(file.stat(root .. "/a"))
    end)
  end)

  describe("stat", function()
    it("tells type, size, time, mode and inode", function()
      assert(file.write(root .. "/a", "12345", { mode = tonumber("640", 8) }))
      script.sh("touch -d @1440938160.5 %s/a", root)
      local stat = assert(file.stat(root .. "/a"))
      assert.equal("file", stat.type)
      assert.equal(5, stat.size)
      assert.equal(1440938160.5, stat.mtime)
      assert.equal(tonumber("640", 8), stat.mode)
      assert.equal("integer", math.type(stat.inode))
    end)

    it("follows links and misses those that lead nowhere", function()
      script.sh("ln -s . %s/a && ln -s nowhere %s/b", root, root)
      assert.equal("folder", assert(file.stat(root .. "/a")).type)
      assert.equal("ENOENT", select(3, file.stat(root .. "/b")))
    end)
  end)

  describe("list", function()
    it("gives names and types, sorted as bytes", function()
      assert(file.write(root .. "/b", "x"))
      assert(file.write(root .. "/B", "x"))
      assert(file.mkdir(root .. "/a"))
      script.sh("ln -s b %s/c && mkfifo %s/.d", root, root)
      assert.same({
        { name = ".d", type = "fifo" }, { name = "B", type = "file" },
        { name = "a", type = "folder" }, { name = "b", type = "file" },
        { name = "c", type = "link" },
      }, file.list(root))
    end)

    it("names what cannot be listed", function()
      assert(file.write(root .. "/a", "x"))
      assert.equal("ENOENT", select(3, file.list(root .. "/none")))
      assert.equal("ENOTDIR", select(3, file.list(root .. "/a")))
    end)
  end)

  describe("sweep", function()
    local LEFT = ".nightjar-0123456789abcdef.tmp"

    it("removes left-over temporaries at every depth, and nothing else", function()
      assert(file.mkdir(root .. "/a/b"))
      for _, path in ipairs {
        LEFT, "a/" .. LEFT, "a/b/" .. LEFT, "a/b/.nightjar-fedcba9876543210.tmp",
        "kept.tmp", ".nightjar-0123.tmp", ".nightjar-0123456789abcdeg.tmp",
        "nightjar-0123456789abcdef.tmp", LEFT .. ".txt",
      } do
        assert(file.write(root .. "/" .. path, "x"))
      end
      assert(file.mkdir(root .. "/.nightjar-00000000000000ff.tmp"))
      assert.equal(4, file.sweep(root))
      assert.equal(0, file.sweep(root))
      assert.same({ ".nightjar-00000000000000ff.tmp", ".nightjar-0123.tmp", LEFT .. ".txt",
        ".nightjar-0123456789abcdeg.tmp", "a", "kept.tmp", "nightjar-0123456789abcdef.tmp" },
        names())
    end)

    it("follows no link", function()
      local other = script.folder()
      assert(file.write(other .. "/" .. LEFT, "x"))
      script.sh("ln -s %s %s/link", other, root)
      assert.equal(0, file.sweep(root))
      assert.equal("x", file.read(other .. "/" .. LEFT))
      script.discard(other)
    end)

    it("names a folder that is not there", function()
      local count, err, code = file.sweep(root .. "/none")
      assert.is_nil(count)
      assert.equal("cannot sweep: " .. root .. "/none: No such file or directory", err)
      assert.equal("ENOENT", code)
    end)
  end)
end)
