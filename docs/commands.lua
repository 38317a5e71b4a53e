-- The commands' own tables, for a plain Lua: docs/man.lua and `make install` read them where the
-- built program may be for another machine.

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path

-- What a command has of the host it uses only when it runs.
table.insert(package.searchers, function(name)
  return name:match("^host%.") and function() return {} end or nil
end)

return require "nightjar.cli.main"
