-- Splits Lua into its words, without comments and spaces: enough to find calls and tables in it.

local tokens = {}

-- Lua's own escapes, as far as names of events could hold them.
local function unescaped(text)
  return (text:gsub("\\(.)", "%1"))
end

-- A text in long brackets at `at`, and where it ends.
local function long_text(source, at)
  local level = source:match("^%[(=*)%[", at)
  if not level then return nil end
  local from = at + #level + 2
  local to, last = source:find("]" .. level .. "]", from, true)
  return source:sub(from, (to or #source + 1) - 1), last or #source
end

local function quoted_text(source, at)
  local quote = source:match("^[\"']", at)
  if not quote then return nil end
  local to = at + 1
  while to <= #source and source:sub(to, to) ~= quote do
    to = to + (source:sub(to, to) == "\\" and 2 or 1)
  end
  return unescaped(source:sub(at + 1, to - 1)), to
end

-- Where a comment at `at` ends.
local function comment(source, at)
  if source:sub(at, at + 1) ~= "--" then return nil end
  local _, last = long_text(source, at + 2)
  return last or (source:find("\n", at, true) or #source + 1) - 1
end

local WORDS = { "^[%a_][%w_]*", "^%d[%w.]*", "^[=~<>]=", "^%.%.%.?", "^::", "^//", "^." }

local function word(source, at)
  for _, pattern in ipairs(WORDS) do
    local found = source:match(pattern, at)
    if found then return found end
  end
end

---@class Token
---@field text string of a text, what it says
---@field is_text boolean?
---@field line integer

---@param source string
---@return Token[]
function tokens.of(source)
  local list, at, line = {}, 1, 1
  while at <= #source do
    local from, last = at, comment(source, at)
    if not last and not source:find("^%s", at) then
      local text
      text, last = long_text(source, at)
      if not text then text, last = quoted_text(source, at) end
      local is_text = text ~= nil
      text = text or word(source, at)
      last = last or at + #text - 1
      list[#list + 1] = { text = text, is_text = is_text or nil, line = line }
    end
    at = (last or at) + 1
    for _ in source:sub(from, at - 1):gmatch("\n") do line = line + 1 end
  end
  return list
end

local OPENS = { ["("] = 1, ["{"] = 1, ["["] = 1, ["function"] = 1, ["if"] = 1, ["do"] = 1,
  ["repeat"] = 1 }
local CLOSES = { [")"] = 1, ["}"] = 1, ["]"] = 1, ["end"] = 1, ["until"] = 1 }

---How much deeper the code is behind a token: 1, 0 or -1.
---@param token Token
---@return integer
function tokens.depth(token)
  if token.is_text then return 0 end
  return (OPENS[token.text] or 0) - (CLOSES[token.text] or 0)
end

---What stands between a bracket and the one that closes it, parted at commas.
---@param list Token[]
---@param open integer the bracket's place
---@return Token[][] parts
---@return integer close the place of the one that closes it
function tokens.parts(list, open)
  local parts, depth, at = { {} }, 1, open + 1
  while list[at] do
    depth = depth + tokens.depth(list[at])
    if depth == 0 then break end
    if depth == 1 and list[at].text == "," and not list[at].is_text then
      parts[#parts + 1] = {}
    else
      table.insert(parts[#parts], list[at])
    end
    at = at + 1
  end
  return parts, at
end

---Do these words stand at `at`? A text is written with its quotes: `'"x"'`.
---@param list Token[]
---@param at integer
---@param words string parted by spaces
---@return boolean
function tokens.stands(list, at, words)
  for one in words:gmatch("%S+") do
    local token = list[at]
    local shown = token and (token.is_text and '"' .. token.text .. '"' or token.text)
    if shown ~= one then return false end
    at = at + 1
  end
  return true
end

return tokens
