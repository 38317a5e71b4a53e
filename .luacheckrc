-- What luacheck may take for granted in each part of the tree.
std = "lua54"
max_line_length = 100
codes = true

files["spec/**/*.lua"] = { std = "+busted" }
files["policies/"] = {
  -- Policies see the sandbox's words only (lua/nightjar/plan/sandbox.lua).
  std = {
    read_globals = {
      "assert", "error", "ipairs", "next", "pairs", "pcall", "require",
      "select", "tonumber", "tostring", "type", "xpcall", "setmetatable",
      "getmetatable", "rawequal", "rawget", "rawlen", "rawset",
      "math", "string", "table", "utf8",
    },
  },
}
-- Signatures without bodies.
files["policies/meta/"] = { std = "lua54", globals = { "math", "string", "table", "utf8" },
  ignore = { "111", "121", "122", "131", "142", "143", "212", "241",
    "631" } } -- a type is one line
files["lua/meta/"] = { ignore = { "212", "241" } }
exclude_files = { "build/" }
