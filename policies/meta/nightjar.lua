---@meta
-- What a policy returns, what it gets, and every word that it may use: for editors with LuaLS,
-- which `policies/.luarc.json` tells to look here. nightjar never runs this file. So a policy ends:
--
--   ---@type nightjar.Policy
--   return { about = "…", apply = function(mesh, settings, now, previous) … end }

---@alias nightjar.Audience "private"|"public"
---@alias nightjar.Condition nightjar.HeaderCondition|nightjar.CookieCondition
---@alias nightjar.Hash nightjar.HeaderHash|nightjar.CookieHash
---@alias nightjar.Settings table<string, any> what the configuration says, over the defaults

---`now` is in seconds since 1970.
---@alias nightjar.Apply fun(mesh: nightjar.Mesh, settings: nightjar.Settings, now: integer, previous?: nightjar.Previous): nightjar.Mesh

---What a policy file returns.
---@class nightjar.Policy
---@field about string one sentence: what the policy is for
---@field apply nightjar.Apply
---@field settings? table<string, nightjar.Setting> what can be configured
---@field attributes? table<string, nightjar.Attribute> it rests while no service carries one
---@field examples? nightjar.Example[] tests, run by `nightjar check`

---@class nightjar.Setting
---@field type "integer"|"number"|"boolean"|"string"|"strings"
---@field default? any
---@field about? string
---@field min? number
---@field max? number
---@field values? string[] the only ones

---@class nightjar.Attribute
---@field about string
---@field path? boolean also as `KEY:/path`

---@class nightjar.Example
---@field about? string
---@field given table as much of a mesh as the example is about
---@field expect table what must be in what comes out
---@field settings? nightjar.Settings
---@field now? integer seconds since 1970; 0 by default
---@field previous? table as much of what is in force as the example is about

---@class nightjar.Mesh
---@field member? nightjar.Member what the sidecar stands beside; absent in a gateway
---@field zone? string the availability zone of this container
---@field listeners nightjar.Listener[]
---@field clusters nightjar.Cluster[]
---@field warnings? nightjar.Warning[] empty at first: yours

---What is in force: the last plan that Envoy accepted. Its reasons are empty.
---@class nightjar.Previous
---@field listeners nightjar.Listener[]
---@field clusters nightjar.Cluster[]

---@class nightjar.Member
---@field mesh string
---@field service string
---@field color string
---@field cloudmap_service string

---@class nightjar.Listener
---@field name string
---@field mesh string
---@field port integer
---@field audience nightjar.Audience whom it serves
---@field routes nightjar.Route[] longest path first
---@field removed? nightjar.Removed[] append what you take out, with the reason

---@class nightjar.Route
---@field path string "/": every path
---@field match? nightjar.Condition[] all of them must hold
---@field service string
---@field audience nightjar.Audience
---@field clusters nightjar.Entry[]
---@field hash? nightjar.Hash[] what keeps a client on its color
---@field mirrors? nightjar.Mirror[]
---@field timeout? number seconds; 0: none
---@field idle_timeout? number seconds; 0: none
---@field retries? nightjar.Retries
---@field why string[] append your reason

---@class nightjar.Entry
---@field cluster string
---@field service string
---@field color string
---@field weight integer 0..65535
---@field audience nightjar.Audience of its key
---@field cookie? nightjar.Cookie that answers from this cluster set
---@field why string[] append your reason

---@class nightjar.Removed
---@field path string
---@field match? nightjar.Condition[]
---@field cluster? string absent: the whole route
---@field service? string
---@field color? string
---@field weight? integer
---@field audience? nightjar.Audience
---@field because? string a short word for policies that look at `previous`; "unseen": this
---  listener never shows it, so that its service need not be read often
---@field why string[]

---@class nightjar.HeaderCondition
---@field header string in lower case
---@field values? string[] one of these exactly; absent: it is present
---@field invert? boolean

---@class nightjar.CookieCondition
---@field cookie string
---@field values? string[] one of these exactly; absent: it is present
---@field invert? boolean

---@class nightjar.HeaderHash
---@field header string in lower case

---@class nightjar.CookieHash
---@field cookie string
---@field ttl integer seconds; 0: until the browser is closed
---@field path? string

---@class nightjar.Mirror
---@field cluster string
---@field percent number above 0, up to 100

---@class nightjar.Retries
---@field on string[] words of Envoy's retry_on
---@field count integer 0..10
---@field per_try_timeout? number seconds

---@class nightjar.Cookie
---@field name string
---@field value string
---@field ttl integer seconds; 0: until the browser is closed

---One service-color.
---@class nightjar.Cluster
---@field name string
---@field mesh string
---@field service string
---@field color string
---@field cloudmap_service string
---@field http2 boolean
---@field attributes table<string, string> as they are in Cloud Map
---@field since table<string, integer> when the present value of an attribute was first seen
---@field age integer seconds since its data was read
---@field stale boolean the last reading failed, older data stands in
---@field linger? boolean it is gone, and kept until no route names it
---@field endpoints nightjar.Endpoint[]

---@class nightjar.Endpoint
---@field id string
---@field address string
---@field family "ipv4"|"ipv6"|"host"
---@field port integer
---@field zone? string
---@field health "healthy"|"unhealthy"|"unknown"
---@field priority? integer 0..127; 0, which is first, by default
---@field since integer when it appeared
---@field health_since? integer when its health changed
---@field gone_since? integer a policy keeps it though discovery no longer has it
---@field lent_by? string the cluster that it comes from
---@field attributes table<string, string>

---@class nightjar.Warning
---@field code string a short word
---@field message string one sentence
---@field mesh? string
---@field service? string
---@field path? string
---@field listener? string
---@field attribute? string
---@field instance? string

-- The menu. Not there, and why: `os io debug` and `print` (the world), `load` and its kin,
-- `coroutine` (each counts instructions for itself), `collectgarbage`, `math.random`.

---A file of policies/lib: `require("lib.names")`.
---@param name string
---@return any
function require(name) end

---@generic T
---@param value? T
---@param message? any
---@return T
function assert(value, message, ...) end

---@param message any
---@param level? integer
function error(message, level) end

---@generic T: table, V
---@param list T
---@return fun(list: V[], i?: integer): integer, V
---@return T
---@return integer
function ipairs(list) end

---The next key in key order. Each call looks at all keys: to walk, use `pairs`.
---@param t table
---@param key? any
function next(t, key) end

---In key order: numbers, strings, booleans. Other keys are an error.
---@generic T: table, K, V
---@param t T
---@return fun(t: table<K, V>, key?: K): K, V
---@return T
function pairs(t) end

---@param f function
---@return boolean ok
---@return any ...
function pcall(f, ...) end

---@param f function
---@param handler function
---@return boolean ok
---@return any ...
function xpcall(f, handler, ...) end

---@return boolean
function rawequal(a, b) end
---@param t table
function rawget(t, key) end
---@return integer
function rawlen(value) end
---@param t table
function rawset(t, key, value) end
---@param n integer|"#"
---@return any ...
function select(n, ...) end
---@return number?
function tonumber(value, base) end
---Tables and functions show as their type: addresses differ from run to run.
---@return string
function tostring(value) end
---@return "nil"|"number"|"string"|"boolean"|"table"|"function"
function type(value) end
---Without `__gc` and `__mode`; what is returned to nightjar must have none at all.
---@param t table
---@param meta? table
---@return table
function setmetatable(t, meta) end
---Of tables only.
---@return table?
function getmetatable(value) end

math = { huge = 0.0, pi = 3.14, maxinteger = 0, mininteger = 0 }
---@return number
function math.abs(x) end
---@return integer
function math.ceil(x) end
---@return number
function math.exp(x) end
---@return integer
function math.floor(x) end
---@return number
function math.fmod(x, y) end
---@return number
function math.log(x, base) end
---@return number
function math.max(x, ...) end
---@return number
function math.min(x, ...) end
---@return number whole
---@return number part
function math.modf(x) end
---@return number
function math.sqrt(x) end
---@return integer?
function math.tointeger(x) end
---@return "integer"|"float"|nil
function math.type(x) end
---@return boolean
function math.ult(m, n) end

---@class stringlib
string = {}
---@return integer ...
function string.byte(s, i, j) end
---@return string
function string.char(...) end
---@return integer? first
---@return integer? last
---@return any ... captures
function string.find(s, pattern, init, plain) end
---Without `%p`; `%s` shows tables and functions as their type.
---@return string
function string.format(pattern, ...) end
---@return fun(): string, ...
function string.gmatch(s, pattern, init) end
---@return string
---@return integer count
function string.gsub(s, pattern, replacement, n) end
---@return integer
function string.len(s) end
---@return string
function string.lower(s) end
---@return any ... captures
function string.match(s, pattern, init) end
---@return string
function string.rep(s, n, separator) end
---@return string
function string.reverse(s) end
---@return string
function string.sub(s, i, j) end
---@return string
function string.upper(s) end

table = {}
---@return string
function table.concat(list, separator, i, j) end
function table.insert(list, position, value) end
---@return table
function table.move(from, first, last, at, to) end
---@return table
function table.pack(...) end
function table.remove(list, position) end
---Equals keep their order.
---@param list table
---@param less? fun(a: any, b: any): boolean
function table.sort(list, less) end
---@return any ...
function table.unpack(list, i, j) end

utf8 = { charpattern = "" }
---@return string
function utf8.char(...) end
---@return integer ...
function utf8.codepoint(s, i, j, lax) end
---@return fun(): integer, integer
function utf8.codes(s, lax) end
---@return integer?
---@return integer? position of the first byte that is none
function utf8.len(s, i, j, lax) end
---@return integer?
function utf8.offset(s, n, i) end
