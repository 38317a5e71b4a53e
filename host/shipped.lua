-- Writes, as a Lua module on standard output, what is known of the policies that come with the
-- program: so that nightjar-plan need not read those that rest (see plan/resting_policies.lua).
-- Usage: lua5.4 shipped.lua FILE… > shipped.lua, with files such as policies/weights.lua

-- As host.json.hash: FNV-1a, 64 bits.
local function hash(text)
  local value = 0xcbf29ce484222325
  for i = 1, #text do value = (value ~ text:byte(i)) * 0x100000001b3 end
  return ("%016x"):format(value)
end

local texts, names = {}, {}
for i, path in ipairs(arg) do
  local file = assert(io.open(path, "rb"))
  names[i] = assert(path:match("^policies/(.+)$"), "not below policies/: " .. path)
  texts[names[i]] = file:read("a")
  file:close()
end
table.sort(names)

-- What a file returns, with a `require` that knows policies/lib alone.
local function run(name)
  local loaded = {}
  local globals = setmetatable({}, { __index = _G })
  local function chunk(file)
    return assert(load(texts[file] or error("no policies/" .. file), "@policies/" .. file, "t",
      globals))
  end
  function globals.require(module)
    loaded[module] = loaded[module] or chunk(module:gsub("%.", "/") .. ".lua")()
    return loaded[module]
  end
  return chunk(name)()
end

local function sorted_keys(record)
  local keys = {}
  for key in pairs(record) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- The attributes that a policy names, as Lua text; nil when it names none and so never rests.
local function attributes_of(name)
  local attributes, words = run(name).attributes, {}
  for i, key in ipairs(sorted_keys(attributes or {})) do words[i] = ("[%q] = true"):format(key) end
  return attributes and table.concat(words, ", ")
end

io.write("-- Made by host/shipped.lua.\nreturn {\n  lib = {\n")
for _, name in ipairs(names) do
  if name:find("^lib/") then io.write(("    [%q] = %q,\n"):format(name, hash(texts[name]))) end
end
io.write("  },\n  policies = {\n")
for _, name in ipairs(names) do
  local policy = name:match("^([%w_-]+)%.lua$")
  local attributes = policy and policy ~= "init" and attributes_of(name)
  if attributes then
    io.write(("    [%q] = { hash = %q,\n      attributes = { %s } },\n"):format(policy,
      hash(texts[name]), attributes))
  end
end
io.write("  },\n}\n")
