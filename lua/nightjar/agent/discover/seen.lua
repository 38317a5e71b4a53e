--- What Cloud Map had answered when a service of a snapshot was read: an answer that says the same
--- need not be looked at again.
---
--- The fingerprint belongs to the very table of the snapshot, so that it can never speak for other
--- data than those it was taken from; it goes when that table goes.

local seen = {}

local fingerprints = setmetatable({}, { __mode = "k" })

--- Notes the answer that a service of a snapshot was made from.
---@param service table  of a snapshot
---@param fingerprint string?  see json.fingerprint; nil: none is known
function seen.note(service, fingerprint)
  fingerprints[service] = fingerprint
end

--- The answer that a service of a snapshot was made from.
---@param service table?
---@return string? fingerprint
function seen.of(service)
  return service and fingerprints[service]
end

return seen
