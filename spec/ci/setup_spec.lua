-- `.ci/setup` takes no target for its folder, and no other word for a target.

local cli = require("spec.support.cli")
local file = require("host.file")

describe(".ci/setup", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  it("without a folder, or with a target that is none, does nothing", function()
    for _, words in ipairs { "run", "test", "images", "bench", "fuzz", "run bench",
      "build bnech" } do
      local pipe = assert(io.popen(("root=$PWD; cd %s && \"$root\"/.ci/setup %s 2>&1; echo $?")
        :format(folder, words)))
      local said = pipe:read("a")
      pipe:close()
      assert.matches("usage: .ci/setup BUILD_FOLDER (build|run|", said, 1, true)
      assert.matches("\n2\n$", said)
      assert.same({}, assert(file.list(folder)))
    end
  end)
end)
