-- `nightjar render`: a snapshot in, files out, nothing else touched. The same
-- snapshot, policies and templates give the same bytes everywhere.

local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"

local function by_path(a, b)
  return a.path < b.path
end

-- Rendered files and copies as one sorted list of {path, content, note}.
local function all_files(response)
  local files = {}
  for _, one in ipairs(response.files) do
    local note = one.step .. (one.version and ", version " .. one.version or "")
    files[#files + 1] = { path = one.path, content = one.content, note = note }
  end
  for _, copy in ipairs(response.copies) do
    files[#files + 1] = { path = copy.path, content = copy.content, note = "copied" }
  end
  table.sort(files, by_path)
  return files
end

-- Copies may hold any bytes, which a terminal would obey.
local function readable(content)
  if not utf8.len(content) or content:find("[\0-\8\11-\31\127]") then
    return ("(%d bytes that are not text)\n"):format(#content)
  end
  return content:sub(-1) == "\n" and content or content .. "\n"
end

local function print_files(files)
  for i, one in ipairs(files) do
    output.write(i > 1 and "\n" or "", "==> ", one.path, " (", one.note, ") <==\n",
      readable(one.content))
  end
end

local function write_files(files, directory)
  local file = require "host.file"
  for _, one in ipairs(files) do
    local path = directory .. "/" .. one.path
    local ok, err = file.mkdir(path:match("^(.*)/"))
    if ok then ok, err = file.write(path, one.content) end
    if not ok then return nil, err end
    output.write(path, " (", one.note, ")\n")
  end
  return true
end

-- Within sched.run: nightjar-plan is waited for.
local function plan(settings, args, time)
  local input, err = replay.find(settings, { snapshot = args.snapshot or "-", list = args.list },
    time)
  if not input then return nil, err end
  return replay.plan(input)
end

local function run(settings, args)
  local time, wrong = replay.time(args)
  if wrong then return 2, wrong end
  local _, bad = replay.list(args)
  if bad then return 2, bad end
  local response, err = require("nightjar.agent.sched").run(plan, settings, args, time)
  if not response then return nil, err end
  local files = all_files(response)
  if not args.output then
    print_files(files)
    return 0
  end
  local ok, failure = write_files(files, args.output)
  if not ok then return nil, failure end
  return 0
end

local flags = replay.flags("the snapshot or record; - (the default): standard input")
flags[#flags + 1] = replay.list_flag()
flags[#flags + 1] = { name = "output", value = "FOLDER",
  about = "write the files there instead of printing them" }

return {
  about = "make the files of a snapshot, touching nothing else",
  usage = "nightjar render [--snapshot FILE] [--at TIME] [--list NAME] [--output FOLDER] "
    .. "[settings]",
  flags = flags,
  details = [[
Runs the policies and templates on a snapshot (see `nightjar discover`) or a record
(`nightjar record`) in nightjar-plan, just as the agent does. Warnings go to standard
error. Policies see the time of the snapshot or record, or that of --at.]],
  run = run,
}
