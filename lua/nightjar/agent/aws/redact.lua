--- Takes secrets out of foreign text before anybody sees it.

-- JSON and forms write some characters of a secret in another way.
local function forms(secret)
  local escaped = secret:gsub("[^%w._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end)
  return { secret, (secret:gsub("/", "\\/")), escaped }
end

--- `text` with a mark wherever one of the secrets stands, plain or escaped.
---@param text string
---@param secrets string[]?
---@param mark string?  "…" if not given
---@return string
local function redact(text, secrets, mark)
  for _, secret in ipairs(secrets or {}) do
    for _, form in ipairs(#secret > 0 and forms(secret) or {}) do
      text = text:gsub((form:gsub("%p", "%%%0")), (mark or "…"))
    end
  end
  return text
end

return redact
