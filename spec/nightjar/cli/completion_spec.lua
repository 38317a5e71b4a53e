-- What bash, zsh and fish offer with the scripts of `nightjar completion`; asked of these shells.
local cli = require "spec.support.cli"
local main = require "nightjar.cli.main"

local COMMANDS = {
  bash = "bash --norc spec/support/complete.bash %s/nightjar.bash '%s'",
  zsh = "zsh -f spec/support/complete.zsh %s '%s'",
  fish = "fish --no-config -c 'source %s/nightjar.fish; complete -C \"%s\"'",
}

local FILES = { bash = "nightjar.bash", zsh = "_nightjar", fish = "nightjar.fish" }

local function sorted(list)
  table.sort(list)
  return list
end

describe("completion", function()
  local folder

  setup(function()
    folder = cli.folder()
    for shell, name in pairs(FILES) do
      local got = cli.run { "completion", shell }
      assert.equal(0, got.status, got.stderr)
      cli.write(folder .. "/" .. name, got.stdout)
    end
  end)
  teardown(function() cli.remove(folder) end)

  -- What a shell offers behind a line, sorted, each once: without fish's descriptions, the slash
  -- behind a folder, and the part of a path or a flag that is there already.
  local function offers(shell, line)
    local pipe = assert(io.popen(("HOME='%s' XDG_DATA_HOME='%s' timeout 60 "):format(folder, folder)
      .. COMMANDS[shell]:format(folder, line) .. " 2>&1"))
    local list, seen = {}, {}
    for text in pipe:lines() do
      local word = text:gsub("\t.*", ""):gsub("^%-%-[%w-]+=", ""):gsub("/$", ""):gsub("^.*/", "")
      if word ~= "" and not seen[word] then seen[word], list[#list + 1] = true, word end
    end
    pipe:close()
    return sorted(list)
  end

  for shell in pairs(FILES) do
    describe("in " .. shell, function()
      local function expect(line, ...)
        assert.same(sorted { ... }, offers(shell, line), line)
      end

      it("offers every command", function()
        assert.same(sorted(table.move(main.commands, 1, #main.commands, 1, {})),
          offers(shell, "nightjar "))
        expect("nightjar re", "ready", "record", "render", "resume")
      end)

      it("offers the flags of a command, and the settings where it takes them", function()
        expect("nightjar check --sn", "--snapshot", "--snapshot-store")
        expect("nightjar explain --list", "--list", "--list-time", "--listener")
        expect("nightjar version --s")
        expect("nightjar test --s")
      end)

      it("offers settings before a command, for `run` is the default", function()
        expect("nightjar --service-p", "--service-port")
        expect("nightjar --service-port 80 ch", "check")
      end)

      it("offers the words that a setting may be", function()
        expect("nightjar once --log-format ", "logfmt", "json")
        expect("nightjar once --log-format=j", "json")
        expect("nightjar diff a b --list ", "main", "shadow")
      end)

      it("offers nothing where anything may stand", function()
        expect("nightjar --service-port ")
        expect("nightjar explain ")
      end)

      it("offers files for a file, folders for a folder", function()
        expect("nightjar check --snapshot spec/support/complete.", "complete.bash", "complete.zsh")
        expect("nightjar check --config=Make", "Makefile")
        expect("nightjar check --policy-dir spec/support/", "profiles")
        expect("nightjar render --output spec/support/", "profiles")
        expect("nightjar record --output Make", "Makefile")
      end)

      it("offers what the words of a command are", function()
        expect("nightjar help co", "completion", "config", "cost")
        expect("nightjar completion ", "bash", "fish", "zsh")
        expect("nightjar diff spec/support/", "profiles")
        expect("nightjar test Make", "Makefile")
      end)
    end)
  end

  it("knows no other shell", function()
    local got = cli.run { "completion", "ksh" }
    assert.equal(2, got.status)
    assert.equal("nightjar: completion: ksh: expected one of bash, zsh, fish\n", got.stderr)
  end)
end)
