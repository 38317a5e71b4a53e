-- Meshes one after the other, for specs in which a pass is to have much to do: each changes
-- clusters, routes and weights to what they were in none before.

local file = require("host.file")
local service = require("spec.support.sidecar").service

local turn = {}

---A port that only this mesh has. Below those that spec/support/ports.py gives: an endpoint at
---Envoy's admin interface, say, would be left out.
---@param number integer of the mesh
---@return integer
function turn.port(number)
  return 10000 + number
end

---The services of a mesh.
---@param sidecar table with backends `blue` and `green`
---@param number integer of the mesh
---@return table[]
function turn.services(sidecar, number)
  return {
    service("web-blue", { ["/web"] = number }, { sidecar.ports.blue }),
    service("web-green", { ["/web"] = 10 }, { sidecar.ports.green }),
    service("spare-blue", { ["/spare"] = 1 }, { turn.port(number) }),
  }
end

---The part of `cds.json` that only this mesh has.
---@param number integer
---@return string text
function turn.mark(number)
  return '"port_value": ' .. turn.port(number) .. "\n"
end

---Whether the published clusters are those of this mesh.
---@param sidecar table
---@param number integer
---@return boolean
function turn.is_published(sidecar, number)
  local text = file.read(sidecar.folder .. "/cds.json") or ""
  return text:find(turn.mark(number), 1, true) ~= nil
end

return turn
