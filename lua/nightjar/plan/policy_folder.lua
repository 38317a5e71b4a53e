-- Loads the policies: `init.lua` says which and in what order, and each is a
-- file that returns a record.

local nearest = require("nightjar.nearest")
local policy_record = require("nightjar.plan.policy_record")
local sandbox = require("nightjar.plan.sandbox")
local schema = require("nightjar.plan.schema")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")
local turn = require("nightjar.plan.turn")

local policy_folder = {}

local INIT = "init.lua"

local function fail(policy, file, message, field)
  return nil, { policy = policy, file = file, field = field, message = message }
end

-- The texts by file name.
local function texts(policies)
  local files = {}
  for _, item in ipairs(policies) do files[item.name] = item.text end
  return files
end

local function policy_names(files)
  local names = {}
  for file in sorted.pairs(files) do
    local name = file:match("^([%w_-]+)%.lua$")
    if name and file ~= INIT then names[#names + 1] = name end
  end
  return names
end

-- Where within init.lua, before what is wrong there: `shadow[2]: expected …`.
local function located(step, message)
  if step == "" then return message end
  return step .. (message:find("^%[") and "" or ": ") .. message
end

-- One list of names, checked against the files that are there.
local function check_order(order, files, step, place)
  place = place or "policies/" .. INIT
  local message, path = schema.check(schema.list(schema.name(255), 1000), order)
  if message then
    return fail(nil, place, ("%s: expected a list of names of policies: %s"):format(place,
      located(step, message)), step .. path)
  end
  local seen = {}
  for i, name in ipairs(order) do
    local field = ("%s[%d]"):format(step, i)
    if not files[name .. ".lua"] then
      return fail(nil, place, ("%s: names %s, but there is no policies/%s.lua%s"):format(place,
        text.quote(name), text.clean(name, 255), nearest.hint(name, policy_names(files))), field)
    end
    if seen[name] then
      return fail(nil, place, ("%s: names %s twice"):format(place, text.quote(name)), field)
    end
    seen[name] = true
  end
  return order
end

-- What init.lua returned, parted: the list, the one in its field `shadow`, and the name of a field
-- that means nothing.
local function part(value)
  if type(value) ~= "table" then return value end
  local order = {}
  for key, item in next, value do
    if type(key) ~= "string" then order[key] = item end
  end
  local names = sorted.keys(value)
  return order, rawget(value, "shadow"), names[1] ~= "shadow" and names[1] or names[2]
end

-- Each name of two lists once, in their order.
local function union(a, b)
  local all, seen = {}, {}
  for _, list in ipairs({ a, b }) do
    for _, name in ipairs(list) do
      if type(name) == "string" and not seen[name] then
        seen[name], all[#all + 1] = true, name
      end
    end
  end
  return all
end

---@param files table<string, string> the texts of the folder
---@param position? table see turn.lua
---@return table? orders { main = names, shadow = names or nil, both = names }
---@return table? err
local function read_orders(files, position)
  if not files[INIT] then
    return fail(nil, "policies/" .. INIT, "policies/init.lua: not there; it returns the list of "
      .. "the policies' names")
  end
  turn.begin(position, "policies/" .. INIT, 1)
  local value, err = sandbox.new(files):load(INIT)
  if err then return nil, err end
  local order, shadow, unknown = part(value)
  if unknown then
    return fail(nil, "policies/" .. INIT, ("policies/init.lua: unknown field %s%s; expected a list "
      .. "of names of policies, and beside it perhaps `shadow`"):format(text.quote(unknown),
      nearest.hint(unknown, { "shadow" })), unknown)
  end
  order, err = check_order(order, files, "")
  if not order then return nil, err end
  if shadow == nil then return { main = order, both = order } end
  shadow, err = check_order(shadow, files, "shadow")
  if not shadow then return nil, err end
  return { main = order, shadow = shadow, both = union(order, shadow) }
end

---Loads one policy in a box of its own.
local function load_policy(name, files, position)
  local file = "policies/" .. name .. ".lua"
  turn.begin(position, file, 1)
  local box = sandbox.new(files)
  local record, err = box:load(name .. ".lua")
  if err then
    err.policy = name
    return nil, err
  end
  local message, path = policy_record.check(record)
  if message then return fail(name, file, ("%s: the record: %s"):format(file, message), path) end
  local line = math.max(1, debug.getinfo(record.apply, "S").linedefined)
  return { name = name, file = file, line = line, box = box, record = record }
end

-- The names of the list that is asked for. A second list in the configuration takes the place of
-- that in init.lua; what is wrong with it is the second list's trouble alone.
local function choose(orders, which, second, files)
  if which == "shadow" and second then
    return check_order(second, files, "", "settings policies.shadow.list")
  elseif not orders[which] then
    return fail(nil, "policies/" .. INIT, "policies/init.lua: names no list `shadow`, "
      .. "nor do settings policies.shadow.list")
  end
  return orders[which]
end

---@param policies table[] { name, text } as in the request
---@param which? "main"|"shadow"|"both" which list of init.lua; "main" by default
---@param position? table see turn.lua
---@param second? string[] a second list that the configuration names
---@param rests? fun(name: string): boolean which policies to leave out (resting_policies.lua)
---@return table[]? list { name, file, line of `apply`, box, record } in the order of the list
---@return table? err { policy?, file?, line?, field?, message }
---@return boolean? has_shadow whether there is a second list
---@return string[]? names what either list names, once each
function policy_folder.load(policies, which, position, second, rests)
  local files = texts(policies)
  local orders, err = read_orders(files, position)
  if not orders then return nil, err end
  local order
  order, err = choose(orders, which or "main", second, files)
  if not order then return nil, err end
  local list = {}
  for _, name in ipairs(order) do
    if not (rests and rests(name)) then
      list[#list + 1], err = load_policy(name, files, position)
      if err then return nil, err end
    end
  end
  return list, nil, orders.shadow ~= nil or second ~= nil, union(orders.both, second or {})
end

return policy_folder
