-- Publication in reality: a mesh file, the real agent, a real Envoy, keep-alive load.

local file = require("host.file")
local json = require("host.json")
local sidecar_of = require("spec.support.sidecar")
local undo = require("nightjar.agent.undo")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("publication: " .. missing)
  return
end

describe("publication", function()
  local sidecar, world, ports, templates, shipped

  local function web(blue, green)
    return {
      service("web-blue", { ["/web"] = 90 }, blue or { ports.blue }),
      service("web-green", { ["/web"] = 10 }, green or { ports.green }),
    }
  end

  -- Inode and time of each file below a folder.
  local function stamps(folder)
    local list, handle = {}, assert(file.folder(folder))
    for _, name in ipairs(handle:list()) do
      local stat = assert(file.stat(folder .. "/" .. name))
      list[name] = ("%d %.9f"):format(stat.inode, stat.mtime)
    end
    handle:close()
    return list
  end

  local function template(name, text)
    assert(file.write(templates .. "/" .. name, text))
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green", "shop")
    world, ports = sidecar.world, sidecar.ports
    templates = sidecar:own_templates()
    shipped = assert(file.read(templates .. "/cds.json.yaml.mustache"))
    sidecar:mesh(web())
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("defect 10: touches no file, not even of its state, while nothing changes", function()
    local before, state = stamps(sidecar.folder), stamps(sidecar.state)
    local from = sidecar:mark()
    for _ = 1, 3 do
      from = sidecar:logged("event=unchanged", 5, from) + 1
    end
    assert.are.same(before, stamps(sidecar.folder))
    assert.are.same(state, stamps(sidecar.state))
    assert.is_nil(state["undo.json"])
  end)

  it("defect 10: a changed weight changes the routes alone, and closes nothing", function()
    local before = stamps(sidecar.folder)
    local listeners = sidecar:stat("listener_manager.lds.version_text")
    local seen = sidecar:under_load("/web", function()
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 0 }, { ports.blue }),
          service("web-green", { ["/web"] = 100 }, { ports.green }) }
      end)
    end)
    assert.is_true(seen.backends.blue > 0 and seen.backends.green > 0)
    assert.are.same({ green = 40 }, world:split(sidecar:url("/web"), 40))
    local after, route = stamps(sidecar.folder), ("rds/public-%d.json"):format(sidecar.port)
    assert.are_not.equal(before[route], after[route])
    for _, same in ipairs { "lds.json", "cds.json", "envoy-config.yaml" } do
      assert.are.equal(before[same], after[same], same)
    end
    assert.are.equal(listeners, sidecar:stat("listener_manager.lds.version_text"))
    assert.are.equal("0", sidecar:stat("listener_manager.listener_modified"))
    sidecar:publishes(function() sidecar:mesh(web()) end)
  end)

  it("loses no request when a color is emptied and filled again", function()
    sidecar:under_load("/web", function()
      sidecar:publishes(function() sidecar:mesh(web(nil, {})) end)
      assert.are.same({ blue = 40 }, world:split(sidecar:url("/web"), 40))
      sidecar:publishes(function() sidecar:mesh(web()) end)
    end)
    assert.is_not_nil(world:split(sidecar:url("/web"), 100).green)
  end)

  it("defect 10: a cluster leaves one generation after its routes", function()
    sidecar:under_load("/web", function()
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 90 }, { ports.blue }) }
        world_of.eventually(function()
          return not (file.read(sidecar.folder .. ("/rds/public-%d.json"):format(sidecar.port))
            or ""):find("web-green", 1, true)
        end, 5, "the routes stop naming it")
        assert.are.same({ "web-blue", "web-green" }, sidecar:clusters())
      end)
      world_of.eventually(function() return #sidecar:clusters() == 1 end, 5, "it is gone")
    end)
    sidecar:publishes(function() sidecar:mesh(web()) end)
  end)

  it("loses no request when a service is added", function()
    sidecar:under_load("/web", function()
      local services = web()
      services[3] = service("shop-blue", { ["/shop"] = 1 }, { ports.shop })
      sidecar:publishes(function() sidecar:mesh(services) end)
      assert.are.equal(200, (world:get(sidecar:url("/shop"))))
      sidecar:publishes(function() sidecar:mesh(web()) end)
    end)
    assert.are.equal(404, (world:get(sidecar:url("/shop"))))
  end)

  it("gives each listener a route file, and removes it with the listener", function()
    local other = world:ports(1)
    local path = ("%s/rds/public-%d.json"):format(sidecar.folder, other)
    sidecar:under_load("/web", function()
      sidecar:publishes(function() sidecar:mesh(web(), { ["other.local"] = other }) end)
      assert.are.equal(200, (world:get(sidecar:url("/ping", other))))
      assert.is_not_nil(file.stat(path))
      sidecar:publishes(function() sidecar:mesh(web()) end)
    end)
    assert.is_nil(file.stat(path))
    -- A connection of before may be served while the listener drains; a new one is not accepted.
    assert.is_not_true(os.execute(("curl -s -o /dev/null %s"):format(sidecar:url("/ping", other))))
  end)

  it("renames a file in again that Envoy did not notice", function()
    local path = sidecar.folder .. "/cds.json"
    -- What a missed rename looks like: the file is there, Envoy runs another version.
    local wanted = sidecar:read("cds.json").version_info
    local old = json.decode(assert(file.read(path)))
    old.version_info = "older"
    os.execute(("kill -STOP %d"):format(world.directory and sidecar.agent.pid))
    local text = assert(file.read(path))
    assert(file.write(path, assert(json.encode(old))))
    world_of.eventually(function()
      return sidecar:stat("cluster_manager.cds.version_text") == "older"
    end, 5, "Envoy runs the older one")
    -- Written in place, which Envoy does not notice.
    local handle = assert(io.open(path, "w"))
    handle:write(text)
    handle:close()
    os.execute(("kill -CONT %d"):format(sidecar.agent.pid))
    world_of.eventually(function()
      return sidecar:stat("cluster_manager.cds.version_text") == wanted
    end, 8, "Envoy runs the newer one")
  end)

  local function swap(text, old, new)
    local from, to = text:find(old, 1, true)
    return text:sub(1, assert(from, old) - 1) .. new .. text:sub(to + 1)
  end

  -- Envoy refuses `bad` and says `why`; then `better` is taken, and `good` again.
  local function refuses(name, path, why, good, bad, better)
    finally(function() template(name, good) end)
    local before = stamps(sidecar.folder)
    local texts = {}
    for one in pairs(before) do
      texts[one] = file.read(sidecar.folder .. "/" .. one)
    end
    local from
    sidecar:under_load("/web", function()
      from = sidecar:mark()
      template(name, bad)
      local at = sidecar:logged("Envoy refuse", 10, from)
      local line = world:log(sidecar.agent):match("[^\n]*event=refused [^\n]*", from)
      assert.is_truthy(line:find("files=" .. path, 1, true), line)
      assert.matches("generation=%x+", line)
      assert.is_truthy(line:find(why, 1, true), line)
      sidecar:logged("Envoy refused it before", 10, at)
    end)
    for one, text in pairs(texts) do
      assert.are.equal(text, file.read(sidecar.folder .. "/" .. one), one .. " is not back")
    end
    assert.is_nil(file.stat(sidecar.state .. "/undo.json"))
    local now = stamps(sidecar.folder)
    sidecar:logged("Envoy refused it before", 10, sidecar:mark())
    assert.are.same(now, stamps(sidecar.folder))
    if better then
      sidecar:under_load("/web", function()
        sidecar:publishes(function() template(name, better) end)
        sidecar:publishes(function() template(name, good) end)
      end)
    end
  end

  it("takes back clusters that Envoy refuses", function()
    refuses("cds.json.yaml.mustache", "cds.json", "value must be greater than 0s", shipped,
      swap(shipped, "connect_timeout: 1s", "connect_timeout: 0s"),
      swap(shipped, "connect_timeout: 1s", "connect_timeout: 2s"))
  end)

  it("takes back a file that Envoy cannot even read", function()
    refuses("cds.json.yaml.mustache", "cds.json", "connect_timeout", shipped,
      swap(shipped, "connect_timeout: 1s", "connect_timeout: soon"),
      swap(shipped, "connect_timeout: 1s", "connect_timeout: 2s"))
  end)

  it("takes back routes that Envoy refuses", function()
    local name = "rds/@listeners.json.yaml.mustache"
    local text = assert(file.read(templates .. "/" .. name))
    refuses(name, "rds/public-", "unknown weighted cluster 'nowhere'", text,
      swap(text, '- name: "{{cluster_name}}"', "- name: nowhere"),
      swap(text, "idle_timeout: 60s", "idle_timeout: 61s"))
  end)

  it("takes back listeners that Envoy refuses", function()
    local name = "lds.json.yaml.mustache"
    local text = assert(file.read(templates .. "/" .. name))
    refuses(name, "lds.json", "value must be less than or equal to 65535", text,
      swap(text, "port_value: {{mesh_port}}", "port_value: 70000"))
  end)

  it("tells a port that another program holds, and that the files are not to blame", function()
    local port = world:ports(1)
    local holder = world:start("holder", { "python3", "-c", ("import socket, time\n"
      .. "s = socket.socket()\ns.bind(('0.0.0.0', %d))\ns.listen()\ntime.sleep(60)"):format(port) })
    world_of.eventually(function()
      return os.execute(("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d' 2>/dev/null"):format(port))
    end, 5, "the port is held")
    local from = sidecar:mark()
    sidecar:under_load("/web", function()
      sidecar:mesh(web(), { ["other.local"] = port })
      sidecar:logged("event=refused", 10, from)
    end)
    local line = world:log(sidecar.agent):match("[^\n]*event=refused [^\n]*", from)
    assert.matches("listener public%-" .. port .. ": cannot bind .*: Address already in use", line)
    local refused = assert(json.decode(assert(file.read(sidecar.state .. "/refused.json"))))
    assert.is_true(refused.outside)
    world:stop(holder)
    -- An operator need not wait.
    sidecar:publishes(function() world:signal(sidecar.agent, "HUP") end)
    assert.are.equal(200, (world:get(sidecar:url("/ping", port))))
    assert.is_nil(file.stat(sidecar.state .. "/refused.json"))
    sidecar:publishes(function() sidecar:mesh(web()) end)
  end)

  it("keeps the bootstrap that is in place when Envoy refuses another", function()
    local name = "envoy-config.yaml.mustache"
    local text = assert(file.read(templates .. "/" .. name))
    local envoy = sidecar:envoy()
    refuses(name, "envoy-config.yaml", "no_such_field", text, text .. "\nno_such_field: 1\n")
    assert.are.equal(envoy, sidecar:envoy())
  end)

  it("serves the last generation after a restart without discovery", function()
    sidecar:publishes(function() sidecar:mesh(web({ ports.shop })) end)
    assert.are.equal(0, world:stop(sidecar.agent))
    os.remove(sidecar.mesh_file)
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=stale")
    assert.is_nil(world:split(sidecar:url("/web"), 40).blue)
  end)

  it("goes back to the accepted generation after a kill in the midst of another", function()
    sidecar:mesh(web())
    world_of.eventually(function() return world:split(sidecar:url("/web"), 40).blue end, 5, "blue")
    sidecar:logged("event=unchanged", 5, sidecar:mark())
    local good = assert(file.read(sidecar.folder .. "/cds.json"))
    world:signal(sidecar.agent, "KILL")
    world:ended(sidecar.agent, 5)
    -- What it leaves when the kill comes between the write and Envoy's refusal.
    local way_back = undo.open(sidecar.state)
    assert(way_back:note("unfinished",
      { { path = "cds.json", step = "clusters", content = good } }))
    assert(file.write(sidecar.folder .. "/cds.json", (good:gsub('"1s"', '"0s"'))))
    os.remove(sidecar.mesh_file)
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:logged("event=restored")
    sidecar:answers("/web", 200)
    assert.are.equal(good, file.read(sidecar.folder .. "/cds.json"))
  end)
end)
