-- Values in templates: whatever the value is, it reads back as itself, and is all that changes.
local claim = require("spec.fuzz.claim")
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")
local yaml = require("host.yaml")

local JSON = '{"bare": {{x}}, "within": "{{x}}", "part": "a {{x}} b", "after": 1}'
local YAML = {
  "bare: {{x}}\nafter: 1\n",
  'double: "{{x}}"\nafter: 1\n',
  "single: '{{x}}'\nafter: 1\n",
  "part: a-{{x}}\nafter: 1\n",
  "flow: [{{x}}, 1]\nafter: 1\n",
  "# {{x}}\nafter: 1\n",
  "block: |\n  {{x}}\nafter: 1\n",
  "- {{x}}\n- after\n",
}

local function check_json(text)
  local written, err = mustache.render(JSON, { x = text }, nil, { escape = "json" })
  claim.told(written, err)
  if not written then return assert(not utf8.len(text), "JSON holds all UTF-8") end
  local value = assert(json.decode(written))
  assert(value.bare == text and value.within == text, "a value is read back")
  assert(value.part == "a " .. text .. " b" and value.after == 1, "nothing else changes")
end

local function check_yaml(template, text)
  local written, err = mustache.render(template, { x = text }, nil, { escape = "yaml" })
  claim.told(written, err)
  if not written then return end
  local value = assert(yaml.decode(written))
  if #value > 0 then
    return assert(value[1] == text and value[2] == "after" and #value == 2, "an element stays one")
  end
  assert(value.after == 1, "nothing else changes")
  local read = value.bare or value.double or value.single or value.block or value.part
  if value.flow then
    assert(#value.flow == 2, "a list keeps its length")
    read = value.flow[1]
  end
  local expected = value.part and "a-" .. text
    or value.block and text ~= "" and text .. "\n" or text
  assert(read == nil or read == expected, "a value is read back")
end

return function(text)
  check_json(text)
  for _, template in ipairs(YAML) do check_yaml(template, text) end
  local html = assert(mustache.render("{{x}}", { x = text }))
  assert(not html:find("[<>\"']"), "no value opens a tag")
end
