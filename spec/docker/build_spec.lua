-- `make image`: which engine builds, and what it is told. What the builds make: spec/images/.

local cli = require("spec.support.cli")
local file = require("host.file")

describe("docker/build", function()
  local bin

  before_each(function()
    bin = cli.folder()
    -- A PATH of our own: what the script needs, and the engines that a case has.
    for _, tool in ipairs { "sed", "git", "uname", "cut", "dirname", "cat", "head" } do
      assert(os.execute(("ln -s $(command -v %s) %s/%s"):format(tool, bin, tool)))
    end
  end)
  after_each(function() cli.remove(bin) end)

  -- An engine that says what it was told; one named `docker` may have no daemon to ask.
  local function engine(name, daemon)
    cli.write(bin .. "/" .. name, ([[#!/bin/sh
      [ "$1" != version ] || exit %d
      printf '%%s ' %s "$@"
      echo
    ]]):format(daemon == false and 1 or 0, name))
    assert(os.execute("chmod +x " .. bin .. "/" .. name))
  end

  local function build(words, environment, tree)
    local pipe = assert(io.popen(("env -i PATH=%s %s /bin/sh %s/docker/build %s 2>&1; echo $?")
      :format(bin, environment or "", tree or ".", words)))
    local output = pipe:read("a")
    pipe:close()
    return output, math.tointeger(tonumber(output:match("(%d+)\n$")))
  end

  it("takes docker, then podman, then buildah", function()
    engine("buildah")
    assert.matches("\nbuildah build .*%-%-file docker/agent/Dockerfile", (build("agent")))
    engine("podman")
    assert.matches("\npodman build .*%-%-file docker/agent/Dockerfile", (build("agent")))
    engine("docker")
    assert.matches("\ndocker build .*%-%-file docker/agent/Dockerfile", (build("agent")))
  end)

  it("passes by a docker whose daemon does not answer", function()
    engine("docker", false)
    engine("buildah")
    assert.matches("\nbuildah build ", (build("agent")))
  end)

  it("knows podman that goes by docker's name, and tells it to keep the health check", function()
    cli.write(bin .. "/docker", "#!/bin/sh\necho 'Client: Podman Engine'\n")
    assert(os.execute("chmod +x " .. bin .. "/docker"))
    engine("podman")
    assert.matches("\npodman build %-%-format docker ", (build("agent")))
  end)

  it("asks docker for BuildKit, which Debian's does not use by itself", function()
    cli.write(bin .. "/docker", "#!/bin/sh\necho BuildKit: $DOCKER_BUILDKIT\n")
    assert(os.execute("chmod +x " .. bin .. "/docker"))
    assert.matches("\nBuildKit: 1\n", (build("agent")))
  end)

  it("takes the engine that ENGINE names, and no other", function()
    engine("docker")
    engine("podman")
    assert.matches("\npodman build ", (build("agent", "ENGINE=podman")))
    local output, status = build("agent", "ENGINE=kaniko")
    assert.are.equal(1, status)
    assert.matches("expected ENGINE=docker, podman or buildah, got 'kaniko'", output)
  end)

  it("refuses an unknown origin of Envoy, which an engine would pull as an image", function()
    engine("docker")
    local output, status = build("sidecar", "ENVOY=packages")
    assert.are.equal(1, status)
    assert.matches("expected ENVOY=package or image, got 'packages'", output)
    assert.is_falsy(output:find("docker build", 1, true), output)
  end)

  it("says what to install where there is no engine", function()
    local output, status = build("agent")
    assert.are.equal(1, status)
    assert.matches("found none of docker %(with its daemon%), podman and buildah", output)
  end)

  it("builds the sidecar and the agent if no image is named; refuses one that is none", function()
    engine("docker")
    local output = build("")
    assert.matches("docker/sidecar/Dockerfile", output)
    assert.matches("docker/agent/Dockerfile", output)
    local complaint, status = build("gateway")
    assert.are.equal(1, status)
    assert.matches("expected sidecar, agent or test, got 'gateway'", complaint)
  end)

  it("names the image by REPOSITORY and TAG, and by the version without one", function()
    engine("docker")
    local version = file.read("Makefile"):match("\nVERSION := (%S+)")
    assert.is_truthy(build("agent"):find("--tag nightjar-agent:" .. version .. " ", 1, true))
    assert.is_truthy(build("agent", "REPOSITORY=registry.example/mesh TAG=7")
      :find("--tag registry.example/mesh/nightjar-agent:7 ", 1, true))
  end)

  it("says how large the image is", function()
    engine("docker")
    assert.is_truthy(build("agent", "TAG=7"):find(
      "image: nightjar-agent:7 is docker images --format {{.Size}} nightjar-agent:7", 1, true))
  end)

  it("labels with the commit, and says when the tree holds something else", function()
    engine("docker")
    local tree = cli.folder()
    finally(function() cli.remove(tree) end)
    assert(os.execute(("cp -R Makefile docker %s && cd %s && git init -q && git add . && "
      .. "git -c user.name=x -c user.email=x@y commit -qm x"):format(tree, tree)))
    local label = "--label org.opencontainers.image."
    local output = build("agent", "", tree)
    assert.matches(label:gsub("%p", "%%%0") .. "revision=%x+ ", output)
    assert.matches(label:gsub("%p", "%%%0") .. "created=%d%d%d%d%-%d%d%-%d%dT%S+ ", output)
    cli.write(tree .. "/docker/new", "not in the commit")
    assert.matches(label:gsub("%p", "%%%0") .. "revision=%x+%-dirty ", (build("agent", "", tree)))
  end)

  it("labels with the version alone without a repository, whatever one lies around it", function()
    engine("docker")
    local outer = cli.folder()
    finally(function() cli.remove(outer) end)
    assert(os.execute(("mkdir %s/inner && cp -R Makefile docker %s/inner && cd %s && "
      .. "git init -q && git add . && git -c user.name=x -c user.email=x@y commit -qm x"):format(
      outer, outer, outer)))
    local output = build("agent", "", outer .. "/inner")
    assert.is_truthy(output:find("--label org.opencontainers.image.version=", 1, true), output)
    assert.is_falsy(output:find("revision", 1, true), output)
    assert.is_falsy(output:find("created", 1, true), output)
  end)

  it("hands on the base, Envoy's origin and the platform", function()
    engine("podman")
    local output = build("sidecar", "BASE=debian@sha256:1 ENVOY=image ENVOY_IMAGE=envoy@sha256:2 "
      .. "PLATFORM=linux/arm64")
    for _, words in ipairs { "--build-arg BASE=debian@sha256:1 ", "--build-arg ENVOY=image ",
      "--build-arg ENVOY_IMAGE=envoy@sha256:2 ", "--platform linux/arm64 ",
      "--build-arg TARGETARCH=arm64 ", "--format docker " } do
      assert.is_truthy(output:find(words, 1, true), words)
    end
  end)
end)

describe("docker/envoy.txt", function()
  it("pins the Envoy that the specs run with", function()
    local pinned = file.read("docker/envoy.txt"):match("envoy%-server==([%d.]+)")
    assert.are.equal(file.read(".ci/setup"):match("envoy%-server==([%d.]+)"), pinned)
  end)
end)
