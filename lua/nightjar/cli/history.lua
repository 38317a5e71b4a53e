-- `nightjar history`: the last accepted generations, what caused each, and what it changed.

local json = require "host.json"
local output = require "nightjar.cli.output"
local past = require "nightjar.cli.past"
local report = require "nightjar.cli.report"

-- The newest entry of a generation: one that came into force again stands in the list twice.
local function newest(view, generation)
  return generation and view.history:of(generation)
end

-- While a generation is pinned, what is in force is that one with today's endpoints.
local function in_force(view)
  local accepted = view.accepted
  return newest(view, accepted and (accepted.pinned or accepted.generation))
end

local function pinned(view)
  return newest(view, view.pinned and view.pinned.generation)
end

local function as_json(view)
  local list = json.array {}
  for i, entry in ipairs(view.entries) do
    local paths = json.array {}
    for j, one in ipairs(entry.files) do paths[j] = one.path end
    list[i] = { number = i - 1, generation = entry.generation, at = entry.at, cause = entry.cause,
      difference = json.array(entry.difference), files = paths,
      in_force = entry == in_force(view), pinned = entry == pinned(view) }
  end
  output.write(assert(json.encode({ generations = list, pinned = view.pinned or json.null,
    in_force = view.accepted and view.accepted.generation or json.null }, { indent = 2 })), "\n")
end

local function as_text(view)
  for i, entry in ipairs(view.entries) do
    output.write(("%s %d  %s  %s  %s%s\n"):format(entry == in_force(view) and "*" or " ", i - 1,
      report.plain(entry.generation), past.utc(entry.at), report.plain(entry.cause),
      entry == pinned(view) and "  PINNED" or ""))
    for _, line in ipairs(entry.difference) do
      output.write("       ", report.plain(line), "\n")
    end
  end
  if #view.entries == 0 then output.write("no generation has been accepted yet\n") end
  if view.pinned then
    output.write(("\nPINNED since %s: generation %s stays in force until `nightjar resume`\n")
      :format(past.utc(view.pinned.at), report.plain(view.pinned.generation)))
  end
end

local function run(settings, args)
  local view, err = past.read(settings)
  if not view then return nil, err end
  if args.json then as_json(view) else as_text(view) end
  return 0
end

return {
  about = "list the last accepted generations, with cause and difference",
  usage = "nightjar history [--json] [settings]",
  flags = { { name = "json", about = "print JSON" } },
  details = [[
The last 10 generations that Envoy accepted, the newest first: number, name, when,
cause, and what it changed. `*` marks the one in force. Causes: mesh (Cloud Map or
the mesh file), policies, templates, settings, time (only the clock has changed),
linger (clusters leave that no route names any more), resume, first.
Reads TMP_DIR/nightjar-state; asks neither AWS nor Envoy.]],
  run = run,
}
