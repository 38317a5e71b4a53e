-- Counts what a program executes: instructions, calls of the C library's allocating functions, and
-- what Lua asks for blocks. All hardly differ from run to run, which no time does.

local cli = require("spec.support.cli")

local callgrind = {}

local ALLOCATING = { malloc = true, calloc = true, realloc = true }
local BLOCKS = { pool_resize = true } -- host/pool.h

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  return text, pipe:close()
end

---Why nothing can be counted here.
---@return string?
function callgrind.missing()
  if os.getenv("ASAN_OPTIONS") then
    return "the sanitizers execute more"
  elseif shell("uname -m"):match("%S+") ~= "x86_64" then
    return "the budgets are of another processor"
  elseif not os.execute("command -v valgrind cc >/dev/null") then
    return "no valgrind, or no C compiler"
  end
end

-- Calls of functions by their name; callgrind writes each name once, and then its number. A
-- function that calls itself has several (`malloc'2`).
local function calls_of(text, wanted)
  local names, last, count = {}, nil, 0
  for line in text:gmatch("[^\n]+") do
    local kind, number, name = line:match("^(c?fn)=%((%d+)%) ?(.*)$")
    if kind then
      if name ~= "" then names[number] = name:gsub("'%d+$", "") end
      if kind == "cfn" then last = names[number] end
    elseif last and line:find("^calls=") then
      if wanted[last] then count = count + math.tointeger(tonumber(line:match("%d+"))) end
      last = nil
    end
  end
  return count
end

---Run a program and count. Programs that it starts are not looked at.
---@param command string for the shell
---@param options? { environment: string? } words for the shell in front of it
---@return { instructions: integer, allocations: integer, blocks: integer } counts `blocks`: how
---  often Lua had one made, changed or freed
function callgrind.run(command, options)
  local folder = cli.folder()
  local output, ok = shell(("%s valgrind --tool=callgrind --callgrind-out-file=%s/out %s 2>&1 "
    .. ">%s/said"):format(options and options.environment or "", folder, command, folder))
  local collected = output:match("Collected : (%d+)")
  if not (collected and ok) then
    error(("valgrind: %s: %s"):format(output, cli.read(folder .. "/said")))
  end
  local text = cli.read(folder .. "/out")
  cli.remove(folder)
  return { instructions = math.tointeger(tonumber(collected)),
    allocations = calls_of(text, ALLOCATING), blocks = calls_of(text, BLOCKS) }
end

return callgrind
