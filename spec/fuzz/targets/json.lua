-- JSON: what is read is written, and read again as the same; fingerprints tell the same.
local claim = require("spec.fuzz.claim")
local json = require("host.json")

return function(text)
  local value, err = json.decode(text)
  claim.told(value, err)
  local print, problem = json.fingerprint(text)
  claim.told(print, problem)
  if value == nil then return end
  assert(print, "what is read has a fingerprint")
  assert(json.fingerprint(text, nil, print) == print, "a fingerprint is known again")
  claim.utf8(value)
  local written = assert(json.encode(value))
  assert(claim.again(written) == written, "what is written is read the same")
  local pretty = assert(json.encode(value, { indent = 2, line_end = true }))
  assert(json.fingerprint(pretty) == json.fingerprint(written), "blanks say nothing")
end
