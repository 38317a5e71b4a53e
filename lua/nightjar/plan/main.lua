-- The pure program: a request as JSON in, a response as JSON out. Everything
-- that decides about routes happens between the two, and nothing else.

local cycle = require("nightjar.cycle")
local examples = require("nightjar.plan.examples")
local json = require("host.json")
local memory = require("nightjar.plan.memory")
local schema = require("nightjar.plan.schema")
local seconds = require("nightjar.plan.seconds")
local text = require("nightjar.text")
local turn = require("nightjar.plan.turn")
local warnings = require("nightjar.plan.warnings")

local main = {}

-- As large as the process's memory lets it be.
local ANSWER <const> = { max_bytes = 1 << 30 }

local function any() end

local function object(value)
  if type(value) ~= "table" then return "", "expected an object, got " .. text.show(value) end
end

local FILE = schema.record({ name = schema.name(4096), text = schema.string(16 << 20) })

local REQUEST = schema.record({
  command = schema.one_of({ "plan", "examples" }), ["list?"] = schema.one_of({ "main", "shadow" }),
  ["plan_only?"] = schema.boolean,
  now = schema.integer(0, seconds.MAX),
  settings = object, ["snapshot?"] = any, ["previous?"] = any,
  policies = schema.list(FILE, 10000), ["templates?"] = schema.list(FILE, 10000),
  ["copies?"] = schema.list(schema.name(4096), 100000),
})

-- What belongs to the envelope is checked strictly; what is within the snapshot
-- is the model's to judge, service by service.
local function read_request(request_text)
  local request, err = json.decode(request_text, { max_bytes = #request_text + 1 })
  if type(request) ~= "table" or json.is_array(request) then
    return nil, { message = err or "expected an object" }
  end
  for _, name in ipairs({ "policies", "templates", "copies", "settings", "previous" }) do
    if request[name] == json.null then request[name] = nil end
  end
  for _, name in ipairs({ "policies", "templates", "copies", "settings" }) do
    -- The decoder's marks on lists are no part of the data.
    request[name] = schema.plain(request[name])
  end
  local message, path = schema.check(REQUEST, request)
  if message then return nil, { message = message, field = path } end
  return request
end

-- A stage says what was wrong in a sentence or in a record of details.
local function failure(stage, err)
  local record = { stage = stage }
  if type(err) ~= "table" then err = { message = tostring(err) } end
  for _, key in ipairs({ "message", "policy", "file", "line", "field" }) do
    local value = err[key]
    record[key] = type(value) == "string" and text.clean(value) or value
  end
  return { ok = false, error = record }
end

local function unwritable(err)
  return failure("request", "the response cannot be written as JSON: " .. tostring(err))
end

-- Lists that are empty must be written as lists.
local function mark_route(route)
  json.array(route.why)
  json.array(route.clusters)
  for _, entry in ipairs(route.clusters) do json.array(entry.why) end
end

local function mark_plan(plan)
  for _, listener in ipairs(json.array(plan.listeners)) do
    for _, route in ipairs(json.array(listener.routes)) do mark_route(route) end
    for _, removed in ipairs(json.array(listener.removed)) do json.array(removed.why) end
  end
  for _, cluster in ipairs(json.array(plan.clusters)) do json.array(cluster.endpoints) end
  return plan
end

-- Whoever looks at the plan alone needs no files.
local function stages(plan_only)
  local list = {}
  for i, name in ipairs(cycle.pure) do
    list[i] = { name = name, run = require("nightjar.plan." .. name).run }
    if plan_only and name == "policy" then break end
  end
  return list
end

-- What stands in a field, for those who are the last to need it.
local function take(record, field)
  local value = record[field]
  record[field] = nil
  return value
end

-- The plan as text, so that its tables, the largest part of the memory, are garbage from here on.
local function write_plan(made)
  local plan = made.policy
  made.policy = nil
  made.plan, made.plan_error = json.encode(mark_plan(plan), ANSWER)
end

local function make_plan(request, collected, position)
  local context = {
    now = request.now, settings = request.settings, previous = request.previous,
    policies = request.policies, list = request.list, templates = request.templates or {},
    copies = request.copies or {}, position = position, warnings = collected,
  }
  local made = {}
  request.previous, request.policies = nil, nil
  local list = stages(request.plan_only)
  local last_stage = list[#list].name
  local function observe(name, output)
    -- Not the model: the policies may have made the plan of its very tables.
    if name == "policy" or name == "render" then made[name] = output end
    if name == "policy" then context.policies, context.previous = nil, nil end
    -- The view is made of the plan, and the files of the view.
    if name == "view" or name == "policy" and name == last_stage then write_plan(made) end
    -- Gone by now: the snapshot, the plan, the view.
    if name ~= "policy" then memory.tidy(position) end
    turn.begin(position)
  end
  -- A local variable would keep the snapshot to the end.
  local last, err, stage = cycle.run(list, take(request, "snapshot"), context, observe)
  if not last then return failure(stage, err) end
  if not made.plan then return unwritable(made.plan_error) end
  return { ok = true, files = made.render or {}, has_shadow = context.has_shadow,
    resting = json.array(context.resting), timeless = context.timeless }, made.plan
end

local function run_examples(request, position)
  local results, err = examples.run(request.policies, position)
  if not results then return failure("policy", err) end
  return { ok = true, examples = json.array(results) }
end

-- What discovery warned of comes first: the response is all that is reported.
local function add_snapshot_warnings(snapshot, collected)
  local list = type(snapshot) == "table" and snapshot.warnings
  for _, warning in ipairs(type(list) == "table" and list or {}) do
    if type(warning) == "table" and type(warning.code) == "string"
      and type(warning.message) == "string" then
      collected:add(text.clean(warning.code, 100), text.clean(warning.message), warning)
    end
  end
end

local function respond(request, collected, position)
  if request.command == "examples" then return run_examples(request, position) end
  add_snapshot_warnings(request.snapshot, collected)
  return make_plan(request, collected, position)
end

-- `{"a":1}` of some fields, without its braces.
local function members(fields)
  return assert(json.encode(fields)):sub(2, -2)
end

-- The answer to a plan that was made, in the order of its fields' names. Each file's text is
-- dropped as it is written: with its escapes it is there a second time.
local function pieces_of(response, plan)
  local pieces = { '{"files":[' }
  for i, file in ipairs(response.files) do
    local piece, err = json.encode(file, ANSWER)
    if not piece then return nil, err end
    file.content = nil
    if i > 1 then pieces[#pieces + 1] = "," end
    pieces[#pieces + 1] = piece
  end
  pieces[#pieces + 1] = "]," .. members({ has_shadow = response.has_shadow,
    layers = response.layers, ok = true }) .. ',"plan":'
  pieces[#pieces + 1] = plan
  pieces[#pieces + 1] = "," .. members({ resting = response.resting, timeless = response.timeless,
    warnings = response.warnings }) .. "}"
  return pieces
end

-- One piece, unless there are files, or a plan written before.
local function write(response, plan)
  if plan then return pieces_of(response, plan) end
  local whole, err = json.encode(response, ANSWER)
  return whole and { whole }, err
end

---Answers one request.
---@param request_text string JSON
---@param position? table { begin, trim, file, line }, see turn.lua; `trim` gives free memory back;
---       the renderer keeps file and line up to date, for the limits' messages
---@param layers? string[] the layers of the sandbox that are in force
---@return string[] pieces of the response, JSON when they are put together: as a whole it would
---  stand in the memory beside them
function main.answer(request_text, position, layers)
  turn.begin(position)
  local collected = warnings.new()
  local request, err = read_request(request_text)
  -- It may be the largest string of all.
  request_text = nil -- luacheck: ignore 311
  local response, plan
  if request then
    response, plan = respond(request, collected, position or {})
  else
    response = failure("request", err)
  end
  response.warnings = json.array(collected:all())
  response.layers = json.array(layers or {})
  local pieces
  pieces, err = write(response, plan)
  if pieces then return pieces end
  local failed = unwritable(err)
  failed.warnings, failed.layers = json.array({}), response.layers
  return { assert(json.encode(failed)) }
end

---Answers one request with one text, as `main.answer` does.
---@param request_text string JSON
---@param position? table
---@param layers? string[]
---@return string response JSON
function main.run(request_text, position, layers)
  return table.concat(main.answer(request_text, position, layers))
end

return main
