--- The format of AWS's shared files: sections, `name = value`, values nested by indentation.
local trim = require("nightjar.text").trim

local ini = {}

-- A `#` or `;` after white space begins a comment; inside a value it does not.
local function uncomment(value)
  local cut = value:find("%s[#;]")
  return trim(cut and value:sub(1, cut) or value)
end

local function section_of(line)
  local title = line:match("^%[(.-)%]")
  if not title then return nil end
  title = trim(title)
  -- `[profile "a b"]` is `[profile a b]`.
  return (title:gsub('^(%S+)%s+"(.*)"$', "%1 %2"):gsub("^(%S+)%s+", "%1 "))
end

--- Reads the text of a shared file. Lines that mean nothing are passed over, as the SDKs do;
--- a section given twice is one section.
---
--- A name without a value, followed by indented lines, becomes a table of these.
---@param text string
---@return table<string, table<string, string|table<string, string>>>
function ini.parse(text)
  local sections, section, parent = {}, nil, nil
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    local body = trim(line)
    if body == "" or body:find("^[#;]") then
      goto continue
    elseif body:find("^%[") then
      local name = section_of(body)
      if name then sections[name] = sections[name] or {} end
      section, parent = name and sections[name], nil
    elseif section then
      local key, value = body:match("^([^=]-)%s*=%s*(.*)$")
      if not key then goto continue end
      key, value = key:lower(), uncomment(value)
      if parent and line:find("^%s") then
        if type(section[parent]) ~= "table" then section[parent] = {} end
        section[parent][key] = value
      else
        section[key] = value
        parent = value == "" and key or nil
      end
    end
    ::continue::
  end
  return sections
end

return ini
