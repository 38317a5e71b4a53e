---@meta host.shape
-- Whether plain data has a shape, written in host/bind/shape.c: the quick half of
-- nightjar.plan.schema. Both programs have it.

---@class host.shape
local shape = {}

---@class host.shape.shape
local Shape = {}

---@class host.shape.part
---@field name string of a field
---@field shape host.shape.shape
---@field optional? boolean

---@class host.shape.options
---@field min? integer of an integer
---@field max? integer of an integer; bytes of a string, name or a map's key; elements of a list
---@field of? host.shape.shape of a list's elements or a map's values, which are no tables
---@field parts? (host.shape.part|string)[] fields of a record, or words; at most 64

---Makes a shape. The options belong to it from then on. A `path` is one of a route, as
---plan/path_key.lua writes it, of letters, digits, `_`, `-` and `~` alone; a `label` is a letter or
---digit, then these, `.`, `_` and `-`.
---@param kind "boolean"|"integer"|"name"|"string"|"path"|"label"|"one_of"|"list"|"map"|"record"
---@param options host.shape.options
---@return host.shape.shape
function shape.new(kind, options) end

---Whether a value has the shape, no table in it a metatable, every name in it is ASCII, and no
---table stands in it twice. False may mean that all is well but for one of these, or that there is
---too little memory to tell.
---@param value any
---@return boolean
function Shape:fits(value) end

---Whether a value has the shape, no table in it a metatable and every name in it is ASCII: false
---may mean that it has the shape, with a name or path of other characters. If true, each table of
---it is noted in `seen`, and one that was there before is replaced by a copy in the table that
---holds it. The value itself is not looked for.
---@param value any
---@param seen table<table, true>
---@return boolean
function Shape:take(value, seen) end

return shape
