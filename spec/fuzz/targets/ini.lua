-- INI: what is read is UTF-8 text by lower-case names; what is refused is refused with its line.
local claim = require("spec.fuzz.claim")
local ini = require("nightjar.agent.aws.ini")

local function check_values(values)
  for name in pairs(values) do
    assert(name ~= "" and name == name:lower(), "a name is lower case")
    assert(not name:find("[\r\n=:]"), "a name ends where its value begins")
  end
end

return function(text)
  local sections, err = ini.parse(text)
  claim.told(sections, err)
  claim.utf8(sections)
  local seen = {}
  for _, section in ipairs(sections or {}) do
    assert(not seen[section.name], "a section is there once")
    seen[section.name] = true
    check_values(section.values)
  end
  local words, problem = ini.words(text)
  claim.told(words, problem)
end
