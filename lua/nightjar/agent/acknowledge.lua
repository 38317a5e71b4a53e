-- Waits until Envoy runs what was published: the `version_text` of each subscription against the
-- version in the file. A file that is not taken within a second is renamed into place again:
-- once in some 1,400 renames an update was not noticed.

local sched = require("nightjar.agent.sched")

local acknowledge = {}

local PAUSE_FIRST, PAUSE_LONGEST = 0.01, 0.1 -- seconds between two looks
local AGAIN_AFTER = 1.0                       -- seconds until a file is renamed in again
local PATIENCE = 6.0                          -- seconds for a file to be taken
local WARMING = 15.0                          -- seconds more for clusters that look names up

-- What Envoy subscribes to, in the order in which it must take them; no other file has a version.
local STEPS = { "clusters", "routes", "listeners" }

-- The subscription that a file is for; `name` of the route configuration.
local function find(running, file, name)
  if file.step == "routes" then
    return running.routes[name]
  end
  return running[file.step]
end

---Calls `fn(subscription, file, name)` for each subscription that a file is for.
---A route configuration that no listener names has none and is not waited for; while a listener
---that names it is on its way, the listeners are missing, or warming.
local function each(files, running, fn)
  for _, file in ipairs(files) do
    if file.step == "routes" then
      for _, name in ipairs(file.resources) do
        if running.routes[name] then
          fn(running.routes[name], file, name)
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
---@param files table[] published files with `step`, `version`, `resources`
---@param running table what `admin:subscriptions` returned
---@param since table? a file that was read before this counts as missing
---@return table[] missing
function acknowledge.missing(files, running, since)
  local taken, missing = {}, {}
  local function runs(now, file, name)
    local old = since and find(since, file, name)
    return now and now.version == file.version and not (old and now.taken == old.taken)
  end
  each(files, running, function(now, file)
    if file.step ~= "routes" and runs(now, file) then
      taken[file.step] = true
    end
  end)
  each(files, running, function(now, file, name)
    if file.version and not taken[file.step] and not runs(now, file, name)
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

---One look.
---@return boolean? accepted false: not yet
---@return string? err
---@return string|table[]|nil code or, with false, the missing files
---@return integer? warming
local function look(files, running, options)
  local refused = acknowledge.refused(files, running, options.before)
  if #refused > 0 then
    return nil, "Envoy refused " .. names(refused)
      .. "; its log says why (`Filesystem config update …`)", "refused"
  end
  local missing = acknowledge.missing(files, running, options.fresh and options.before)
  return #missing == 0 and running.warming == 0, nil, missing
end

---Wait until Envoy runs `files` and nothing warms.
---@param envoy table admin interface
---@param files table[] files of the steps published so far that are to be confirmed
---@param options { before: table?, fresh: boolean?, again: fun(file: table): true?, string? }
---  `before`: subscriptions before the files were written, so that an older refusal does not
---  count; `fresh`: Envoy must have read the files after `before`, even those whose version it
---  ran then; `again`: puts a file in place once more
---@return true? accepted
---@return string? err
---@return "refused"|"lost"|nil code `refused`: Envoy said no; `lost`: it may still take them
function acknowledge.wait(envoy, files, options)
  options = { before = options.before, fresh = options.fresh, again = options.again }
  local pause, started = PAUSE_FIRST, sched.now()
  local again_at = started + AGAIN_AFTER
  while true do
    local running, problem = envoy:subscriptions()
    local missing = files
    if running then
      options.before = options.before or running
      local accepted, err, code = look(files, running, options)
      if accepted then
        return true
      elseif err then
        return nil, err, code
      end
      missing = code
      problem = #missing > 0 and "Envoy does not take up " .. names(missing)
        or ("Envoy still warms %d clusters or listeners"):format(running.warming)
    end
    local now = sched.now()
    if now - started > PATIENCE + (#missing == 0 and WARMING or 0) then
      return nil, problem, "lost"
    elseif running and now >= again_at then
      local ok, err = put_again(missing, options.again)
      if not ok then
        return nil, err, "lost"
      end
      again_at = now + AGAIN_AFTER
    end
    sched.sleep(pause)
    pause = math.min(pause * 2, PAUSE_LONGEST)
  end
end

return acknowledge
