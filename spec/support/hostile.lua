-- Random templates and hostile values for the property that no value changes a document's
-- structure. The oracle needs no second implementation: a template is rendered once with harmless
-- words, and what it means with hostile values is that document with the words exchanged.
local hostile = {}

---A source of numbers that is the same everywhere.
---@param seed integer
---@return fun(n: integer): integer random from 1 to n
function hostile.random(seed)
  local state = seed * 2654435761 + 12345
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n + 1
  end
end

local FRAGMENTS <const> = {
  '"', "'", "''", "\\", "\n", "\r\n", "\r", ": ", ":", " #", "#", "{{", "}}", "{{x}}", "\0", "\t",
  "---", "\n---\n", "...", "*a", "&a", "!!x", "!", "%", "%YAML 1.1", "@", "`", "- ", "-", "? ",
  "[", "]", "{", "}", ",", ", ", "|", ">", "|\n  x", "null", "~", "true", "yes", "off", "1", "0x1f",
  "1e3", "-.5", ".inf", "1:30", "2020-01-01", "<<", "=", " ", "  ", "a", "abc", "a b", "/path/x",
  "\u{2028}", "\u{2029}", "\u{85}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}", "\u{A0}", "\127",
  "\u{80}", "é", "日本", "\u{1F600}", "\n  key: value", "\n- item", '", "x": "', "\\u0000", "\\\"",
  "<b>&amp;", "\27[31m", "a: b", "a #b", "\\n", "$", "*", "&", "y", "n", "é: é",
  "0", "-1", "+1", "00", "1_000", "190:20:30", "0b1", "0o7", "Infinity", "nan",
}
local SPECIAL <const> = {
  ("x"):rep(1024), ("\n"):rep(1024), ('"'):rep(1024), ("é"):rep(512), "\xFF", "a\xC3",
  "\xED\xA0\x80", "\xC0\x80", "", 0, 1, -1, 8080, 1.21, -0.5, 1e300, true, false, 1 << 53,
  -(1 << 53),
}

---One hostile value: a string, number or boolean.
function hostile.value(random)
  local choice = random(10)
  if choice == 1 then return SPECIAL[random(#SPECIAL)] end
  local parts = {}
  for i = 1, choice <= 4 and 1 or random(4) do parts[i] = FRAGMENTS[random(#FRAGMENTS)] end
  return table.concat(parts)
end

local Maker = {}
Maker.__index = Maker

-- Names a value: `b` for bare places, where types count, `q` for those where all is text.
function Maker:tag(kind)
  self.count = self.count + 1
  local name = kind .. self.count
  self.names[#self.names + 1] = name
  local tag = "{{" .. name .. "}}"
  local wrap = self.random(12)
  if wrap == 1 then return "{{#yes}}" .. tag .. "{{/yes}}" end
  if wrap == 2 then return "{{! words }}" .. tag .. "{{! : # }}" end
  if wrap == 3 then return "{{^no}}" .. tag .. "{{/no}}" end
  return tag
end

-- Cuts text apart with tags that write nothing.
function Maker:cut(text)
  if self.random(6) > 1 then return text end
  local at = self.random(#text + 1) - 1
  -- A line break belongs to the tag before it when the tag is alone on its line.
  if text:find("[\r\n\\]") then return text end
  return text:sub(1, at) .. "{{#yes}}" .. text:sub(at + 1) .. "{{/yes}}"
end

local inner = {}

inner[1] = function(maker) return maker:tag("b") end
inner[2] = function(maker) return "pre" .. maker:tag("c") end
inner[3] = function(maker) return "a-" .. maker:tag("c") .. "-" .. maker:tag("c") .. " end" end
inner[4] = function(maker) return '"' .. maker:tag("q") .. '"' end
inner[5] = function(maker)
  return '"x \\" y ' .. maker:tag("q") .. " z" .. maker:tag("q") .. '!"'
end
inner[6] = function(maker) return "'" .. maker:tag("q") .. "'" end
inner[7] = function(maker) return "'it''s " .. maker:tag("q") .. "; " .. maker:tag("q") .. "'" end
inner[8] = function(maker) return maker:cut("plain text") end
inner[9] = function(maker) return maker:tag("c") .. "x:y" .. maker:tag("c") end
inner[10] = function(maker) return maker:tag("c") .. " w" end
inner[11] = function(maker) return maker:cut('"quoted: text # here"') end
inner[12] = function(maker) return maker:cut("'single \"text'") end

function Maker:scalar()
  return inner[self.random(#inner)](self)
end

function Maker:key()
  self.keys = self.keys + 1
  local name = "k" .. self.keys
  local choice = self.random(8)
  if choice == 1 then return self:tag("c") .. name end
  if choice == 2 then return '"' .. name .. self:tag("q") .. '"' end
  if choice == 3 then return "'" .. name .. self:tag("q") .. "'" end
  if choice == 4 then return name .. "-" .. self:tag("c") end
  return self:cut(name)
end

function Maker:flow(depth)
  local choice = self.random(depth > 2 and 1 or 3)
  if choice == 1 then return self:scalar() end
  local parts = {}
  for i = 1, self.random(3) do
    parts[i] = (choice == 2 and " " or self:key() .. ": ") .. self:flow(depth + 1)
  end
  local separator = self.random(4) == 1 and ",\n" .. (" "):rep(40) or ", "
  local text = table.concat(parts, separator)
  if choice == 2 then return "[" .. text .. "]" end
  -- A space, since three braces are a tag of their own.
  return "{ " .. text .. " }"
end

function Maker:comment()
  return self.random(5) == 1 and " # note: " .. self:tag("q") .. " 'end" or ""
end

-- A block scalar and its lines, deeper than `column`.
function Maker:block_scalar(column)
  local pad = (" "):rep(column + 2)
  local sign = ({ "|", ">", "|-", ">+", "|2" })[self.random(5)]
  local lines = { sign }
  lines[2] = pad .. "first " .. self:tag("q")
  for _ = 1, self.random(2) - 1 do lines[#lines + 1] = pad .. self:tag("q") .. " more: # x" end
  return table.concat(lines, "\n")
end

-- A value that begins on the line of its key or dash; `column` is that of the collection.
function Maker:inline(column, depth)
  local choice = self.random(8)
  if choice == 1 then return self:block_scalar(column) end
  if choice <= 3 then return self:flow(depth) .. self:comment() end
  if choice == 4 then
    return '"a ' .. self:tag("q") .. "\n" .. (" "):rep(column + 1) .. self:tag("q") .. ' b"'
  elseif choice == 5 then
    return "'a " .. self:tag("q") .. "\n" .. (" "):rep(column + 1) .. self:tag("q") .. " b'"
  elseif choice == 6 and self.random(3) == 1 then
    return "words\n" .. (" "):rep(column + 2) .. "and " .. self:tag("c") .. " more"
  end
  return self:scalar() .. self:comment()
end

function Maker:sequence(column, depth)
  local pad, lines = (" "):rep(column), {}
  for i = 1, self.random(3) do
    local choice = self.random(depth > 2 and 1 or 3)
    if choice == 1 then
      lines[i] = pad .. "- " .. self:inline(column, depth)
    else
      -- The first entry of what is within stands beside the dash.
      local within = choice == 2 and self:mapping(column + 2, depth + 1)
        or self:sequence(column + 2, depth + 1)
      lines[i] = pad .. "- " .. within:sub(column + 3)
    end
  end
  return table.concat(lines, "\n")
end

function Maker:mapping(column, depth)
  local pad, lines = (" "):rep(column), {}
  for i = 1, self.random(4) do
    local key = pad .. self:key() .. ":"
    local choice = self.random(depth > 2 and 1 or 3)
    if choice == 1 then
      lines[i] = key .. " " .. self:inline(column, depth)
    elseif choice == 2 then
      lines[i] = key .. self:comment() .. "\n" .. self:mapping(column + 2, depth + 1)
    else
      lines[i] = key .. "\n" .. self:sequence(column + 2 * (self.random(2) - 1), depth + 1)
    end
    if self.random(8) == 1 then lines[i] = lines[i] .. "\n{{! alone }}" end
    if self.random(8) == 1 then lines[i] = lines[i] .. "\n" .. pad .. "# " .. self:tag("q") end
  end
  return table.concat(lines, "\n")
end

local function maker(random)
  return setmetatable({ random = random, count = 0, keys = 0, names = {} }, Maker)
end

---A random YAML template.
---@return string template
---@return string[] names of the values in it
function hostile.yaml_template(random)
  local made = maker(random)
  local text = made:mapping(0, 1)
  if random(5) == 1 then text = "---\n" .. text end
  return text .. (random(3) == 1 and "" or "\n"), made.names
end

local function json_string(made)
  local choice = made.random(4)
  if choice == 1 then return '"' .. made:tag("q") .. '"' end
  if choice == 2 then return '"a\\"' .. made:tag("q") .. "\\\\" .. made:tag("q") .. '"' end
  if choice == 3 then return made:cut('"text: [here]"') end
  return made:tag("b")
end

local function json_value(made, depth)
  local choice = made.random(depth > 3 and 1 or 3)
  if choice == 1 then return json_string(made) end
  local parts = {}
  for i = 1, made.random(3) do
    local key = ""
    if choice == 2 then
      made.keys = made.keys + 1
      key = '"k' .. made.keys .. (made.random(3) == 1 and made:tag("q") or "") .. '": '
    end
    parts[i] = key .. json_value(made, depth + 1)
  end
  local text = table.concat(parts, ",\n  ")
  return choice == 2 and "{ " .. text .. " }" or "[" .. text .. "]"
end

---A random JSON template.
---@return string template
---@return string[] names of the values in it
function hostile.json_template(random)
  local made = maker(random)
  return json_value(made, 1), made.names
end

---The harmless word that stands for a name.
function hostile.word(name)
  return "w" .. name .. "w"
end

local function show(value)
  if math.type(value) == "float" and value == 1e300 then return "1e+300" end
  return tostring(value)
end

local function exchange(text, values)
  local whole = text:match("^w(b%d+)w$")
  if whole and values[whole] ~= nil then return values[whole] end
  return (text:gsub("w([bcq]%d+)w", function(name)
    return values[name] ~= nil and show(values[name]) or nil
  end))
end

---The document that hostile values must give.
---@param document any what the harmless words gave
---@param values table<string, any>
---@return any
function hostile.expected(document, values)
  if type(document) == "string" then return exchange(document, values) end
  if type(document) ~= "table" then return document end
  local made = {}
  for key, value in pairs(document) do
    made[type(key) == "string" and tostring(exchange(key, values)) or key] =
      hostile.expected(value, values)
  end
  return made
end

---Says whether two documents are the same, types of values included.
function hostile.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for key, value in pairs(a) do
    if not hostile.same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

return hostile
