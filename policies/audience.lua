-- Who sees which path. A private path (`?/path`, `[private]/path`) is seen from
-- inside its mesh only; a public listener carries public paths alone. Where one
-- service-color names a path both ways, its private weight counts inside.

local function note(listener, route, entry, reason, because)
  table.insert(listener.removed, { path = route.path, cluster = entry.cluster,
    audience = entry.audience, because = because, why = { reason } })
end

-- The clusters of a route that have a private key for it.
local function private_clusters(route)
  local found = {}
  for _, entry in ipairs(route.clusters) do
    if entry.audience == "private" then found[entry.cluster] = true end
  end
  return found
end

-- Why an entry has no place on this listener, or nil when it has one; and whether it never could
-- have one.
local function reason_against(listener, entry, private)
  if listener.audience == "public" and entry.audience == "private" then
    return "a private path is not seen from outside its mesh", "unseen"
  end
  if listener.audience == "private" and entry.audience == "public" and private[entry.cluster] then
    return "its private key for this path counts inside the mesh"
  end
end

local function cut(listener, route)
  local private, kept = private_clusters(route), {}
  route.audience = "private"
  for _, entry in ipairs(route.clusters) do
    local reason, because = reason_against(listener, entry, private)
    if reason then
      note(listener, route, entry, reason, because)
    else
      kept[#kept + 1] = entry
      if entry.audience == "public" then route.audience = "public" end
    end
  end
  route.clusters = kept
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  for _, listener in ipairs(mesh.listeners) do
    local routes = {}
    for _, route in ipairs(listener.routes) do
      cut(listener, route)
      if #route.clusters > 0 then routes[#routes + 1] = route end
    end
    listener.routes = routes
  end
  return mesh
end

local function routes()
  return {
    { path = "/shop", clusters = { { cluster = "shop", audience = "public" } } },
    { path = "/stock", audience = "private",
      clusters = { { cluster = "stock", audience = "private" } } },
  }
end

return {
  about = "A public listener carries public paths only, a private one carries both.",
  apply = apply,
  examples = {
    {
      about = "the own mesh sees public and private paths",
      given = { listeners = { { audience = "private", routes = routes() } } },
      expect = { listeners = { { routes = { { path = "/shop" }, { path = "/stock" } },
        removed = {} } } },
    },
    {
      about = "no private path is seen from outside",
      given = { listeners = { { audience = "public", routes = routes() } } },
      expect = { listeners = { { routes = { { path = "/shop" } },
        removed = { { path = "/stock", cluster = "stock", audience = "private" } } } } },
    },
    {
      about = "a color that is private on a public path stays inside",
      given = { listeners = { { audience = "public", routes = { { path = "/shop", clusters = {
        { cluster = "blue", weight = 90, audience = "public" },
        { cluster = "green", weight = 10, audience = "private" } } } } } } },
      expect = { listeners = { { routes = { { path = "/shop", audience = "public",
        clusters = { { cluster = "blue", weight = 90 } } } } } } },
    },
    {
      about = "inside, the private weight of a path counts, not the public one",
      given = { listeners = { { audience = "private", routes = { { path = "/shop", clusters = {
        { cluster = "blue", weight = 90, audience = "public" },
        { cluster = "blue", weight = 5, audience = "private" } } } } } } },
      expect = { listeners = { { routes = { { path = "/shop", audience = "private",
        clusters = { { cluster = "blue", weight = 5, audience = "private" } } } } } } },
    },
  },
}
