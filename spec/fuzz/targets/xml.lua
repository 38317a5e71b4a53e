-- XML: what is read of UTF-8 is UTF-8; text that was escaped is read as it was.
local claim = require("spec.fuzz.claim")
local xml = require("nightjar.agent.aws.xml")

local ESCAPES = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

return function(text)
  local value, err = xml.decode(text)
  claim.told(value, err)
  if value and utf8.len(text) then claim.utf8(value) end
  local escaped = text:gsub("[<>&\"']", ESCAPES)
  assert(xml.unescape(escaped) == text, "what was escaped is read as it was")
  if text:find("%S") then
    local whole = assert(xml.decode("<a><b>" .. escaped .. "</b></a>"))
    assert(whole.a.b == text, "the text of an element is its text")
  end
end
