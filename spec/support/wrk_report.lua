-- wrk's script (it runs in wrk's own LuaJIT): prints what was seen as one JSON object.

-- luacheck: globals done
function done(summary, latency)
  local errors = summary.errors
  io.write(('{"requests":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,'
    .. '"longest":%.3f}\n'):format(summary.requests, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency.max / 1e6))
end
