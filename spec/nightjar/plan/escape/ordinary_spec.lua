-- Most values are names, paths and addresses: nothing in them is to be escaped, and on a large mesh
-- there are tens of thousands of them. They are looked through once, and nothing is replaced.
local mustache = require("nightjar.plan.mustache")

-- How often something is replaced in some text meanwhile.
local function replacements(call)
  local count, gsub = 0, string.gsub
  finally(function() string.gsub = gsub end) -- luacheck: ignore 122
  string.gsub = function(...) -- luacheck: ignore 122
    count = count + 1
    return gsub(...)
  end
  local result = call()
  string.gsub = gsub -- luacheck: ignore 122
  return count, result
end

local function is_written_as_it_is(format, value)
  local options = { escape = format, name = "templates/x" }
  assert(mustache.render('["{{v}}"]', { v = "x" }, nil, options))
  local count, text = replacements(function()
    return assert(mustache.render('["{{v}}"]', { v = value }, nil, options))
  end)
  assert.equal('["' .. value .. '"]', text)
  assert.equal(0, count, "replaced in " .. value)
end

local function ordinary(first)
  local characters = {}
  for byte = first, 126 do
    local character = string.char(byte)
    if character ~= '"' and character ~= "\\" then characters[#characters + 1] = character end
  end
  return table.concat(characters)
end

describe("a value of ordinary characters within quotes is written as it is, at once,", function()
  it("in YAML", function() is_written_as_it_is("yaml", ordinary(33)) end)

  it("in JSON", function() is_written_as_it_is("json", ordinary(32)) end)

  it("while each of the others is still escaped", function()
    for _, format in ipairs({ "yaml", "json" }) do
      for _, value in ipairs({ '"', "\\", "\n", "\1" }) do
        local text = assert(mustache.render('["{{v}}"]', { v = "a" .. value .. "b" }, nil,
          { escape = format, name = "templates/x" }))
        assert.truthy(text:find('^%["a\\[^"]*"?b"%]$'), text)
      end
    end
  end)
end)
