---@meta host.json
-- JSON (RFC 8259), written in host/bind/json.c. Both programs have it.

---@class host.json
---@field null userdata the value of JSON's `null`; the same as `yaml.null`
local json = {}

---@class host.json.decode_options
---@field max_depth? integer arrays and objects within each other; 1 to 1000, default 64
---@field max_bytes? integer length of the text; default 64 MiB
---@field max_nodes? integer values of the result; without a limit if nil

---@class host.json.encode_options
---@field indent? integer blanks for each level, 0 to 16; default 0, all on one line
---@field line_end? boolean a line end behind the whole; default false
---@field max_depth? integer tables within each other; 1 to 1000, default 64
---@field max_bytes? integer length of the result; default 64 MiB

---Reads one JSON value. A number that is whole and at most 2^53 in size becomes an integer, in
---whatever way it is written; arrays are marked (see `array`); NUL in strings is kept. Duplicate
---keys, text behind the value and invalid UTF-8 are errors. An error begins with "line L, column
---C", or with the path ("services[3].port") where it is about a value; its code is "syntax",
---"limit", "value" or "ENOMEM".
---@param text string
---@param options? host.json.decode_options
---@return any value
---@return string? err
---@return string? code
function json.decode(text, options) end

---What the text says, in 16 bytes: equal for two texts that hold the same values, in whatever order
---their keys, and the elements of their lists, stand. It tells whether an answer says anything new
---without making a value of it. It is no protection against anybody. Duplicate keys go unnoticed;
---all else that `decode` refuses is refused.
---@param text string
---@param options? host.json.decode_options
---@param known? string the fingerprint of a text that passed with these options: where this text
--- says the same, that is found out in half the time
---@return string? fingerprint
---@return string? err as of `decode`
---@return string? code
function json.fingerprint(text, options, known) end

---Writes a value as JSON: keys sorted bytewise, so that equal values are equal bytes; whole
---numbers without a fraction, others with as few digits as read back to the same number. A table
---is an array when it is marked or holds 1, 2, 3 …, an object when its keys are strings, and `{}`
---when it is empty and not marked. Metatables are not looked at. What cannot be JSON (a function,
---not-a-number, invalid UTF-8, a table that contains itself, string keys beside list items) is an
---error that begins with its path.
---@param value any
---@param options? host.json.encode_options
---@return string? text
---@return string? err
---@return string? code
function json.encode(value, options) end

---A value that `encode` writes as the text that it writes for this one now: what stands in several
---documents need be walked through for the first alone. It is written without blanks, whatever
---stands around it, and its depth is counted from itself.
---@param value any
---@return userdata? written nothing else can be done with it
---@return string? err as of `encode` without options
---@return string? code
function json.written(value) end

---Marks a table as an array, so that it is `[]` when empty, and returns it. A table with another
---metatable is raised about. YAML gives and takes the same mark.
---@generic T: table
---@param t T
---@return T
function json.array(t) end

---Is this a marked table, or a sequence that is not empty and has no other key?
---@param value any
---@return boolean
function json.is_array(value) end

---A fingerprint of the text: FNV-1a, 64 bits, as 16 hexadecimal digits. It tells versions apart;
---it is no protection against anybody.
---@param text string
---@return string
function json.hash(text) end

return json
