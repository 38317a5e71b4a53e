-- Why Envoy refused files. A running Envoy tells it to its log, which is not ours to read, so that
-- it is asked in two other ways: what its admin interface remembers of listeners, and what a
-- second process says of the whole generation, folded into one bootstrap (`--mode validate`).

local bootstrap = require("nightjar.agent.bootstrap")
local fold = require("nightjar.agent.fold")
local json = require("host.json")

local reason = {}

-- What Envoy remembers of refused listeners: ports that are taken, above all.
local function of_listeners(refused, envoy)
  for _, one in ipairs(refused) do
    if one.step == "listeners" then
      local list, texts = envoy and envoy:refused_listeners() or {}, {}
      for i, listener in ipairs(list) do
        local what = listener.name and "listener " .. listener.name or "listeners"
        texts[i] = ("%s: %s"):format(what, listener.reason:gsub("%s+", " "))
      end
      return texts[1] and table.concat(texts, "; ")
    end
  end
end

-- Envoy counts what it was given from 0; a person wants the name.
local function with_names(why, whole)
  for kind, list in pairs { Clusters = "clusters", Listeners = "listeners" } do
    why = why:gsub(kind .. "%[(%d+)%]", function(index)
      local one = whole.static_resources[list][math.tointeger(tonumber(index)) + 1]
      return type(one) == "table" and one.name and ("%s %s"):format(list:sub(1, -2), one.name)
    end)
  end
  return why
end

-- What another Envoy says of these files: `true` if it finds nothing wrong.
local function of_files(files, settings)
  local whole, err = fold.run(files, settings)
  if not whole then
    return nil, err
  end
  local text
  text, err = json.encode(whole)
  if not text then
    return nil, err
  end
  local warnings, why, code = bootstrap.judge(text, "folded.json", settings)
  if warnings then
    return true
  end
  return nil, code == "refused" and with_names(why, whole) or nil
end

---Why Envoy refused files of a generation. Takes as long as `--mode validate` does.
---@param refused { path: string, step: string }[]
---@param files { path: string, content: string }[] the whole generation
---@param envoy table? its admin interface
---@param settings table `envoy_bin` ("" for none), `config_dir`, `state_dir`,
---  `envoy_configuration_file`, `environment`
---@return string reason
---@return boolean outside Envoy finds nothing wrong in the files: what is wrong lies outside of
---  them, and may pass
function reason.of(refused, files, envoy, settings)
  local told = of_listeners(refused, envoy)
  local fine, why
  if settings.envoy_bin ~= "" then
    fine, why = of_files(files, settings)
  end
  if told then
    return told, fine or false
  end
  return why or "its log says why (`Filesystem config update …`)", fine or false
end

return reason
