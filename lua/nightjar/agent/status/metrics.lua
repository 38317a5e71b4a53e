-- What GET /metrics answers: facts (agent/status/facts.lua) in Prometheus's text format 0.0.4
-- ("Exposition formats" in Prometheus's documentation). What there is to tell: families.lua.

local families = require("nightjar.agent.status.families")
local messages = require("nightjar.text")

local metrics = {}

---The value of the answer's Content-Type.
metrics.CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

-- What Prometheus wants escaped in a label's value; in a help text it is the same without quotes.
local ESCAPES = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

local function escaped(value)
  local text = tostring(value)
  text = utf8.len(text) and text or messages.clean(text) -- a value must be UTF-8
  return text:find('[\\\n"]') and text:gsub('[\\\n"]', ESCAPES) or text
end

local function number(value)
  if value ~= value then
    return "NaN"
  elseif value == math.huge or value == -math.huge then
    return value > 0 and "+Inf" or "-Inf"
  elseif math.type(value) == "integer" then
    return ("%d"):format(value)
  end
  local short = ("%.15g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

-- `{mesh="shop.local",ref="own"}`, with the labels in the family's order.
local function label_text(names, labels)
  local parts = {}
  for i, name in ipairs(names or {}) do
    parts[i] = name .. '="' .. escaped(labels[i] == nil and "" or labels[i])
  end
  return #parts > 0 and "{" .. table.concat(parts, '",') .. '"}' or ""
end

-- One sample for each set of labels: a second one would make the whole answer invalid.
local function samples_of(family, facts)
  local lines, seen = {}, {}
  family.read(facts, function(value, ...)
    local suffix = ""
    if family.type == "summary" then
      value, suffix = value.value, value.suffix
    end
    local key = value ~= nil and family.name .. suffix .. label_text(family.labels, { ... })
    if key and not seen[key] then
      seen[key], lines[#lines + 1] = true, key .. " " .. number(value)
    end
  end)
  return lines
end

---All metrics that facts tell something of.
---@param facts table what facts.gather returned; `missing`, and the answer of an Envoy, as
---  health.ready wants them
---@param answer EnvoyAnswer? what health.ask returned
---@return string text
function metrics.text(facts, answer)
  facts = setmetatable({ answer = answer }, { __index = facts })
  local parts = {}
  for _, family in ipairs(families) do
    local lines = samples_of(family, facts)
    if #lines > 0 then
      parts[#parts + 1] = ("# HELP %s %s\n# TYPE %s %s\n"):format(family.name,
        (family.help:gsub("[\\\n]", ESCAPES)), family.name, family.type)
      parts[#parts + 1] = table.concat(lines, "\n") .. "\n"
    end
  end
  return table.concat(parts)
end

return metrics
