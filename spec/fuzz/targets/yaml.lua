-- YAML: what is read can be written as JSON; a set goes to JSON in one walk as it does in two.
local claim = require("spec.fuzz.claim")
local json = require("host.json")
local yaml = require("host.yaml")

local PRETTY = { indent = 2, line_end = true }

-- What yaml.set_to_json leaves out by its own account is left to yaml.decode.
local function check_set(text, value)
  local written, version = yaml.set_to_json(text)
  if not written then return end
  assert(type(value) == "table", "what is a set in one walk is one in two")
  assert(value.version_info == nil, "a set has no version of its own")
  assert(json.hash(assert(json.encode(value, PRETTY))) == version, "a version is the JSON's hash")
  value.version_info = version
  assert(json.encode(value, PRETTY) == written, "both ways write the same")
end

return function(text)
  local value, err = yaml.decode(text)
  claim.told(value, err)
  local written, problem = json.encode(value)
  if value ~= nil then claim.told(written, problem) end
  if value ~= nil and written then
    -- Once through JSON, integers beyond 2^53 are floats.
    written = claim.again(written)
    assert(claim.again(written) == written, "what is written is read the same")
  end
  check_set(text, value)
end
