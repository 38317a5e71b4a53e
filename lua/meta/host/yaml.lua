---@meta host.yaml
-- YAML 1.2 (a safe subset), written in host/bind/yaml.c over libyaml. Both programs have it.

---@class host.yaml
---@field null userdata the same as `json.null`
local yaml = {}

---@class host.yaml.decode_options
---@field max_depth? integer lists and mappings within each other; 1 to 1000, default 64
---@field max_bytes? integer length of the text; default 16 MiB
---@field max_aliases? integer how often aliases may be used; default 100
---@field max_nodes? integer values of the result, each copy for an alias counted; default 1,000,000

---Reads one YAML document; an empty one is `null`. Plain scalars have the types of the core
---schema (YAML 1.2.2, 10.3.2): `yes` and `2001-12-14` are strings, `0777` is 777. Integers of 64
---bits stay integers. Keys are the scalars as they are written. Lists are marked as `json.array`
---does. Each alias becomes a copy of its own.
---Errors: broken text, a second document, duplicate keys, keys that are no scalars, merge keys
---(`<<`), tags other than `!!str !!int !!float !!bool !!null !!map !!seq`, a passed limit. The
---message begins with "line L, column C", or with "byte N" where the text is no UTF-8; the code is
---"syntax", "limit" or "ENOMEM".
---@param text string
---@param options? host.yaml.decode_options
---@return any value
---@return string? err
---@return string? code
function yaml.decode(text, options) end

---Writes a set of Envoy's resources, given as YAML, as JSON with two blanks for each level and a
---line end: what `json.encode` makes of what `yaml.decode` reads, without the tables between the
---two. It gets the member `version_info`, the hash of the JSON without it.
---Returns nothing for what is no plain set (no list `resources` of mappings; a `version_info` of
---its own; a wrapped resource; a name that is no string; a key that ends in `ds_config` or
---`config_source`; an anchor, alias or tag; more than 64 keys in a mapping) and for broken text:
---then `yaml.decode` tells.
---@param text string
---@return string? json
---@return string? version
---@return { ["@type"]: string?, name: string?, cluster_name: string? }[]? resources a marked list
function yaml.set_to_json(text) end

return yaml
