-- The C functions that Lua can call and the files that document them must name the same things:
-- the luaL_Reg tables of host/bind/*.c on one side, lua/meta/host/*.lua on the other.

local function read(path)
  local stream = assert(io.open(path, "rb"))
  local text = stream:read("a")
  stream:close()
  return text
end

local function files_of(folder, extension)
  local list = {}
  local pipe = assert(io.popen("LC_ALL=C ls " .. folder .. "/*." .. extension))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function sorted(list)
  table.sort(list)
  return list
end

-- The table named `functions` is the module's; any other one holds methods.
local function bound(text)
  local names = {}
  for table_name, body in text:gmatch("luaL_Reg ([%w_]+)%[%] = (%b{})") do
    local mark = table_name == "functions" and "." or ":"
    for name in body:gmatch('{%s*"([%w_]+)",%s*[%a_][%w_]*%s*}') do
      names[#names + 1] = mark .. name
    end
  end
  return sorted(names)
end

local function documented(text)
  local names = {}
  for mark, name in text:gmatch("\nfunction [%w_]+([.:])([%w_]+)%(") do
    names[#names + 1] = mark .. name
  end
  return sorted(names)
end

-- {clock = {bound = …}} for each host/bind/*.c that opens a module.
local function modules()
  local found = {}
  for _, path in ipairs(files_of("host/bind", "c")) do
    local text = read(path)
    local name = text:match("\nint luaopen_host_([%w_]+)%(")
    if name then found[name] = bound(text) end
  end
  return found
end

describe("the documents of the host modules", function()
  local all = modules()
  local names = {}
  for name in pairs(all) do names[#names + 1] = name end

  it("are looked for in the right places", function()
    assert.is_true(#names >= 5)
    assert.same({ ".monotonic", ".now", ".rfc3339" }, all.clock)
  end)

  for _, name in ipairs(sorted(names)) do
    local path = "lua/meta/host/" .. name .. ".lua"

    it("name each function of host." .. name .. " and no other", function()
      assert.same(all[name], documented(read(path)))
    end)

    it("say something about each function of host." .. name, function()
      local text = read(path)
      assert.equal("---@meta", text:match("^(%-%-%-@meta)"))
      for before, called in text:gmatch("([^\n]*)\nfunction ([%w_.:]+)%(") do
        assert.equal("---", before:sub(1, 3), called .. " has no comment")
      end
    end)
  end

  it("stand for modules that exist", function()
    for _, path in ipairs(files_of("lua/meta/host", "lua")) do
      local name = path:match("([%w_]+)%.lua$")
      assert.is_table(all[name], path .. ": there is no host." .. name)
    end
  end)

  it("are Lua that loads", function()
    for _, path in ipairs(files_of("lua/meta/host", "lua")) do
      assert.is_function(assert(loadfile(path)))
    end
  end)
end)
