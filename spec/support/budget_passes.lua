-- Passes of an agent on the reference mesh, for spec/load/budget_spec.lua, which counts what they
-- execute: BUDGET_PASSES of them, each with a change before it if BUDGET_CHANGES is set. No list
-- and no attribute is due in so short a time, so all are alike.

local file = require("host.file")
local json = require("host.json")
local log = require("host.log")
local moved = require("spec.support.moved")
local pass = require("nightjar.agent.pass")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")
local state_of = require("nightjar.agent.state")
local supervise = require("nightjar.agent.supervise")

local ENDPOINT = os.getenv("BUDGET_ENDPOINT")
local PASSES = math.tointeger(tonumber(os.getenv("BUDGET_PASSES")))
-- Seconds between two passes, so that no rate limit is met; and so that the second one trusts its
-- folders (agent/settled.lua), whether the first one took long or not.
local WAIT = 3

-- What the endpoint is to know after each change, as it is sent.
local function changes()
  local texts, state = {}, reference.state()
  for i = 1, os.getenv("BUDGET_CHANGES") and PASSES or 0 do
    state.services[5].Instances[2].Attributes.AWS_INSTANCE_IPV4 = "10.99.0." .. i
    texts[i] = assert(json.encode { services = json.array(state.services) })
  end
  return texts
end

it("passes", function()
  local folder = script.folder()
  finally(function()
    moved.remove()
    script.discard(folder)
  end)
  log.configure { level = "error" }
  moved.install()
  local settings = assert(settings_of.load { flags = {}, data_directory = program.data_directory(),
    environment = { PATH = os.getenv("PATH"), TMP_DIR = folder, ENVOY_BIN = "",
      ENVOY_ADMIN_PORT = "1", SERVICE_MEMBER = reference.MEMBER, AWS_REGION = "eu-central-1",
      AWS_ENDPOINT_URL = ENDPOINT, AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s",
      HOME = "/nonexistent" } })
  assert(file.mkdir(settings.config_dir))
  local one = pass.new(settings, assert(state_of.open(settings.state_dir)),
    supervise.new(settings))
  local texts = changes()
  -- Without an Envoy that answers, publication waits some time between two steps.
  local impatient = function()
    while true do
      if one.supervisor.publishing then moved.by(1) end
      sched.sleep(0.05)
    end
  end
  sched.run(function()
    if texts[1] then sched.spawn(impatient) end
    for i = 1, PASSES do
      if texts[i] then
        assert.equal(200, sched.http({ method = "PUT", url = ENDPOINT .. "/change", body = texts[i],
          timeout = 30 }).status)
      end
      assert.is_true(one:run())
      moved.by(WAIT)
    end
  end)
end)
