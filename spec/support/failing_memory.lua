-- Whole programs whose memory runs out: failing_memory.c is built as a library, and loaded before
-- them. What fails, and what was asked for, is in a file that both see.

local file = require("host.file")
local script = require("spec.support.script")

local failing = {}
failing.__index = failing

local NEVER = 1 << 62
local FORMAT = "i8i8i8i8i8"
local TIMEOUT, KILLED_WITHIN = 60, 5 -- seconds of one run

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

---Builds the library in a folder.
---@param folder string
---@return table failing
function failing.new(folder)
  local self = setmetatable({ folder = folder, preloaded = folder .. "/failing_memory.so",
    control = folder .. "/failing_memory" }, failing)
  script.sh("cc -shared -fPIC -O1 -o %s spec/support/failing_memory.c", self.preloaded)
  self:reset()
  return self
end

---Nothing fails, and nothing was counted so far.
function failing:reset()
  local out = assert(io.open(self.control, "wb"))
  assert(out:write(FORMAT:pack(NEVER, NEVER, 0, 0, 0)))
  assert(out:close())
end

---Fails calls from `first` on, counted from the reset; none if not given. Also while programs run.
---@param first integer?
---@param count integer? how many; all if not given
function failing:from(first, count)
  local out = assert(io.open(self.control, "r+b"))
  assert(out:write(("i8i8"):pack(first or NEVER, first and count and first + count or NEVER)))
  assert(out:close())
end

---@return { calls: integer, refused: integer, programs: integer } since the reset
function failing:counts()
  local _, _, calls, refused, programs = FORMAT:unpack(assert(file.read(self.control)))
  return { calls = calls, refused = refused, programs = programs }
end

---The environment of what is to run short of memory.
---@param program string the name of its file; what it starts is spared
---@return table<string, string>
function failing:environment(program)
  return { LD_PRELOAD = self.preloaded, FAILING_MEMORY = self.control, FAILING_PROGRAM = program,
    AWS_EC2_METADATA_DISABLED = "true", PATH = os.getenv("PATH"),
    -- The sanitizers' library need not come first: ours hands on to theirs.
    ASAN_OPTIONS = (os.getenv("ASAN_OPTIONS") or "") .. ":verify_asan_link_order=0" }
end

---Runs a program to its end, with calls failing from the Nth on.
---@param argv string[]
---@param environment table<string, string> beside that of `environment`
---@param first integer?
---@param count integer?
---@return { status: integer?, signal: integer?, out: string, err: string, calls: integer,
---  refused: integer } result `status` 124: it hangs
function failing:run(argv, environment, first, count)
  local words = {}
  for _, list in ipairs { self:environment(argv[1]:match("[^/]*$")), environment } do
    for name, value in pairs(list) do words[#words + 1] = quoted(name .. "=" .. value) end
  end
  for _, word in ipairs(argv) do words[#words + 1] = quoted(word) end
  self:reset()
  self:from(first, count)
  local _, kind, number = os.execute(("exec timeout -k %d %d env -i %s <%s >%s 2>%s"):format(
    KILLED_WITHIN, TIMEOUT, table.concat(words, " "),
    quoted(environment.INPUT or "/dev/null"), quoted(self.folder .. "/out"),
    quoted(self.folder .. "/err")))
  local result = self:counts()
  result[kind == "signal" and "signal" or "status"] = number
  result.out = assert(file.read(self.folder .. "/out"))
  result.err = assert(file.read(self.folder .. "/err"))
  return result
end

---Some numbers from 1 to a last one, spread evenly.
---@param last integer
---@param count integer at most so many
---@return integer[]
function failing.spread(last, count)
  local numbers = {}
  local step = math.max(1, last / count)
  for i = 0, count - 1 do
    local number = 1 + math.floor(i * step)
    if number <= last and number ~= numbers[#numbers] then numbers[#numbers + 1] = number end
  end
  return numbers
end

return failing
