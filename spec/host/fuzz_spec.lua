-- The corpora of spec/fuzz/: each input goes to its target once, without libFuzzer. Targets in Lua
-- run in this program, those in C in one of their own, under the sanitizers.

local cli = require("spec.support.cli")
local script = require("spec.support.script")
local target = require("spec.fuzz.target")

local HOST = { "buf", "canonical", "error", "jsonprint", "jsontext", "pool", "sigv4_url",
  "textshape", "token" }
local BUILD = "cc -std=c11 -D_GNU_SOURCE -Ihost -g -fsanitize=address,undefined"
  .. " -fno-sanitize-recover=all -o %s/replay spec/fuzz/replay.c spec/fuzz/input.c"
  .. " spec/fuzz/targets/%s.c host/" .. table.concat(HOST, ".c host/") .. ".c"

local function lines(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- Names of targets by the language that they are written in.
local function targets(extension)
  return lines(("LC_ALL=C ls spec/fuzz/targets | sed -n 's/[.]%s$//p'"):format(extension))
end

local function corpus(name)
  return lines("LC_ALL=C ls -d spec/fuzz/corpus/" .. name .. "/*")
end

describe("fuzzing", function()
  it("has a corpus for each target, and a target for each corpus", function()
    local names = targets("c")
    table.move(targets("lua"), 1, #targets("lua"), #names + 1, names)
    table.sort(names)
    assert.same(lines("LC_ALL=C ls spec/fuzz/corpus"), names)
    for _, name in ipairs(names) do
      assert.is_true(#corpus(name) >= 5, name .. " has a corpus of fewer than 5 inputs")
    end
  end)

  for _, name in ipairs(targets("lua")) do
    it("finds nothing in the corpus of " .. name, function()
      for _, path in ipairs(corpus(name)) do
        local ok, err = pcall(target.run, name, cli.read(path))
        assert.is_true(ok, path .. ": " .. tostring(err))
      end
    end)
  end

  for _, name in ipairs(targets("c")) do
    it("finds nothing in the corpus of " .. name .. ", which is in C", function()
      local folder = script.folder()
      finally(function() script.discard(folder) end)
      assert(os.execute(BUILD:format(folder, name)))
      local inputs = corpus(name)
      local told = lines(("env -u LD_PRELOAD %s/replay '%s' 2>&1"):format(folder,
        table.concat(inputs, "' '")))
      assert.equal(#inputs .. " inputs", table.concat(told, "\n"))
    end)
  end
end)
