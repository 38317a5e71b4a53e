-- `nightjar version`: says which version this is.

local output = require "nightjar.cli.output"

local function run()
  output.write("nightjar ", require("host.program").version, "\n")
  return 0
end

return {
  about = "print the version",
  usage = "nightjar version",
  bare = true,
  run = run,
}
