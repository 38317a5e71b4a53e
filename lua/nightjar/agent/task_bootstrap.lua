-- Tells when an Envoy that the task has started (shared volume) runs another bootstrap than the one
-- that the template makes: it cannot be given that one, a new task definition can.

local difference = require("nightjar.agent.bootstrap_difference")
local json = require("host.json")
local log = require("nightjar.log")
local yaml = require("host.yaml")

local task_bootstrap = {}
task_bootstrap.__index = task_bootstrap

local MOST = 8  -- differences that are told in full
local TRIES = 3 -- to learn what Envoy runs, before another bootstrap or another Envoy
local LIMITS = { max_depth = 64 }

---@param settings table `envoy_configuration_file`
---@return table task_bootstrap
function task_bootstrap.new(settings)
  return setmetatable({
    path = settings.envoy_configuration_file,
    compared = nil, -- the content that was compared last
    requests = nil, -- that the Envoy had had that was asked then
    tries = 0,
    told = nil,     -- the warning that holds
    ended = function() end, -- an event whose end was told (agent/agent.lua)
  }, task_bootstrap)
end

function task_bootstrap:content(files)
  for _, one in ipairs(files) do
    if one.path == self.path then
      return one.content
    end
  end
end

-- A format of its own (`.pb`) is not compared; what does not parse Envoy refuses anyway.
function task_bootstrap:parse(content)
  local value
  if self.path:match("%.json$") then
    value = json.decode(content, LIMITS)
  elseif self.path:match("%.ya?ml$") then
    value = yaml.decode(content, LIMITS)
  end
  return type(value) == "table" and value or nil
end

local function as_warning(list)
  local fields, reasons = {}, {}
  for i, one in ipairs(list) do
    if i <= MOST then
      fields[i] = one.field
      reasons[i] = ("%s: expected %s, got %s"):format(one.field, one.expected, one.actual)
    end
  end
  if #list > MOST then
    reasons[#reasons + 1] = ("and %d more"):format(#list - MOST)
  end
  return { fields = table.concat(fields, " "), reason = table.concat(reasons, "; ") }
end

function task_bootstrap:tell(list)
  local before, warning = self.told, #list > 0 and as_warning(list) or nil
  if warning and not (before and before.reason == warning.reason) then
    log.warn("bootstrap_differs", warning)
  elseif before and not warning then
    log.info("resolved", { code = "bootstrap_differs", fields = before.fields })
    self.ended("bootstrap_differs")
  end
  self.told = warning
end

-- Has nothing changed that a comparison depends on? We have asked Envoy at least once since the
-- last look, so one that counts no more requests than then is another one. (Its uptime in
-- statistics is as old as their last flush: tried.)
function task_bootstrap:is_known(content, requests)
  local other = requests and self.requests and requests <= self.requests
  local same = self.compared == content and not other
  if not same then
    self.tries = 0
  end
  self.compared, self.requests = content, requests
  return same and self.tries == TRIES
end

---Compare anew at the next look: the Envoy may be another one.
function task_bootstrap:forget()
  self.compared = nil
end

---Compare, when the bootstrap or the Envoy is another one than at the last look, and tell what
---differs, or that nothing does any more.
---@param envoy table? the admin interface (agent/admin.lua); nil: it cannot be asked
---@param files { path: string, content: string }[] the generation that is in force
function task_bootstrap:look(envoy, files)
  local content = self:content(files)
  if not envoy or not content then
    self.compared = nil
    return
  elseif self:is_known(content, envoy.requests) then
    return
  end
  local wanted = self:parse(content)
  local running, err = nil, nil
  if wanted then
    running, err = envoy:bootstrap()
  end
  self.tries = (running or not wanted) and TRIES or self.tries + 1
  if running then
    self:tell(difference.between(wanted, running))
  elseif wanted and self.tries == TRIES then
    log.warn("bootstrap_unknown", { reason = err })
  end
end

return task_bootstrap
