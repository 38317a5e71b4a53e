-- Runs the program that runs the specs, as a user would: words in, text and
-- status out. Nothing of this process's environment reaches it but PATH and
-- what the sanitizers need.

local program = require "host.program"

local cli = {}

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

---A new empty folder; remove it with `cli.remove`.
---@return string
function cli.folder()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("l")
  pipe:close()
  return assert(path)
end

---Removes a folder that `cli.folder` made, with all in it.
function cli.remove(path)
  os.execute("rm -rf " .. quote(path))
end

---Writes a file, and the folders above it.
function cli.write(path, text)
  os.execute("mkdir -p " .. quote(path:match("^(.*)/")))
  write(path, text)
end

cli.read = read

local function words_of(options)
  local words = { "env", "-i" }
  local environment = { PATH = os.getenv("PATH"), ASAN_OPTIONS = os.getenv("ASAN_OPTIONS"),
    UBSAN_OPTIONS = os.getenv("UBSAN_OPTIONS"), AWS_EC2_METADATA_DISABLED = "true" }
  for name, value in pairs(options.environment or {}) do environment[name] = value end
  for name, value in pairs(environment) do words[#words + 1] = name .. "=" .. value end
  words[#words + 1] = os.getenv("NIGHTJAR") or program.directory .. "/nightjar"
  for _, word in ipairs(options) do words[#words + 1] = word end
  for i, word in ipairs(words) do words[i] = quote(word) end
  return table.concat(words, " ")
end

---Runs `nightjar WORD…`.
---@param options table its words; `environment` (map), `input` (text), `directory`
---@return {status: integer, stdout: string, stderr: string}
function cli.run(options)
  local folder = cli.folder()
  write(folder .. "/in", options.input or "")
  local change = options.directory and "cd " .. quote(options.directory) .. " && " or ""
  local _, how, status = os.execute(("%s%s <%s >%s 2>%s"):format(change, words_of(options),
    quote(folder .. "/in"), quote(folder .. "/out"), quote(folder .. "/err")))
  local result = { status = how == "exit" and status or 128 + status,
    stdout = read(folder .. "/out"), stderr = read(folder .. "/err") }
  cli.remove(folder)
  return result
end

return cli
