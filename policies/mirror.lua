-- Shadow traffic: a color gets a copy of some requests. Its answers are thrown
-- away, so it may be new, slow or wrong. It must have a key for the path (with
-- weight 0, as a rule): that is what says who may see it.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local walk = require("lib.walk")

-- Envoy counts in millionths; what is less than one is nothing.
local LEAST = 0.0001

local MOST = 4 -- mirrors of one route

-- The colors of a path, as its plain route has them.
local function colors_by_path(listener)
  local colors = {}
  for _, route in ipairs(listener.routes) do
    if not route.match then colors[route.path] = route.clusters end
  end
  return colors
end

-- The mirrors of a route. Those who are sent to a color by a cookie or a header
-- are copied as well. What goes to one color alone needs no copy there.
local function mirrors_of(route, colors, parts, clusters)
  local mirrors = route.mirrors or {}
  local only = #route.clusters == 1 and route.clusters[1].cluster
  for _, entry in ipairs(colors) do
    -- Without the noise of binary fractions: 28, not 28.000000000000004.
    local percent = math.floor((parts[entry.cluster] or 0) * 1e6 + 0.5) / 1e4
    if percent >= LEAST and #mirrors < MOST and entry.cluster ~= only
      and walk.usable(clusters[entry.cluster]) > 0 then
      mirrors[#mirrors + 1] = { cluster = entry.cluster, percent = percent }
      table.insert(route.why, ("%.4g %% of the requests are copied to color %s"):format(percent,
        entry.color))
    end
  end
  return #mirrors > 0 and mirrors or nil
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  local parts, clusters = attributes.collect(mesh, "MIRROR", parse.percent), walk.clusters(mesh)
  for _, listener in ipairs(mesh.listeners) do
    local colors = colors_by_path(listener)
    for _, route in ipairs(listener.routes) do
      route.mirrors = mirrors_of(route, colors[route.path] or {}, parts, clusters)
    end
  end
  return mesh
end

local function shop(percent, endpoints)
  return example.shop(100, 0, { attributes = { MIRROR = percent }, endpoints = endpoints })
end

return {
  about = "A color gets a copy of MIRROR percent of the requests; its answers are thrown away.",
  attributes = { MIRROR = { about = "percentage of the requests that this color gets a copy of" } },
  apply = apply,
  examples = {
    { about = "a tenth of the requests is copied", given = shop("10", { {} }),
      expect = example.routes({ mirrors = { { cluster = "green", percent = 10.0 } },
        clusters = { { weight = 100 }, { weight = 0 } } }) },
    { about = "nothing is copied to nobody", given = shop("10", {}),
      expect = example.routes({ why = {} }) },
    { about = "a bad percentage is warned of", given = shop("some", { {} }),
      expect = example.warned(example.routes({ why = {} }), "MIRROR") },
  },
}
