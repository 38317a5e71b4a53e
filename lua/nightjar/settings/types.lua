-- Readers of settings: each takes trimmed, non-empty text and a schema entry and
-- returns the value, or nil and what was expected ("a port from 1 to 65535").

local types = {}

local function number_text(value)
  if value == math.huge then return "any" end
  return ("%.14g"):format(value)
end

function types.port(text)
  local port = text:match("^%d+$") and #text <= 5 and math.tointeger(tonumber(text))
  if port and port >= 1 and port <= 65535 then return port end
  return nil, "a port from 1 to 65535"
end

function types.integer(text, entry)
  local value = text:match("^%d+$") and #text <= 18 and math.tointeger(tonumber(text))
  if value and value >= entry.min and value <= entry.max then return value end
  return nil, ("an integer from %s to %s"):format(number_text(entry.min), number_text(entry.max))
end

function types.seconds(text, entry)
  local value = (text:match("^%d+$") or text:match("^%d*%.%d+$") or text:match("^%d+%.$"))
    and tonumber(text)
  if value and value >= entry.min and value <= entry.max then
    return math.tointeger(value) or value
  end
  return nil, ("a number of seconds from %s to %s")
    :format(number_text(entry.min), number_text(entry.max))
end

local OFF = { ["0"] = true, ["false"] = true, ["no"] = true }

function types.switch(text)
  return not OFF[text:lower()]
end

function types.word(text, entry)
  local lower = text:lower()
  for _, word in ipairs(entry.words) do
    if word == lower then return lower end
  end
  return nil, "one of " .. table.concat(entry.words, ", ")
end

function types.text(text)
  if not text:find("%c") then return text end
  return nil, "text without control characters"
end

function types.path(text)
  if text:find("%c") then return nil, "a path without control characters" end
  -- Paths are joined with "/"; one that ends in it would give "//" in messages.
  return #text > 1 and (text:gsub("/+$", "", 1):gsub("^$", "/")) or text
end

---A file below the output folder. Older deployments name the template instead
---of what it becomes, so `x.yaml.mustache` is read as `x.yaml`.
function types.relative_path(text)
  local path = text:gsub("%.mustache$", "")
  local inside = not path:find("%c") and path:sub(1, 1) ~= "/" and path:sub(-1) ~= "/"
    and path ~= ""
  for part in path:gmatch("[^/]+") do
    inside = inside and part ~= "." and part ~= ".."
  end
  if inside then return path end
  return nil, "a file name below the output folder"
end

---A path as it stands in a request: RFC 3986 section 3.3, without a query.
function types.url_path(text)
  if #text > 1 and text:match("^/[%w%-%._~!$&'()*+,;=:@%%/]*$") then return text end
  return nil, "a path such as /ping"
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:match("^127%.%d+%.%d+%.%d+$") ~= nil
end

function types.status_address(text)
  if text:sub(1, 1) == "/" then return types.path(text) end
  local host, port = text:match("^(.+):(%d+)$")
  if host and types.port(port) and is_loopback(host) then return text end
  return nil, "host:port on loopback (127.0.0.1:9902), or the path of a socket"
end

---An absolute path, or a URL as lua/meta/host/http.lua takes it: no user name in it.
function types.hook(text)
  local is_url = text:match("^https?://[^/?#%s%c@]+%f[/?#\0][^%s%c]*$")
  if is_url or text:match("^/%C*$") then return text end
  return nil, "the absolute path of a program, or an http:// or https:// URL"
end

---Bucket names: 3 to 63 of lower case, digits, dots and dashes (S3 user guide,
---"Bucket naming rules").
function types.store(text)
  local bucket, rest = text:match("^s3://([%l%d][%l%d%.%-]+[%l%d])(.*)$")
  if bucket and #bucket <= 63 and (rest == "" or rest:match("^/%C*$")) then return text end
  return nil, "s3://bucket/prefix, the bucket of 3 to 63 lower case letters, digits, dots, dashes"
end

---What stands for the value in `nightjar help`.
types.placeholder = {
  port = "PORT", integer = "N", seconds = "SECONDS", path = "PATH", relative_path = "NAME",
  url_path = "PATH", status_address = "ADDRESS", store = "URL",
  hook = "PATH|URL", text = "TEXT", word = "WORD",
}

return types
