---@meta host.http
-- HTTP requests (host/http.h). Responses come as events of host.loop; each request gives one.

local http = {}

---@class HttpRequest
---@field url string http or https; no user name in it
---@field method? string "GET" if not given
---@field headers? table<string, string>|string[][] by name, or a list of { name, value }; at most
--- 125
---@field body? string
---@field connect_timeout? number seconds until connected, TLS included; 5 if not given
---@field timeout? number seconds until all is there; 30 if not given
---@field stall_timeout? number seconds without a byte from there; 0 or not given: no limit
---@field max_body? integer bytes of the response's body, 16 MiB if not given
---@field ca_file? string PEM file of the authorities to trust instead of the system's
---@field proxy? string instead of the environment's; never used for this machine and its link
---@field unix_socket? string path of a socket to connect to instead of the URL's host
---@field signer? host.sigv4.Signer signs the request for AWS: its headers follow the others
---@field time? integer seconds since 1970, of the signature
---@field payload_hash? string instead of the body's own: see host.sigv4
---@field known? string host.json's fingerprint of a body: a response of status 200 that says the
--- same has `known` and neither headers nor body. (With escapes, or numbers that are not whole, it
--- comes whole.)

---@class HttpFailure
---@field kind "resolve"|"connect"|"tls"|"timeout"|"too_large"|"read"|"cancelled"
---@field message string "GET: http://host/path: why"; no query in it

---Starts a request. Redirects are not followed; certificates and names are checked; there are at
---most 256 requests at a time.
---@param request HttpRequest
---@return integer? id
---@return string? err
---@return string? code "url", "header", "limit" (try again when one of them is over); with a
--- signer also "syntax" and "crypto"
function http.start(request) end

---@class HttpBatch: HttpRequest all but the body, payload_hash and `known` of a request; `signer`
--- and `time` are required
---@field items string[] three for each request, of which there are 1,000 at most: its body,
--- payload_hash and `known`
---@field limit? integer requests at a time; 1 if not given
---@field deadline? number seconds, after which no request starts; none if not given
---@field counted? integer position of a header in the list, 1 if not given: what is given is the
--- beginning of its value, of up to 115 bytes, and twelve hexadecimal digits follow
---@field first? integer the number that these are in the first request, one more in each that
--- follows; 0 if not given

---Starts requests that differ in their bodies alone, so many at a time, and signs each as it
---starts. A response of status 200 that says what is known is no event. Any other is one of type
---"batch"; if it is a failure, or has another status, nothing more starts. From when nothing more
---starts, events say how many requests are still under way; when all is over one more says how many
---were started.
---@param batch HttpBatch
---@return integer? id
---@return string? err
---@return string? code "limit", "syntax"
function http.batch(batch) end

---Lets a batch make one request more at a time. Nothing if it is over.
---@param id integer
function http.widen_batch(id) end

---Gives a batch up; no event follows of what is under way.
---@param id integer
---@return integer? started so many requests were started; nil if it is over
function http.cancel_batch(id) end

---Gives a request up; its event follows, with kind "cancelled".
---@param id integer
---@return boolean cancelled false if it is over
function http.cancel(id) end

return http
