-- What an operator and a packager rely on of `make install` and `make uninstall`.

local cli = require "spec.support.cli"
local installed = require "spec.support.installed"
local program = require "host.program"

local shell = installed.shell

local LITTER = "this is no part of nightjar"

local function lines_of(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

-- Runs a command where the source tree cannot be seen: in a root of its own with the system's
-- folders and the installation alone.
local function enclosed(tree, command)
  local mounts = {}
  for _, folder in ipairs { "usr", "bin", "lib", "lib64", "etc", "dev", "proc" } do
    mounts[#mounts + 1] = ("[ ! -e /%s ] || { mkdir -p jail/%s && mount --rbind /%s jail/%s; }")
      :format(folder, folder, folder, folder)
  end
  return shell(("cd %s && unshare -m sh -c '%s; mkdir -p jail/tmp jail/opt && "
    .. "mount --bind %s jail/opt && chroot jail env -i PATH=/usr/bin:/bin HOME=/ %s'"):format(
    tree.root, table.concat(mounts, "; "), tree.root .. tree.prefix, command))
end

describe("make install", function()
  local tree

  before_each(function() tree = installed.new() end)
  after_each(function() tree:remove() end)

  it("puts each file where its reader looks for it, whatever the umask", function()
    tree:make("install", { before = "umask 077 &&" })
    local modes = {}
    for _, line in ipairs(tree:files()) do
      local mode, path = line:match("^(%d+) usr/local/(.*)$")
      local source = path:match("^share/nightjar/(.*)$")
      if source then
        assert.equal(select(2, shell("test -x " .. source)) and "755" or "644", mode, path)
      else
        modes[#modes + 1] = line
      end
    end
    assert.same({
      "755 usr/local/bin/nightjar",
      "755 usr/local/bin/nightjar-plan",
      "644 usr/local/lib/systemd/system/nightjar.service",
      "644 usr/local/lib/sysusers.d/nightjar.conf",
      "644 usr/local/share/bash-completion/completions/nightjar",
      "644 usr/local/share/fish/vendor_completions.d/nightjar.fish",
      "644 usr/local/share/man/man1/nightjar.1",
      "644 usr/local/share/zsh/site-functions/_nightjar",
    }, modes)
    assert.equal("", (shell("find " .. tree:path("") .. " -type d ! -perm 755")))
  end)

  it("installs all policies and templates, as they are in the source tree", function()
    tree:make("install")
    for _, folder in ipairs { "policies", "templates" } do
      local copy = tree:path("share/nightjar/" .. folder)
      assert.equal("", (shell(("diff -r %s %s"):format(folder, copy))))
    end
  end)

  it("works for a user who is not root", function()
    if shell("id -u") ~= "0\n" then return tree:make("install") end
    shell("chown nobody " .. tree.root)
    tree:make("install", { before = "setpriv --reuid=nobody --clear-groups" })
    assert.equal("", (shell("find " .. tree.root .. " ! -user nobody")))
  end)

  it("leaves out what editors, Python and Terraform leave behind", function()
    local copy = cli.folder()
    shell(("cp -R Makefile packaging docs lua policies templates examples %s"):format(copy))
    for _, path in ipairs { "policies/.weights.lua.swp", "policies/weights.lua~",
      "policies/run.log", "templates/.DS_Store", "templates/lds.json.yaml.mustache.orig",
      "examples/terraform/.terraform/provider", "examples/terraform/terraform.tfstate",
      "examples/x/__pycache__/x.pyc", "examples/demo/demo.py" } do
      cli.write(copy .. "/" .. path, LITTER)
    end
    tree:make("install", { source = copy })
    cli.remove(copy)
    assert.equal("", (shell(("grep -rl '%s' %s"):format(LITTER, tree.root))))
  end)

  it("replaces what is installed: what has gone from the sources goes there too", function()
    tree:make("install")
    cli.write(tree:path("share/nightjar/policies/gone.lua"), "return {}")
    cli.write(tree:path("share/nightjar/templates/old/file"), "old")
    cli.write(tree:path("share/nightjar/site/ours.lua"), "return {}")
    local before = tree:files()
    tree:make("install")
    local after = tree:files()
    assert.equal(#before - 2, #after)
    assert.is_nil(table.concat(after, "\n"):find("gone.lua", 1, true))
    assert.is_truthy(table.concat(after, "\n"):find("site/ours.lua", 1, true))
  end)

  it("runs nothing of what it installs, which may be for another machine", function()
    local build = cli.folder()
    for _, name in ipairs { "nightjar", "nightjar-plan" } do
      cli.write(build .. "/" .. name, "for another machine")
    end
    tree:make("install", { build = build })
    cli.remove(build)
    assert.equal("for another machine", cli.read(tree:path("bin/nightjar")))
    -- Yet the pages are what the program itself would have written.
    for shell_name, path in pairs { bash = "bash-completion/completions/nightjar",
      zsh = "zsh/site-functions/_nightjar", fish = "fish/vendor_completions.d/nightjar.fish" } do
      assert.equal(cli.run({ "completion", shell_name }).stdout,
        cli.read(tree:path("share/" .. path)))
    end
  end)

  it("puts the programs and their data alone into an image, from what a build stage has", function()
    local copy = cli.folder()
    shell(("cp -R Makefile packaging host lua policies templates examples %s"):format(copy))
    tree:make("install-programs", { source = copy })
    cli.remove(copy)
    for _, line in ipairs(tree:files()) do
      assert.is_truthy(line:find("^755 usr/local/bin/nightjar")
        or line:find("^%d+ usr/local/share/nightjar/"), line)
    end
    assert.matches("^nightjar %d", (shell(tree:path("bin/nightjar") .. " version")))
  end)

  it("strips the programs if INSTALL_STRIP says so, and not otherwise", function()
    local function has_symbols()
      return shell("readelf -S " .. tree:path("bin/nightjar")):find(".symtab", 1, true) ~= nil
    end
    tree:make("install")
    assert.is_true(has_symbols())
    tree:make("install", { variables = "INSTALL_STRIP=yes" })
    assert.is_false(has_symbols())
    assert.matches("^nightjar %d", (shell(tree:path("bin/nightjar") .. " version")))
  end)

  it("puts pages elsewhere if asked to", function()
    tree:make("install", { variables = "mandir=/usr/share/man unitdir=/usr/lib/systemd/system" })
    assert.equal("", (shell(("ls %s/usr/share/man/man1/nightjar.1 >/dev/null && "
      .. "ls %s/usr/lib/systemd/system/nightjar.service >/dev/null"):format(tree.root, tree.root))))
    tree:make("uninstall", { variables = "mandir=/usr/share/man unitdir=/usr/lib/systemd/system" })
    assert.same({}, tree:files())
  end)

  it("wants an absolute prefix: the unit has to name the program", function()
    local done, complaint = pcall(tree.make, setmetatable({ prefix = "usr" }, { __index = tree }),
      "install")
    assert.is_false(done)
    assert.matches("expected PREFIX to be an absolute path, got 'usr'", complaint)
    assert.same({}, tree:files())
  end)

  it("can be taken back", function()
    tree:make("install")
    cli.write(tree:path("share/nightjar/site/ours.lua"), "return {}")
    cli.write(tree:path("bin/other"), "other")
    tree:make("uninstall")
    assert.same({ "644 usr/local/bin/other", "644 usr/local/share/nightjar/site/ours.lua" },
      tree:files())
    tree:make("uninstall")
  end)
end)

describe("an installed nightjar", function()
  local tree, jailed

  setup(function()
    tree = installed.new("/usr")
    tree:make("install")
    jailed = select(2, enclosed(tree, "true"))
  end)
  teardown(function() tree:remove() end)

  -- Where no root can be had of one's own, the installation is at least no part of the tree.
  local function run(command)
    if jailed then return enclosed(tree, command) end
    return shell(("cd / && env -i PATH=/usr/bin:/bin %s"):format(
      command:gsub("/opt/", tree.root .. tree.prefix .. "/")))
  end

  it("finds its other program, policies, templates and the example beside itself", function()
    local output, succeeded = run("/opt/bin/nightjar check")
    assert.is_true(succeeded, output)
    assert.matches("\npolicies: ok, %d%d+ examples\n", "\n" .. output)
    assert.matches("\nsnapshot: [^\n]*/share/nightjar/examples/mesh.yaml", output)
    assert.matches("\nresult: ok\n", output)
  end)

  it("plans and renders", function()
    local output, succeeded = run("sh -c \"/opt/bin/nightjar discover --tmp-dir /opt/state | "
      .. "/opt/bin/nightjar render --output /opt/files\"")
    assert.is_true(succeeded, output)
    assert.matches("files/cds.json %(clusters", output)
  end)

  it("runs specs of policies: the helpers for them are in the program", function()
    cli.write(tree:path("site/shop_spec.lua"), [[
      local t = require "nightjar.testing"
      it("shares", function()
        assert.same({ blue = 90, green = 10 },
          t.plan { ["/shop"] = { blue = 90, green = 10 } }:weights "/shop")
      end)]])
    local output, succeeded = run("/opt/bin/nightjar test -o TAP /opt/site/shop_spec.lua")
    assert.is_true(succeeded, output)
    assert.same({ "ok 1 - shares", "1..1" }, lines_of(output))
  end)

  it("is the version that was built", function()
    assert.equal("nightjar " .. program.version .. "\n", (run("/opt/bin/nightjar --version")))
  end)
end)
