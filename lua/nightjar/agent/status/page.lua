-- The page at `/`: one text, whose style and script no other page could put into it.

local markup = require("nightjar.agent.status.page.markup")
local script = require("nightjar.agent.status.page.script")
local sigv4 = require("host.sigv4")
local style = require("nightjar.agent.status.page.style")

local page = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- RFC 4648, 4, of a hexadecimal text.
local function base64(hex)
  local text = hex:gsub("%x%x%x?%x?%x?%x?", function(group)
    local bits = tonumber(group, 16) << (6 - #group) * 4
    local digits = ""
    for shift = 18, 0, -6 do
      local digit = bits >> shift & 63
      digits = digits .. DIGITS:sub(digit + 1, digit + 1)
    end
    local meant = #group // 2 + 1
    return digits:sub(1, meant) .. ("="):rep(4 - meant)
  end)
  return text
end

local function source_of(text)
  return "'sha256-" .. base64(assert(sigv4.sha256(text))) .. "'"
end

---@return string text the page
---@return string policy its Content-Security-Policy: its own style and script, by their hashes
function page.make()
  local text = markup:gsub("@(%a+)@", { style = style, script = script })
  return text, table.concat({ "default-src 'none'", "style-src " .. source_of(style),
    "script-src " .. source_of(script), "connect-src 'self'", "img-src data:", "base-uri 'none'",
    "form-action 'none'", "frame-ancestors 'none'" }, "; ")
end

return page
