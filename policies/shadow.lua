-- A second list of policies beside the first: what it would make of the same
-- mesh is reported (`event=shadow` in the log), and the first is published.
--
-- It changes nothing itself: nightjar plans the second list in a process of its
-- own, so that an error or an endless loop there costs the first list nothing.
-- `init.lua` may name the list too, in its field `shadow`.

local example = require("lib.example")

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  return mesh
end

return {
  about = "A second list of policies is planned beside the first, and the difference is reported.",
  attributes = {},
  settings = {
    list = { type = "strings", default = {}, about = "the names of the second list, in order" },
  },
  apply = apply,
  examples = {
    { about = "the mesh stays as the first list made it", given = example.shop(90, 10),
      settings = { list = { "audience", "weights" } }, expect = example.weights(90, 10) },
    { about = "with an empty list too", given = example.shop(90, 10),
      expect = example.weights(90, 10) },
    { about = "and without any endpoint", given = example.shop(90, 10, { endpoints = {} }),
      settings = { list = { "weights" } }, expect = example.weights(90, 10) },
  },
}
