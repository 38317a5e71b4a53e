-- Starts spec/support/http_peer.py, and other servers that say their port first, for a spec.

local child = require("host.child")
local loop = require("host.loop")

local http_peer = {}

---Starts a program and waits for the first line that it writes.
---@param argv string[]
---@return Process process dies with us; `process:signal("KILL")` ends it
---@return string line
function http_peer.program(argv)
  local process = assert(child.spawn { argv = argv, stdout = "pipe", death_signal = "KILL" })
  local said = ""
  repeat
    for _, event in ipairs(assert(loop.wait(10))) do
      if event.child == process:id() then
        assert(event.data, "the server ended before it said its port")
        said = said .. event.data
      end
    end
  until said:find("\n")
  return process, said:match("^[^\n]*")
end

---@param words string[]? of http_peer.py's command line
---@return Process process
---@return string base "http://127.0.0.1:PORT" (https with --tls)
---@return string port
function http_peer.start(words)
  local argv = { "python3", "spec/support/http_peer.py" }
  table.move(words or {}, 1, #(words or {}), 3, argv)
  local process, port = http_peer.program(argv)
  local scheme = words and words[1] == "--tls" and "https" or "http"
  return process, scheme .. "://127.0.0.1:" .. port, port
end

return http_peer
