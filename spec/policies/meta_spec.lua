-- What policies/meta tells editors is what there is: the fields of each record, which of them may
-- be missing, and the words of the sandbox's menu.

local json = require("host.json")
local build = require("spec.support.mesh")
local mesh_shape = require("nightjar.plan.mesh_shape")
local policy_record = require("nightjar.plan.policy_record")
local program = require("host.program")
local sandbox = require("nightjar.plan.sandbox")
local schema = require("nightjar.plan.schema")

local folder = program.data_directory() .. "/policies"
local meta = build.read(folder .. "/meta/nightjar.lua")

-- The fields of each class: { Route = { "path", "match?", … } }.
local function read_classes()
  local found = {}
  for class, text in meta:gmatch("%-%-%-@class nightjar%.(%w+)\n(.-)\n\n") do
    found[class] = {}
    for field in text:gmatch("%-%-%-@field ([%w_]+%??)") do table.insert(found[class], field) end
  end
  return found
end

local classes = read_classes()

local function sorted(list)
  table.sort(list)
  return list
end

describe("policies/meta", function()
  for _, records in ipairs { mesh_shape.records, policy_record.records } do
    for name, shape in pairs(records) do
      it("has the fields of " .. name, function()
        assert.same(schema.fields(shape), sorted(assert(classes[name], "no class " .. name)))
      end)
    end
  end

  it("has classes of nothing else but what is in force", function()
    for name in pairs(classes) do
      assert.truthy(mesh_shape.records[name] or policy_record.records[name] or name == "Previous",
        name)
    end
    assert.same({ "clusters", "listeners" }, sorted(classes.Previous))
  end)

  it("has the words of the menu, and no other", function()
    local words, environment = {}, {}
    assert(load(meta, "@meta", "t", environment))()
    for name, value in pairs(environment) do
      if type(value) == "function" then words[#words + 1] = name end
      for member in pairs(type(value) == "table" and value or {}) do
        words[#words + 1] = name .. "." .. member
      end
    end
    assert.same(sandbox.words(), sorted(words))
  end)

  it("has the editor know nothing beside it", function()
    local config = assert(json.decode(build.read(folder .. "/.luarc.json")))
    for _, library in ipairs { "basic", "coroutine", "debug", "io", "math", "os", "package",
      "string", "table", "utf8" } do
      assert.equal("disable", config["runtime.builtin"][library], library)
    end
  end)
end)
