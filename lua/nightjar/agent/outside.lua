-- Waits until a file that is set from outside may have come, gone or changed, without waking in
-- between: the kernel tells. Where it does not, every second is a reason to look.

local file = require("host.file")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local outside = {}
outside.__index = outside

local EVERY = 1  -- seconds between two looks where the kernel does not tell
local TRIES = 10 -- to find a folder that others make and remove meanwhile
local NO_FOLDER = { ENOENT = true, ENOTDIR = true }

---@param paths { path: string, removal: boolean? }[] `removal`: also when it goes
---@return table outside
function outside.new(paths)
  return setmetatable({ paths = paths, ids = {}, polls = false, reasons = sched.queue(1) },
    outside)
end

local function parent(path)
  return path:gsub("/+$", ""):match("^(.*[^/])/+[^/]+$")
end

local function is_folder(path)
  local stat = file.stat(path)
  return stat ~= nil and stat.type == "folder"
end

-- Watches a path, or the first folder on the way to it that is missing.
local function nearest(one, reasons)
  local path = one.path
  for _ = 1, TRIES do
    local id, err, code = sched.watch(path, reasons,
      { removal = path == one.path and one.removal or nil })
    if not id and not (NO_FOLDER[code] and parent(path)) then
      return nil, err
    elseif not id then
      path = parent(path)
    elseif path == one.path or not is_folder(path) then
      return id
    else -- it was made before the kernel would have told of it
      sched.unwatch(id)
      path = one.path
    end
  end
  return nil, one.path .. ": its folder comes and goes"
end

local function release(ids)
  for _, id in ipairs(ids) do
    sched.unwatch(id)
  end
end

---Watches all anew, so that the kernel looks where the paths lead today, which costs next to
---nothing. Call it before each look: what happens from then on ends the next `wait`.
function outside:watch()
  if self.polls then
    return
  end
  local ids = {}
  for i, one in ipairs(self.paths) do
    local id, err = nearest(one, self.reasons)
    if not id then
      release(ids)
      return self:poll(err)
    end
    ids[i] = id
  end
  -- Not before, for with the last watch the inotify instance goes.
  release(self.ids)
  self.ids = ids
end

---Waits until there is a reason to look.
function outside:wait()
  self.reasons:take(self.polls and EVERY or nil)
end

---A reason to look that the kernel does not know of: on a network file system other hosts make
---changes too.
function outside:nudge()
  self.reasons:put(true) -- or there is one already
end

---Looks every second from now on.
---@param reason string
function outside:poll(reason)
  release(self.ids)
  self.ids, self.polls = {}, true
  log.debug("files_polled", { seconds = EVERY, reason = reason })
  self:nudge()
end

---Gives the inotify instance back.
---@return boolean gave was there one?
function outside:give_way()
  if #self.ids == 0 then
    return false
  end
  self:poll("Envoy needs all inotify instances that there are")
  return true
end

return outside
