-- What both programs give up at their start, seen from outside (host/harden.h).
local file = require "host.file"
local json = require "host.json"
local program = require "host.program"
local cli = require "spec.support.cli"
local plan = require "spec.support.plan"
local script = require "spec.support.script"

local SCRIPT = [==[
cd "$1"
mkfifo in
# A parent that starts the program, which then waits for the end of its request for ever.
sh -c 'exec 3<>in; "$0" --max-memory-mib 64 --max-instructions 1000 <in >out & echo $! >pid.tmp
mv pid.tmp pid; exec sleep 100' "$2" &
parent=$!
state() { sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }
wait_for() { for _ in $(seq 200); do eval "$1" && return; sleep 0.05; done; echo "late: $1"; }
wait_for '[ -e pid ]'
pid=$(cat pid)
# More than a pipe holds: this ends once the program reads, which it does after it is hardened.
head -c 200000 /dev/zero >in
kill -9 $parent
wait_for 'case "$(state $pid)" in ""|Z) true;; *) false;; esac'
echo done
kill -9 $pid 2>/dev/null
exit 0
]==]

describe("nightjar-plan", function()
  it("dies with its parent", function()
    local folder = cli.folder()
    cli.write(folder .. "/script", SCRIPT)
    local pipe = assert(io.popen(("sh %s/script %s '%s' 2>&1")
      :format(folder, folder, plan.executable)))
    local output = pipe:read("a")
    pipe:close()
    cli.remove(folder)
    assert.equal("done\n", output)
  end)

  -- What it has afterwards would not show it: we are hardened ourselves, and children inherit that.
  it("gives up privileges and core files before anything else", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    local folder = script.folder()
    os.execute(("%s '%s' --max-memory-mib 64 --max-instructions 1000 </dev/null >/dev/null 2>&1")
      :format(script.trace("-e trace=prctl,prlimit64,read", folder .. "/log"), plan.executable))
    local calls = assert(file.read(folder .. "/log"))
    script.discard(folder)
    local request = assert(calls:find("read(0,", 1, true), "it reads no request")
    for _, call in ipairs { "prctl(PR_SET_NO_NEW_PRIVS, 1",
      "RLIMIT_CORE, {rlim_cur=0, rlim_max=0}" } do
      local at = assert(calls:find(call, 1, true), call .. " is missing")
      assert.is_true(at < request, call .. " comes after the request")
    end
  end)
end)

describe("nightjar", function()
  it("gives up what it can where the kernel refuses a part, and says which", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    local folder = script.folder()
    local result = script.run("say('ran')", script.trace(
      "-e trace=prctl,prlimit64 -e inject=prctl:error=EPERM:when=1", folder .. "/log"))
    local calls = assert(file.read(folder .. "/log"))
    script.discard(folder)
    assert.same({ "ran" }, result.said, result.err)
    assert.matches("nightjar: cannot harden: PR_SET_NO_NEW_PRIVS: Operation not permitted",
      result.err, 1, true)
    assert.matches("RLIMIT_CORE, {rlim_cur=0, rlim_max=0}", calls, 1, true)
  end)
end)

-- What a user sees of a program of its own, as spec/support/peek.py tells.
local function peek(command)
  local folder = script.folder()
  script.sh("chmod 755 %s", folder)
  local pipe = assert(io.popen(("python3 spec/support/peek.py '%s' %s"):format(folder,
    command:gsub("FOLDER", folder))))
  local text = pipe:read("a")
  assert(pipe:close(), "peek.py failed")
  script.discard(folder)
  return assert(json.decode(text))
end

describe("the agent", function()
  local REFUSED = { environ = "Permission denied", mem = "Permission denied",
    maps = "Permission denied", auxv = "Permission denied", fd = "Permission denied",
    cwd = "Permission denied" }
  -- It is beyond its start when it has left its process id.
  local RUN = "sh -c 'ln -s nightjar-state/agent.pid ready; exec env TMP_DIR=FOLDER DISCOVERY=file "
    .. "ENVOY_BIN= ENVOY_PID_FILE=FOLDER/envoy.pid TRIGGER_STOP_FILE=FOLDER/stop "
    .. "AWS_SECRET_ACCESS_KEY=key \"$0\" run' '%s/nightjar'"

  local function missing()
    if os.getenv("ASAN_OPTIONS") then return "the sanitizers look at memory from outside" end
    if not os.execute(("[ $(id -u) -ne 0 ] || setpriv --reuid=65534 test -x '%s/nightjar'")
      :format(program.directory)) then
      return "an ordinary user cannot start what is built here"
    end
  end

  it("shows its own user neither memory nor environment", function()
    if missing() then return pending(missing()) end
    local other = peek("sh -c 'touch ready; exec sleep 20'")
    assert.equal("read", other.read.environ)
    assert.equal("read", other.read.mem)
    assert.same(REFUSED, peek(RUN:format(program.directory)).read)
  end)

  it("leaves no core when it crashes", function()
    if missing() then return pending(missing()) end
    local other = peek("sh -c 'touch ready; exec sleep 20'")
    assert.equal(11, other.signal)
    if not other.dumped then
      return pending("no program leaves a core here: it takes CAP_SYS_RESOURCE, and a place for it")
    end
    local seen = peek(RUN:format(program.directory))
    assert.same({ 11, false, {} }, { seen.signal, seen.dumped, seen.cores })
  end)
end)
