-- What a policy may count on besides the mesh: attributes that it names, what is in force, and a
-- second list of policies beside the first.

local build = require("spec.support.mesh")
local policy_folder = require("nightjar.plan.policy_folder")
local shop = require("spec.support.shop")

local READS = [[
return { about = "reads an attribute", attributes = { MOOD = { about = "how it is" } },
  settings = { mood = { type = "string", default = "calm", about = "the mood of all" } },
  apply = function(mesh, settings)
    table.insert(mesh.warnings, { code = "ran", message = settings.mood })
    return mesh
  end }]]

local function ran(attributes, settings)
  local _, made = build.plan(build.own({ build.service("web", attributes) }),
    { policies = build.policies({ reads = READS }), settings = { policies = settings } })
  return #made.warnings == 1 and made.warnings[1].message or nil
end

describe("a policy that names the attributes it reads", function()
  it("rests while nobody carries one", function()
    assert.is_nil(ran({ ["/"] = "1", MOODY = "x" }))
  end)

  it("runs when a service does, for one path too", function()
    assert.equal("calm", ran({ ["/"] = "1", MOOD = "x" }))
    assert.equal("calm", ran({ ["/"] = "1", ["MOOD:/"] = "x" }))
  end)

  it("runs when the configuration names it, even with nothing", function()
    assert.equal("calm", ran({ ["/"] = "1" }, { reads = {} }))
    assert.equal("wild", ran({ ["/"] = "1" }, { reads = { mood = "wild" } }))
  end)

  for wrong, message in pairs({
    ['attributes = { mood = { about = "x" } }'] = 'expected names such as "RAMP_START" as keys',
    ["attributes = { MOOD = 5 }"] = "attributes.MOOD: expected a table, got 5",
    ["attributes = { MOOD = {} }"] = "attributes.MOOD.about: expected a name",
    ['attributes = { MOOD = { about = "x", paths = true } }'] = "unknown field",
  }) do
    it("must name them properly: " .. wrong, function()
      local list, err = policy_folder.load(build.policies({
        bad = ('return { about = "x", apply = function(m) return m end, %s }'):format(wrong) }))
      assert.is_nil(list)
      assert.matches("policies/bad.lua: the record: attributes", err.message, 1, true)
      assert.matches(message, err.message, 1, true)
    end)
  end
end)

describe("attributes in the configuration", function()
  it("stand in for those of Cloud Map, and what Cloud Map says wins", function()
    local policies = { schedule = { attributes = {
      ["shop-green"] = { SCHEDULE = "Mon-Sun = 7", ["SCHEDULE:/other"] = "Mon-Sun = 8" },
      ["shop-blue@example.local"] = { SCHEDULE = "Mon-Sun = 9" } } } }
    local plan = shop.plan(shop.snapshot({ weight = 1, SCHEDULE = "Mon-Sun = 3" },
      { weight = 1, ["/other"] = "1" }), { settings = policies })
    assert.same({ blue = 3, green = 7 }, build.weights(plan, "private-8080", "/shop"))
    assert.same({ green = 8 }, build.weights(plan, "private-8080", "/other"))
    assert.is_nil(shop.cluster(plan, "green").attributes.SCHEDULE, "for the policy's eyes only")
  end)

  it("may be numbers and switches", function()
    local plan = shop.plan(shop.snapshot({ weight = 1 }, { weight = 0 }), { settings = {
      mirror = { attributes = { ["shop-green"] = { MIRROR = 12.5 } } },
      test_traffic = { attributes = { ["shop-green"] = { TEST_TRAFFIC = true } } } } })
    assert.equal(2, #shop.routes(plan))
    assert.equal(12.5, shop.routes(plan)[2].mirrors[1].percent)
  end)

  it("of a service that is not there are warned of", function()
    local _, warnings = shop.plan(shop.snapshot({ weight = 1 }, { weight = 1 }),
      { settings = { mirror = { attributes = { ["shop-gren"] = { MIRROR = "1" } } } } })
    assert.equal('settings policies.mirror.attributes.shop-gren: no such service; did you '
      .. 'mean "shop-green"?', warnings[1].message)
  end)

  for message, given in pairs({
    ["attributes: expected a table of services, got 5"] = 5,
    ["attributes.shop-green: expected attributes, got 5"] = { ["shop-green"] = 5 },
    ['attributes.shop-green.MIROR: unknown attribute; did you mean "MIRROR"?'] =
      { ["shop-green"] = { MIROR = "1" } },
    ["attributes.shop-green.MIRROR:/shop: unknown attribute"] =
      { ["shop-green"] = { ["MIRROR:/shop"] = "1" } },
    ["attributes.shop-green.MIRROR: expected text or a number, got a table"] =
      { ["shop-green"] = { MIRROR = {} } },
  }) do
    it("are checked: " .. message, function()
      local ok, err = pcall(shop.plan, shop.snapshot({ weight = 1 }, { weight = 1 }),
        { settings = { mirror = { attributes = given } } })
      assert.is_false(ok)
      assert.matches("policy mirror: settings policies.mirror." .. message, err, 1, true)
    end)
  end
end)

describe("what is in force", function()
  local LOOKS = [[
  return { about = "looks back", apply = function(mesh, _, _, previous)
    local route = previous and previous.listeners[1].routes[1]
    table.insert(mesh.warnings, { code = "saw",
      message = route and route.path .. " " .. route.clusters[1].weight or "nothing" })
    if route then route.clusters[1].weight = 0 end
    return mesh
  end }]]

  local function plan(previous, texts)
    return select(2, build.plan(build.own({ build.service("web", { ["/web"] = "7" }) }),
      { policies = build.policies(texts or { looks = LOOKS }), previous = previous }))
  end

  local function in_force(weight)
    return {
      listeners = { { name = "private-8080", mesh = "example.local", port = 8080,
        audience = "private", removed = {}, routes = { { path = "/old", service = "web",
          audience = "public", clusters = { { cluster = "web@example.local", service = "web",
            color = "default", weight = weight, audience = "public" } } } } } },
      clusters = build.plan(build.own({ build.service("web", { ["/web"] = "1" }) })).clusters,
    }
  end

  it("is given to a policy with a fourth parameter", function()
    assert.equal("/old 9", plan(in_force(9)).warnings[1].message)
  end)

  it("is nothing at the first start", function()
    assert.equal("nothing", plan(nil).warnings[1].message)
  end)

  it("is a copy for each policy", function()
    local made = plan(in_force(9), { a = LOOKS, b = LOOKS })
    assert.equal("/old 9", made.warnings[1].message)
    assert.equal("/old 9", made.warnings[2].message)
  end)

  it("that is damaged is nothing, with a warning", function()
    local made = plan(in_force(90000))
    assert.equal("bad_previous", made.warnings[1].code)
    assert.matches("previous.listeners[1].routes[1].clusters[1].weight: expected integer",
      made.warnings[1].message, 1, true)
    assert.equal("nothing", made.warnings[2].message)
  end)

  it("that an older version kept, without its listeners, is nothing", function()
    local made = plan({ clusters = in_force(1).clusters, routes = {} })
    assert.equal("nothing", made.warnings[1].message)
  end)
end)

describe("a second list in init.lua", function()
  local function files(init)
    return { { name = "init.lua", text = init },
      { name = "a.lua", text = build.policy("") },
      { name = "b.lua", text = build.policy(
        "for _, r in ipairs(mesh.listeners[1].routes) do r.clusters[1].weight = 3 end") } }
  end

  local function weights(list)
    local snapshot = build.own({ build.service("web", { ["/web"] = "7" }) })
    local made, err = build.run(snapshot,
      { policies = files('return { "a", shadow = { "a", "b" } }'), list = list })
    return made and build.weights(made.policy, "private-8080", "/web").default, err
  end

  it("changes nothing of the first", function()
    assert.equal(7, weights(nil))
    assert.equal(7, weights("main"))
  end)

  it("is planned when it is asked for", function()
    assert.equal(3, weights("shadow"))
  end)

  it("is checked like the first", function()
    for init, message in pairs({
      ['return { "a", shadow = { "c" } }'] = 'names "c", but there is no policies/c.lua',
      ['return { "a", shadow = { "a", "a" } }'] = 'names "a" twice',
      ['return { "a", shadow = "b" }'] = "expected a list of names of policies: shadow: "
        .. 'expected a list, got "b"',
      ['return { "a", shadow = { 1 } }'] = "of policies: shadow[1]: expected a name",
      ['return { "a", shadov = { "b" } }'] = 'unknown field "shadov"; did you mean "shadow"?; '
        .. "expected a list of names of policies, and beside it perhaps `shadow`",
    }) do
      local list, err = policy_folder.load(files(init))
      assert.is_nil(list, init)
      assert.matches("policies/init.lua", err.message, 1, true)
      assert.matches(message, err.message, 1, true)
    end
  end)

  it("must be there when it is asked for", function()
    local list, err = policy_folder.load(files('return { "a" }'), "shadow")
    assert.is_nil(list)
    assert.equal("policies/init.lua: names no list `shadow`, nor do settings "
      .. "policies.shadow.list", err.message)
  end)

  it("may name a policy that the first does not, which has settings then", function()
    local settings = { policies = { b = {}, c = {} } }
    for _, list in ipairs { "main", "shadow" } do
      local made = assert(build.run(build.own({ build.service("web", { ["/web"] = "7" }) }),
        { policies = files('return { "a", shadow = { "b" } }'), list = list,
          settings = settings }))
      assert.same({ "unknown_policy" }, build.codes(made.warnings))
      assert.matches("policies.c: ", made.warnings[1].message, 1, true)
    end
  end)

  it("has its examples run too", function()
    local examples = require("nightjar.plan.examples")
    local list = files('return { "a", shadow = { "b" } }')
    list[3].text = list[3].text:gsub("settings = {}", 'examples = { { given = {}, expect = {} } }')
    local results = assert(examples.run(list))
    assert.equal("b", results[1].policy)
  end)
end)
