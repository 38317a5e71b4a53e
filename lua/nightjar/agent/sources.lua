-- Reads what an operator writes: the policies and the template folder. Both are
-- read anew at each pass, so that an edit takes effect at the next one. Reading
-- stays beneath the folder: links that lead out and special files are refused.

local file = require "host.file"
local messages = require "nightjar.text"
local shape = require "host.shape"
local template_name = require "nightjar.template_name"

local sources = {}

-- Folders of people's text; whatever is larger was named by mistake. What is only copied may be
-- what a program reads: a database, a module.
local MAX_FILES = 1000
local MAX_TEXT = 4 * 1024 * 1024 -- bytes of a policy or template
local MAX_NAME = 4096 -- bytes of a path below the folder
local MAX_TOTAL = 64 * 1024 * 1024 -- bytes of one folder

local function too_much(directory)
  return ("%s: expected at most %d files of %d MiB together")
    :format(directory, MAX_FILES, MAX_TOTAL // (1024 * 1024))
end

-- Every wanted file of an open folder: {name=, text=}, sorted by name.
local function read_all(folder, directory, wanted, is_text)
  local names, err = folder:list({ max_files = MAX_FILES })
  if not names then return nil, err end
  local list, total = {}, 0
  for _, name in ipairs(names) do
    if wanted(name) then
      if not messages.is_name(name, MAX_NAME) then
        return nil, ("%s/%s: expected a name of UTF-8 without control characters")
          :format(directory, messages.clean(name))
      end
      local text, problem = folder:read(name, is_text(name) and MAX_TEXT or MAX_TOTAL)
      if not text then return nil, problem end
      total = total + #text
      if total > MAX_TOTAL then return nil, too_much(directory) end
      list[#list + 1] = { name = name, text = text }
    end
  end
  return list
end

local function read_folder(directory, wanted, is_text)
  local folder, err = file.folder(directory)
  if not folder then return nil, err end
  local list, problem = read_all(folder, directory, wanted, is_text)
  folder:close()
  return list, problem
end

-- Text goes to nightjar-plan as JSON, which is UTF-8.
local function check_utf8(list, directory)
  local text = shape.new("string", { max = MAX_TOTAL })
  for _, one in ipairs(list) do
    local position = not text:take(one.text, {}) and select(2, utf8.len(one.text))
    if position then
      return nil, ("%s/%s: byte %d: expected UTF-8"):format(directory, one.name, position)
    end
  end
  return true
end

-- Specs stand beside the policies they are about, and what editors read in meta/; neither is a
-- policy.
local function is_policy(name)
  return name:match("%.lua$") ~= nil and not name:match("_spec%.lua$") and not name:match("^meta/")
end

---The policies as nightjar-plan takes them.
---@param settings table `policy_dir`
---@return {name: string, text: string}[]? policies
---@return string? err
function sources.policies(settings)
  local directory = settings.policy_dir
  local list, err = read_folder(directory, is_policy, is_policy)
  if not list then return nil, "policies: " .. err end
  local ok
  ok, err = check_utf8(list, directory)
  if not ok then return nil, "policies: " .. err end
  return list
end

---The template folder, parted into what nightjar-plan works on and what is
---copied as it is, whatever bytes it holds.
---@param settings table `envoy_template_dir`
---@return {name: string, text: string}[]? templates
---@return {path: string, content: string}[]|string copies, or the message
function sources.templates(settings)
  local directory = settings.envoy_template_dir
  local list, err = read_folder(directory, function() return true end,
    template_name.is_work)
  if not list then return nil, "templates: " .. err end
  local templates, copies = {}, {}
  for _, one in ipairs(list) do
    if template_name.is_work(one.name) then
      templates[#templates + 1] = one
    else
      copies[#copies + 1] = { path = one.name, content = one.text }
    end
  end
  local ok
  ok, err = check_utf8(templates, directory)
  if not ok then return nil, "templates: " .. err end
  return templates, copies
end

---Everything that a plan is made with besides the snapshot.
---@param settings table `policy_dir`, `envoy_template_dir`
---@return {policies: table[], templates: table[], copies: table[]}? read
---@return string? err `templates: cannot read: FOLDER/FILE: why`
function sources.read(settings)
  local policies, err = sources.policies(settings)
  if not policies then return nil, err end
  local templates, copies = sources.templates(settings)
  if not templates then return nil, copies --[[@as string]] end
  return { policies = policies, templates = templates, copies = copies }
end

return sources
