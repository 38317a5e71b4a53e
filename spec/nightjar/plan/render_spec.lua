-- The render stage: which files a folder of templates becomes, and what is refused.
local json = require("host.json")
local render = require("nightjar.plan.render")
local yaml = require("host.yaml")

local CLUSTER <const> = "type.googleapis.com/envoy.config.cluster.v3.Cluster"

-- Renders templates given as {name = text}; returns files by path, or nil and the error.
local function run(texts, view, options)
  local templates = {}
  for name, text in pairs(texts) do
    templates[#templates + 1] = { name = name, text = text }
  end
  local settings = { templates = templates, settings = { envoy_configuration_file = "boot.yaml" } }
  for key, value in pairs(options or {}) do
    settings[key] = value
  end
  local files, err = render.run(view or {}, settings)
  if not files then
    return nil, err
  end
  local by_path = {}
  for _, file in ipairs(files) do
    by_path[file.path] = file
  end
  return by_path, files
end

local function fails(texts, expected, view, options)
  local files, err = run(texts, view, options)
  assert.is_nil(files)
  assert.same(expected, err)
end

describe("files that Envoy is told to read", function()
  local settings = { settings = { envoy_configuration_file = "boot.yaml", config_dir = "/c",
    starts_envoy = true } }
  local BOOT <const> = "dynamic_resources:\n  cds_config:\n    path_config_source:\n"
    .. '      path: "{{dir}}/cds.json"\n'

  it("must be among those that are made", function()
    local texts = { ["boot.yaml.mustache"] = BOOT }
    fails(texts, { file = "templates/boot.yaml.mustache", line = 4,
      message = "Envoy is to read cds.json, which no template makes" }, { dir = "/c" }, settings)
    texts["cds.json.yaml.mustache"] = "resources: []\n"
    assert(run(texts, { dir = "/c" }, settings))
  end)

  it("may be copies, or stand elsewhere, and are nothing else that is named a path", function()
    local elsewhere = { ["boot.yaml.mustache"] = BOOT .. "log: { path: /c/access.log }\n" }
    assert(run(elsewhere, { dir = "/elsewhere" }, settings))
    local copied = { settings = settings.settings, copies = { "cds.json" } }
    assert(run({ ["boot.yaml.mustache"] = BOOT }, { dir = "/c" }, copied))
  end)

  it("are looked for in older config sources and in each file of a list", function()
    fails({ ["boot.yaml.mustache"] = "lds_config: { path: /c/l.yaml }" }, {
      file = "templates/boot.yaml.mustache", line = 1,
      message = "Envoy is to read l.yaml, which no template makes" }, {}, settings)
    fails({ ["boot.yaml.mustache"] = "x: 1",
      ["l/@list.yaml.mustache"] = "\nx:\n- rds: { config_source: { path: '/c/{{name}}.json' } }" },
      { file = "templates/l/@list.yaml.mustache", line = 3,
        message = "Envoy is to read b.json, which no template makes" },
      { list = { { name = "a" }, { name = "b" } } },
      { settings = settings.settings, copies = { "a.json" } })
  end)

  it("begin with the bootstrap, where nightjar starts Envoy", function()
    fails({ ["a.yaml.mustache"] = "x: 1" }, { file = "templates/boot.yaml.mustache", line = 1,
      message = "expected a template that makes boot.yaml, Envoy's bootstrap "
        .. "(ENVOY_CONFIGURATION_FILE)" }, {}, settings)
    assert(run({ ["a.yaml.mustache"] = "x: 1" }, {}, { settings = {
      envoy_configuration_file = "boot.yaml", config_dir = "/c", starts_envoy = false } }))
  end)
end)

describe("rendering a folder", function()
  it("gives files sorted by path, with the view as input.json", function()
    local files, list = run({ ["b.txt.mustache"] = "{{x}}\n", ["a/c.txt.mustache"] = "<{{y}}>" },
      { x = 1, y = "<&>" })
    assert.same({ "a/c.txt", "b.txt", "input.json" },
      { list[1].path, list[2].path, list[3].path })
    assert.equal("1\n", files["b.txt"].content)
    assert.equal("<<&>>", files["a/c.txt"].content)
    assert.same({ x = 1, y = "<&>" }, json.decode(files["input.json"].content))
    assert.equal("input", files["input.json"].step)
  end)

  it("gives the same files whatever the order of the templates", function()
    local a, b = { name = "a.mustache", text = "1" }, { name = "b.mustache", text = "2" }
    assert.same(render.run({}, { templates = { a, b } }), render.run({}, { templates = { b, a } }))
  end)

  it("escapes for the format that the name promises", function()
    local files = assert(run({ ["a.html.mustache"] = "{{v}}", ["a.json.mustache"] = "[{{v}}]",
      ["a.yml.mustache"] = "- {{v}}", ["a.txt.mustache"] = "{{v}}" }, { v = "<a: b>" }))
    assert.equal("&lt;a: b&gt;", files["a.html"].content)
    assert.equal('["<a: b>"]', files["a.json"].content)
    assert.equal('- "<a: b>"', files["a.yml"].content)
    assert.equal("<a: b>", files["a.txt"].content)
  end)

  it("takes partials from beside the templates and from partials/, which is not published",
    function()
      local files = assert(run({ ["a.mustache"] = "{{>x}} {{>y}} {{>z.txt}}", ["x.mustache"] = "1",
        ["partials/y.mustache"] = "2", ["partials/z.txt"] = "3", ["partials/x.mustache"] = "no" }))
      assert.equal("1 2 3", files["a"].content)
      assert.is_nil(files["partials/y"])
      assert.is_nil(files["y"])
    end)

  it("keeps the position up to date, and clears it", function()
    local position = {}
    local seen
    local view = setmetatable({}, { __index = function(_, key)
      if key == "x" then
        seen = position.file .. ":" .. position.line
        return 1
      end
      return nil
    end })
    assert(run({ ["a.mustache"] = "\n\n{{x}}" }, view, { position = position }))
    assert.equal("templates/a.mustache:3", seen)
    assert.is_nil(position.file)
  end)
end)

describe("a resource set", function()
  local template = "resources:\n{{#c}}\n- \"@type\": " .. CLUSTER .. "\n  name: {{.}}\n{{/c}}\n"

  it("is published as JSON with a hash of its content for a version", function()
    local files = assert(run({ ["cds.json.yaml.mustache"] = template }, { c = { "a", "b" } }))
    local file = files["cds.json"]
    local value = assert(json.decode(file.content))
    assert.equal("clusters", file.step)
    assert.same({ "a", "b" }, file.resources)
    assert.equal("b", value.resources[2].name)
    assert.equal(file.version, value.version_info)
    assert.is_true(#file.version > 0)
    local again = assert(run({ ["cds.json.yaml.mustache"] = template .. "# same\n" },
      { c = { "a", "b" } }))
    assert.equal(file.version, again["cds.json"].version)
    local other = assert(run({ ["cds.json.yaml.mustache"] = template }, { c = { "a", "c" } }))
    assert.not_equal(file.version, other["cds.json"].version)
  end)

  it("keeps a version of its own", function()
    local files = assert(run({ ["cds.json.yaml.mustache"] = "version_info: mine\n" .. template },
      { c = { "a" } }))
    assert.equal("mine", files["cds.json"].version)
    assert.equal("mine", json.decode(files["cds.json"].content).version_info)
  end)

  it("that is empty is an empty list, told by its name", function()
    local files = assert(run({ ["cds.json.yaml.mustache"] = template,
      ["rds/a.json.yaml.mustache"] = "resources: []",
      ["lds.json.mustache"] = '{"resources": []}' }))
    assert.truthy(files["cds.json"].content:find('"resources": []', 1, true))
    assert.equal("clusters", files["cds.json"].step)
    assert.equal("routes", files["rds/a.json"].step)
    assert.equal("listeners", files["lds.json"].step)
  end)

  it("written as YAML stays as it is written, with its version in a line at the end", function()
    local files = assert(run({ ["cds.yaml.mustache"] = "# mine\n" .. template }, { c = { "a" } }))
    local file = files["cds.yaml"]
    assert.equal("# mine\nresources:\n- \"@type\": " .. CLUSTER .. "\n  name: a\nversion_info: \""
      .. file.version .. "\"\n", file.content)
  end)

  it("written as YAML in braces gets its version too", function()
    local files = assert(run({ ["cds.yaml.mustache"] = "{resources: [{name: a}]}\n...\n" }))
    local value = assert(yaml.decode(files["cds.yaml"].content))
    assert.equal(files["cds.yaml"].version, value.version_info)
    assert.equal("a", value.resources[1].name)
  end)

  it("is told by the types of its resources, wrapped or not", function()
    local function step(resource)
      local files = assert(run({ ["x.json.mustache"] = json.encode({ resources = { resource } }) }))
      return files["x.json"].step, files["x.json"].resources[1]
    end
    local prefix = "type.googleapis.com/envoy.config."
    assert.equal("routes", step({ ["@type"] = prefix .. "route.v3.RouteConfiguration" }))
    assert.equal("listeners", step({ ["@type"] = prefix .. "listener.v3.Listener" }))
    assert.equal("clusters", step({ ["@type"] = prefix .. "endpoint.v3.ClusterLoadAssignment" }))
    assert.equal("other", step({ ["@type"] = prefix .. "bootstrap.v3.Bootstrap" }))
    local kind, name = step({ ["@type"] = "type.googleapis.com/envoy.service.discovery.v3.Resource",
      resource = { ["@type"] = CLUSTER, name = "in" } })
    assert.equal("clusters", kind)
    assert.equal("in", name)
  end)

  it("is not what Envoy's bootstrap is", function()
    local files = assert(run({ ["boot.yaml.mustache"] = "resources: []\n" }))
    assert.equal("bootstrap", files["boot.yaml"].step)
    assert.equal("resources: []\n", files["boot.yaml"].content)
  end)
end)

describe("a name with @list", function()
  it("gives a file for each element, which is on top of the view", function()
    local template = "a: {{name}}\nb: {{out}}\nc: {{c}}"
    local files = assert(run({ ["rds/@l.json.yaml.mustache"] = template },
      { out = 1, c = 2, l = { { name = "x", c = 3 }, { name = "y/../z" } } }))
    assert.same({ a = "x", b = 1, c = 3 }, json.decode(files["rds/x.json"].content))
    assert.same({ a = "y/../z", b = 1, c = 2 }, json.decode(files["rds/y%2F..%2Fz.json"].content))
  end)

  it("gives none for an empty list", function()
    local _, list = run({ ["@l.txt.mustache"] = "x" }, { l = json.array({}) })
    assert.equal(1, #list)
  end)

  it("is refused when the view has no such list", function()
    fails({ ["@l.txt.mustache"] = "x" }, { file = "templates/@l.txt.mustache", line = 1,
      message = "the name holds @l: expected a list of that name in the view" })
    fails({ ["@l.txt.mustache"] = "x" }, { file = "templates/@l.txt.mustache", line = 1,
      message = "the name holds @l: expected a list of that name in the view" }, { l = { x = 1 } })
  end)

  it("is refused when an element has no name", function()
    fails({ ["@l.txt.mustache"] = "x" }, { file = "templates/@l.txt.mustache", line = 1,
      message = "the name holds @l: l[2] has no name to put there" },
      { l = { { name = "a" }, {} } })
  end)

  it("is refused when two elements have one name", function()
    fails({ ["@l.txt.mustache"] = "x" }, { file = "templates/@l.txt.mustache", line = 1,
      message = "would write a.txt, which templates/@l.txt.mustache writes too" },
      { l = { { name = "a" }, { name = "a" } } })
  end)
end)

describe("paths", function()
  it("are written by one template only", function()
    fails({ ["x.json.mustache"] = "{}", ["x.json.yaml.mustache"] = "{}" },
      { file = "templates/x.json.yaml.mustache", line = 1,
        message = "would write x.json, which templates/x.json.mustache writes too" })
  end)

  it("are not those of copies", function()
    fails({ ["x.mustache"] = "" }, { file = "templates/x.mustache", line = 1,
      message = "would write x, which templates/x writes too" }, {}, { copies = { "x" } })
  end)

  it("are not that of the view", function()
    fails({ ["input.json.mustache"] = "{}" }, { file = "templates/input.json.mustache", line = 1,
      message = "would write input.json, which nightjar itself (the templates' input) writes too" })
    fails({}, { file = "templates/input.json", line = 1,
      message = "would write input.json, which nightjar itself (the templates' input) writes too" },
      {}, { copies = { "input.json" } })
  end)

  it("are not files and folders at once", function()
    fails({ ["a.mustache"] = "", ["a/b.mustache"] = "" }, { file = "templates/a/b.mustache",
      line = 1, message = "would write a/b, but templates/a.mustache writes a" })
    fails({ ["a.mustache"] = "" }, { file = "templates/a.mustache", line = 1,
      message = "would write a, which is a folder for templates/a/b" }, {}, { copies = { "a/b" } })
  end)

  it("stay below the folder and are not hidden", function()
    for name, reason in pairs({ ["../x"] = "", [".x"] = "", ["a/../../x"] = "", ["/x"] = "" }) do
      local files, err = run({ [name .. ".mustache"] = reason })
      assert.is_nil(files)
      assert.equal("templates/" .. name .. ".mustache", err.file)
    end
  end)
end)

describe("an error", function()
  it("in a template names its line", function()
    fails({ ["a.yaml.mustache"] = "a: 1\n{{#b}}\n" }, { file = "templates/a.yaml.mustache",
      line = 2, message = "{{#b}} is not closed: expected {{/b}}" })
  end)

  it("in a partial names the partial's line", function()
    fails({ ["a.yaml.mustache"] = "a: 1\n{{>p}}\n", ["partials/p.mustache"] = "\n\nb: '{{v}}'" },
      { file = "templates/partials/p.mustache", line = 3, message = "{{v}}: the value holds a line "
        .. "break or control character, which single quotes cannot hold: expected double quotes" },
      { v = "\n" })
  end)

  it("of a missing partial names it", function()
    fails({ ["a.txt.mustache"] = "\n{{>p}}" }, { file = "templates/a.txt.mustache", line = 2,
      message = '{{p}}: there is no partial "p"' })
  end)

  it("that a parser finds names the template's line, not the output's", function()
    local template = "{{! c }}\na:\n{{#l}}\n  - {{.}}\n{{/l}}\n b: 1\n"
    local files, err = run({ ["a.yaml.mustache"] = template }, { l = { 1, 2, 3 } })
    assert.is_nil(files)
    assert.equal("templates/a.yaml.mustache", err.file)
    assert.equal(6, err.line)
    assert.truthy(err.message:find("^would not be valid YAML: a.yaml: "), err.message)
  end)

  it("that a parser finds in what a partial wrote names the partial", function()
    local files, err = run({ ["a.json.mustache"] = "[\n{{>p}}\n]", ["p.mustache"] = "1,\n2 3" })
    assert.is_nil(files)
    assert.equal("templates/p.mustache", err.file)
    assert.equal(2, err.line)
  end)

  it("that a parser finds in a file without tags names its line", function()
    local files, err = run({ ["a.json.yaml"] = "a: 1\nb: [\n" })
    assert.is_nil(files)
    assert.equal("templates/a.json.yaml", err.file)
  end)

  it("of a view that JSON cannot hold names the input", function()
    local files, err = run({}, { x = "\xFF" })
    assert.is_nil(files)
    assert.equal("input.json", err.file)
  end)
end)

describe("a file that cannot be made of what was rendered", function()
  local function at(text, view)
    local files, err = run({ ["x.json.yaml.mustache"] = text }, view)
    assert.is_nil(files)
    assert.equal("templates/x.json.yaml.mustache", err.file)
    return err.line, err.message
  end

  it("is laid to the line of what is no text, where the parser counts bytes", function()
    assert.equal(3, (at("a: 1\nb: 2\nc: \1\n")))
    assert.equal(3, (at("a: 1\nb: 2\nc: {{{v}}}\nd: 1\n", { v = "\1" })))
    assert.equal(2, (at("a: 1\nb: '\xff'\nc: 1\n")))
    -- Of a section that was written twice, the line that wrote it.
    local line, message = at("a: 1\n{{#list}}\n- {{{v}}}\n{{/list}}\n",
      { list = { { v = "1" }, { v = "\1" } } })
    assert.equal(3, line)
    assert.matches("byte %d+: control characters are not allowed", message)
  end)

  it("is laid to no line, where none is known", function()
    local line, message = at("a: 1\nb: 2\nc: .inf\n")
    assert.is_nil(line)
    assert.matches("x.json: c: JSON has no infinity", message, 1, true)
    assert.is_nil((at("resources:\n- 'line 2': .inf\n")))
  end)
end)
