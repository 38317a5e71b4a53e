-- Mustache: a template renders or says where it is wrong, whatever stands in it.
local claim = require("spec.fuzz.claim")
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")
local yaml = require("host.yaml")

local function view(text)
  return {
    x = text, name = "green", port = 8080, ratio = 0.5, yes = true, no = false, null = json.null,
    list = { { x = "a" }, { x = "b", list = { { x = "c" } } } }, none = {},
    deep = { x = text, deep = { x = text } }, partial = "part",
  }
end

local PARTIALS = { part = "<{{x}}{{$block}}default{{/block}}>\n", loop = "{{>loop}}" }

-- The document with all texts alike, keys too: they may come from values.
local function shape(value)
  if type(value) == "string" then return "text" end
  if type(value) ~= "table" then return tostring(value) end
  local copy = {}
  local list = json.is_array(value)
  for _, element in (list and ipairs or pairs)(value) do
    copy[#copy + 1] = json.hash(assert(json.encode(shape(element))))
  end
  if list then return json.array(copy) end
  table.sort(copy)
  return { members = json.array(copy) }
end

local READERS = { json = json.decode, yaml = yaml.decode }

-- The outcome where the template makes a document of the format.
local function shape_of(template, text, format)
  local written = mustache.render(template, view(text), PARTIALS, { escape = format })
  local value = written and READERS[format](written)
  local kept = value ~= nil and json.encode(shape(value))
  return kept or nil
end

local function check_shape(template, format)
  local plain = shape_of(template, "a", format)
  local hostile = shape_of(template, '"}],\n{{x}} \\', format)
  assert(not plain or not hostile or plain == hostile, "no value changes what the document is")
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
  check_shape(text, "json")
  check_shape(text, "yaml")
end
