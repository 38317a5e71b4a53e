-- An installation of this very build in a folder of its own, for the specs of `make install`.

local program = require "host.program"

local installed = {}
installed.__index = installed

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

---The output of a shell command, errors with it.
---@param command string
---@return string output
---@return boolean succeeded
function installed.shell(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local output = pipe:read("a")
  return output, pipe:close() == true
end

---@param prefix? string /usr/local by default
---@return table self `root` is DESTDIR, `prefix` what stands below it
function installed.new(prefix)
  local root = installed.shell("mktemp -d"):match("%S+")
  return setmetatable({ root = root, prefix = prefix or "/usr/local" }, installed)
end

---Runs a target of the Makefile in this tree with what has been built already.
---@param target string "install", "install-programs" or "uninstall"
---@param options? { before: string, variables: string, source: string, build: string } shell words
---  before `make` and behind it; another source tree, another folder of programs
function installed:make(target, options)
  options = options or {}
  local command = ("cd %s && %s make -s -o build %s BUILD=%s DESTDIR=%s PREFIX=%s %s"):format(
    quote(options.source or "."), options.before or "", target,
    quote(options.build or program.directory), quote(self.root), quote(self.prefix),
    options.variables or "")
  local output, succeeded = installed.shell(command)
  assert(succeeded and output == "", output)
end

---A path within the installation.
function installed:path(rest)
  return self.root .. self.prefix .. "/" .. rest
end

---Every file with its mode, sorted: "755 usr/local/bin/nightjar".
function installed:files()
  local list = {}
  local output = installed.shell(("cd %s && find . -type f -printf '%%m %%P\\n'")
    :format(quote(self.root)))
  for line in output:gmatch("[^\n]+") do list[#list + 1] = line end
  table.sort(list, function(a, b) return a:sub(5) < b:sub(5) end)
  return list
end

function installed:remove()
  os.execute("rm -rf " .. quote(self.root))
end

return installed
