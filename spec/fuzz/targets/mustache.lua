-- Mustache: a template renders or says where it is wrong, whatever stands in it.
local claim = require("spec.fuzz.claim")
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")

local function view(text)
  return {
    x = text, name = "green", port = 8080, ratio = 0.5, yes = true, no = false, null = json.null,
    list = { { x = "a" }, { x = "b", list = { { x = "c" } } } }, none = {},
    deep = { x = text, deep = { x = text } }, partial = "part",
  }
end

local PARTIALS = { part = "<{{x}}{{$block}}default{{/block}}>\n", loop = "{{>loop}}" }

-- The JSON with all texts alike.
local function shape(value)
  if type(value) == "string" then return "text" end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, element in pairs(value) do copy[key] = shape(element) end
  return json.is_array(value) and json.array(copy) or copy
end

-- The outcome where the template makes JSON.
local function shape_of(template, text)
  local written = mustache.render(template, view(text), PARTIALS, { escape = "json" })
  local value = written and json.decode(written)
  local kept = value ~= nil and json.encode(shape(value))
  return kept or nil
end

return function(text)
  for _, escape in ipairs({ "html", "none", "json", "yaml" }) do
    for _, strict in ipairs({ false, true }) do
      claim.told(mustache.render(text, view("a"), PARTIALS, { escape = escape, strict = strict }))
    end
  end
  mustache.locate(2, text, view("a"), PARTIALS, { escape = "yaml" })
  -- Whoever writes braces of three, or changes delimiters, means it.
  if text:find("{{%s*[{&=]") then return end
  local plain, hostile = shape_of(text, "a"), shape_of(text, '"}],\n{{x}} \\')
  -- Keys that come from values differ.
  if plain and hostile and not text:find('"[^"]*{{[^"]*"%s*:') then
    assert(plain == hostile, "no value changes what the document is")
  end
end
