-- What boundaries.c calls while memory runs out: one function for each boundary between C and Lua.
-- Each returns a text that is the same whenever all goes well, or nil and why not.

local boundaries = {}

local FOLDER = os.getenv("TORTURE_FOLDER")
local RESOURCES = [[
resources:
- name: web
  "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  connect_timeout: 0.25s
  ports: [80, 443]
  weight: 1.5
]]

local of = {}

-- Required when they are prepared: to read a module is no matter of the boundary.
local host = setmetatable({}, { __index = function(all, name)
  all[name] = require("host." .. name)
  return all[name]
end })

local function text(value)
  return assert(host.json.encode(value))
end

of.json_decode = { needs = { "json" }, call = function()
  local value, err, code = host.json.decode(
    '{"a":[1,2.5,true,null,"x\\u0000y",[],{}],"b":{"c":"' .. ("d"):rep(300) .. '"}}')
  if not value then return nil, err, code end
  return text(value)
end }

of.json_refusal = { needs = { "json" }, call = function()
  local value, err, code = host.json.decode('{"a":1,"a":2}')
  assert(value == nil and err)
  return err:find("memory", 1, true) and nil or "refused", err, code
end }

of.json_encode = { needs = { "json" }, call = function()
  local value = { list = host.json.array {}, numbers = { 1, 2.5, -3 }, null = host.json.null }
  for i = 1, 40 do value["key" .. i] = { text = ("é"):rep(i), flag = i % 2 == 0 } end
  return host.json.encode(value, { indent = 2, line_end = true })
end }

of.json_written = { needs = { "json" }, call = function()
  local list, err, code = host.json.written { 1, "x" }
  if not list then return nil, err, code end
  return host.json.encode({ list, list })
end }

of.json_fingerprint = { needs = { "json" }, call = function()
  local print, err, code = host.json.fingerprint('{"b":[1,"x\\u00e9"],"a":{}}')
  if not print then return nil, err, code end
  return host.json.hash(print)
end }

of.yaml_decode = { needs = { "json", "yaml" }, call = function()
  local value, err, code = host.yaml.decode([[
one: &anchor {a: 1, b: [x, "y", 'z', 2.5, null, true]}
two: *anchor
three: |
  a block
  of text
? four
: !!str 5
]])
  if not value then return nil, err, code end
  return text(value)
end }

of.yaml_refusal = { needs = { "yaml" }, call = function()
  local value, err, code = host.yaml.decode("a: [1, 2\nb: \"\1\"")
  assert(value == nil and err)
  return err:find("memory", 1, true) and nil or "refused", err, code
end }

of.yaml_set_to_json = { needs = { "json", "yaml" }, call = function()
  local json, version, resources = host.yaml.set_to_json(RESOURCES)
  -- Nothing is what it gives of all that it cannot do; yaml.decode would tell.
  if not json then return nil, "told by yaml.decode: no memory" end
  return json .. version .. text(resources)
end }

of.shape = { needs = { "shape" }, call = function()
  local port = host.shape.new("integer", { min = 1, max = 65535 })
  local name = host.shape.new("name", { max = 64 })
  local list = host.shape.new("list", { max = 10, of = port })
  local kind = host.shape.new("one_of", { parts = { "blue", "green" } })
  local record = host.shape.new("record", { parts = {
    { name = "ports", shape = list }, { name = "name", shape = name },
    { name = "kind", shape = kind, optional = true } } })
  local seen = {}
  local right = record:take({ ports = { 80, 443 }, name = "web", kind = "blue" }, seen)
  local shared = { 80 }
  local twice = host.shape.new("record", { parts = {
    { name = "a", shape = list }, { name = "b", shape = list } } })
  -- With too little memory `fits` cannot tell.
  local value = { ports = { 80, 443 }, name = "web", kind = "blue" }
  right = right and (record:fits(value) or record:take(value, {}))
  return tostring(right) .. tostring(record:take({ ports = { 0 }, name = "web" }, seen))
    .. tostring(twice:take({ a = shared, b = shared }, seen))
end }

local IDENTITY = { region = "eu-central-1", service = "servicediscovery",
  access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMIexample",
  session_token = ("t"):rep(500) }

of.sigv4_sign = { needs = { "json", "sigv4" }, call = function()
  local request = { method = "POST", url = "https://example.com/a%20b?z=1&a=2", time = 1440938160,
    headers = { ["Content-Type"] = "application/x-amz-json-1.1", ["X-A"] = "b" }, body = "{}",
    details = true }
  for name, value in pairs(IDENTITY) do request[name] = value end
  local signed, err, code = host.sigv4.sign(request)
  if not signed then return nil, err, code end
  return text(signed)
end }

of.digests = { needs = { "sigv4" }, call = function()
  local sha, err, code = host.sigv4.sha256(("x"):rep(1000))
  if not sha then return nil, err, code end
  local mac
  mac, err, code = host.sigv4.hmac("key", "text")
  if not mac then return nil, err, code end
  return sha .. mac
end }

local function step(said, ...)
  local ok, err, code = ...
  if not ok then error({ why = tostring(err), code = code }, 0) end
  said[#said + 1] = tostring(ok)
  return ...
end

-- What a list of steps gives; a failure of one, as it was returned, is the boundary's.
local function steps(call)
  return function()
    local said = {}
    local ok, failure = pcall(call, said)
    if ok then return table.concat(said, " ") end
    if type(failure) ~= "table" then error(failure, 0) end
    return nil, failure.why, failure.code
  end
end

of.file = { needs = { "file" }, call = steps(function(said)
  local file, path = host.file, FOLDER .. "/files"
  step(said, file.mkdir(path))
  step(said, file.write(path .. "/a", ("text"):rep(2000), { mode = 384 }))
  said[#said + 1] = #step({}, file.read(path .. "/a"))
  said[#said + 1] = step({}, file.stat(path .. "/a")).size
  said[#said + 1] = #step({}, file.list(path))
  step(said, file.remove(path .. "/a"))
  step(said, file.sweep(path))
  step(said, file.remove(path .. "/none") or true)
end) }

of.folder = { needs = { "file", "json" }, prepare = function()
  local file, path = host.file, FOLDER .. "/folder"
  assert(file.mkdir(path .. "/below"))
  for i = 1, 20 do assert(file.write(path .. "/below/file" .. i, "text " .. i)) end
end, call = steps(function(said)
  local folder <close> = step({}, host.file.folder(FOLDER .. "/folder"))
  said[#said + 1] = text(step({}, folder:list()))
  said[#said + 1] = #step({}, folder:stamp())
  step(said, folder:read("below/file7"))
  local _, err = folder:read("none")
  said[#said + 1] = err:find("memory", 1, true) and err or "none"
end) }

-- Events until `enough` says so. What was lost with an error that was raised is never waited for.
local function events(enough)
  for _ = 1, 200 do
    local list, err, code = host.loop.wait(0.05)
    if not list then error({ why = err, code = code }, 0) end
    for _, event in ipairs(list) do
      if enough(event) then return end
    end
  end
  error("the events do not come")
end

of.child = { needs = { "loop", "child" }, call = steps(function(said)
  local process = step({}, host.child.spawn { argv = { "/bin/cat" }, stdin = "pipe",
    stdout = "pipe", stderr = "null", env = { A = "1", B = "2" }, death_signal = "KILL" })
  step(said, process:write(("y"):rep(5000)))
  process:close_stdin()
  local size, id = 0, process:id()
  events(function(event)
    if event.child == id then
      size = size + #(event.data or "")
      return event.type == "exit"
    end
  end)
  said[#said + 1] = size
  said[#said + 1] = process:status().status
end) }

of.child_refusal = { needs = { "loop", "child" }, call = function()
  local process, err, code = host.child.spawn { argv = { "/nowhere" } }
  assert(process == nil and err)
  return code == "ENOENT" and "refused" or nil, err, code
end }

of.loop = { needs = { "loop", "file" }, call = steps(function(said)
  step(said, host.loop.signals { "USR1" })
  local id = step({}, host.loop.watch(FOLDER .. "/watched"))
  step(said, host.file.write(FOLDER .. "/watched", "x"))
  events(function(event) return event.type == "watch" and event.id == id end)
  host.loop.unwatch(id)
  os.execute("kill -USR1 $PPID")
  events(function(event) return event.signal == "USR1" end)
end) }

-- A request to our own server, signed: both are in this loop.
local function request(options, answered)
  local turn = 0
  return steps(function(said)
    local server, http = host.server, host.http
    turn = turn + 1
    server.close()
    local port = step({}, server.open(options))
    local signer = step({}, host.sigv4.signer(IDENTITY))
    local id = step({}, http.start { url = ("http://127.0.0.1:%d/a%%20b?turn=%d"):format(port,
      turn), unix_socket = options.path, headers = { A = "b" }, signer = signer, time = 1440938160,
      timeout = 2 })
    events(function(event)
      -- One of the turn before may have gone to the same socket.
      if event.type == "request" and event.query.turn == tostring(turn) then
        said[#said + 1] = event.path .. event.headers.a
        server.answer(event.id, { status = 201, headers = { ["X-B"] = "c" }, body = answered })
      end
      if event.type ~= "http" or event.id ~= id then return false end
      if event.error then error({ why = event.error.message, code = "told" }, 0) end
      if event.status ~= 201 then error({ why = "status " .. event.status, code = "told" }, 0) end
      said[#said + 1] = event.headers["x-b"] .. #event.body
      return true
    end)
    server.close()
  end)
end

local SERVES = { "http", "loop", "server", "sigv4" }

of.http = { needs = SERVES, call = request({ host = "127.0.0.1", port = 0 }, ("body"):rep(5000)) }

of.http_socket = { needs = SERVES, call = request({ path = FOLDER .. "/socket" }, "body") }

-- A batch of requests to our own server, which knows two of the three answers; and one that is
-- given up.
of.http_batch = { needs = { "http", "json", "loop", "server", "sigv4" }, call = steps(function(said)
  local server, http, sigv4 = host.server, host.http, host.sigv4
  server.close()
  local port = step({}, server.open { host = "127.0.0.1", port = 0 })
  local batch = { method = "POST", url = ("http://127.0.0.1:%d/"):format(port), time = 1440938160,
    headers = { { "X-Count", "n" } }, signer = step({}, sigv4.signer(IDENTITY)), limit = 2,
    timeout = 2, items = {} }
  for item = 1, 3 do
    local body = '{"item":' .. item .. "}"
    batch.items[3 * item - 2], batch.items[3 * item - 1] = body, step({}, sigv4.sha256(body))
    batch.items[3 * item] = step({}, host.json.fingerprint(item == 2 and "2" or "1"))
  end
  local id = step({}, http.batch(batch))
  events(function(event)
    if event.type == "request" then
      server.answer(event.id, { status = 200, body = "1" })
    elseif event.type ~= "batch" or event.id ~= id then
      return false
    elseif event.item then
      if not event.status then error({ why = event.error.message, code = "told" }, 0) end
      said[#said + 1] = event.item .. event.body
    elseif event.started then
      if event.started < 3 then error({ why = "not started", code = "told" }, 0) end
      said[#said + 1] = event.started
      return true
    end
  end)
  local other = step({}, http.batch(batch))
  step(said, http.cancel_batch(other))
  server.close()
end) }

of.http_refusal = { needs = { "http", "loop" }, call = steps(function(said)
  local id = step({}, host.http.start { url = "http://127.0.0.1:1/", timeout = 2 })
  events(function(event)
    if event.id ~= id then return false end
    if event.error.kind ~= "connect" then
      error({ why = event.error.message, code = "told" }, 0)
    end
    return true
  end)
  local cancelled = step({}, host.http.start { url = "http://127.0.0.1:1/", timeout = 2 })
  step(said, host.http.cancel(cancelled))
end) }

of.log = { needs = { "log" }, call = function()
  host.log.configure { format = "json" }
  local ok, err, code = host.log.write("info", "event", { text = ("a\n"):rep(50), number = 1.5,
    whole = 3, flag = true })
  return ok and "written", err, code
end }

of.program = { needs = { "program", "inotify", "clock" }, call = function()
  local directory, err, code = host.program.data_directory()
  if not directory then return nil, err, code end
  host.program.trim()
  local free
  free, err, code = host.inotify.free(2)
  if not free then return nil, err, code end
  return directory .. host.program.environment().TORTURE_FOLDER .. free
    .. host.clock.rfc3339(1440938160)
end }

---The names of all boundaries, sorted.
---@return string names with a blank between two
function boundaries.names()
  local names = {}
  for name in pairs(of) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

---What comes before the first call, with all memory that there is.
---@param name string
function boundaries.prepare(name)
  for _, module in ipairs(of[name].needs) do assert(host[module]) end
  if of[name].prepare then of[name].prepare() end
end

---@param name string
---@return string result of the boundary; or "nil " and why, "told " and why where others than the
---  host have words of their own for it
function boundaries.call(name)
  local result, err, code = of[name].call()
  if result then return result end
  return (code == "told" and "told " or "nil ") .. tostring(err) .. " " .. tostring(code)
end

return boundaries
