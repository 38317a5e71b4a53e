-- The render stage: templates and a view in, the files of a generation out.
local json = require("host.json")
local document = require("nightjar.plan.render.document")
local memory = require("nightjar.plan.memory")
local mustache = require("nightjar.plan.mustache")
local references = require("nightjar.plan.render.references")
local new_targets = require("nightjar.plan.render.targets")
local template_name = require("nightjar.template_name")
local turn = require("nightjar.plan.turn")

local render = {}

local INPUT <const> = "input.json"
local LARGE <const> = 1 << 20 -- bytes

local function in_folder(name)
  return "templates/" .. name
end

-- What the stage says when it fails: where and why.
local function failure(file, line, message)
  return nil, { file = file, line = line, message = message }
end

-- Where {{> name}} is looked for: beside the templates, then below partials/.
local function partial_finder(templates)
  local texts = {}
  for _, template in ipairs(templates) do
    texts[template.name] = template.text
  end
  return function(name)
    for _, candidate in ipairs({ name .. ".mustache", "partials/" .. name .. ".mustache",
      "partials/" .. name }) do
      if texts[candidate] then
        return texts[candidate], in_folder(candidate)
      end
    end
    return nil
  end
end

-- Says where a line of the output came from, for errors that a parser found in it.
local function locate(job, output_line)
  local file, line
  if job.parsed.render then
    file, line = mustache.locate(output_line, job.template.text, job.view, job.find_partial,
      job.options)
  end
  return file or job.options.name, line or output_line
end

-- The line of a text that a parser's message is about. What is no text it places by byte; what
-- cannot be written as JSON it names by its keys, and then no line is known.
local function line_of(text, message)
  local line = message:match("^line (%d+), ")
  if line then
    return tonumber(line)
  end
  local byte = tonumber(message:match("^byte (%d+): "))
  if not byte then
    return nil
  end
  local _, breaks = text:sub(1, byte - 1):gsub("\n", "")
  return breaks + 1
end

-- Renders one file; `element` is the one of `@list`, or nil.
local function render_file(job, target, element)
  local parsed, template = job.parsed, job.template
  local format = parsed.convert and "yaml" or document.format(target)
  turn.begin(job.position, job.options.name, 1)
  job.options.escape, job.options.element = format, element
  local text = template.text
  local err
  if parsed.render then
    text, err = mustache.render(template.text, job.view, job.find_partial, job.options)
    if not text then
      local file, line, message = err:match("^(.-):(%d+): (.*)$")
      return failure(file, tonumber(line), message)
    end
    job.position.file, job.position.line = job.options.name, 1
    if #text > LARGE then memory.tidy(job.position) end -- the pieces that it was put together of
  end
  local file
  file, err = document.file(target, text, format, target == job.bootstrap)
  if not file then
    local name, line = job.options.name, line_of(text, err)
    if line then
      name, line = locate(job, line)
    end
    return failure(name, line, ("would not be valid %s: %s: %s"):format(format:upper(), target,
      err))
  end
  for _, path in ipairs(file.reads) do
    table.insert(job.reads, { path = path, text = text, job = job, escape = format,
      element = element })
  end
  file.reads = nil
  return file
end

-- Envoy does not start without the files that its bootstrap names, and refuses a listener without
-- its routes, so a template that was taken away must not take its file along.
local function check_complete(files, copies, settings, reads)
  local there = {}
  for _, file in ipairs(files) do
    there[file.path] = true
  end
  for _, path in ipairs(copies) do
    there[path] = true
  end
  local bootstrap = settings.envoy_configuration_file
  if settings.starts_envoy and not there[bootstrap] then
    return failure(in_folder(bootstrap .. ".mustache"), 1, ("expected a template that makes %s, "
      .. "Envoy's bootstrap (ENVOY_CONFIGURATION_FILE)"):format(bootstrap))
  end
  for _, read in ipairs(reads) do
    local path = references.below(read.path, settings.config_dir)
    if path and not there[path] then
      read.job.options.escape, read.job.options.element = read.escape, read.element
      local name, line = locate(read.job, references.line(read.text, read.path))
      return failure(name, line, ("Envoy is to read %s, which no template makes"):format(path))
    end
  end
  return true
end

-- The files that one template stands for: {target, element} each.
local function expand(parsed, view, name)
  local list = parsed.list
  if not list then
    return { { target = parsed.target } }
  end
  local elements = view[list]
  if type(elements) ~= "table" or elements[1] == nil and not json.is_array(elements)
    and next(elements) ~= nil then
    return failure(name, 1, ("the name holds @%s: expected a list of that name in the view")
      :format(list))
  end
  local files = {}
  for index, element in ipairs(elements) do
    local element_name = type(element) == "table" and element.name
    if type(element_name) ~= "string" or element_name == "" then
      return failure(name, 1, ("the name holds @%s: %s[%d] has no name to put there"):format(list,
        list, index))
    end
    files[index] = { target = template_name.expand(parsed.target, list, element_name),
      element = element }
  end
  return files
end

-- All files of one template, added to `files`.
local function render_template(job, targets, files)
  local name = job.options.name
  local expanded, err = expand(job.parsed, job.view, name)
  if not expanded then
    return nil, err
  end
  for _, one in ipairs(expanded) do
    local ok, problem = targets:claim(one.target, name)
    if not ok then
      return failure(name, 1, problem)
    end
    local file
    file, err = render_file(job, one.target, one.element)
    if not file then
      return nil, err
    end
    files[#files + 1] = file
  end
  return true
end

local function claim_fixed(targets, copies)
  targets:claim(INPUT, "nightjar itself (the templates' input)")
  for _, path in ipairs(copies) do
    local ok, err = targets:claim(path, in_folder(path))
    -- A hidden file may be copied; it is nobody's target.
    if not ok and template_name.check(path) then
      return failure(in_folder(path), 1, err)
    end
  end
  return true
end

local function input_file(view)
  local content, err = document.encode(view)
  if not content then
    return nil, { file = INPUT, message = "cannot write the templates' input: " .. err }
  end
  return { path = INPUT, content = content, step = "input", version = json.hash(content),
    resources = json.array({}) }
end

local function by(field)
  return function(a, b)
    return a[field] < b[field]
  end
end

-- One template's share of the work: what all of its files have in common.
local function new_job(template, view, settings, find_partial, position, reads)
  return {
    reads = reads,
    template = template, parsed = template_name.parse(template.name), view = view,
    position = position, find_partial = find_partial,
    bootstrap = settings.settings and settings.settings.envoy_configuration_file,
    options = { name = in_folder(template.name), position = position, strict = true, cache = {} },
  }
end

--- Renders every template with the view.
---
--- Of `settings.settings`, `envoy_configuration_file` is the bootstrap among the targets, which
--- must be there if `starts_envoy`; `config_dir` is where the files will be: those that Envoy is
--- told to read there must be among them. `copies` are paths that the agent copies. `position`
--- gets `file` and `line` of what is being rendered, for those who end the process.
---@param view table the templates' input; also published, as input.json
---@param settings {templates: {name: string, text: string}[], copies: string[]?, settings:
---  {envoy_configuration_file: string?, config_dir: string?, starts_envoy: boolean?}?,
---  position: table?}
---@return {path: string, content: string, step: string, version: string, resources: string[]}[]?
---  files sorted by path; `step` is `bootstrap`, `clusters`, `routes`, `listeners`, `input` or
---  `other`; `version` changes when the content does; `resources` are the names in a set
---@return {file: string, line: integer?, message: string}? err names the template
function render.run(view, settings)
  local position = settings.position or {}
  local first, err = input_file(view)
  if not first then
    return nil, err
  end
  local targets = new_targets()
  local ok
  ok, err = claim_fixed(targets, settings.copies or {})
  if not ok then
    return nil, err
  end
  local templates = table.move(settings.templates, 1, #settings.templates, 1, {})
  table.sort(templates, by("name"))
  local find_partial = partial_finder(templates)
  local files, reads = { first }, {}
  for _, template in ipairs(templates) do
    local job = new_job(template, view, settings, find_partial, position, reads)
    if not job.parsed.partial then
      ok, err = render_template(job, targets, files)
      if not ok then
        return nil, err
      end
    end
  end
  ok, err = check_complete(files, settings.copies or {}, settings.settings or {}, reads)
  if not ok then
    return nil, err
  end
  position.file, position.line = nil, nil
  table.sort(files, by("path"))
  return files
end

return render
