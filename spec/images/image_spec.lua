-- The images as a careful task definition runs them, and what they say of themselves.

local binary = require("spec.support.binary")
local file = require("host.file")
local json = require("host.json")
local podman = require("spec.support.podman")
local program = require("host.program")
local world_of = require("spec.support.world")

local missing = podman.missing()
if missing then
  pending("images: " .. missing)
  return
end

local BASE = "localhost/debian:bookworm-slim"

local function bytes(image)
  return math.tointeger(tonumber(podman.must("image", "inspect", "--format={{.Size}}", image)))
end

-- Copies a file out of an image, of which nothing runs.
local function copy(image, path, to)
  local id = podman.must("create", image):match("(%x+)%s*$")
  podman.must("cp", id .. ":" .. path, to)
  podman.must("rm", id)
end

for _, name in ipairs { "sidecar", "agent" } do
  describe("the image of the " .. name, function()
    local image = podman.image(name)
    local container

    after_each(function()
      if container then
        container:remove()
        container = nil
      end
    end)

    it("runs nightjar, as process 1 and user 1337, until SIGTERM", function()
      local config = podman.image_facts(image).Config
      assert.are.equal("1337:1337", config.User)
      assert.are.equal("SIGTERM", config.StopSignal)
      assert.are.same({ "/usr/local/bin/nightjar" }, config.Entrypoint)
      container = podman.start(image)
      container:ready()
      assert.are.equal("nightjar\n", (container:exec("cat", "/proc/1/comm")))
      assert.are.equal("1337\n", (container:exec("id", "-u")))
      assert.are.equal(0, container:stop(10))
      container:logged("event=stopped")
    end)

    it("runs on a root that nothing can write, without a capability or a way to one", function()
      container = podman.start(image)
      container:ready()
      local status = container:exec("cat", "/proc/1/status")
      for _, set in ipairs { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" } do
        assert.are.equal("0000000000000000", status:match(set .. ":%s*(%x+)"), set)
      end
      assert.are.equal("1", status:match("NoNewPrivs:%s*(%d)"))
      local folder = name == "sidecar" and "/tmp" or "/mnt/envoy-config"
      local mounts = container:exec("cat", "/proc/mounts")
      assert.matches(" / %S+ ro,", mounts)
      assert.matches(" " .. folder:gsub("%p", "%%%0") .. " %S+ rw,", mounts)
      for _, path in ipairs { "/x", "/etc/x", "/usr/local/share/nightjar/x", "/var/x", "/run/x",
        "/home/x" } do
        assert.are_not.equal(0, (select(2, container:exec("touch", path))), path)
      end
      assert.are.equal(0, (select(2, container:exec("touch", folder .. "/x"))))
    end)

    it("holds programs that are hardened as they are in the tree", function()
      local path = os.tmpname()
      finally(function() os.remove(path) end)
      for _, one in ipairs { "nightjar", "nightjar-plan" } do
        copy(image, "/usr/local/bin/" .. one, path)
        assert.are.same({}, binary.faults(path), one)
      end
    end)

    it("adds no file that runs as another user, or that others may write, to its base", function()
      local words = { "/", "-xdev", "-type", "f", "(", "-perm", "/6000", "-o", "-perm", "/0002",
        ")", "-print" }
      local function found(of)
        return podman.must("run", "--rm", "--no-healthcheck", "--entrypoint=find", "--user=0", of,
          table.unpack(words))
      end
      local base = found(BASE)
      assert.matches("/usr/bin/passwd\n", base) -- it finds what there is
      assert.are.equal(base, found(image))
    end)

    it("needs no shell to run, nor to be asked for its health", function()
      -- What cannot be executed stands in the place of each shell.
      local options = {}
      for i, shell in ipairs { "bash", "dash" } do
        options[i] = ("--volume=/etc/hostname:/usr/bin/%s:ro"):format(shell)
      end
      container = podman.start(image, { options = options })
      assert.are_not.equal(0, (select(2, container:exec("sh", "-c", ":"))))
      container:ready()
      assert.are.equal(0, container:stop(10))
    end)

    it("labels itself as the OCI image specification asks", function()
      local labels = podman.image_facts(image).Config.Labels
      local prefix = "org.opencontainers.image."
      assert.are.equal("nightjar-" .. name, labels[prefix .. "title"])
      assert.are.equal(program.version, labels[prefix .. "version"])
      assert.matches("^%x+$", (labels[prefix .. "revision"]:gsub("%-dirty$", "")))
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT", labels[prefix .. "created"])
      assert.is_truthy(labels[prefix .. "description"]:find("nightjar", 1, true))
    end)

    it("lists every package that it holds, in SPDX that the SPDX project's tools accept", function()
      local path = os.tmpname() .. ".spdx.json"
      finally(function() os.remove(path) end)
      copy(image, "/usr/local/share/nightjar/sbom.spdx.json", path)
      local pipe = io.popen(("pyspdxtools --infile %s 2>&1; echo $?"):format(path))
      local verdict = pipe:read("a")
      pipe:close()
      assert.is_truthy(verdict:find("\n?0\n$"), verdict)

      local listed = {}
      for _, package in ipairs(assert(json.decode(file.read(path))).packages) do
        listed[package.name] = package.versionInfo
      end
      container = podman.start(image, { command = { "run" } })
      local installed = container:exec("dpkg-query", "--show",
        "--showformat=${Package} ${Version}\n")
      local count = 0
      for package, version in installed:gmatch("(%S+) (%S+)\n") do
        assert.are.equal(version, listed[package], package)
        count = count + 1
      end
      assert.is_true(count > 50)
      assert.is_truthy(listed.libcurl4)
      assert.matches("pkg:deb/debian/libcurl4@[^\"]*&distro=bookworm", assert(file.read(path)))
      assert.is_truthy(listed["ca-certificates"]) -- its file is there, without the package
      assert.are.equal(program.version, listed.nightjar)
      assert.are.equal(name == "sidecar", listed.envoy ~= nil)
    end)
  end)
end

describe("the image of the specs", function()
  it("runs them as user 1337, all or those named, on a root that nothing can write", function()
    local image = podman.image("test")
    assert.are.same({ "make", "-s", "test" }, podman.image_facts(image).Config.Cmd)
    assert.are.equal("1337:1337", podman.image_facts(image).Config.User)
    local output, status = podman.command("run", "--rm", "--timeout=120", "--read-only",
      "--read-only-tmpfs=false", "--cap-drop=all", image, "make", "-s", "test",
      "SPEC=spec/policies/weights_spec.lua spec/system/bootstrap_spec.lua")
    assert.are.equal(0, status, output)
    local passed = 0
    for _, name in ipairs { "spec/policies/weights_spec.lua", "spec/system/bootstrap_spec.lua" } do
      local count = output:match("\n?" .. name:gsub("%p", "%%%0") .. " +(%d+) ok +0 not ok")
      passed = passed + assert(tonumber(count), output)
    end
    assert.is_true(passed >= 6, output)
    assert.matches(("\n%d passed, 0 failed\n"):format(passed), output, 1, true)
  end)
end)

describe("the image of the agent", function()
  it("adds less than 20 MB to its base", function()
    local added = bytes(podman.image("agent")) - bytes(BASE)
    assert.is_true(added > 0 and added < 20e6, added .. " bytes over the base")
  end)
end)

describe("the image of the sidecar", function()
  it("lists the Envoy that it took out of another image by that image's name", function()
    local path = os.tmpname() .. ".spdx.json"
    finally(function() os.remove(path) end)
    copy("localhost/nightjar-sidecar:from-envoy-image",
      "/usr/local/share/nightjar/sbom.spdx.json", path)
    for _, package in ipairs(assert(json.decode(file.read(path))).packages) do
      if package.name == "envoy" then
        return assert.are.equal("localhost/envoy:stock", package.versionInfo)
      end
    end
    error("no Envoy is listed")
  end)

  it("can take Envoy from Envoy's own image, and then holds that very file", function()
    local function sum(image)
      return podman.must("run", "--rm", "--no-healthcheck", "--entrypoint=sha256sum", image,
        "/usr/local/bin/envoy"):match("^%x+")
    end
    assert.are.equal(sum("localhost/envoy:stock"),
      sum("localhost/nightjar-sidecar:from-envoy-image"))
  end)

  it("starts Envoy anew when it dies, and reaps it", function()
    local container = podman.start(podman.image("sidecar"))
    finally(function() container:remove() end)
    container:ready()
    local pid = container:exec("cat", "/tmp/envoy.pid"):match("%d+")
    container:exec("bash", "-c", "kill -KILL " .. pid)
    world_of.eventually(function()
      local now = container:exec("cat", "/tmp/envoy.pid"):match("%d+")
      return now and now ~= pid and container:healthy()
    end, 15, "another Envoy serves")
    assert.is_falsy(container:exec("cat", "/proc/" .. pid .. "/stat"):find("%) Z "))
  end)
end)
