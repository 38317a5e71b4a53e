-- Path keys: a path in canonical form stays what it is, and has nothing that leads elsewhere.
local claim = require("spec.fuzz.claim")
local path_key = require("nightjar.plan.path_key")

local function check_path(path)
  assert(path:sub(1, 1) == "/", "a path begins with a slash")
  assert(not path:find("[%c%s*?#%[%]]") and not path:find("[\128-\255]"), "a path can be requested")
  assert(not path:find("//", 1, true), "no segment is empty")
  assert(path == "/" or path:sub(-1) ~= "/", "a path does not end in a slash")
  assert(#path <= path_key.LONGEST, "a path is not too long")
  for digits in path:gmatch("%%(%x%x)") do
    local character = string.char(tonumber(digits, 16))
    assert(not character:find("^[%w._~-]$"), "nothing is escaped needlessly")
  end
  for segment in (path:lower():gsub("%%2e", ".")):gmatch("[^/]+") do
    assert(segment ~= "." and segment ~= "..", "no segment leads elsewhere")
  end
  assert(path_key.canonical(path) == path, "a canonical path is its own canonical form")
end

return function(text)
  local path, told = path_key.parse(text)
  if path then
    assert(told == "public" or told == "private", "a path has an audience")
    check_path(path)
  elseif told then
    claim.told(nil, told)
  end
  local canonical, reason = path_key.canonical(text)
  claim.told(canonical, reason)
  if canonical then check_path(canonical) end
end
