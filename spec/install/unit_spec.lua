-- nightjar.service: what systemd says of it, and what it does to an Envoy that is left behind.

local installed = require "spec.support.installed"
local schema = require "nightjar.settings.schema"

local shell = installed.shell

describe("nightjar.service", function()
  local tree, path, text

  -- Without DESTDIR, so that systemd finds the program which the unit names.
  setup(function()
    local folder = shell("mktemp -d"):match("%S+")
    tree = installed.new(folder)
    tree.root, tree.prefix = "", folder
    tree:make("install")
    path = tree:path("lib/systemd/system/nightjar.service")
    text = shell("cat " .. path)
  end)
  teardown(function() shell("rm -rf " .. tree.prefix) end)

  local function value(key)
    return text:match("\n" .. key .. "=([^\n]*)")
  end

  it("gives systemd nothing to complain of", function()
    assert.equal("", (shell("systemd-analyze verify --man=no " .. path)))
  end)

  it("leaves little to who gets hold of it, by systemd's own measure", function()
    local output, within = shell("systemd-analyze security --offline=true --threshold=20 " .. path)
    assert.is_true(within, output:match("[^\n]*Overall exposure[^\n]*") or output)
  end)

  it("starts the program that was installed with it", function()
    assert.equal(tree:path("bin/nightjar") .. " run", value("ExecStart"))
  end)

  it("is written for any prefix, with spaces and signs that systemd reads too", function()
    local parent = shell("mktemp -d"):match("%S+")
    local odd = installed.new(parent .. "/100% of a & b|c")
    odd.root = ""
    odd:make("install")
    local complaint = shell(("systemd-analyze verify --man=no '%s'"):format(
      odd:path("lib/systemd/system/nightjar.service")))
    shell("rm -rf " .. parent)
    assert.equal("", complaint)
  end)

  it("gives settings that there are, and leaves the last word to the operator's file", function()
    local names = {}
    for _, entry in ipairs(schema.entries) do names[entry.name] = entry end
    local count, last = 0, nil
    for name, at in text:gmatch("\nEnvironment=([%u_]+)=()") do
      assert.is_truthy(names[name], name)
      count, last = count + 1, at
    end
    assert.equal(3, count)
    assert.is_true(last < text:find("\nEnvironmentFile=", 1, true))
  end)

  it("waits longer for the end than the agent takes for it", function()
    for _, entry in ipairs(schema.entries) do
      if entry.name == "STOP_TIMEOUT" then
        assert.is_true(tonumber(value("TimeoutStopSec")) > entry.default + 5)
      end
    end
  end)

  describe("after its end", function()
    -- Its ExecStopPost as systemd would run it, with a process in the place of Envoy.
    local function survives(result)
      local command = text:match("\nExecStopPost=(/bin/sh %-c '.-')\n"):gsub("%$%$", "$")
      local file = tree.prefix .. "/envoy.pid"
      local output = shell(("sleep 60 & pid=$!; echo $pid >%s\n"
        .. "SERVICE_RESULT=%s ENVOY_PID_FILE=%s %s; echo status $?\n"
        .. "sleep 0.1; kill -0 $pid 2>/dev/null && kill $pid && echo survived; wait"):format(
        file, result, file, command))
      assert.matches("status 0\n", output)
      return output:find("survived", 1, true) ~= nil
    end

    it("ends an Envoy that an agent left which could not be stopped in time", function()
      assert.is_false(survives("timeout"))
    end)

    it("leaves the Envoy of an agent that was killed or failed to the next one", function()
      for _, result in ipairs { "signal", "core-dump", "exit-code", "oom-kill" } do
        assert.is_true(survives(result), result)
      end
    end)
  end)
end)
