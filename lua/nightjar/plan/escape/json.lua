-- Writer for JSON templates: each value is escaped for the place where it stands.
--
--   "a {{x}} b"   within a string: escaped, without quotes
--   {{x}}         anywhere else: a literal of the value's type, so a string gets its quotes;
--                 null for null and for what is not in the view, since JSON knows no empty value
--   {{{x}}}       as it is, for those who mean it
--
-- Where a tag stands is known from the text before it. Text is read once for each state in which
-- it can be met and the outcome remembered in its node, so a loop costs no reading.
local number = require("nightjar.plan.escape.number")

local Writer = {}
Writer.__index = Writer

-- Reads on through `text` from a state: "bare", "string" or "escape" (behind a backslash).
local function read(text, state)
  local position = 1
  if state == "escape" then
    position, state = 2, "string"
  end
  while position <= #text do
    if state == "bare" then
      local quote = text:find('"', position, true)
      if not quote then
        break
      end
      position, state = quote + 1, "string"
    else
      local special = text:find('[\\"]', position)
      if not special then
        break
      elseif text:byte(special) == 0x22 then
        position, state = special + 1, "bare"
      elseif special == #text then
        return "escape"
      else
        position = special + 2
      end
    end
  end
  return state
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f" }

local function escape_character(character)
  return escapes[character] or ("\\u%04x"):format(character:byte())
end

-- Escapes a string for the inside of a JSON string, or says why it cannot stand there.
local function escape(text)
  -- A range of Lua's takes no escape, so that it ends with a bracket as it is.
  if text:find("[^ !#-[%]^-~]") then
    if not utf8.len(text) then
      return nil, "the value is not UTF-8, which JSON cannot hold"
    end
    return (text:gsub('[%c"\\]', escape_character))
  end
  return text
end

function Writer:put(text)
  local n = self.n + 1
  self.n = n
  self.pieces[n] = text
end

function Writer:text(node)
  local state = self.state
  local after = node.edges[state]
  if not after and node.text ~= "" then
    after = read(node.text, state)
    node.edges[state] = after
  end
  self.state = after or state
  self:put(node.text)
end

function Writer:value(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  elseif self.state == "escape" then
    return "stands behind a backslash: expected a character of the template there"
  end
  local bare = self.state == "bare"
  if type(value) == "string" then
    text, problem = escape(text)
    if not text then
      return problem
    end
    text = bare and '"' .. text .. '"' or text
  elseif bare and text == "" then
    text = "null"
  end
  self:put(text)
  return nil
end

function Writer:raw(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  end
  self:text({ text = text, edges = {} })
  return nil
end

function Writer:finish()
  return table.concat(self.pieces)
end

--- Starts a JSON document.
---@return table writer
local function new()
  return setmetatable({ pieces = {}, n = 0, state = "bare" }, Writer)
end

return new
