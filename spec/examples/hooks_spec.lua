-- The example of a hook does what it says, with the JSON that an agent tells.

local file = require("host.file")
local hook_call = require("nightjar.agent.hook_call")
local http_peer = require("spec.support.http_peer")
local json = require("host.json")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

local PATH = "examples/hooks/chat"

describe(PATH, function()
  local folder, peer, base, directory

  if not os.execute("command -v jq >/dev/null && command -v curl >/dev/null") then
    return pending("it needs jq and curl")
  end

  setup(function()
    local pipe = assert(io.popen("pwd"))
    directory = pipe:read("l")
    pipe:close()
    folder = script.folder()
    peer, base = http_peer.start()
  end)

  teardown(function()
    peer:signal("KILL")
    script.discard(folder)
  end)

  local function call(event, url)
    return sched.run(function()
      return hook_call.run({ hook = directory .. "/" .. PATH, hook_timeout = 10, environment = {
        PATH = os.getenv("PATH"), HOOK_URL = url, HOOK_LEDGER = folder .. "/told" } }, event,
        assert(json.encode { event = event, text = event .. " \"x\" ünd", reason = "r" }))
    end)
  end

  it("keeps everything in a file, and says in the chat what asks for somebody", function()
    for _, event in ipairs { "accepted", "refused", "stale", "fresh" } do
      assert.is_true(call(event, base .. "/note"))
    end
    local answer = sched.run(function() return sched.http { url = base .. "/notes" } end)
    local said = {}
    for i, text in ipairs(json.decode(answer.body)) do said[i] = text:match("%l+ ") end
    assert.same({ "refused ", "stale ", "fresh " }, said)
    local _, lines = file.read(folder .. "/told"):gsub("\n", "")
    assert.equal(4, lines)
  end)

  it("fails with what curl says where the chat does not take it", function()
    local ok, err = call("refused", base .. "/status?500")
    assert.is_nil(ok)
    assert.matches("^status %d+: curl: .*500", err)
  end)
end)
