-- Prometheus's own checker, where there is one.

local promtool = {}

---@return string? why there is none
function promtool.missing()
  if os.execute("command -v promtool >/dev/null 2>&1") then
    return nil
  end
  return "no promtool on PATH: `make test` puts one there where Debian's packages can be reached"
end

---Runs it.
---@param words string shell words; they may redirect standard input
---@return boolean ok
---@return string output of both streams
function promtool.run(words)
  local pipe = assert(io.popen("timeout -k 5 60 promtool " .. words .. " 2>&1"))
  local output = pipe:read("a")
  return pipe:close() == true, output
end

return promtool
