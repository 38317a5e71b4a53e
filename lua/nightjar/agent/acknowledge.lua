-- Waits until Envoy runs what was published: the `version_text` of each subscription against the
-- version in the file, or its update counters where the file has no version of ours. A file that
-- is not taken within a second is renamed into place again: once in some 1,400 renames an update
-- was not noticed.

local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local acknowledge = {}

local PAUSE_FIRST, PAUSE_LONGEST = 0.01, 0.1 -- seconds between two looks
local AGAIN_AFTER = 1.0                       -- seconds until a file is renamed in again
local PATIENCE = 6.0                          -- seconds for a file to be taken
local PATIENCE_COUNTED = 2.5                  -- seconds for one that Envoy need not subscribe to
local WARMING = 15.0                          -- seconds more for clusters that look names up

-- What Envoy subscribes to, in the order in which it must take them; no other file has a version.
local STEPS = { "clusters", "routes", "listeners" }
-- Of these Envoy has a subscription for each name; `running` keeps them by it.
local NAMED = { RouteConfiguration = "routes", ClusterLoadAssignment = "assignments" }

-- The subscription that a file is for; `name` of the resource where there is one for each.
local function find(running, file, name)
  local named = NAMED[file.kind]
  if named then
    return (running[named] or {})[name]
  end
  return running[file.step]
end

---Calls `fn(subscription, file, name)` for each subscription that a file is for.
---A route configuration that no listener names has none and is not waited for; while a listener
---that names it is on its way, the listeners are missing, or warming.
local function each(files, running, fn)
  for _, file in ipairs(files) do
    if NAMED[file.kind] then
      for _, name in ipairs(file.resources) do
        if find(running, file, name) then
          fn(find(running, file, name), file, name)
        end
      end
    elseif file.step == "clusters" or file.step == "listeners" then
      fn(running[file.step], file)
    end
  end
end

---Which of these files Envoy does not run yet.
---A set of clusters or listeners counts as taken when the subscription runs any file of that
---step: a template folder may hold sets that this Envoy does not subscribe to.
---@param files table[] published files with `step`, `kind`, `version`, `counted`, `resources`
---@param running table what `admin:subscriptions` returned
---@param before table? subscriptions before the files were written: a counted file that was read
---  before counts as missing
---@param fresh boolean? so does any other
---@return table[] missing
function acknowledge.missing(files, running, before, fresh)
  local taken, missing = {}, {}
  local function runs(now, file, name)
    local old = before and find(before, file, name)
    local anew = now and now.taken > 0 and not (old and now.taken == old.taken)
    if file.counted then
      return anew
    end
    return now and now.version == file.version and (anew or not (fresh and old))
  end
  each(files, running, function(now, file, name)
    if not NAMED[file.kind] and runs(now, file, name) then
      taken[file.step] = true
    end
  end)
  each(files, running, function(now, file, name)
    local known = NAMED[file.kind] or not taken[file.step]
    if (file.version or file.counted) and known and not runs(now, file, name)
      and missing[#missing] ~= file then
      missing[#missing + 1] = file
    end
  end)
  return missing
end

---The files of which Envoy has refused a version since `before`.
---@return table[]
function acknowledge.refused(files, running, before)
  local list = {}
  each(files, running, function(now, file, name)
    local old = find(before, file, name)
    if now and now.refused > (old and old.refused or 0) and list[#list] ~= file then
      list[#list + 1] = file
    end
  end)
  return list
end

local function names(files)
  local paths = {}
  for i, file in ipairs(files) do
    paths[i] = file.path
  end
  return table.concat(paths, ", ")
end

-- Only the first step that is missing: its successors may need it, and Envoy reads each
-- subscription's file when it likes.
local function put_again(missing, again)
  for _, step in ipairs(STEPS) do
    local found = false
    for _, file in ipairs(missing) do
      if file.step == step then
        local ok, err = again(file)
        if not ok then
          return nil, err
        end
        found = true
      end
    end
    if found then
      return true
    end
  end
  return true
end

-- One look: `true` when all is taken, the refused files, or the missing ones.
local function look(files, running, options)
  local refused = acknowledge.refused(files, running, options.since)
  if #refused > 0 then
    return nil, refused
  end
  local missing = acknowledge.missing(files, running, options.before, options.fresh)
  return #missing == 0 and running.warming == 0, missing
end

-- What has no version of ours may be a file that this Envoy is not told to read.
local function all_counted(missing)
  for _, file in ipairs(missing) do
    if not file.counted then
      return false
    end
  end
  return #missing > 0
end

-- Is it time to go on although Envoy has not told of files that it need not read?
local function let_go(missing, waited)
  if waited <= PATIENCE_COUNTED or not all_counted(missing) then
    return false
  end
  log.warn("unacknowledged", { files = names(missing),
    reason = "Envoy's update counters do not move; is it told to read them?" })
  return true
end

---Wait until Envoy runs `files` and nothing warms.
---@param envoy table admin interface
---@param files table[] files of the steps published so far that are to be confirmed
---@param options { before: table?, fresh: boolean?, again: fun(file: table): true?, string?,
---  alive: (fun(): boolean)? }
---  `before`: subscriptions before the files were written, so that an older refusal does not
---  count; `fresh`: Envoy must have read the files after `before`, even those whose version it
---  ran then; `again`: puts a file in place once more; `alive`: whether there is an Envoy to wait
---  for
---@return true? accepted
---@return string? err
---@return "refused"|"lost"|"died"|nil code `refused`: Envoy said no; `lost`: it may still take
---  them; `died`: nobody is left to take them
---@return table[]? refused the files to which Envoy said no
function acknowledge.wait(envoy, files, options)
  options = { before = options.before, since = options.before, fresh = options.fresh,
    again = options.again, alive = options.alive }
  local pause, started = PAUSE_FIRST, sched.now()
  local again_at = started + AGAIN_AFTER
  while true do
    local running, problem = envoy:subscriptions()
    local now, patience = sched.now(), PATIENCE
    if running then
      options.since = options.since or running
      local accepted, list = look(files, running, options)
      if accepted then
        return true
      elseif accepted == nil then
        return nil, "Envoy refused " .. names(list), "refused", list
      elseif let_go(list, now - started) then
        return true
      end
      patience = patience + (#list == 0 and WARMING or 0)
      problem = #list > 0 and "Envoy does not take up " .. names(list)
        or ("Envoy still warms %d clusters or listeners"):format(running.warming)
      if now >= again_at and now - started <= patience then
        local ok, err = put_again(list, options.again)
        if not ok then
          return nil, err, "lost"
        end
        again_at = now + AGAIN_AFTER
      end
    elseif options.alive and not options.alive() then
      return nil, "Envoy died while it took " .. names(files), "died"
    end
    if now - started > patience then
      return nil, problem, "lost"
    end
    sched.sleep(pause)
    pause = math.min(pause * 2, PAUSE_LONGEST)
  end
end

return acknowledge
