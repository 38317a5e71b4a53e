-- What a person can do about a finding of `nightjar check`, and where in which file. nightjar-plan
-- knows the policies' texts but not their folder, and nothing of the configuration file.

local file = require "host.file"

local advice = {}

local MAX_FILE = 4 * 1024 * 1024 -- bytes, as for policies

-- The first that fits; `near` must stand in the message, `pattern` match it.
local RULES = {
  { near = "the record: expected a table, got nothing",
    say = "does the file end with `return { … }`?" },
  { near = "expected a list of names of policies: expected a list, got nothing",
    say = 'does the file end with `return { "own_service", … }`?' },
  { pattern = "the record: about: expected .*, got nothing$",
    say = 'a record says in one sentence what it is for: about = "…"' },
  { pattern = "the record: apply: expected .*, got nothing$",
    say = "a record holds the function that changes the mesh: apply = …" },
  { pattern = "^plan: policy: .*unexpected symbol near '{'",
    say = "is `return` missing before it?" },
  { pattern = "^plan: policy: .*'}' expected.* near", say = "is a comma missing before it?" },
  { pattern = "attempt to %a+ a nil value",
    say = "a name is misspelt, or the field is not there; docs/policies.md shows the mesh" },
  { pattern = "{{.*}}: there is no such field$",
    say = "`nightjar render` prints input.json, which holds all fields" },
  { near = "policies: cannot open folder", say = "POLICY_DIR names it" },
  { near = "templates: cannot open folder", say = "ENVOY_TEMPLATE_DIR names it" },
}

local function escaped(text)
  return (text:gsub("%p", "%%%0"))
end

-- A key of a YAML mapping.
local function key(name)
  return "%f[%w_-]" .. escaped(name) .. "%s*:"
end

-- The line on which the last of these patterns stands, each behind the one before it.
local function line_of(path, patterns)
  local content = file.read(path, MAX_FILE)
  if not content then return nil end
  local at = 1
  for _, pattern in ipairs(patterns) do
    local first, last = content:find(pattern, at)
    if not first then return nil end
    at = last + 1
  end
  return select(2, content:sub(1, at - 1):gsub("\n", "")) + 1
end

---`policies/NAME.lua:12` where the text of an example is found, else without the line.
---@param settings table `policy_dir`
---@param policy string
---@param about string of the example
---@return string
function advice.example_place(settings, policy, about)
  local name = ("policies/%s.lua"):format(policy)
  local line = about ~= "" and line_of(("%s/%s.lua"):format(settings.policy_dir, policy),
    { '"' .. escaped(about) .. '"' })
  return line and ("%s:%d"):format(name, line) or name
end

-- Where the configuration file sets what the message is about.
local function setting_place(message, settings)
  local policy, name = message:match("settings policies%.([%w_-]+)%.?([%w_]*)")
  local path = settings.nightjar_config
  if not policy or not path or path == "" then return nil end
  local line = line_of(path, { key "policies", key(policy), name ~= "" and key(name) or nil })
  return line and ("; set at %s:%d"):format(path, line) or "; set in " .. path
end

---A message with what can be done about it.
---@param message string
---@param settings table `nightjar_config`
---@return string
function advice.add(message, settings)
  local place = setting_place(message, settings)
  if place then return message .. place end
  for _, rule in ipairs(RULES) do
    if rule.near and message:find(rule.near, 1, true)
      or rule.pattern and message:find(rule.pattern) then
      return message .. "; " .. rule.say
    end
  end
  return message
end

local PARTS = { { "static_resources%.clusters", "clusters" },
  { "static_resources%.listeners", "listeners" }, { "virtual_hosts", "routes" } }

---Which files Envoy's message about the folded bootstrap may be about.
---@param message string
---@param files { path: string, step: string }[]
---@return string # the message with the files of its part
function advice.add_files(message, files)
  for _, part in ipairs(PARTS) do
    local paths = {}
    for _, one in ipairs(message:find(part[1]) and files or {}) do
      if one.step == part[2] then paths[#paths + 1] = one.path end
    end
    if #paths > 0 then
      return ("%s; the %s are in %s"):format(message, part[2], table.concat(paths, ", "))
    end
  end
  return message
end

return advice
