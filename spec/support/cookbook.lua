-- The recipes of docs/policies.md: what each says that services carry, planned with all shipped
-- policies, and what `nightjar explain` says of it.

local build = require("spec.support.mesh")
local explanation = require("nightjar.cli.explanation")
local schema = require("nightjar.plan.schema")
local shop = require("spec.support.shop")
local yaml = require("host.yaml")

local cookbook = {}

local calendar = build.lib("calendar")

---The recipes in their order.
---@param page string
---@return table[] { title, yaml, text?, first, last }: where the yaml block ends, and its text does
function cookbook.recipes(page)
  local list = {}
  local from = assert(page:find("## Cookbook\n", 1, true))
  local title = ""
  while true do
    local first, last, block = page:find("```yaml\n(.-)```\n", from)
    if not first then return list end
    for name in page:sub(from, first):gmatch("\n### ([^\n]+)") do title = name end
    local text_first, text_last, text = page:find("^\n```text\n(.-)```\n", last + 1)
    list[#list + 1] = { title = title, yaml = block, text = text, last = last,
      text_last = text_first and text_last or last }
    from = last
  end
end

-- What one color of a recipe carries: its attributes, and how many endpoints it has.
local function color(given, number)
  local result, instances = { weight = "" }, {}
  for i = 1, given.endpoints or 2 do
    instances[i] = build.instance(number * 10 + i, { AVAILABILITY_ZONE = i % 2 == 1 and "a" or "b",
      health = i <= (given.unhealthy or 0) and "UNHEALTHY" or "HEALTHY" })
  end
  result.instances = instances
  for name, value in pairs(given) do
    if name == "/shop" then
      result.weight = value
    elseif name:find("^[%u/]") then
      result[name] = tostring(value)
    end
  end
  return result
end

---What a recipe comes to.
---@param recipe table
---@return string text as `nightjar explain /shop` prints it, without the line about the snapshot
---@return table plan
---@return table[] warnings
function cookbook.cook(recipe)
  local said = schema.plain(assert(yaml.decode(recipe.yaml)))
  local now = said.at and assert(calendar.read(said.at)) or build.NOW
  local plan, warnings = shop.plan(shop.snapshot(color(said.blue, 1), color(said.green, 2)),
    { settings = said.policies, now = now })
  local facts = explanation.gather({ plan = plan, origin = "", taken_at = now, now = now }, "/shop")
  return explanation.text(facts):match("\nlistener[^\n]*\n(.*)$"), plan, warnings
end

---The page with what each recipe comes to.
---@param page string
---@return string
function cookbook.write(page)
  local parts, at = {}, 1
  for _, recipe in ipairs(cookbook.recipes(page)) do
    parts[#parts + 1] = page:sub(at, recipe.last)
    parts[#parts + 1] = "\n```text\n" .. cookbook.cook(recipe) .. "```\n"
    at = recipe.text_last + 1
  end
  parts[#parts + 1] = page:sub(at)
  return table.concat(parts)
end

return cookbook
