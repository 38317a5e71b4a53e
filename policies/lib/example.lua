-- Small meshes for the examples of policies: one service, two colors.

local example = {}

local function cluster(color, fields)
  local result = { name = color, service = "shop", color = color, endpoints = { {} } }
  for name, value in pairs(fields or {}) do result[name] = value end
  return result
end

---The service `shop` on `/shop`, in blue and green.
---@param blue integer weight
---@param green integer weight
---@param of_green? table fields of green's cluster: `{ attributes = …, endpoints = … }`
---@param of_blue? table
---@return table given
function example.shop(blue, green, of_green, of_blue)
  return {
    listeners = { { routes = { { path = "/shop", clusters = {
      { cluster = "blue", service = "shop", color = "blue", weight = blue },
      { cluster = "green", service = "shop", color = "green", weight = green } } } } } },
    clusters = { cluster("blue", of_blue), cluster("green", of_green) },
  }
end

---The one listener's routes.
---@param ... table
---@return table expect
function example.routes(...)
  return { listeners = { { routes = { ... } } } }
end

---A route that is shared like this, and nothing else.
---@param blue integer weight
---@param green integer weight
---@return table expect
function example.weights(blue, green)
  return example.routes({ clusters = { { color = "blue", weight = blue },
    { color = "green", weight = green } } })
end

---What is expected, and a warning of a bad attribute.
---@param expect table
---@param attribute string
---@return table expect
function example.warned(expect, attribute)
  expect.warnings = { { code = "bad_attribute", attribute = attribute } }
  return expect
end

---So many endpoints.
---@param healthy integer
---@param unhealthy? integer
---@return table[]
function example.endpoints(healthy, unhealthy)
  local list = {}
  for i = 1, healthy + (unhealthy or 0) do
    list[i] = { health = i <= healthy and "healthy" or "unhealthy" }
  end
  return list
end

return example
