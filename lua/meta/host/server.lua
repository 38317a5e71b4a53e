---@meta host.server
-- An HTTP server for readers on this host (host/server.h). Requests come as events of host.loop:
-- {type = "request", id, method, path, query, headers}; each is answered once.

local server = {}

---@class ServerOptions
---@field host? string an address of this host, or "localhost"
---@field port? integer 0: any
---@field path? string instead: of a socket, for its owner and group

---@class ServerRequest an event; what has a body is refused before it gets here
---@field id integer
---@field method string
---@field path string decoded, without the query
---@field query table<string, string> decoded; of a name given twice the last value
---@field headers table<string, string> names in lower case

---Listens from now on; there is one server at most. A socket's file that nobody listens on any more
---is replaced.
---@param options ServerOptions
---@return integer? port that it listens on; 0 of a socket
---@return string? err
---@return string? code "EADDRINUSE", "EACCES" and the like
function server.open(options) end

---Ends all connections and removes the socket's file.
function server.close() end

---@class ServerAnswer
---@field status? integer 200 if not given
---@field headers? table<string, string>
---@field body? string

---Answers a request.
---@param id integer
---@param answer ServerAnswer
---@return boolean? sent false if its client has gone, or it was answered already
---@return string? err
function server.answer(id, answer) end

return server
