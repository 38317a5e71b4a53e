-- ARNs: what is taken apart is the same when it is put together; a reference names something.
local arn = require("nightjar.agent.aws.arn")
local claim = require("spec.fuzz.claim")

return function(text)
  local parsed = arn.parse(text)
  if parsed then
    assert(arn.sibling(parsed, parsed.kind, parsed.id) == text, "its parts are the ARN")
  end
  for _, kind in ipairs({ "namespace", "service" }) do
    local reference, err = arn.reference(text, kind)
    claim.told(reference, err)
    if reference then
      assert(reference.name or reference.id, "a reference names something")
      assert(not reference.id or not reference.id:find("%s"), "an id has no white space")
      assert(not reference.parsed or reference.parsed.kind == kind, "an ARN is of the kind")
    end
  end
end
