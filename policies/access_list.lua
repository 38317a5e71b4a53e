-- Which meshes may see a path. A service names them in ACCESS, or in
-- `ACCESS:/path` for one path; its own mesh always sees it. A container looks
-- from the mesh of its own service; a gateway looks from nowhere, which is
-- written "gateway".
--
-- This keeps routes out of the containers of other meshes. Who can reach an
-- endpoint's address can still call it: security groups keep them out of there.

local attributes = require("lib.attributes")
local parse = require("lib.parse")
local walk = require("lib.walk")

local MESHES = {
  expected = 'names of meshes, "gateway", "*" for all or "none"',
  read = function(value)
    local meshes = {}
    for _, name in ipairs(parse.names.read(value)) do meshes[name] = true end
    return next(meshes) and meshes or nil
  end,
}

local function read_default(settings)
  local meshes = {}
  for _, name in ipairs(settings.default) do meshes[name] = true end
  return #settings.default > 0 and meshes or nil
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local allowed, default = attributes.collect_paths(mesh, "ACCESS", MESHES), read_default(settings)
  local viewer = mesh.member and mesh.member.mesh or "gateway"
  walk.remove(mesh, function(listener, route, entry)
    if listener.mesh == viewer then return nil end
    local meshes = allowed(entry.cluster, route.path) or default
    if meshes and not meshes[viewer] and not meshes["*"] then
      return ("ACCESS of %s does not name %s"):format(entry.cluster, viewer)
    end
  end)
  return mesh
end

local function look(viewer, access, listener_mesh)
  return {
    member = viewer and { mesh = viewer, service = "me" } or nil,
    listeners = { { mesh = listener_mesh or "shop.local", audience = "public", routes = {
      { path = "/shop", clusters = { { cluster = "shop" } } },
      { path = "/admin", clusters = { { cluster = "shop" } } } } } },
    clusters = { { name = "shop", attributes = access, endpoints = { {} } } },
  }
end

local function sees(...)
  local routes = {}
  for i, path in ipairs({ ... }) do routes[i] = { path = path } end
  return { listeners = { { routes = routes } } }
end

return {
  about = "A path is seen only by the meshes that its service names.",
  attributes = {
    ACCESS = { path = true, about = "the meshes that may see this service: a.local, gateway, *" },
  },
  settings = {
    default = { type = "strings", default = {}, about = "ACCESS of services that name none" },
  },
  apply = apply,
  examples = {
    { about = "a mesh that is named sees it", given = look("a.local", { ACCESS = "a.local" }),
      expect = sees("/shop", "/admin") },
    { about = "another does not", given = look("b.local", { ACCESS = "a.local" }),
      expect = sees() },
    { about = "one path may be for fewer", given = look("a.local", { ["ACCESS:/admin"] = "none" }),
      expect = sees("/shop") },
    { about = "or for more", given = look("a.local", { ACCESS = "none", ["ACCESS:/shop"] = "*" }),
      expect = sees("/shop") },
    { about = "a gateway is named like a mesh", given = look(nil, { ACCESS = "gateway" }),
      expect = sees("/shop", "/admin") },
    { about = "the own mesh always sees it",
      given = look("shop.local", { ACCESS = "none" }), expect = sees("/shop", "/admin") },
    { about = "the settings speak for services that say nothing",
      settings = { default = { "a.local" } }, given = look("b.local", {}), expect = sees() },
    { about = "without a word everybody sees it", given = look("b.local", {}),
      expect = sees("/shop", "/admin") },
  },
}
