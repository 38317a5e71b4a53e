-- What the running program knows of itself: its folders, version, environment.

local file = require("host.file")
local program = require("host.program")
local script = require("spec.support.script")

describe("host.program", function()
  it("knows the folder it stands in", function()
    assert.equal("file", assert(file.stat(program.directory .. "/nightjar")).type)
    assert.equal("/", program.directory:sub(1, 1))
  end)

  it("has a version of three numbers", function()
    assert.matches("^%d+%.%d+%.%d+", program.version)
  end)

  it("finds its data in the build tree", function()
    local folder = assert(program.data_directory())
    assert.equal("file", assert(file.stat(folder .. "/policies/init.lua")).type)
  end)

  it("gives the whole environment", function()
    local environment = program.environment()
    assert.equal(os.getenv("PATH"), environment.PATH)
    for name, value in pairs(environment) do
      assert.equal(os.getenv(name), value)
    end
  end)

  it("keeps what stands behind the first equals sign of a variable", function()
    local result = script.run([[
      local environment = require("host.program").environment()
      say(environment.SPEC_ODD) say("<" .. environment.SPEC_EMPTY .. ">")
    ]], "env SPEC_ODD=a=b=c SPEC_EMPTY=")
    assert.same({ "a=b=c", "<>" }, result.said)
  end)

  it("knows whether there are IPv6 sockets", function()
    local text = [[say(tostring(require("host.program").has_ipv6()))]]
    local result = script.run(text, "python3 spec/support/without_ipv6.py")
    assert.same({ "false" }, result.said, result.err)
    -- Where this machine has none, it can tell nothing else.
    local works = os.execute("python3 -c 'import socket; socket.socket(socket.AF_INET6)' 2>&1")
    assert.same({ tostring(works == true) }, script.run(text).said)
  end)

  it("tells a file from a terminal", function()
    local result = script.run([[
      local program = require("host.program")
      say(tostring(program.isatty(0))) say(tostring(program.isatty(99)))
    ]])
    assert.same({ "false", "false" }, result.said)
  end)

  -- An agent makes most of its garbage of what it needed for a while. Lua's own measures let the
  -- heap double before all of that is looked for.
  it("has garbage collected after a trim before it is a third of what lives", function()
    local result = script.run([[
      local live, passing, most = {}, {}, 0
      for number = 1, 20000 do live[number] = { number } end
      require("host.program").trim()
      for number = 1, 1000000 do
        passing[number % 8000] = { number }
        if number % 100 == 0 then most = math.max(most, collectgarbage("count")) end
      end
      collectgarbage()
      say(tostring(most / collectgarbage("count")))
    ]])
    local ratio = tonumber(result.said[1])
    assert.is_true(ratio < 1.33, result.said[1])
  end)

  it("raises about what cannot be a descriptor", function()
    assert.has_error(function() program.isatty(-1) end)
    assert.has_error(function() program.isatty("out") end)
  end)

  describe("installed elsewhere", function()
    local root

    before_each(function()
      root = script.folder()
      script.sh("mkdir -p %s/bin", root)
      script.sh("cp %s %s/bin/nightjar", program.directory .. "/nightjar", root)
    end)
    after_each(function() script.discard(root) end)

    local function found(path)
      assert(file.write(root .. "/script.lua", [[
        local program = require("host.program")
        io.stdout:write("= ", program.directory, " ", program.data_directory(), "\n")
      ]]))
      local pipe = assert(io.popen(path .. " test " .. root .. "/script.lua"))
      local line = pipe:read("l")
      pipe:close()
      return line:gsub("^= ", ""):gsub((root:gsub("%p", "%%%0")), "ROOT")
    end

    it("finds its data in share/nightjar", function()
      assert.equal("ROOT/bin ROOT/share/nightjar", (found(root .. "/bin/nightjar")))
    end)

    it("is not misled by a link", function()
      script.sh("mkdir %s/elsewhere && ln -s ../bin/nightjar %s/elsewhere/nj", root, root)
      assert.equal("ROOT/bin ROOT/share/nightjar", (found(root .. "/elsewhere/nj")))
    end)

    it("prefers what is installed to a build tree that it stands below", function()
      script.sh("mkdir -p %s/policies %s/share/nightjar/policies", root, root)
      script.sh("touch %s/policies/init.lua %s/share/nightjar/policies/init.lua", root, root)
      assert.equal("ROOT/bin ROOT/share/nightjar", (found(root .. "/bin/nightjar")))
    end)

    it("finds a build tree up to three folders above", function()
      script.sh("mkdir -p %s/policies %s/a/b && touch %s/policies/init.lua", root, root, root)
      assert.equal("ROOT/bin ROOT", (found(root .. "/bin/nightjar")))
      script.sh("mv %s/bin/nightjar %s/a/b/nightjar", root, root)
      assert.equal("ROOT/a/b ROOT", (found(root .. "/a/b/nightjar")))
    end)
  end)
end)
