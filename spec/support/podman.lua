-- A container engine for the specs of the images: podman, told where its folders are by
-- spec/images/prepare, which has also built the images.

local json = require("host.json")
local world_of = require("spec.support.world")

local podman = {}
local container = {}
container.__index = container

-- As a careful task definition runs them: a root file system that nothing can write, no
-- capability, no way to gain one. podman's own writable /tmp and /run would hide what the image
-- lacks. The health check is asked by the specs: podman's timer needs a systemd.
local HARDENED = { "--read-only", "--read-only-tmpfs=false", "--cap-drop=all",
  "--security-opt=no-new-privileges", "--no-healthcheck" }

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

---Why there are no images here, if there are none.
---@return string?
function podman.missing()
  if os.getenv("NIGHTJAR_IMAGES") then
    return nil
  end
  return "no images: `make test-images` builds them"
end

---The full name of an image of ours.
---@param name string `sidecar`, `agent`, `test`
function podman.image(name)
  return "localhost/nightjar-" .. name .. ":" .. require("host.program").version
end

---Run a command of podman's to its end.
---@param ... string
---@return string output standard output and error
---@return integer status its exit status
function podman.command(...)
  local words = { "podman" }
  for i, word in ipairs { ... } do
    words[i + 1] = quote(word)
  end
  local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1 </dev/null; echo $?", "r"))
  local text = pipe:read("a")
  pipe:close()
  local output, status = text:match("^(.-)(%d+)\n$")
  return output, math.tointeger(status)
end

---The same, where only success will do.
---@return string output
function podman.must(...)
  local output, status = podman.command(...)
  assert(status == 0, table.concat({ "podman", ... }, " ") .. ": " .. output)
  return output
end

---What an image says of itself: `Config` with `User`, `Env`, `Entrypoint`, `Labels` and so on
---(OCI image specification, config.md), and beside it `Healthcheck`, which that does not know.
---@return table
function podman.image_facts(image)
  return assert(json.decode(podman.must("image", "inspect", image)))[1]
end

---Start a container.
---@param image string
---@param settings table? `environment` (name → value), `options` (string[] for `podman run`),
---  `command` (string[] after the image), `hardened` (false: as the engine's defaults are)
---@return table container `id`, `image`
function podman.start(image, settings)
  settings = settings or {}
  local argv = { "run", "--detach" }
  local function add(words)
    table.move(words or {}, 1, #(words or {}), #argv + 1, argv)
  end
  add(settings.hardened == false and { "--no-healthcheck" } or HARDENED)
  for name, value in pairs(settings.environment or {}) do
    add { ("--env=%s=%s"):format(name, value) }
  end
  add(settings.options)
  add { image }
  add(settings.command)
  local id = podman.must(table.unpack(argv)):match("(%x+)%s*$")
  return setmetatable({ id = id, image = image }, container)
end

---Run a command within the container.
---@return string output
---@return integer status
function container:exec(...)
  return podman.command("exec", self.id, ...)
end

---What its processes wrote so far.
function container:log()
  return (podman.command("logs", self.id))
end

---One field of its state, such as `Status`, `ExitCode`, `Pid`.
function container:state(field)
  return (podman.must("inspect", "--format={{.State." .. field .. "}}", self.id):gsub("%s+$", ""))
end

---Is it healthy, as the image's own HEALTHCHECK tells?
function container:healthy()
  local check = podman.image_facts(self.image).Healthcheck.Test
  assert(check[1] == "CMD", "a health check that needs no shell")
  local _, status = self:exec(table.unpack(check, 2))
  return status == 0
end

---Wait until it is healthy.
function container:ready(seconds)
  local healthy, err = pcall(world_of.eventually, function() return self:healthy() end,
    seconds or 20, "the container is healthy")
  if not healthy then
    error(err .. "; its log:\n" .. self:log(), 2)
  end
end

---Wait until its log holds a text.
function container:logged(text, seconds)
  return world_of.eventually(function() return self:log():find(text, 1, true) end, seconds or 20,
    "in the container's log: " .. text)
end

---Stop it as an orchestrator does: the image's stop signal, then the kill.
---@param seconds integer between the two
---@return integer status exit status of its first process
function container:stop(seconds)
  podman.must("stop", "--time=" .. seconds, self.id)
  return math.tointeger(self:state("ExitCode"))
end

---Remove it, running or not, with its anonymous volumes.
function container:remove()
  podman.command("rm", "--force", "--volumes", "--time=0", self.id)
end

return podman
