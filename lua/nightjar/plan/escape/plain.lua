-- Writers for text without a grammar to keep: as it is, or with HTML's special characters escaped.
local number = require("nightjar.plan.escape.number")

local Writer = {}
Writer.__index = Writer

function Writer:text(node)
  local n = self.n + 1
  self.n = n
  self.pieces[n] = node.text
end

function Writer:value(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  end
  local n = self.n + 1
  self.n = n
  self.pieces[n] = self.escape and self.escape(text) or text
  return nil
end

function Writer:raw(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  end
  self:text({ text = text })
  return nil
end

function Writer:finish()
  return table.concat(self.pieces)
end

local entities <const> = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

local function escape_html(text)
  return (text:gsub("[&<>\"']", entities))
end

local plain = {}

--- A writer that changes nothing.
---@return table writer
function plain.new()
  return setmetatable({ pieces = {}, n = 0 }, Writer)
end

--- A writer that escapes values for HTML text and attributes.
---@return table writer
function plain.html()
  return setmetatable({ pieces = {}, n = 0, escape = escape_html }, Writer)
end

return plain
