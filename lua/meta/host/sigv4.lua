---@meta host.sigv4
-- Signatures of AWS requests (host/sigv4.h). Pure: the time is given.

local sigv4 = {}

---@class host.sigv4.Identity who signs, and for what
---@field region string
---@field service string the signing name: "servicediscovery"
---@field access_key_id string
---@field secret_access_key string
---@field session_token? string
---@field normalize? boolean resolve "//", "." and ".." in the path; default true, S3 wants false
---@field double_encode? boolean encode the path once more; default true, S3 wants false
---@field unsigned_token? boolean the session token is sent but not signed; default false
---@field content_sha256? boolean send and sign X-Amz-Content-Sha256; default false, S3 wants true

---@class host.sigv4.Request: host.sigv4.Identity
---@field method string "POST"
---@field url? string http or https; gives path, query and, unless `headers` has one, `Host`
---@field path? string without `url`: the path as it is sent
---@field query? string without `url`: without its "?"
---@field headers? {[1]: string, [2]: string}[] | table<string, string> pairs or a map; what must
--- not be among them: X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256
---@field body? string
---@field payload_hash? string instead of the body's own: SHA-256 in hexadecimal, or
--- "UNSIGNED-PAYLOAD"
---@field time integer seconds since 1970
---@field details? boolean also return how the signature came about; default false

---@class host.sigv4.Signature
---@field headers {[1]: string, [2]: string}[] to be added to the request, as they are
---@field canonical_request? string with `details`, as are the others
---@field string_to_sign? string
---@field signature? string hexadecimal

---Signs a request. Errors never name a secret. The key that the last secret gave for a day, region
---and service is kept, since deriving it is most of the work, and wiped when another one comes.
---@param request host.sigv4.Request
---@return host.sigv4.Signature? signature
---@return string? err
---@return string? code "syntax", "limit" or "crypto"
function sigv4.sign(request) end

---@class host.sigv4.Signer: userdata

---What signs requests as they are sent (`signer` of host.http's start). It has a copy of the keys,
---wiped when it goes.
---@param identity host.sigv4.Identity
---@return host.sigv4.Signer? signer
---@return string? err names no secret
---@return string? code "syntax"
function sigv4.signer(identity) end

---SHA-256.
---@param text string any bytes
---@return string? hex
---@return string? err
---@return string? code "crypto"
function sigv4.sha256(text) end

---HMAC-SHA-256.
---@param key string any bytes
---@param text string any bytes
---@return string? hex
---@return string? err
---@return string? code "crypto"
function sigv4.hmac(key, text) end

return sigv4
