-- `nightjar rollback [N]`: puts an earlier generation into force, and pins it there.

local clock = require "host.clock"
local output = require "nightjar.cli.output"
local past = require "nightjar.cli.past"
local pin = require "nightjar.agent.pin"
local report = require "nightjar.cli.report"

-- Without a word: the one before that which is in force.
local function default_of(view)
  local accepted = view.accepted or {}
  local now = view.pinned and view.pinned.generation or accepted.generation
  for i, entry in ipairs(view.entries) do
    if entry.generation == now then return view.entries[i + 1] end
  end
  return view.entries[1]
end

local function choose(view, which)
  if #view.entries == 0 then return nil, "no generation has been accepted yet" end
  if which then return view.history:find(which) end
  local entry = default_of(view)
  if not entry then return nil, "there is no generation before the one in force" end
  return entry
end

local OUTCOMES = {
  done = "it is in force",
  absent = "no agent runs with this TMP_DIR now; it takes effect when one starts",
}

local function run(settings, args)
  local view, err = past.read(settings)
  if not view then return nil, err end
  local entry, problem = choose(view, args[1])
  if not entry then return nil, report.plain(problem) end
  local ok, failure = pin.write(settings.state_dir, entry.generation, math.floor(clock.now()))
  if not ok then return nil, failure end
  output.write(("pinned generation %s of %s (%s), until `nightjar resume`\n")
    :format(entry.generation, past.utc(entry.at), report.plain(entry.cause)))
  output.finish()
  local outcome = past.await(settings, function(accepted)
    return accepted.pinned == entry.generation
  end)
  if not OUTCOMES[outcome] then
    return 1, "pinned, but not in force after 20 seconds; the agent's log says why"
  end
  output.write(OUTCOMES[outcome], "\n")
  return 0
end

return {
  about = "put an earlier generation into force and pin it there",
  usage = "nightjar rollback [N] [settings]",
  words = { 0, 1 },
  details = [[
N is a number of `nightjar history` or the beginning of a generation's name; without
it, the generation before the one in force. Routes, weights, listeners, clusters and
the bootstrap become those of that generation, and stay, through restarts of the
agent, until `nightjar resume`; only endpoints still follow the mesh. The agent follows
within a second or two, step by step like any publication.

Exit status: 0 when it is in force (or no agent runs), 1 otherwise.]],
  run = run,
}
