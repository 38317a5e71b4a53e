-- Reads path keys: the attribute keys that say which paths a service-color
-- takes part in (`/shop`, `?/internal`, `[public]/shop`, `*`; see BEHAVIOUR).

local path_escape = require("nightjar.path_escape")
local text = require("nightjar.text")

local path_key = {}

---Bytes of a path: more than Cloud Map allows for a key, far fewer than Envoy's limits.
path_key.LONGEST = 1024

-- What a request path consists of (RFC 3986, `pchar` and `/`), without `*`,
-- which users write for "every path" and nothing else.
local FOREIGN = "[^%w%-._~!$&'()+,;=:@%%/]"

local function has_dot_segment(path)
  for segment in path_escape.decode(path):gmatch("[^/]+") do
    if segment == "." or segment == ".." then return true end
  end
  return false
end

-- nil when `path` can be a route, else what is wrong with it.
local function fault(path)
  if #path > path_key.LONGEST then
    return ("is longer than %d bytes"):format(path_key.LONGEST)
  end
  if path:sub(1, 1) ~= "/" then return 'has no path that begins with "/"' end
  local foreign = path:match(FOREIGN)
  if foreign == "*" then return 'holds "*" inside a path; "*" stands alone, for every path' end
  if foreign then
    return ("holds %s, which no request path holds"):format(text.quote(
      path:match(utf8.charpattern, (path:find(foreign, 1, true))) or foreign))
  end
  if path:gsub("%%%x%x", ""):find("%", 1, true) then
    return 'holds a "%" that is not followed by two hexadecimal digits'
  end
  if has_dot_segment(path) then return 'holds a segment "." or ".."' end
end

-- Most paths are, and have nothing that must be looked at twice.
local function is_canonical(path)
  return path:find("^/[%w_~/-]*$") ~= nil and #path <= path_key.LONGEST
    and (path:byte(-1) ~= 47 or path == "/") and not path:find("//", 1, true)
end

---The form of a path that routes use: no empty segment, nothing escaped that Envoy compares as it
---is, no `/` at its end but for `/` itself, which stands for every path.
---@param path string
---@return string? path
---@return string? reason why it is none, as the end of a sentence
function path_key.canonical(path)
  if is_canonical(path) then return path end
  local reason = fault(path)
  if reason then return nil, reason end
  path = path_escape.decode(path):gsub("//+", "/")
  if path ~= "/" then path = path:gsub("/$", "") end
  return path
end

-- The audience that a key's mark names, and what follows the mark.
local function unmark(key)
  if key:sub(1, 1) == "?" then return "private", key:sub(2) end
  if key:sub(1, 1) ~= "[" then return "public", key end
  local mark, rest = key:match("^%[([^%]]*)%](.*)$")
  mark = mark and mark:lower()
  if mark == "public" or mark == "private" then return mark, rest end
  return nil
end

---Reads one attribute key.
---@param key string
---@return string? path in canonical form; nil when the key names no path
---@return string? audience_or_reason `public` or `private`; without a path, why the key
---        is a bad path key, or nil when it is no path key at all
function path_key.parse(key)
  if not key:find("^[/?*%[]") then return nil end
  local audience, rest = unmark(key)
  if not audience then return nil, "has a mark other than [public] and [private]" end
  if rest == "*" then return "/", audience end
  local path, reason = path_key.canonical(rest)
  if not path then return nil, reason end
  return path, audience
end

return path_key
