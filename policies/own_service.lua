-- A sidecar does not route to the service that it stands beside: the private
-- listener carries no color of it. In a gateway there is no own service, and a
-- public listener shows every service of its mesh.

local function without(route, service)
  local kept = {}
  for _, entry in ipairs(route.clusters) do
    if entry.service ~= service then kept[#kept + 1] = entry end
  end
  return kept
end

-- Why the plan lacks what is taken out; `nightjar explain` shows it.
local function note(listener, route)
  table.insert(listener.removed, { path = route.path, because = "unseen",
    why = { "it is the own service" } })
end

local function cut(listener, service)
  local routes = {}
  for _, route in ipairs(listener.routes) do
    local clusters = without(route, service)
    if #clusters < #route.clusters then note(listener, route) end
    route.clusters = clusters
    if #clusters > 0 then routes[#routes + 1] = route end
  end
  listener.routes = routes
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  if not mesh.member then return mesh end
  for _, listener in ipairs(mesh.listeners) do
    if listener.audience == "private" then cut(listener, mesh.member.service) end
  end
  return mesh
end

local function both()
  return { { path = "/web", clusters = { { cluster = "web-blue", service = "web" },
    { cluster = "web-green", service = "web" } } },
    { path = "/cart", clusters = { { cluster = "cart", service = "cart" } } } }
end

return {
  about = "The private listener carries no color of the service that the sidecar stands beside.",
  apply = apply,
  examples = {
    {
      about = "every color of the own service leaves the private listener",
      given = { member = { service = "web" }, listeners = { { routes = both() } } },
      expect = { listeners = { {
        routes = { { path = "/cart" } },
        removed = { { path = "/web", cluster = "web-blue" }, { path = "/web",
          cluster = "web-green" } },
      } } },
    },
    {
      about = "a public listener shows the own service like any other",
      given = { member = { service = "web" },
        listeners = { { audience = "public", routes = both() } } },
      expect = { listeners = { { routes = { { path = "/web" }, { path = "/cart" } } } } },
    },
    {
      about = "a gateway has no own service",
      given = { listeners = { { routes = both() } } },
      expect = { listeners = { { routes = { { path = "/web" }, { path = "/cart" } } } } },
    },
    {
      about = "another service on the same path keeps it",
      given = { member = { service = "web" }, listeners = { { routes = { { path = "/",
        clusters = { { cluster = "web-blue", service = "web" },
          { cluster = "cart", service = "cart" } } } } } } },
      expect = { listeners = { { routes = { { path = "/", clusters = { { cluster = "cart" } } } },
        removed = { { cluster = "web-blue", why = {
          "own_service: removed (it is the own service)" } } } } } },
    },
  },
}
