-- Escapes in the path of a request, as Envoy reads them before it looks for a route.

local path_escape = {}

---A path whose escaped letters, digits, `-`, `.`, `_` and `~` are written as themselves: they mean
---the same (RFC 3986, section 2.3), and Envoy compares paths in this form. Others stay escaped.
---@param path string
---@return string
function path_escape.decode(path)
  if not path:find("%", 1, true) then return path end
  return (path:gsub("%%(%x%x)", function(digits)
    local character = string.char(tonumber(digits, 16))
    return character:find("^[%w._~-]$") and character or nil
  end))
end

return path_escape
