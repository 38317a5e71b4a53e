-- `nightjar record`: writes down all that a pass decides from, so that it can be replayed.

local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"

local function gather(settings, args)
  local planner = require "nightjar.agent.planner"
  local record_file = require "nightjar.cli.record_file"
  local input, err = replay.current(settings, args.discover and "world" or "agent")
  if not input then
    return nil, err or settings.state_dir .. ": has no snapshot; expected that of an agent with "
      .. "this TMP_DIR (--discover asks the world instead)"
  end
  -- This settles the zone too, which is a setting then.
  local inputs, problem = planner.inputs(settings)
  if not inputs then return nil, problem end
  return record_file.new { at = input.at, snapshot = input.snapshot, previous = input.previous,
    settings = planner.plan_settings(settings), inputs = inputs }
end

local function run(settings, args)
  local json = require "host.json"
  local kept, err = require("nightjar.agent.sched").run(gather, settings, args)
  if not kept then return nil, err end
  local text, problem = json.encode(kept, { indent = 2, max_bytes = 256 * 1024 * 1024 })
  if not text then return nil, "record: " .. problem end
  if not args.output then
    output.write(text, "\n")
    return 0
  end
  -- Addresses and attributes of a whole mesh are nobody else's business.
  local ok, failure = output.file(args.output, text .. "\n", { mode = 384 })
  if not ok then return nil, failure end
  return 0
end

return {
  about = "write down all that a pass decides from, to replay it elsewhere",
  usage = "nightjar record [--output FILE] [--discover] [settings]",
  flags = {
    { name = "output", value = "FILE", about = "write it there, readable by you alone" },
    { name = "discover", about = "ask Cloud Map, or the mesh file, instead of the agent's state" },
  },
  details = [[
Prints one JSON document: the last snapshot of the agent with the same TMP_DIR, what it
has in force, the time, the settings that plans depend on, and the hashes of policies
and templates. No key, token or other secret is in it; addresses and attributes are.

Wherever a command takes --snapshot FILE it takes a record too, and then decides from
exactly what the agent would decide from:

  nightjar record --output monday.json
  nightjar explain /shop --snapshot monday.json
  nightjar diff policies new-policies --snapshot monday.json
  nightjar render --snapshot monday.json --at +2h

Settings that are given where it is replayed (flags, environment, file) win over those
of the record; those of policies do so policy by policy.]],
  run = run,
}
