-- Writes docs/settings.md from the settings' own schema; a spec holds the two
-- together. To write it anew:
--   lua5.4 -e 'io.write(dofile("docs/settings.lua"))' > docs/settings.md

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local schema = require "nightjar.settings.schema"

local TOP = [[
# Settings

Each setting is an environment variable, a flag and a key of a YAML file:

    SERVICE_PORT=8081 nightjar run
    nightjar run --service-port 8081          # or --service-port=8081
    nightjar run --config nightjar.yaml       # or NIGHTJAR_CONFIG=nightjar.yaml

```yaml
# nightjar.yaml
service_port: 8081
namespace_0: partners.example
namespace_0_port: 9090
policies:            # settings of policies, by the policy's name
  weights: {}
```

A flag wins over the environment, the environment over the file, the file over the
default. An empty value is as good as none, but for `ENVOY_BIN`. `nightjar config`
prints each value and where it came from; `--json` does so for programs.

A wrong value ends the program before it starts, with status 2 and a message that
names the setting, where it came from and what was expected. So does a flag or a
key that does not exist. A variable that only looks like one of these is named in
a warning. Two listeners on one port, or one namespace given twice, is an error
that names both settings; the ports are `SERVICE_PORT` (but for gateways),
`ENVOY_ADMIN_PORT`, that of `STATUS_ADDRESS`, and `NAMESPACE_x_PORT`.

<!-- The tables are written by docs/settings.lua. -->
## nightjar

]]

local MIDDLE = [[

A switch is off for `0`, `false`, `no` or nothing, and on for all else; as a flag it
needs no value (`--exit-on-generation-failure`, `--no-exit-on-generation-failure`).
Seconds may have a fraction. `ENVOY_CONFIGURATION_FILE` takes the name of the
template too (`x.yaml.mustache` is read as `x.yaml`).

`SERVICE_MEMBER` is required for `DISCOVERY=cloudmap`. For `DISCOVERY=file` it is
the name of a service in the mesh file; without it the file's `member` is taken,
and without that too the agent is a gateway.

## AWS

As in every AWS SDK. What is not listed here, keys and tokens above all, is read
from the environment only and never from a flag or file.

]]

local HEAD = "| variable | default | meaning |\n|---|---|---|\n"

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function default_text(entry)
  if entry.default_text then return entry.default_text end
  if entry.data then return ("the installed `%s`"):format(entry.data) end
  if entry.type == "switch" then return "off" end
  if entry.default == nil then return "none" end
  return ("`%s`"):format(tostring(entry.default))
end

local function limits(entry)
  if entry.words then return " (`" .. table.concat(entry.words, "`, `") .. "`)" end
  if entry.min then
    return (" (%s to %s)"):format(tostring(entry.min), tostring(entry.max))
  end
  return ""
end

local function row(name, entry)
  return ("| %s | %s | %s%s |\n"):format(name, default_text(entry), cell(entry.about),
    cell(limits(entry)))
end

local function names(entry)
  if entry.alias == "CONFIG" then return "`NIGHTJAR_CONFIG` (flag also `--config`)" end
  return "`" .. entry.name .. "`" .. (entry.alias and (" (also `%s`)"):format(entry.alias) or "")
end

local own, aws = { HEAD }, { HEAD }
for _, entry in ipairs(schema.entries) do
  local rows = entry.aws and aws or own
  rows[#rows + 1] = row(names(entry), entry)
  if entry.name == "SERVICE_PORT" then
    rows[#rows + 1] = row(("`NAMESPACE_0` … `NAMESPACE_%d`"):format(schema.LAST_NAMESPACE),
      schema.namespace)
    rows[#rows + 1] = row("`NAMESPACE_x_PORT`", schema.namespace_port)
  end
end
return TOP .. table.concat(own) .. MIDDLE .. table.concat(aws)
