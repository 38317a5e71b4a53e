-- Parses a command line. Knows nothing of nightjar's commands or settings: the
-- caller gives a list of flags, gets values or one message.
--
-- A flag is { name = "service-port", value = "PORT" }: with `value` it takes
-- one (`--service-port 80` or `--service-port=80`), without it is a switch
-- (`--json`, `--no-json`, `--json=no`). `key` is where the value goes, by
-- default the name; `short = "h"` allows `-h`.

local nearest = require "nightjar.nearest"

local args = {}

local function index(flags)
  local by_name, names = {}, {}
  for _, flag in ipairs(flags) do
    by_name["--" .. flag.name] = { flag = flag }
    names[#names + 1] = "--" .. flag.name
    if flag.short then by_name["-" .. flag.short] = { flag = flag } end
    if not flag.value then by_name["--no-" .. flag.name] = { flag = flag, negated = true } end
  end
  return by_name, names
end

-- Splits `--name=value`; a short flag has no such form.
local function split(word)
  local name, value = word:match("^(%-%-[^=]+)=(.*)$")
  return name or word, value
end

---The position of the first word that is neither a flag nor a flag's value,
---which is where a command's name stands; nil when there is none.
---@param words string[]
---@param flags table[]
---@return integer?
function args.first_word(words, flags)
  local by_name = index(flags)
  local i = 1
  while i <= #words do
    local word = words[i]
    if word == "--" then return nil end
    if word == "-" or word:sub(1, 1) ~= "-" then return i end
    local name, value = split(word)
    local known = by_name[name]
    i = i + ((known and known.flag.value and not value) and 2 or 1)
  end
  return nil
end

local function take_flag(found, name, value, words, i)
  local flag = found.flag
  local key = flag.key or flag.name
  if found.negated then
    if value then return nil, name .. ": takes no value" end
    return i, nil, key, "no"
  end
  if not flag.value then return i, nil, key, value or "yes" end
  if value then return i, nil, key, value end
  if words[i + 1] == nil then
    return nil, ("%s: a value is missing; expected %s %s"):format(name, name, flag.value)
  end
  return i + 1, nil, key, words[i + 1]
end

---Parses `words` (the command line without program and command).
---@param words string[]
---@param flags table[]
---@return table? values flag values by key, as strings; a switch is "yes", "no" or as written
---@return string[]|string positionals words that are no flags, or the message
function args.parse(words, flags)
  local by_name, names = index(flags)
  local values, positionals, i = {}, {}, 1
  while i <= #words do
    local word = words[i]
    if word == "--" then
      table.move(words, i + 1, #words, #positionals + 1, positionals)
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      positionals[#positionals + 1] = word
    else
      local name, value = split(word)
      local found = by_name[name]
      if not found then
        return nil, ("%s: unknown flag%s"):format(name, nearest.hint(name, names, "%s"))
      end
      local last, err, key, taken = take_flag(found, name, value, words, i)
      if not last then return nil, err end
      if values[key] and values[key] ~= taken then
        return nil, name .. ": given twice with different values"
      end
      values[key], i = taken, last
    end
    i = i + 1
  end
  return values, positionals
end

return args
