--- The little XML that AWS's query protocol answers with: elements and their text.
---
--- Attributes, comments and declarations are passed over; what could stand for something else
--- (document types, entities of one's own) is refused.
local xml = {}

local MAX_DEPTH = 32
local MAX_BYTES = 1024 * 1024

local NAMED = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

-- Surrogates are no characters (XML 1.0, 2.2), and no UTF-8 has them.
local function character(code)
  local number = math.tointeger(code)
  if not number or number <= 0 or number > 0x10FFFF then return "" end
  if number >= 0xD800 and number <= 0xDFFF then return "" end
  return utf8.char(number)
end

--- Text with its references resolved (XML 1.0, 4.1 and 4.6).
---@param text string
---@return string
function xml.unescape(text)
  return (text:gsub("&(#?x?)(%w+);", function(mark, name)
    if mark == "" then return NAMED[name] end
    return character(mark == "#x" and tonumber(name, 16) or tonumber(name))
  end))
end

local function close(stack, name)
  local top = stack[#stack]
  if #stack == 1 or top.name ~= name then return nil, "an end tag without its start" end
  stack[#stack] = nil
  local parent = stack[#stack]
  parent.has_elements = true
  local value = top.has_elements and top.elements or xml.unescape(table.concat(top.text))
  if parent.elements[name] == nil then parent.elements[name] = value end
  return true
end

local function open(stack, name)
  if #stack > MAX_DEPTH then return nil, "elements too deep within each other" end
  stack[#stack + 1] = { name = name, elements = {}, text = {} }
  return true
end

local function add_tag(stack, tag)
  if tag:find("^[?]") or tag:find("^!%-%-") then return true end
  local ending = tag:match("^/([%w_:.-]+)%s*$")
  if ending then return close(stack, ending) end
  local name, rest = tag:match("^([%a_][%w_:.-]*)(.*)$")
  if not name then return nil, "a tag that is none" end
  local ok, err = open(stack, name)
  if ok and rest:find("/%s*$") then ok, err = close(stack, name) end
  return ok, err
end

--- Reads a document: an element with elements becomes a table of them, one without becomes its
--- text. Of several elements of one name the first counts.
---@param text string
---@return table? value  {root = …}
---@return string? err
function xml.decode(text)
  if #text > MAX_BYTES then return nil, "expected at most a MiB of XML" end
  local stack, at = { { elements = {}, text = {} } }, 1
  while true do
    local from = text:find("<", at, true)
    local between = text:sub(at, (from or #text + 1) - 1)
    if between:find("%S") then table.insert(stack[#stack].text, between) end
    if not from then break end
    local comment = text:sub(from, from + 3) == "<!--"
    local to = text:find(comment and "-->" or ">", from, true)
    if not to then return nil, "expected XML, got a tag that does not end" end
    local ok, err = add_tag(stack, text:sub(from + 1, to - 1))
    if not ok then return nil, "expected XML, got " .. err end
    at = to + (comment and 3 or 1)
  end
  if #stack > 1 then return nil, "expected XML, got an element that does not end" end
  if not stack[1].has_elements then return nil, "expected XML, got no element" end
  return stack[1].elements
end

return xml
