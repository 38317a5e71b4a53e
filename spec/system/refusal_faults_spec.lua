-- Every write of a pass whose generation Envoy refuses, killed and failed: whatever becomes of the
-- way back, Envoy serves what it served, each file is whole, and the next pass puts back what the
-- accepted generation was. The generation changes clusters, adds a route file, and its routes
-- name a cluster that does not exist.

local file = require("host.file")
local json = require("host.json")
local passes_of = require("spec.support.passes")
local script = require("spec.support.script")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("refusal faults: " .. missing)
  return
end

-- EVERY gives a part of the cases, as in publication_faults_spec.lua; what only reads is there.
local EVERY = tonumber(os.getenv("EVERY") or os.getenv("ASAN_OPTIONS") and 9 or 1)
local ROUTES = "rds/@listeners.json.yaml.mustache"

describe("a pass that is refused", function()
  local passes, sidecar, calls, accepted
  local turn = 0

  -- Makes another generation that Envoy refuses.
  local function prepare()
    turn = turn + 1
    local services = turn_of.services(sidecar, turn)
    sidecar:mesh(services, turn > 1 and { ["other.local"] = passes.ports[1] } or nil)
  end

  local function repair(wrong)
    if os.execute(passes.command) then
      wrong("the next pass accepts the refused generation")
    elseif not file.read(passes.err):find("Envoy refused", 1, true) then
      wrong("the next pass says: %s", file.read(passes.err))
    end
  end

  -- What the refused generation may have put in place for a moment.
  local function new(struck)
    local texts = {}
    for path, text in pairs(struck) do
      if json.decode(text) and (path == "input.json"
        or text:find("nowhere", 1, true) or path:find(tostring(passes.ports[1]), 1, true)
        or text:find('"port_value": ' .. turn_of.port(turn), 1, true)) then
        texts[path] = text
      end
    end
    return texts
  end

  local function check(wrong, old)
    local now, state = passes.contents(sidecar.folder), passes.contents(sidecar.state)
    now["input.json"], old["input.json"] = nil, nil -- Envoy reads none of it
    for path in pairs(now) do
      if not old[path] then wrong("%s is left", path) end
    end
    for path, text in pairs(old) do
      if now[path] ~= text then wrong("%s is not back", path) end
    end
    local refused = state["refused.json"] and json.decode(state["refused.json"])
    if not refused or not refused.reason:find("rds/public-" .. sidecar.port, 1, true) then
      wrong("refused.json does not name the file")
    end
    for path in pairs(state) do
      if path == "undo.json" or path:find("%.tmp$") then wrong("state file %s is left", path) end
    end
    if state["accepted.json"] ~= accepted then
      wrong("accepted.json has changed")
    end
  end

  setup(function()
    passes = passes_of.new(1, "blue", "green")
    passes.expected = "Envoy refused"
    sidecar = passes.sidecar
    prepare()
    passes:start()
    accepted = passes.contents(sidecar.state)["accepted.json"]
    local template = passes.templates .. "/" .. ROUTES
    local text = assert(file.read(template))
    local from, to = text:find('- name: "{{cluster_name}}"', 1, true)
    assert(file.write(template, text:sub(1, from - 1) .. "- name: nowhere" .. text:sub(to + 1)))
    prepare()
    calls = {}
    local all = passes:calls()
    for i, call in ipairs(all) do
      local writes = call.line:find("O_CREAT", 1, true) or ({ write = true, fsync = true,
        unlink = true, unlinkat = true, rename = true, renameat = true })[call.name]
      calls[#calls + 1] = writes and i % EVERY == 0 and call or nil
    end
  end)

  teardown(function()
    assert.are.same({}, passes.world:close())
  end)

  for _, fault in ipairs(passes_of.faults) do
    it(fault.name .. " at any of its writes costs no request, and the accepted one comes back",
      function()
        local faults, missed = passes:cases(calls, fault,
          { prepare = prepare, repair = repair, check = check, new = new })
        assert.are.same({}, faults)
        assert.are.equal(0, missed)
      end)
  end

  it("loses no request of those that kept coming meanwhile", function()
    local seen = passes.world:finish_load(passes.load)
    print(("# %d requests, %d failed"):format(seen.requests, seen.failed))
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.is_true(seen.requests > 20)
  end)
end)
