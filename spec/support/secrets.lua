-- Looks for secrets in texts, in every spelling in which one may have got there.

local secrets = {}
secrets.__index = secrets

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, c and 0 or b and 6 or 12, -6 do
      local at = (bits >> shift & 63) + 1
      out[#out + 1] = ALPHABET:sub(at, at)
    end
  end
  return table.concat(out)
end

-- What all texts that hold a secret have in common once they are base64: it may begin at any of
-- three places of a group of three bytes, and what stands before and after it is not known.
local function within_base64(secret)
  local list = {}
  for before = 0, 2 do
    local whole = ("\0"):rep(before) .. secret
    whole = whole:sub(1, #whole - #whole % 3)
    list[#list + 1] = base64(whole):sub(before == 0 and 1 or 5)
  end
  return list
end

local function bytes_as(form, pattern)
  return function(secret)
    return { (secret:gsub(pattern or ".", function(byte) return form:format(byte:byte()) end)) }
  end
end

local function url_safe(secret)
  local list = within_base64(secret)
  for i, text in ipairs(list) do list[i] = text:gsub("[+/]", { ["+"] = "-", ["/"] = "_" }) end
  return list
end

-- Name of a spelling → the texts by which it is known.
local SPELLINGS = {
  ["as it is"] = function(secret) return { secret } end,
  ["base64"] = within_base64,
  ["base64 for URLs"] = url_safe,
  ["URL, upper case"] = bytes_as("%%%02X", "[^%w._~-]"),
  ["URL, lower case"] = bytes_as("%%%02x", "[^%w._~-]"),
  ["hexadecimal"] = bytes_as("%02x"),
  ["hexadecimal, upper case"] = bytes_as("%02X"),
  ["JSON with escaped slashes"] = function(secret) return { (secret:gsub("/", "\\/")) } end,
  ["backwards"] = function(secret) return { secret:reverse() } end,
}

---@param list string[] secrets of twelve bytes or more
---@return table # see `find`
function secrets.new(list)
  local self = setmetatable({ known = {} }, secrets)
  for _, secret in ipairs(list) do
    assert(#secret >= 12, "too short to be found by more than chance: " .. secret)
    for spelling, of in pairs(SPELLINGS) do
      for _, text in ipairs(of(secret)) do
        self.known[#self.known + 1] = { secret = secret, spelling = spelling, text = text }
      end
    end
  end
  return self
end

---The first secret that is in a text.
---@param text string
---@return string? secret
---@return string? spelling
function secrets:find(text)
  for _, one in ipairs(self.known) do
    if text:find(one.text, 1, true) then return one.secret, one.spelling end
  end
end

return secrets
