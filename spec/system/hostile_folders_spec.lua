-- Template and policy folders with what nobody puts there in good faith: each is one clear message,
-- what was in force stays, and when it is gone passes go on. How reading stays beneath a folder:
-- spec/host/folder_spec.lua.

local rows = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("hostile folders: " .. missing)
  return
end

local OUT = ": it leads out of its folder, which is not allowed"
local NAME = ": expected a name of UTF-8 without control characters"
local NO_CDS = "plan: render: templates/envoy-config.yaml.mustache:24: Envoy is to read cds.json, "
  .. "which no template makes"

-- What is done in a folder, where TEMPLATES and POLICIES are, and the reason that is told.
local CASES = {
  { "a link to a file outside", "ln -s ../aside/secret templates/x.html",
    "TEMPLATES/x.html" .. OUT },
  { "a link to an absolute path", "ln -s /etc/passwd templates/x.html", "TEMPLATES/x.html" .. OUT },
  { "an absolute link to a file of the same folder",
    "ln -s $PWD/templates/cds.json.yaml.mustache templates/x.html", "TEMPLATES/x.html" .. OUT },
  { "a link into the process's own environment", "ln -s /proc/self/environ templates/x.html",
    "TEMPLATES/x.html" .. OUT },
  { "a link to what is open in the process", "ln -s /proc/self/fd/1 templates/x.html",
    "TEMPLATES/x.html" .. OUT },
  { "a link to the folder above", "ln -s .. templates/x", "TEMPLATES/x" .. OUT },
  { "a link to a link that leads out",
    "ln -s b.html templates/a.html && ln -s ../aside/secret templates/b.html",
    "TEMPLATES/a.html" .. OUT },
  { "a link out among the policies", "ln -s ../aside/secret policies/x.lua",
    "policies: cannot read: POLICIES/x.lua" .. OUT },
  { "links in a circle", "ln -s b.html templates/a.html && ln -s a.html templates/b.html",
    "TEMPLATES/a.html: it is a link that cannot be followed: it leads in a circle" },
  { "a link to nothing", "ln -s nothing templates/x.html",
    "TEMPLATES/x.html: No such file or directory" },
  { "a link to its own folder", "ln -s . templates/x",
    "TEMPLATES/x: expected a file, found a folder" },
  { "a FIFO", "mkfifo templates/x.yaml.mustache",
    "TEMPLATES/x.yaml.mustache: expected a file, found a fifo" },
  { "a FIFO among the policies", "mkfifo policies/x.lua",
    "POLICIES/x.lua: expected a file, found a fifo" },
  { "a socket", [[python3 -c 'import socket; socket.socket(1).bind("templates/x")']],
    "TEMPLATES/x: expected a file, found a socket" },
  { "a device", "mknod templates/x c 1 5", "TEMPLATES/x: expected a file, found a device",
    needs = "root" },
  { "a folder in the place of a policy", "rm policies/weights.lua && mkdir policies/weights.lua",
    "but there is no policies/weights.lua" },
  { "a folder in the place of a template",
    "rm templates/cds.json.yaml.mustache && mkdir templates/cds.json.yaml.mustache", NO_CDS },
  { "a template beyond all reason", "truncate -s 5M templates/x.yaml.mustache",
    "TEMPLATES/x.yaml.mustache: it is larger than 4194304 bytes" },
  { "a policy beyond all reason", "truncate -s 5M policies/x.lua",
    "POLICIES/x.lua: it is larger than 4194304 bytes" },
  { "a file of 100 GB", "truncate -s 100G templates/x.wasm",
    "TEMPLATES/x.wasm: it is larger than 67108864 bytes" },
  { "more files than a folder may hold", "mkdir t && cd t && seq 1001 | xargs touch && cd .. && "
    .. "mv t templates/", "cannot list: TEMPLATES: it has more than 1000 entries" },
  { "folders that have no end", "mkdir -p templates/$(seq -s / 40)",
    "cannot list: TEMPLATES: folders are nested too deeply, at 1/2/3" },
  { "a name with an end of line", "touch 'templates/a\nlevel=error event=forged'",
    "TEMPLATES/a\\\\nlevel=error event=forged" .. NAME },
  { "a name that speaks to a terminal", "touch \"$(printf 'templates/\\033[2Jx')\"",
    "TEMPLATES/\\\\x1b[2Jx" .. NAME },
  { "a name that is no UTF-8", "touch \"$(printf 'templates/\\377.json')\"",
    "TEMPLATES/\\\\xff.json" .. NAME },
  { "a policy whose name is no UTF-8", "touch \"$(printf 'policies/\\377.lua')\"",
    "POLICIES/\\\\xff.lua" .. NAME },
  { "a file that may not be read", "chmod 0 templates/cds.json.yaml.mustache",
    "TEMPLATES/cds.json.yaml.mustache: Permission denied", needs = "user" },
  { "a folder that may not be entered", "chmod 600 templates", "TEMPLATES", needs = "user" },
  { "no folder at all", "rm -r templates", "cannot open folder: TEMPLATES: No such file" },
  { "a link to itself in the place of the folder", "rm -r templates && ln -s templates templates",
    "cannot open folder: TEMPLATES: Too many levels of symbolic links" },
  { "a FIFO in the place of the folder", "rm -r templates && mkfifo templates",
    "cannot open folder: TEMPLATES: Not a directory" },
}

describe("a folder of templates or policies", function()
  local sidecar, world, directory, published
  local table_rows = rows.of("security-folders")
  local is_root = os.execute("[ $(id -u) -eq 0 ]")

  local function restore()
    script.sh("cd %s && chmod -R u+rwX templates policies 2>/dev/null; "
      .. "rm -rf templates policies t && cp -R good/templates good/policies good/aside .",
      directory)
  end

  local function digest()
    local pipe = io.popen(("cd '%s' && find . -type f | LC_ALL=C sort | xargs sha256sum")
      :format(sidecar.folder))
    local text = pipe:read("a")
    pipe:close()
    return text
  end

  -- As another user than root, whom no mode of a file would stop.
  local function argv()
    if not is_root then return nil end
    script.sh("chown -R 65534:65534 %s", directory)
    return { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sidecar.program, "run" }
  end

  setup(function()
    sidecar = sidecar_of.of_one()
    world, directory = sidecar.world, sidecar.world.directory
    script.sh("cd %s && mkdir -p good/aside && printf stolen >good/aside/secret", directory)
    script.sh("cp -R templates policies %s/good && chmod -R a+rX %s", directory, directory)
    restore()
    sidecar:start({ REFRESH_TIME = 0.1, ENVOY_TEMPLATE_DIR = directory .. "/templates",
      POLICY_DIR = directory .. "/policies" }, argv())
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged")
    published = digest()
    assert.matches("cds%.json", published)
  end)

  teardown(function() assert.are.same({}, world:close()) end)

  local function told(line, expected)
    return line:find(expected:gsub("TEMPLATES", directory .. "/templates")
      :gsub("POLICIES", directory .. "/policies"), 1, true)
  end

  for _, case in ipairs(CASES) do
    it("with " .. case[1] .. " changes nothing, and is told", function()
      if case.needs == "root" and not is_root then return pending("only root makes devices") end
      local from = sidecar:mark()
      finally(restore)
      script.sh("cd %s && " .. case[2]:gsub("%%", "%%%%"), directory)
      if is_root then script.sh("chown -hR 65534:65534 %s", directory) end
      local line = sidecar.eventually(function()
        for one in world:log(sidecar.agent):sub(from):gmatch("[^\n]*event=pass_failed[^\n]*") do
          if told(one, case[3]) then return one end
        end
      end, 10, "told: " .. case[3] .. "; but " .. world:log(sidecar.agent):sub(from):sub(1, 1000))
      assert.is_nil(line:find("[%c]"), "one line of text")
      assert.are.equal(published, digest())
      from = sidecar:mark()
      restore()
      sidecar:logged("event=unchanged", 10, from)
      assert.are.equal(published, digest())
      assert.is_nil(world:log(sidecar.agent):find("\nlevel=error event=forged", 1, true))
      table_rows:add { fault = "a folder with " .. case[1],
        injected = (case[2]:gsub("%c", "\\n")), figures = "0 files changed",
        outcome = "told in one line; what was in force stays" }
    end)
  end

  it("costs neither a request nor the agent nor Envoy, whatever is in it", function()
    assert.is_nil(world:status(sidecar.agent))
    sidecar:answers("/web", 200)
    assert.is_nil(world:log(sidecar.agent):find("stolen", 1, true))
  end)
end)
