-- examples/observability: the dashboard and the alert rules name metrics and labels that exist, and
-- all of them; Prometheus and Envoy take the files.

local families = require("nightjar.agent.status.families")
local file = require("host.file")
local json = require("host.json")
local promtool = require("spec.support.promtool")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local world_of = require("spec.support.world")
local yaml = require("host.yaml")

local FOLDER = "examples/observability/"
-- What Prometheus adds to each series, and what is no metric of ours.
local ADDED = { job = true, instance = true }

local function text_of(name)
  return assert(file.read(FOLDER .. name))
end

local function dashboard()
  return assert(json.decode(text_of("dashboard.json")))
end

local function rules()
  return assert(yaml.decode(text_of("rules.yml"))).groups[1].rules
end

-- Each expression, with the place where it stands.
local function expressions()
  local list = {}
  for _, panel in ipairs(dashboard().panels) do
    for _, target in ipairs(panel.targets or {}) do
      list[#list + 1] = { at = panel.title, expr = target.expr, legend = target.legendFormat }
    end
  end
  for _, one in ipairs(dashboard().annotations.list) do
    list[#list + 1] = { at = one.name, expr = one.expr }
  end
  for _, rule in ipairs(rules()) do
    list[#list + 1] = { at = rule.alert, expr = rule.expr, is_rule = true }
  end
  return list
end

-- Every name that a scrape shows, and the labels that its samples have.
local function known()
  local names = { up = {} }
  for _, family in ipairs(families) do
    local labels = {}
    for _, label in ipairs(family.labels or {}) do labels[label] = true end
    if family.type == "summary" then
      names[family.name .. "_sum"], names[family.name .. "_count"] = labels, labels
    else
      names[family.name] = labels
    end
  end
  return names
end

local function named(expr)
  local list = {}
  for name in expr:gmatch("[%a_][%w_]*") do
    if name:match("^nightjar_") or name:match("^process_") then list[#list + 1] = name end
  end
  return list
end

describe("examples/observability", function()
  it("names metrics that exist", function()
    local names = known()
    for _, one in ipairs(expressions()) do
      local found = named(one.expr)
      assert.is_true(#found > 0 or one.expr:find("up{", 1, true) ~= nil, one.at)
      for _, name in ipairs(found) do
        assert.is_truthy(names[name], ("%s: %s"):format(one.at, name))
      end
    end
  end)

  it("shows every metric in the dashboard", function()
    local shown = {}
    for _, one in ipairs(expressions()) do
      for _, name in ipairs(one.is_rule and {} or named(one.expr)) do shown[name] = true end
    end
    for name in pairs(known()) do
      assert.is_true(shown[name] or name == "up", name)
    end
  end)

  it("names labels that the metrics have", function()
    local names = known()
    for _, one in ipairs(expressions()) do
      local labels = {}
      for _, name in ipairs(named(one.expr)) do
        for label in pairs(names[name]) do labels[label] = true end
      end
      local function check(label)
        assert.is_true(labels[label] or ADDED[label] or false, ("%s: %s"):format(one.at, label))
      end
      for selector in one.expr:gmatch("%b{}") do
        for label in selector:gmatch("([%a_]+) *=") do check(label) end
      end
      for _, word in ipairs { "by", "without", "ignoring", "on" } do
        for list in one.expr:gmatch("%f[%a]" .. word .. " (%b())") do
          for label in list:gmatch("[%a_]+") do check(label) end
        end
      end
      for label in (one.legend or ""):gmatch("{{([%a_]+)}}") do check(label) end
    end
  end)

  it("has panels that do not overlap, each with its own number and what it asks", function()
    local seen, taken = {}, {}
    for _, panel in ipairs(dashboard().panels) do
      assert.is_nil(seen[panel.id])
      seen[panel.id] = true
      local place = panel.gridPos
      assert.is_true(place.x + place.w <= 24, panel.title)
      for x = place.x, place.x + place.w - 1 do
        for y = place.y, place.y + place.h - 1 do
          assert.is_nil(taken[x .. " " .. y], panel.title)
          taken[x .. " " .. y] = true
        end
      end
      assert.is_true(panel.type == "row" or #panel.targets > 0, panel.title)
    end
  end)

  it("says of each alert how bad it is and what to do", function()
    local seen = {}
    for _, rule in ipairs(rules()) do
      assert.is_nil(seen[rule.alert])
      seen[rule.alert] = true
      assert.is_truthy(({ page = true, ticket = true })[rule.labels.severity], rule.alert)
      assert.is_string(rule.annotations.summary)
      assert.is_true(#rule.annotations.description > 40, rule.alert)
    end
  end)

  describe("for Prometheus", function()
    local missing = promtool.missing()
    if missing then
      pending(missing)
      return
    end

    local folder

    before_each(function() folder = script.folder() end)
    after_each(function() script.discard(folder) end)

    local function check(words)
      local ok, output = promtool.run(words)
      assert.is_true(ok, output)
    end

    it("holds rules and a configuration that it takes", function()
      check("check rules " .. FOLDER .. "rules.yml")
      check("check config " .. FOLDER .. "prometheus.yml")
    end)

    it("asks in the dashboard what can be asked", function()
      local list = json.array {}
      for i, one in ipairs(expressions()) do
        list[i] = { record = "expression:" .. i, expr = one.expr:gsub("%$__rate_interval", "5m")
          :gsub("%$[%a_]+", ".*") }
      end
      assert(file.write(folder .. "/rules.yml",
        assert(json.encode { groups = { { name = "dashboard", rules = list } } })))
      check("check rules " .. folder .. "/rules.yml")
    end)

    it("alerts when it should, and not before", function()
      assert(file.write(folder .. "/rules.yml", text_of("rules.yml")))
      assert(file.write(folder .. "/alerts_test.yml", assert(file.read(
        "spec/examples/alerts_test.yml"))))
      check("test rules " .. folder .. "/alerts_test.yml")
    end)
  end)

  it("holds a listener by which Envoy passes on GET /metrics, and nothing else", function()
    if world_of.missing() then
      pending(world_of.missing())
      return
    end
    local world = world_of.new()
    local socket, port = world.directory .. "/status.sock", world:ports(1)
    -- As it stands, but for its place on this machine.
    local text, changes = text_of("expose.yaml"):gsub("/tmp/nightjar%-state/status%.sock", socket)
    assert.equal(2, changes) -- the comment's too
    text, changes = text:gsub("address: 0%.0%.0%.0, port_value: 9903",
      "address: 127.0.0.1, port_value: " .. port)
    assert.equal(1, changes)
    assert(file.write(world.directory .. "/expose.yaml", text))
    world:start("peer", { "python3", "spec/support/socket_peer.py", socket })
    world:start("envoy", { "envoy", "-c", world.directory .. "/expose.yaml", "--base-id", port,
      "--log-level", "off" })
    local function ask(method, path)
      local answer = sched.run(sched.http, { method = method, timeout = 5, connect_timeout = 1,
        url = ("http://127.0.0.1:%d%s"):format(port, path) })
      return answer and answer.status, answer and answer.body
    end
    world.eventually(function() return ask("GET", "/metrics") == 200 end, 20, "Envoy serves")
    assert.equal("GET /metrics\n", (select(2, ask("GET", "/metrics"))))
    for _, path in ipairs { "/", "/status", "/metrics/", "/metrics/../status", "/snapshot" } do
      assert.equal(404, (ask("GET", path)), path)
    end
    assert.equal(404, (ask("POST", "/metrics")))
    world:close()
  end)
end)
