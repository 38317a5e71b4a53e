-- Writes the Lua modules named on the command line as one C file on standard
-- output, so that a program carries the very library it was built with.
-- Usage: lua5.4 embed.lua FILE… > embedded.c
-- `lua/nightjar/plan/model.lua` becomes the module `nightjar.plan.model`; its
-- chunk name is its path, so that messages name a file that a person can open.
--
-- They are compiled here, once, and not at each start of a program: nightjar-plan
-- starts at each plan. Lines stay in, for messages and tracebacks, and all names but
-- those of local variables (bytecode.lua). Releases of one version of Lua read each
-- other's bytecode; another version, other sizes of numbers or another order of bytes
-- are refused when a module is loaded (bind/state.c).

local without_locals = dofile(arg[0]:match("^.*/") .. "bytecode.lua")

-- A file that the build has made stands below a `lua/nightjar/` of its folder, whose own path
-- may hold another.
local function source_path(path)
  return assert(path:match("^lua/.+%.lua$") or path:match("^.*/(lua/nightjar/.+%.lua)$"),
    "not below lua/: " .. path)
end

local function module_name(path)
  return path:match("^lua/(.+)%.lua$"):gsub("/init$", ""):gsub("/", ".")
end

-- A list of numbers rather than a string: C11 lets a compiler refuse string
-- literals of more than 4095 bytes (5.2.4.1).
local function bytes(text)
  local numbers = {}
  for i = 1, #text do
    local byte = text:byte(i)
    numbers[i] = (byte < 128 and byte or byte - 256) .. (i % 24 == 0 and ",\n" or ",")
  end
  return table.concat(numbers)
end

io.write('#include "bind/embedded.h"\n\n')
local rows = {}
for i, path in ipairs(arg) do
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  path = source_path(path)
  local code = without_locals(string.dump(assert(load(text, "@" .. path, "t"))))
  io.write(("static const char module_%d[] = {\n%s};\n\n"):format(i, bytes(code)))
  rows[i] = ('  {"%s", "@%s", module_%d, sizeof(module_%d)},\n')
    :format(module_name(path), path, i, i)
end
io.write("const struct embedded_module embedded_modules[] = {\n",
  table.concat(rows), "  {0, 0, 0, 0},\n};\n")
