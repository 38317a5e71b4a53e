-- The manual page: whole, and without complaints of those who set it.

local installed = require "spec.support.installed"
local main = require "nightjar.cli.main"
local schema = require "nightjar.settings.schema"

local shell = installed.shell

describe("nightjar(1)", function()
  local tree, page, text

  setup(function()
    tree = installed.new("/usr")
    tree:make("install", { variables = "SOURCE_DATE_EPOCH=1700000000" })
    page = tree:path("share/man/man1/nightjar.1")
    -- Bold is a letter over itself.
    text = shell("mandoc -T utf8 -O width=100 " .. page):gsub(utf8.charpattern .. "\8", "")
  end)
  teardown(function() tree:remove() end)

  it("gives neither mandoc nor groff anything to complain of", function()
    assert.equal("", (shell("mandoc -T lint -W style " .. page)))
    assert.equal("", (shell("groff -man -Tutf8 -ww -z " .. page)))
  end)

  it("tells of every command, with its flags", function()
    for _, name in ipairs(main.commands) do
      local command = main.command(name)
      local section = text:match("\n   " .. name .. "\n(.-)\n ? ? ?%S")
      assert.is_truthy(section, name)
      assert.is_truthy(section:find("Usage: nightjar", 1, true), name)
      for _, flag in ipairs(command.flags or {}) do
        local name_in_it = ("--" .. flag.name):gsub("%-", "%%-")
        local shown = section:find("\n       " .. name_in_it .. "[ \n]") ~= nil
        assert.equal(not flag.hidden, shown, name .. " --" .. flag.name)
      end
    end
  end)

  it("tells of every setting, with its default", function()
    for _, entry in ipairs(schema.entries) do
      assert.matches("\n       " .. entry.name .. "[ \n]", text)
    end
    assert.matches("REFRESH_TIME\n[^\n]*seconds from the start of one pass", text)
    local flowing = text:gsub("%s+", " ")
    for _, words in ipairs { "; 0.1 to 86400. Default: 30 ", "NAMESPACE_0 … NAMESPACE_99 another",
      "Default: the installed policies ", ": logfmt, json. Default: logfmt " } do
      assert.is_truthy(flowing:find(words, 1, true), words)
    end
  end)

  it("tells of signals, files and exit statuses", function()
    for _, words in ipairs { "SIGTERM, SIGINT, SIGQUIT\n", "SIGHUP ", "SIGUSR2\n",
      "/usr/share/nightjar/policies/", "TMP_DIR/nightjar-state/", "/etc/nightjar/nightjar.env" } do
      assert.is_truthy(text:find("\n       " .. words, 1, true), words)
    end
    assert.matches("\nEXIT STATUS\n       0 ", text)
  end)

  it("is the same from the same sources, whenever it is made", function()
    assert.matches("2023-11-14", text, 1, true)
  end)
end)
