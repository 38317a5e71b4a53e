-- Waits until Envoy runs what was published: the `version_text` of each subscription against the
-- version in the file. A file that is not taken within a second is renamed into place again:
-- once in some 1,400 renames an update was not noticed.

local sched = require("nightjar.agent.sched")

local acknowledge = {}

local PAUSE_FIRST, PAUSE_LONGEST = 0.01, 0.1 -- seconds between two looks
local AGAIN_AFTER = 1.0                       -- seconds until a file is renamed in again
local TRIES = 5                               -- renames before the agent gives up
-- What Envoy subscribes to; it has no version of any other file.
local SUBSCRIBED = { clusters = true, routes = true, listeners = true }

---Which of these files Envoy does not run yet.
---A set of clusters or listeners counts as taken when the subscription runs any file of that
---step (a template folder may hold sets that this Envoy does not subscribe to); a route
---configuration is looked up by its name. One that no listener names yet has no subscription and
---is not waited for, unless `all` is set.
---@param files table[] published files with `step`, `version`, `resources`
---@param versions table what `admin:versions` returned
---@param all boolean also wait for route configurations without a subscription
---@return table[] missing
function acknowledge.missing(files, versions, all)
  local taken, missing = {}, {}
  for _, file in ipairs(files) do
    if file.version and file.version == versions[file.step] then
      taken[file.step] = true
    end
  end
  for _, file in ipairs(files) do
    if not file.version or not SUBSCRIBED[file.step] then
      goto continue
    elseif file.step == "routes" then
      for _, name in ipairs(file.resources) do
        local running = versions.routes[name]
        if running ~= file.version and (running or all) then
          missing[#missing + 1] = file
        end
      end
    elseif not taken[file.step] then
      missing[#missing + 1] = file
    end
    ::continue::
  end
  return missing
end

local function refused(before, now)
  for _, step in ipairs { "clusters", "routes", "listeners" } do
    if now.rejected[step] > before.rejected[step] then
      return step
    end
  end
end

local function names(files)
  local paths = {}
  for i, file in ipairs(files) do
    paths[i] = file.path
  end
  return table.concat(paths, ", ")
end

---Wait until Envoy runs `files` and nothing warms.
---@param envoy table admin interface
---@param files table[] files of the steps published so far that are to be confirmed
---@param options { all: boolean?, before: table?, again: fun(file: table): true?, string? }
---  `before`: versions read before the files were written, so that an older refusal does not
---  count; `again`: puts a file in place once more
---@return true? accepted
---@return string? err
---@return "refused"|"lost"|nil code `refused`: Envoy said no
function acknowledge.wait(envoy, files, options)
  local before, pause, tries = options.before, PAUSE_FIRST, 0
  local again_at = sched.now() + AGAIN_AFTER
  while true do
    local versions, err = envoy:versions()
    if not versions then
      return nil, err, "lost"
    end
    before = before or versions
    local step = refused(before, versions)
    if step then
      return nil, "Envoy refused the " .. step .. " in " .. names(files)
        .. "; its log says why (`Filesystem config update rejected`)", "refused"
    end
    local missing = acknowledge.missing(files, versions, options.all)
    if #missing == 0 and versions.warming == 0 then
      return true
    end
    if sched.now() >= again_at then
      tries = tries + 1
      if tries > TRIES then
        return nil, ("Envoy does not take up %s (%d still warming)")
          :format(#missing > 0 and names(missing) or names(files), versions.warming), "lost"
      end
      for _, file in ipairs(missing) do
        local ok, problem = options.again(file)
        if not ok then
          return nil, problem, "lost"
        end
      end
      again_at = sched.now() + AGAIN_AFTER
    end
    sched.sleep(pause)
    pause = math.min(pause * 2, PAUSE_LONGEST)
  end
end

return acknowledge
