-- The arithmetic of weights: what policies may rely on, on random splits.

local build = require("spec.support.mesh")
local generator = require("spec.support.random_mesh").generator

local shares = build.lib("shares")
local walk = build.lib("walk")

local function route(weights, services)
  local entries = {}
  for i, weight in ipairs(weights) do
    entries[i] = { cluster = "c" .. i, service = services and services[i] or "s", weight = weight }
  end
  return { clusters = entries }
end

local function parts(made)
  local sum, list = 0, {}
  for _, entry in ipairs(made.clusters) do sum = sum + entry.weight end
  for i, entry in ipairs(made.clusters) do list[i] = entry.weight / sum end
  return list, sum
end

describe("rounding", function()
  it("keeps the total, and each part within one of what it should be", function()
    for seed = 1, 500 do
      local random, list, sum = generator(seed), {}, 0
      for i = 1, random(6) do list[i] = random(1000) - 1 end
      list[1] = list[1] + 1
      for _, part in ipairs(list) do sum = sum + part end
      local rounded, total = shares.round(list, 10000), 0
      for i, value in ipairs(rounded) do
        total = total + value
        assert.equal("integer", math.type(value))
        assert.is_true(math.abs(value - list[i] / sum * 10000) < 1)
        assert.is_true(list[i] > 0 or value == 0, "nothing stays nothing")
      end
      assert.equal(10000, total)
    end
  end)
end)

describe("a part that is not 0", function()
  local function rounded(...) return shares.round({ ... }, 10000) end

  it("keeps at least 1, which the largest has less", function()
    assert.same({ 9999, 1 }, rounded(99999, 1))
    assert.same({ 1, 9998, 1, 0 }, rounded(1e-300, 1, 1e-9, 0))
    assert.same({ 4999, 1, 5000 }, rounded(1, 1e-7, 1))
  end)

  it("keeps it on the way from parts to weights, however small it is", function()
    for _, part in ipairs({ 1e-5, 1e-7, 1e-9, 1e-12 }) do
      local made = route({ 50, 50 })
      assert.is_true(shares.give(made, walk.services(made)[1], { [made.clusters[2]] = part }))
      assert.same({ 9999, 1 }, { made.clusters[1].weight, made.clusters[2].weight })
      made = route({ 100, 0 })
      assert.is_true(shares.give(made, walk.services(made)[1], { [made.clusters[2]] = part }))
      assert.same({ 9999, 1 }, { made.clusters[1].weight, made.clusters[2].weight })
    end
  end)

  it("is kept for another service on the same path", function()
    local made = route({ 65535, 0, 1, 1 }, { "a", "a", "b", "b" })
    shares.give(made, walk.services(made)[1], { [made.clusters[2]] = 0.5 })
    assert.same({ 4999, 4999, 1, 1 }, { made.clusters[1].weight, made.clusters[2].weight,
      made.clusters[3].weight, made.clusters[4].weight })
  end)

  it("is none where parts of 1 are the whole but for a fraction's noise", function()
    for count = 2, 50 do
      local weights, wanted = {}, {}
      for i = 1, count do weights[i] = i end
      weights[count + 1] = 65535
      local made = route(weights)
      for i = 1, count do wanted[made.clusters[i]] = i / (count * (count + 1) / 2) end
      shares.give(made, walk.services(made)[1], wanted)
      assert.equal(0, made.clusters[count + 1].weight, count .. " entries")
    end
  end)
end)

describe("giving a share", function()
  it("leaves the others in their proportion", function()
    local made = route({ 60, 30, 10 })
    local group = walk.services(made)[1]
    assert.is_true(shares.give(made, group, { [made.clusters[3]] = 0.4 }))
    assert.same({ 40, 20, 40 }, { made.clusters[1].weight, made.clusters[2].weight,
      made.clusters[3].weight })
  end)

  it("moves nothing of another service on the same path", function()
    local made = route({ 40, 40, 20 }, { "a", "a", "b" })
    shares.give(made, walk.services(made)[1], { [made.clusters[1]] = 0.25 })
    for i, part in ipairs(parts(made)) do
      assert.is_true(math.abs(part - ({ 0.2, 0.6, 0.2 })[i]) < 1e-3)
    end
  end)

  it("does nothing where nobody is left to take the rest", function()
    local made = route({ 10, 0 })
    assert.is_false(shares.give(made, walk.services(made)[1], { [made.clusters[1]] = 0.5 }))
    assert.equal(10, made.clusters[1].weight)
  end)

  it("leaves weights alone that have the wanted proportion already", function()
    local made = route({ 9, 1 })
    shares.give(made, walk.services(made)[1], { [made.clusters[2]] = 0.1 })
    assert.equal(9, made.clusters[1].weight)
  end)
end)

describe("limits", function()
  it("are kept by everybody, whatever the split, as far as they leave room", function()
    for seed = 1, 500 do
      local random, weights = generator(seed), {}
      for i = 1, random(4) + 1 do weights[i] = random(100) end
      local made, most, sum = route(weights), {}, 0
      for _, entry in ipairs(made.clusters) do
        most[entry] = random(100) / 100
        sum = sum + most[entry]
      end
      shares.limit(made, walk.services(made)[1], most)
      for i, part in ipairs(parts(made)) do
        assert.is_true(sum < 1 or part <= most[made.clusters[i]] + 1e-3,
          ("seed %d: %d has %.3f, at most %.3f"):format(seed, i, part, most[made.clusters[i]]))
      end
    end
  end)

  it("are noticed only where they bind", function()
    local made = route({ 50, 50 })
    local group = walk.services(made)[1]
    assert.is_nil(shares.limit(made, group, { [made.clusters[1]] = 0.5 }))
    assert.is_true(shares.limit(made, group, { [made.clusters[1]] = 0.4 })[made.clusters[1]])
  end)
end)
