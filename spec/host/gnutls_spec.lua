-- GnuTLS comes along with libraries, and nobody speaks through it: it is not set up unless asked.

local file = require("host.file")
local script = require("spec.support.script")

if not assert(file.read("/proc/self/maps", 1 << 20)):find("libgnutls", 1, true) then
  pending("GnuTLS: no library brings it along here")
  return
end

-- With it GnuTLS says on standard error that it is being set up.
local TOLD = "env GNUTLS_DEBUG_LEVEL=2"

describe("GnuTLS", function()
  it("is not set up by a program that requests with TLS", function()
    local result = script.run([[
      local http, loop = require("host.http"), require("host.loop")
      assert(http.start { url = "https://127.0.0.1:1/", connect_timeout = 1 })
      say(loop.wait(5)[1].error.kind)
    ]], TOLD)
    assert.same({ "connect" }, result.said)
    assert.equal("", result.err)
  end)

  it("is set up for a library that asks later, as a libcurl made with GnuTLS does", function()
    local result = script.run([[
      local set_up = assert(package.loadlib("", "gnutls_global_init"))
      set_up() -- what it returns, 0, is a number of Lua values too
      say("set up")
    ]], TOLD)
    assert.same({ "set up" }, result.said)
    assert.matches("Enabled GnuTLS", result.err)
  end)
end)
