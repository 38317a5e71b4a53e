-- Policies and templates of the operator's that fail, in the folders that the agent reads.

local file = require("host.file")
local harm = require("spec.support.harm")
local script = require("spec.support.script")

local list = {}

local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

-- Changes files of a folder of the field and puts back the whole folder.
local function add(row, name, injected, says, folder, spoil, more)
  local fault = { row = row, name = name, injected = injected, event = "pass_failed", says = says,
    begin = function(field)
      local path = field[folder]
      script.sh("cp -R %s %s", path, path .. ".good")
      spoil(path, field)
    end,
    finish = function(field)
      local path = field[folder]
      script.sh("rm -rf %s && mv %s %s", path, path .. ".good", path)
    end }
  for key, value in pairs(more or {}) do fault[key] = value end
  list[#list + 1] = fault
end

local function change(path, old, new)
  local text = assert(file.read(path))
  local from, to = text:find(old, 1, true)
  assert(file.write(path, text:sub(1, assert(from, old) - 1) .. new .. text:sub(to + 1)))
end

-- One of spec/support/harm.lua's policies, last in the list.
local function policy(name, harms, title, says)
  local one
  for _, each in ipairs(harms) do one = each.name == title and each or one end
  assert(one, title)
  says = says or "policies/bad%.lua:%d+: .*" .. plain(one.message)
  add("policy", name, "a policy: " .. title, says, "policies", function(path)
    for at, text in pairs(one.files) do
      assert(file.write(path .. "/" .. at:match("^policies/(.*)$"), text))
    end
    change(path .. "/init.lua", '"shadow"', '"shadow", "bad"')
  end)
end

policy("an error", harm.words, "a global")
policy("an endless loop", harm.loops, "a plain loop")
policy("an endless loop that catches errors", harm.loops, "a loop around pcall")
policy("a pattern that backtracks", harm.calls, "a pattern of find that backtracks")
policy("a memory bomb", harm.memory, "a string that doubles")
policy("a recursion without end", harm.memory, "a recursion without end",
  "policies/bad%.lua:3: stack overflow")
policy("a result that is none", harm.results, "nothing at all",
  "policies/bad%.lua:1: .*apply returned nothing")
policy("a result of the wrong kind", harm.results, "tables without end", "expected a list")
policy("what the sandbox does not have", harm.words, "os, io and debug",
  "policies/bad%.lua:2: no global")

add("policy", "a mistake of syntax", "`weights.lua` is cut off",
  "policies/weights%.lua:%d+: .*near", "policies", function(path)
    local text = assert(file.read(path .. "/weights.lua"))
    assert(file.write(path .. "/weights.lua", text:sub(1, #text // 2)))
  end)
add("policy", "a file that is gone", "`weights.lua` removed", "weights", "policies",
  function(path) os.remove(path .. "/weights.lua") end)
add("policy", "a folder that is gone", "`POLICY_DIR` removed", "policies: cannot open folder",
  "policies", function(path) script.sh("rm -r %s", path) end)
add("policy", "a FIFO in the place of a file", "`mkfifo weights.lua`",
  "weights%.lua: expected a file, found a fifo", "policies", function(path)
    os.remove(path .. "/weights.lua")
    script.sh("mkfifo %s", path .. "/weights.lua")
  end)

local CLUSTERS, ROUTES = "cds.json.yaml.mustache", "rds/@listeners.json.yaml.mustache"

local function template(name, injected, says, spoil)
  add("template", name, injected, says, "templates", spoil)
end

template("a section without end", "`{{#x}}` at the end of the clusters' template",
  "templates/cds%.json%.yaml%.mustache:%d+", function(path)
    local text = assert(file.read(path .. "/" .. CLUSTERS))
    assert(file.write(path .. "/" .. CLUSTERS, text .. "{{#clusters}}\n"))
  end)
template("an unknown field", "`{{no_such_field}}` in the clusters' template",
  "templates/cds%.json%.yaml%.mustache:%d+: .*no_such_field", function(path)
    change(path .. "/" .. CLUSTERS, "connect_timeout: 1s", "connect_timeout: {{no_such_field}}")
  end)
template("what is no YAML", "`a: [` in the routes' template",
  "templates/rds/@listeners%.json%.yaml%.mustache", function(path)
    change(path .. "/" .. ROUTES, "resources:", "resources: [\nx: ]")
  end)
template("a partial that includes itself", "`{{> own}}` in itself",
  "templates/partials/own%.mustache:1", function(path)
    script.sh("mkdir -p %s", path .. "/partials")
    assert(file.write(path .. "/partials/own.mustache", "{{> own}}{{> own}}"))
    assert(file.write(path .. "/more.yaml.mustache", "a: 1\n{{> own}}\n"))
  end)
template("a file that is gone", "the clusters' template removed", "cds%.json",
  function(path) os.remove(path .. "/" .. CLUSTERS) end)
template("a folder that is gone", "`ENVOY_TEMPLATE_DIR` removed", "templates: cannot open folder",
  function(path) script.sh("rm -r %s", path) end)
template("a FIFO in the place of a file", "`mkfifo` in the place of the clusters' template",
  "cds%.json%.yaml%.mustache: expected a file, found a fifo", function(path)
    os.remove(path .. "/" .. CLUSTERS)
    script.sh("mkfifo %s", path .. "/" .. CLUSTERS)
  end)
template("a link that leads out", "the clusters' template is a link to `/etc/passwd`",
  "cds%.json%.yaml%.mustache.*leads out", function(path)
    os.remove(path .. "/" .. CLUSTERS)
    script.sh("ln -s /etc/passwd %s", path .. "/" .. CLUSTERS)
  end)
template("a value that is no value", "`connect_timeout: {{{mesh}}}` without escapes", "cds%.json",
  function(path)
    change(path .. "/" .. CLUSTERS, "connect_timeout: 1s", "connect_timeout: {{{name}}}: {")
  end)

return list
