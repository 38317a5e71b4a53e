-- The images for arm64, built on another architecture, under an emulator: the pure parts make there
-- what they make here, byte for byte.

local podman = require("spec.support.podman")

local function emulated()
  local _, status = podman.command("run", "--rm", "--pull=never", "--network=none",
    "--entrypoint=true", "localhost/nightjar-agent:arm64")
  return status == 0
end

local missing = podman.missing() or (not emulated() and "this kernel runs nothing of arm64")
if missing then
  pending("arm64: " .. missing)
  return
end

-- What is pure, and quick enough when emulated: numbers, text, hashes, and the plan's stages.
local SPECS = { "spec/host/json_spec.lua", "spec/host/json_large_spec.lua",
  "spec/host/json_written_spec.lua", "spec/host/json_fingerprint_spec.lua",
  "spec/host/yaml_spec.lua", "spec/host/sigv4_spec.lua",
  "spec/policies/weights_spec.lua", "spec/policies/zone_aware_spec.lua" }
for _, name in ipairs { "address", "contract", "deterministic", "examples", "golden", "main",
  "model", "mustache", "path_key", "policy", "render", "route_fields", "route_service", "sandbox",
  "schema", "view", "warnings", "weight" } do
  SPECS[#SPECS + 1] = ("spec/nightjar/plan/%s_spec.lua"):format(name)
end

local function project()
  local pipe = assert(io.popen("pwd"))
  local path = pipe:read("l")
  pipe:close()
  return path
end

describe("on arm64", function()
  local function run(image, ...)
    return podman.command("run", "--rm", "--pull=never", "--network=none", "--no-healthcheck",
      "--read-only", "--cap-drop=all", "--env=DISCOVERY=file", "localhost/nightjar-" .. image
        .. ":arm64", ...)
  end

  it("the policies' examples and the shipped templates are what they should be", function()
    local output, status = run("agent", "check")
    assert.are.equal(0, status, output)
    assert.is_truthy(output:find("policies: ok, %d+ examples"), output)
    assert.is_truthy(output:find("result: ok", 1, true), output)
  end)

  it("the specs of the pure parts pass", function()
    local argv = { "run", "--rm", "--pull=never", "--network=none", "--no-healthcheck",
      "--timeout=300", "--volume=" .. project() .. ":/project:ro", "--workdir=/project",
      "--volume=/usr/share/lua:/usr/share/lua:ro",
      ("--volume=%s/arm64-lua:/usr/lib/aarch64-linux-gnu/lua:ro"):format(
        os.getenv("NIGHTJAR_IMAGES")),
      "localhost/nightjar-agent:arm64", "test", "-o", "TAP" }
    table.move(SPECS, 1, #SPECS, #argv + 1, argv)
    local output, status = podman.command(table.unpack(argv))
    local _, passed = output:gsub("\nok ", "")
    assert.is_nil(output:find("\nnot ok"), output:match("\nnot ok.*"))
    assert.are.equal(0, status, output)
    assert.is_true(passed > 700, passed .. " passed")
  end)

  it("an agent is healthy when it has published, as on a laptop that emulates", function()
    local container = podman.start("localhost/nightjar-agent:arm64",
      { environment = { DISCOVERY = "file" }, options = { "--pull=never", "--network=none" } })
    finally(function() container:remove() end)
    container:ready(60)
    assert.are.equal(0, container:stop(20))
  end)

  it("a plan's bytes are those of this machine", function()
    local function generation(image)
      local output = podman.must("run", "--rm", "--pull=never", "--network=none",
        "--env=DISCOVERY=file", "--entrypoint=sh", image, "-c", "nightjar once && "
          .. "cd /mnt/envoy-config/active-envoy-config && "
          .. "sha256sum cds.json lds.json rds/*.json envoy-config.yaml input.json")
      return output:match("%x+  cds%.json\n.*"), output
    end
    local here, said = generation(podman.image("agent"))
    assert(here, said)
    assert.are.equal(here, (generation("localhost/nightjar-agent:arm64")))
  end)

  it("the sidecar's image holds an Envoy for it", function()
    local output, status = podman.command("run", "--rm", "--pull=never", "--network=none",
      "--entrypoint=dpkg", "localhost/nightjar-sidecar:arm64", "--print-architecture")
    assert.are.equal(0, status, output)
    assert.is_truthy(output:find("arm64\n", 1, true), output)
    local id = podman.must("create", "--pull=never", "localhost/nightjar-sidecar:arm64")
      :match("(%x+)%s*$")
    local path = os.tmpname()
    finally(function()
      os.remove(path)
      podman.command("rm", id)
    end)
    podman.must("cp", id .. ":/usr/local/bin/envoy", path)
    local file = assert(io.open(path, "rb"))
    local header = file:read(20)
    file:close()
    assert.are.equal(183, (("<I2"):unpack(header, 19))) -- EM_AARCH64 (elf.h)
  end)
end)
