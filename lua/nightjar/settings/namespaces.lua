-- Other meshes (NAMESPACE_x with its port) and the check that no two listeners
-- are given one port. Both are settled once, at start (BEHAVIOUR "defects" 3).

local types = require "nightjar.settings.types"

local namespaces = {}

-- Two ways of naming one namespace must be seen to be the same one. An ARN is
-- kept whole in the settings, since the id alone cannot name a namespace that
-- another account shares; only the comparison looks at the id in it.
local function identity(text)
  return text:match("^arn:[^:]*:servicediscovery:[^:]*:[^:]*:namespace/(ns%-[%w]+)$")
    or text:match("^id:%s*(.+)$") or text
end

local function check_name(text)
  local fits
  if text:match("^arn:") then
    fits = text:match("^arn:[%w%-]+:servicediscovery:[%w%-]+:%d+:namespace/ns%-%w+$")
  elseif text:match("^id:") then
    fits = text:match("^id:%s*[%w%-]+$")
  else
    fits = not text:find("[%c%s]") and #text <= 1024 and utf8.len(text)
  end
  if fits then return true end
  return nil, "expected a namespace's name, id:ns-…, bare id, or ARN"
end

local function skip(warn, ref, pick_name, reason)
  warn(("%s (%s): skipped: %s"):format(ref, pick_name.source, reason))
end

-- One NAMESPACE_x, or nil when it is not given or has to be left out.
local function read_one(ref, pick, warn, quote)
  local name, port = pick(ref), pick(ref .. "_PORT")
  if not name then
    if port then
      warn(("%s_PORT (%s): has no effect: %s is not set"):format(ref, port.source, ref))
    end
    return nil
  end
  local fits, expected = check_name(name.text)
  if not fits then
    return skip(warn, ref, name, ("%s, got %s"):format(expected, quote(name.text)))
  elseif not port then
    return skip(warn, ref, name, ref .. "_PORT is not set; expected a port from 1 to 65535")
  end
  local number, wanted = types.port(port.text)
  if not number then
    return skip(warn, ref, name, ("%s_PORT (%s): expected %s, got %s")
      :format(ref, port.source, wanted, quote(port.text)))
  end
  return { ref = ref, namespace = name.text, port = number }, name.source, port.source
end

---Reads every NAMESPACE_x.
---@param pick fun(name: string): {text: string, source: string}?
---@param last integer the highest x
---@param warn fun(message: string) told of each one left out
---@param quote fun(text: string): string
---@return table[] list of { ref, namespace, port }, by number
---@return string[] errors
---@return table<string, string> port_sources where each ref's port was given
function namespaces.read(pick, last, warn, quote)
  local list, errors, port_sources, first = {}, {}, {}, {}
  for number = 0, last do
    local ref = "NAMESPACE_" .. number
    local one, source, port_source = read_one(ref, pick, warn, quote)
    if one then
      list[#list + 1], port_sources[ref] = one, port_source
      local id = identity(one.namespace)
      if first[id] then
        errors[#errors + 1] = ("%s and %s (%s): both name the namespace %s; expected it once")
          :format(first[id], ref, source, quote(id))
      else
        first[id] = ("%s (%s)"):format(ref, source)
      end
    end
  end
  return list, errors, port_sources
end

---Finds ports that are wanted twice.
---@param claims {name: string, source: string, port: integer}[]
---@return string[] errors each names both settings
function namespaces.conflicts(claims)
  local errors, first = {}, {}
  for _, claim in ipairs(claims) do
    local label = ("%s (%s)"):format(claim.name, claim.source)
    if first[claim.port] then
      errors[#errors + 1] = ("%s and %s: both are port %d; expected different ports")
        :format(first[claim.port], label, claim.port)
    else
      first[claim.port] = label
    end
  end
  return errors
end

return namespaces
