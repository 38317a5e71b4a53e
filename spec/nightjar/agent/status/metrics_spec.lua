-- The metrics: by Prometheus's own checkers, against docs/status.md, and of whole agents.

local facts = require("nightjar.agent.status.facts")
local families = require("nightjar.agent.status.families")
local file = require("host.file")
local full_facts = require("spec.support.full_facts")
local metrics = require("nightjar.agent.status.metrics")
local moto = require("spec.support.moto")
local promtool = require("spec.support.promtool")
local reference = require("spec.support.reference")
local running = require("spec.support.running")
local script = require("spec.support.script")
local weights = require("nightjar.agent.weights")

describe("metrics", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  -- The value of a sample, by its name and labels as they are written.
  local function value(text, sample)
    local found = ("\n" .. text):match("\n" .. sample:gsub("%p", "%%%0") .. " ([^\n]*)\n")
    return found and (tonumber(found) or found)
  end

  -- What Prometheus's client reads in a text.
  local function read(text)
    assert(file.write(folder .. "/metrics", text))
    return moto.print("prometheus_text.py", folder .. "/metrics")
  end

  it("are each told of an agent to which everything has happened", function()
    local text = metrics.text(full_facts())
    for _, family in ipairs(families) do
      assert.is_truthy(text:find("\n# TYPE " .. family.name .. " " .. family.type .. "\n", 1, true),
        family.name)
      assert.is_truthy(text:find("# HELP " .. family.name .. " ", 1, true), family.name)
    end
  end)

  it("are those that docs/status.md lists, as docs/status.lua writes them", function()
    local path = package.path
    local written = dofile("docs/status.lua")
    package.path = path
    assert.equal(written, assert(file.read("docs/status.md")))
  end)

  it("have names by the rules: what they count, base units, _total for counters alone", function()
    local seen = {}
    for _, family in ipairs(families) do
      local name = family.name
      assert.is_nil(seen[name])
      seen[name] = true
      assert.matches("^nightjar_[%l%d_]+$", (name:gsub("^process_", "nightjar_")))
      assert.equal(family.type == "counter", name:match("_total$") ~= nil, name)
      assert.is_nil(name:match("millisecond") or name:match("_ms") or name:match("kilo"), name)
      assert.matches("%.$", family.help)
      for _, label in ipairs(family.labels or {}) do assert.matches("^[%l_]+$", label) end
    end
  end)

  it("tell numbers, times and states", function()
    local text = metrics.text(full_facts())
    assert.equal(1, value(text, 'nightjar_build_info{version="0.1.0"}'))
    assert.equal(20, value(text, 'nightjar_passes_total{outcome="unchanged"}'))
    assert.equal(26, value(text, "nightjar_pass_duration_seconds_count"))
    assert.equal(12.5, value(text, "nightjar_pass_duration_seconds_sum"))
    assert.equal(1764367969.75, value(text, "nightjar_last_pass_timestamp_seconds"))
    assert.equal(1, value(text, 'nightjar_stage_failing{stage="plan"}'))
    assert.equal(0, value(text, 'nightjar_stage_failing{stage="internal"}'))
    assert.equal(0, value(text, 'nightjar_stage_failing{stage="discover"}'))
    assert.equal(1, value(text, 'nightjar_stale_services{mesh="shop.local",ref="own"}'))
    assert.equal(600, value(text,
      'nightjar_service_age_seconds{mesh="shop.local",ref="own",service="web-green"}'))
    assert.is_nil(value(text, 'nightjar_mesh_age_seconds{mesh="partners",ref="NAMESPACE_0"}'))
    assert.equal(80, value(text, 'nightjar_route_weight{listener="private-8080",route="/web",'
      .. 'service="web",color="blue",cluster="web-blue@shop.local"}'))
    assert.equal(0.11, value(text, "nightjar_aws_day_cost_dollars"))
    assert.equal(1764371600.25, value(text, "nightjar_credentials_expiry_timestamp_seconds"))
    assert.equal(1, value(text, 'nightjar_envoy_state{state="live"}'))
    assert.equal(0, value(text, 'nightjar_envoy_state{state="waiting"}'))
    assert.equal(1, value(text, 'nightjar_envoy_deaths_total{cause="hang"}'))
    assert.equal(0, value(text, 'nightjar_envoy_deaths_total{cause="inotify"}'))
    assert.equal(3, value(text, 'nightjar_log_lines_total{level="error",event="pass_failed"}'))
    assert.equal(1, value(text, "nightjar_ready"))
    assert.equal(13107200 - 524288, value(text, "process_resident_memory_bytes"))
  end)

  it("tell nothing that is not known", function()
    local known = full_facts()
    known.aws, known.snapshot, known.weights, known.sandbox = nil, nil, nil, nil
    known.generation.in_force, known.pass.last, known.pass.good = nil, nil, nil
    known.envoy.supervised = false
    local text = metrics.text(known)
    for _, name in ipairs { "nightjar_aws_", "nightjar_credentials_", "nightjar_envoy_",
      "nightjar_service", "nightjar_route", "nightjar_last", "nightjar_generation_info",
      "nightjar_sandbox", "nightjar_ready" } do
      assert.is_nil(text:find(name, 1, true), name)
    end
    assert.equal(0, value(metrics.text(known, { state = "DRAINING" }), "nightjar_ready"))
  end)

  it("stay within their bounds, and tell how much they leave out", function()
    local known, services, clusters = full_facts(), {}, {}
    for i = 1, 6000 do
      services[i] = { name = "svc" .. i, read_at = known.now, instances = {} }
      clusters[i] = { service = "s", color = "c" .. i, cluster = "c" .. i, weight = i }
    end
    known.snapshot = { meshes = { { ref = "own", name = "m", read_at = known.now,
      services = services } } }
    known.weights = weights.pack { { name = "l",
      routes = { { path = "/", clusters = clusters } } } }
    local text = metrics.text(known)
    local _, ages = text:gsub("\nnightjar_service_age_seconds{", "")
    local _, shares = text:gsub("\nnightjar_route_weight{", "")
    assert.same({ 5000, 5000 }, { ages, shares })
    assert.equal(1000, value(text, "nightjar_route_weights_left_out"))
    assert.equal(6000, value(text, 'nightjar_services{mesh="m",ref="own"}'))
  end)

  it("tell one sample for each set of labels, whatever names repeat", function()
    local known = full_facts()
    known.snapshot.meshes[3] = known.snapshot.meshes[1]
    local text = metrics.text(known)
    local _, count = text:gsub('nightjar_services{mesh="shop.local",ref="own"}', "")
    assert.equal(1, count)
  end)

  it("tell nothing of attributes, whose values are anybody's", function()
    assert.is_nil(metrics.text(full_facts()):find("secret-attribute", 1, true))
  end)

  describe("as Prometheus reads them", function()
    local missing = moto.missing("prometheus_client")
    if missing then
      pending(missing)
      return
    end

    it("are in its format, with the types and labels that the list says", function()
      local found = {}
      for _, family in ipairs(read(metrics.text(full_facts()))) do found[family.name] = family end
      for _, family in ipairs(families) do
        local seen = found[family.type == "counter" and family.name:gsub("_total$", "")
          or family.name]
        assert.is_truthy(seen, family.name)
        assert.equal(family.type, seen.type)
        assert.equal(family.help, seen.help)
        for _, sample in ipairs(seen.samples) do
          local labels = {}
          for label in pairs(sample.labels) do labels[#labels + 1] = label end
          table.sort(labels)
          local listed = table.move(family.labels or {}, 1, #(family.labels or {}), 1, {})
          table.sort(listed)
          assert.same(listed, labels)
        end
      end
    end)

    it("keep any name as it is", function()
      local known = full_facts()
      local name = 'a"b\\c\nd\\n é {x="y"} #'
      known.snapshot.meshes[1].name = name
      known.aws.credentials.source = "profile \xff" -- this alone is no text
      local seen
      for _, family in ipairs(read(metrics.text(known))) do
        if family.name == "nightjar_services" then seen = family.samples[1].labels.mesh end
      end
      assert.equal(name, seen)
    end)

    it("are so of an agent that runs", function()
      local place = running.new()
      place:mesh({ ["web-blue"] = 80, ["web-green"] = 20 },
        { ["web-blue"] = "blue", ["web-green"] = "green" })
      place:run(place:settings(), function(one, after_pass)
        read(metrics.text(facts.gather(one)))
        after_pass()
        local text = metrics.text(facts.gather(one), { state = "LIVE" })
        read(text)
        assert.equal(1, value(text, 'nightjar_passes_total{outcome="published"}'))
        assert.equal(1, value(text, "nightjar_ready"))
        assert.equal(20, value(text, 'nightjar_route_weight{listener="public-9000",route="/web",'
          .. 'service="web",color="green",cluster="web-green@m.local"}'))
      end)
      place:close()
    end)
  end)

  describe("by promtool", function()
    local missing = promtool.missing()
    if missing then
      pending(missing)
      return
    end

    it("pass its check of metrics without a complaint", function()
      assert(file.write(folder .. "/metrics", metrics.text(full_facts())))
      local ok, output = promtool.run("check metrics <" .. folder .. "/metrics")
      assert.equal("", output)
      assert.is_true(ok)
    end)

    it("would not if they were wrong", function()
      assert(file.write(folder .. "/metrics", "# TYPE x counter\nx{a=b} 1\n"))
      assert.is_false((promtool.run("check metrics <" .. folder .. "/metrics")))
    end)
  end)

  describe("of an agent that reads Cloud Map", function()
    local missing = moto.missing()
    if missing then
      pending(missing)
      return
    end

    it("hold no secret, nor does the document, however AWS refuses", function()
      local document = require("nightjar.agent.status.document")
      local endpoint, place = moto.faulty(), running.new()
      endpoint:state(reference.state())
      local told = {}
      local function tell(one)
        local known = facts.gather(one)
        told[#told + 1] = metrics.text(known, { state = "LIVE" })
          .. assert(require("host.json").encode(document.of(known, { state = "LIVE" })))
      end
      place:run(place:cloudmap(endpoint.endpoint, { AWS_MAX_ATTEMPTS = "1",
        NIGHTJAR_SECRET_SETTING = "of-the-environment" }), function(one, after_pass)
        after_pass()
        tell(one)
        for _, fault in ipairs { "skew", "expired", "denied", "html", "throttle" } do
          place:faults(endpoint.endpoint, { { operation = "*", fault = fault } })
          one.events:put({ signal = "HUP" })
          after_pass()
          tell(one)
        end
        assert.is_truthy(told[1]:find('"source":"environment"', 1, true))
        assert.is_truthy(told[4]:find('"stale":true', 1, true))
      end)
      endpoint:stop()
      place:close()
      assert.equal(6, #told)
      for _, text in ipairs(told) do
        for _, secret in ipairs { "wJalrXUtnFEMIsecret", "FwoGZXIvYXdzsession", "ASIAEXAMPLE",
          "of-the-environment" } do
          assert.is_nil(text:find(secret, 1, true), secret)
        end
      end
    end)
  end)
end)
