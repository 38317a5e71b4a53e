-- No value changes the structure of a document: random templates, hostile values. SEEDS=FROM-TO
-- tries others, for as long as one likes.
local hostile = require("spec.support.hostile")
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")
local yaml = require("host.yaml")

local first, last = (os.getenv("SEEDS") or "1-150"):match("^(%d+)-(%d+)$")
local ROUNDS <const> = 8

-- What a value may be refused for; each names the place and what to write instead.
local REFUSALS <const> = {
  "is not UTF%-8, which %u+ cannot hold$",
  "expected double quotes$",
  "expected quotes$",
}

local function is_refusal(err)
  for _, pattern in ipairs(REFUSALS) do
    if err:find("^templates/x:%d+: ") and err:find(pattern) then
      return true
    end
  end
  return false
end

-- A key of YAML ends within 1,024 characters, and two keys may become one: both are refused when
-- the document is parsed.
local function is_parse_refusal(values, err)
  if err:find("given twice", 1, true) then
    return true
  end
  for _, value in pairs(values) do
    if type(value) == "string" and #value >= 500 then
      return true
    end
  end
  return false
end

-- Between line breaks of a quoted scalar, an empty value lets white space beside it fold away.
local function has_empty(values)
  for _, value in pairs(values) do
    if value == "" then
      return true
    end
  end
  return false
end

-- One value is hostile, or all of them.
local function hostile_values(names, random, round)
  local only = round % 2 == 1 and #names > 0 and names[random(#names)]
  local values = { yes = true }
  for _, name in ipairs(names) do
    values[name] = (not only or name == only) and hostile.value(random) or hostile.word(name)
  end
  return values
end

local function try(template, document, values, options, decode)
  local text, err = mustache.render(template, values, nil, options)
  if not text then
    assert.is_true(is_refusal(err), err)
    return false
  end
  local read
  read, err = decode(text)
  if err then
    assert.is_true(is_parse_refusal(values, err), err .. "\n" .. template .. "\n--\n" .. text)
    return false
  end
  if not has_empty(values) and not hostile.same(read, hostile.expected(document, values)) then
    assert.same(hostile.expected(document, values), read, template .. "\n--\n" .. text)
  end
  return true
end

local function property(format, make, decode)
  it("no value changes the structure of " .. format, function()
    local options = { escape = format:lower(), name = "templates/x" }
    local kept, tried = 0, 0
    for seed = tonumber(first), tonumber(last) do
      local random = hostile.random(seed)
      local template, names = make(random)
      local words = { yes = true }
      for _, name in ipairs(names) do
        words[name] = hostile.word(name)
      end
      local document = assert(decode(assert(mustache.render(template, words, nil, options))))
      for round = 1, ROUNDS do
        local values = hostile_values(names, random, round)
        tried = tried + 1
        kept = kept + (try(template, document, values, options, decode) and 1 or 0)
      end
    end
    -- Refusing everything would be no proof.
    assert.is_true(kept > tried / 3, ("%d of %d were rendered"):format(kept, tried))
  end)
end

property("YAML", hostile.yaml_template, yaml.decode)
property("JSON", hostile.json_template, json.decode)
