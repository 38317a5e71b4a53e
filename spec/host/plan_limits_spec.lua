-- What ends nightjar-plan, and how: the program itself, with policies that mean
-- harm. RELIABILITY 1 to 7.
local build = require "spec.support.mesh"
local cli = require "spec.support.cli"
local plan = require "spec.support.plan"

-- A policy whose `apply` is this body, which begins on line 2.
local function policy(body, before)
  return (before or "") .. 'return { about = "x", settings = {}, examples = {}, apply = ' ..
    "function(mesh)\n" .. body .. "\nend }"
end

local function run(body, options)
  return plan.run(plan.request(policy(body)), options)
end

-- One line of text and status 3, whatever stood in its way.
local function assert_ended(expected, result)
  assert.equal(expected .. "\n", result.output)
  assert.equal(3, result.status)
  assert.equal("", result.stderr)
end

local INSTRUCTIONS = ": used more than 20000000 instructions"
local MEMORY = ": needs more than 64 MiB"

describe("nightjar-plan: the instruction budget ends", function()
  local cases = {
    { "an endless loop", "local x\nwhile true do\nx = 1\nend", "4|3" },
    { "a loop around pcall", "while true do\npcall(function() while true do end end)\nend", "3" },
    { "a loop of errors in pcall", "while true do\npcall(error)\nend", "3|2" },
    { "a message handler that loops",
      "xpcall(error, function()\nwhile true do end\nend)\nreturn mesh", "3" },
    { "message handlers in a loop",
      "while true do\nxpcall(function() error(1) end, function() while true do end end)\nend",
      "3" },
    { "a handler that fails within itself for ever",
      "local function h() error(1) end\nwhile true do\nxpcall(h, h)\nend", "2|3|4" },
    { "a loop in a metamethod",
      "local t = setmetatable({}, { __index = function()\nwhile true do end\nend })\nreturn t.x",
      "3" },
    { "a loop in a comparison of table.sort",
      "table.sort({ 1, 2, 3 }, function()\nwhile true do end\nend)", "3" },
    { "a deep recursion that is caught and tried again",
      "local function f()\nreturn 1 + f()\nend\nwhile true do\npcall(f)\nend", "3|6", 1024 },
    { "a recursion through pcall",
      "local function f() pcall(f) pcall(f) end\nf()", "2" },
    { "a goto that goes nowhere", "::again::\ngoto again", "3" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local result = run(case[2], { memory = case[4] })
      local line = result.output:match("^policies/bad%.lua:(%d+):")
      assert.truthy(line, result.output)
      assert.truthy(("|" .. case[3] .. "|"):find("|" .. line .. "|", 1, true), result.output)
      assert_ended("policies/bad.lua:" .. line .. INSTRUCTIONS, result)
    end)
  end

  it("a loop while a policy is loaded", function()
    assert_ended("policies/bad.lua:1" .. INSTRUCTIONS,
      plan.run(plan.request("while true do end")))
  end)

  it("a loop in policies/init.lua", function()
    local request = plan.request("")
    request.policies[1].text = "\nwhile true do end"
    assert_ended("policies/init.lua:2" .. INSTRUCTIONS, plan.run(request))
  end)

  it("at the number it was given, the same in each run", function()
    local body = "local n = 0\nfor i = 1, %d do n = n + i end\nreturn mesh"
    for _ = 1, 3 do
      assert.equal(0, run(body:format(100000), { instructions = 2000000 }).status)
      assert_ended("policies/bad.lua:3: used more than 2000000 instructions",
        run(body:format(2000000), { instructions = 2000000 }))
    end
  end)
end)

describe("nightjar-plan: the memory budget ends", function()
  local cases = {
    { "a table that grows", "local t = {}\nfor i = 1, 1e9 do t[i] = { i } end", "3" },
    { "a string that doubles", 'local s = "x"\nwhile true do s = s .. s end', "3" },
    { "one request beyond all", 'return ("x"):rep(1 << 30)', "2" },
    { "the same in pcall", 'while true do\npcall(string.rep, "x", 1 << 30)\nend', "3" },
    { "growth within pcall",
      "local t = {}\nwhile true do\npcall(function() t[#t + 1] = (\"x\"):rep(1000) .. #t end)\nend",
      "4" },
    { "a deep recursion", "local function f()\nreturn 1 + f()\nend\nreturn f()", "3" },
    { "closures", "local t = {}\nwhile true do t[#t + 1] = function() return t end end", "3" },
    { "a list of arguments that is kept",
      "local t = {}\nlocal function keep(...) while true do t[#t + 1] = { ... } end end\n" ..
      "keep(table.unpack({}, 1, 1000))", "3" },
    { "table.concat", "local t = {}\nfor i = 1, 100000 do t[i] = 'x' end\n" ..
      "local s = table.concat(t, ('y'):rep(1000))\nreturn #s", "4" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert_ended("policies/bad.lua:" .. case[3] .. MEMORY, run(case[2]))
    end)
  end

  it("a policy for which the system has less than that, and says so", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers need address space") end
    local greedy = policy("local t = {}\nfor i = 1, 1e9 do t[i] = { i } end")
    local result = plan.run(plan.request(greedy),
      { environment = [[sh -c 'ulimit -v 60000; exec "$0" "$@"' ]], memory = 256 })
    assert.equal(3, result.status)
    assert.matches("^policies/bad%.lua:3: out of memory: the system gives no more than %d+ of 256 "
      .. "MiB\n$", result.output)
  end)

  it("not a script that makes much garbage", function()
    local result = run('for i = 1, 100000 do local s = ("x"):rep(10000) .. i end\nreturn mesh')
    assert.equal(0, result.status, result.output)
  end)

  it("a request that is larger than the memory", function()
    local result = plan.run(("x"):rep(2 << 20), { memory = 1 })
    assert_ended("the request: needs more than 1 MiB", result)
  end)

  it("a request that fits as text, but not as values", function()
    local result = plan.run("[" .. ("[],"):rep(200000) .. "1]", { memory = 1 })
    assert.equal(3, result.status, result.output)
    assert.matches("^[%w%./_-]+:%d+: needs more than 1 MiB\n$", result.output)
  end)
end)

describe("nightjar-plan: the processor limit names", function()
  it("a pattern that backtracks, which no instruction count can end", function()
    local result = run('local s = ("a"):rep(40)\nreturn s:find(("a*"):rep(30) .. "b")',
      { seconds = 1 })
    assert_ended("policies/bad.lua:3: used more than 1 seconds of processor time", result)
  end)

  it("a table.move over a huge range", function()
    local result = run("return table.move({}, 1, 1e10, 2)", { seconds = 1 })
    assert_ended("policies/bad.lua:2: used more than 1 seconds of processor time", result)
  end)
end)

-- A tick of the processor's time comes at any moment, in the midst of a call that Lua is making
-- too, and a walk over Lua's stack then may crash. Code in the place of Lua's own tells whether a
-- walk is made on the stack that signal handlers have.
describe("nightjar-plan: who passes the processor limit", function()
  local folder

  local SOURCE = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lua5.4/lua.h>
#include <signal.h>
#include <unistd.h>

static char *first, *last;

int sigaltstack(const stack_t *stack, stack_t *old) {
  int (*real)(const stack_t *, stack_t *);
  *(void **)&real = dlsym(RTLD_NEXT, "sigaltstack");
  first = stack->ss_sp, last = first + stack->ss_size;
  return real(stack, old);
}

static int (*get_stack)(lua_State *, int, lua_Debug *);

__attribute__((constructor)) static void find(void) {
  *(void **)&get_stack = dlsym(RTLD_NEXT, "lua_getstack");
}

int lua_getstack(lua_State *L, int level, lua_Debug *frame) {
  char here;
  if (&here >= first && &here < last) {
    write(1, "a walk within a signal\n", 23);
    _exit(9);
  }
  return get_stack(L, level, frame);
}
]]

  setup(function()
    folder = cli.folder()
    cli.write(folder .. "/walk.c", SOURCE)
    assert(os.execute(("cc -w -shared -fPIC -o %s/walk.so %s/walk.c -ldl"):format(folder,
      folder)))
  end)

  teardown(function() cli.remove(folder) end)

  local function options_with(options)
    options.environment = ("LD_PRELOAD=%s/walk.so "):format(folder)
    options.instructions = 1 << 50
    return options
  end

  local function watched(body, options)
    return run(body, options_with(options))
  end

  for _, case in ipairs {
    { "a policy's own", { milliseconds = 100 }, "0.1" }, { "that of all", { seconds = 1 }, "1" },
  } do
    it("in Lua is ended between two instructions: " .. case[1], function()
      if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers must come first") end
      assert_ended(("policies/bad.lua:2: used more than %s seconds of processor time")
        :format(case[3]), watched("while true do pcall(error) end", case[2]))
    end)
  end

  -- Each alias is eight times the one before it: a reader of YAML that makes tables for long.
  local function aliases()
    local lines = { "a0: &a0 [1]" }
    for i = 1, 12 do
      lines[i + 1] = ("a%d: &a%d [%s]"):format(i, i, ("*a%d, "):format(i - 1):rep(8))
    end
    return table.concat(lines, "\n")
  end

  it("in C that asks Lua for memory is ended when it asks", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers must come first") end
    local request = plan.request(policy("return mesh"))
    request.templates = { { name = "bad.json.yaml.mustache", text = aliases() } }
    for _ = 1, 10 do
      assert_ended("templates/bad.json.yaml.mustache:1: used more than 0.1 seconds of processor "
        .. "time", plan.run(request, options_with { milliseconds = 100, memory = 1024 }))
    end
  end)

  it("in C alone is looked at where it stands", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers must come first") end
    local result = watched("return table.move({}, 1, 1e10, 2)", { milliseconds = 100 })
    assert.equal("a walk within a signal\n", result.output)
  end)
end)

describe("nightjar-plan: each policy and each template", function()
  -- So many policies of the same text, whose names say their place in the list.
  local function policies(count, text)
    local request, names = plan.request(""), {}
    request.policies = {}
    for i = 1, count do
      names[i] = ('"p%d"'):format(i)
      request.policies[i] = { name = ("p%d.lua"):format(i), text = text }
    end
    request.policies[count + 1] = { name = "init.lua",
      text = "return { " .. table.concat(names, ", ") .. " }" }
    return request
  end

  it("may use all the instructions", function()
    local half = policy("for i = 1, 1000000 do end\nreturn mesh",
      "for i = 1, 1000000 do end\n")
    local result = plan.run(policies(8, half), { instructions = 2000000 })
    assert.equal(0, result.status, result.output)
    assert.is_true(result.response.ok, result.output)
  end)

  it("is counted alone: what nightjar-plan does with a large mesh is no turn", function()
    local services = {}
    for i = 1, 300 do
      services[i] = build.service("s" .. i, { ["/" .. i] = "1", SERVICE = "s" .. i })
    end
    local request = plan.request(policy("return mesh"))
    request.snapshot = build.own(services)
    -- To check 300 routes and to write down what became of them is the policy's, the model is not.
    local result = plan.run(request, { instructions = 150000 })
    assert.equal(0, result.status, result.output)
    assert.equal(300, #result.response.plan.clusters)
    assert_ended("policies/bad.lua:2: used more than 150000 instructions",
      plan.run(plan.request(policy("while true do end")), { instructions = 150000 }))
  end)

  it("may use all the processor time", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers make memory slow") end
    local result = plan.run(policies(6, policy("local n = 0\n" ..
      "for i = 1, 1000 do n = n + #('x'):rep(100000):reverse() end\nreturn mesh")),
      { milliseconds = 1000 })
    assert.equal(0, result.status, result.output)
  end)

  it("is ended by the processor time within one call of C", function()
    local result = run('local s = ("a"):rep(40)\nreturn s:find(("a*"):rep(30) .. "b")',
      { milliseconds = 200 })
    assert_ended("policies/bad.lua:3: used more than 0.2 seconds of processor time", result)
  end)

  it("is named when checking what it returned takes too long", function()
    local result = run("local routes = {}\nfor i = 1, 100000 do routes[i] = { path = '/' .. i," ..
      " service = 's', audience = 'public', clusters = {}, why = {} } end\n" ..
      "mesh.listeners[1].routes = routes\nreturn mesh", { instructions = 3000000, memory = 256 })
    assert_ended("policies/bad.lua:1: used more than 3000000 instructions", result)
  end)
end)

describe("nightjar-plan: an example of a policy", function()
  it("that loops is ended, and its line named", function()
    local request = plan.request('return { about = "x", apply = function(mesh)\n' ..
      "if #mesh.clusters == 0 then while true do end end\nreturn mesh end,\n" ..
      "examples = { { given = {}, expect = {} } } }")
    request.command = "examples"
    assert_ended("policies/bad.lua:2" .. INSTRUCTIONS, plan.run(request))
  end)
end)

describe("nightjar-plan: an error of a policy", function()
  it("is an answer, in one line without control characters", function()
    local result = run('error("\\27[31m\\nfake log line\\0")')
    assert.equal(0, result.status, result.output)
    assert.is_false(result.response.ok)
    assert.is_nil(result.response.error.message:find("%c"))
    assert.equal("policies/bad.lua", result.response.error.file)
    assert.equal(2, result.response.error.line)
  end)

  it("is cut at 4 KiB", function()
    local result = run('error(("x"):rep(1000000))')
    assert.equal(0, result.status, result.output)
    assert.is_true(#result.response.error.message <= 4200)
  end)

  it("is never asked for its __tostring", function()
    local result = run("error(setmetatable({}, { __tostring = function() while true do end end," ..
      " __name = 'x' }))")
    assert.equal(0, result.status, result.output)
    assert.is_false(result.response.ok)
  end)

  it("without a position has one all the same", function()
    for _, body in ipairs {
      "local function f()\nreturn (('x'):gsub('.', f))\nend\nreturn f()",
      "local t = setmetatable({}, {}) getmetatable(t).__index = t\nreturn t.x",
      "local function f()\nreturn 1 + f()\nend\nreturn f()",
    } do
      local result = run(body, { memory = 1024 })
      assert.equal(0, result.status, result.output)
      assert.is_false(result.response.ok)
      assert.equal("policies/bad.lua", result.response.error.file, result.output)
      assert.is_number(result.response.error.line)
    end
  end)
end)

describe("nightjar-plan: a template", function()
  it("is named by file and line when it passes a limit", function()
    local request = plan.request(policy("return mesh"))
    local service = { name = "s", id = "s", read_at = 1700000000, attributes = {},
      since = require("host.json").decode("{}"), instances = {
        { id = "i", attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = "80" },
          health = "HEALTHY", since = 1700000000, health_since = 1700000000 } } }
    for i = 1, 30 do service.attributes["/" .. i] = "1" end
    request.snapshot.meshes[1].services = { service }
    local open, close = "{{#listeners}}\n" .. ("{{#routes}}"):rep(6), ("{{/routes}}"):rep(6)
    request.templates = { { name = "bomb.txt.mustache",
      text = "first\n" .. open .. "x" .. close .. "{{/listeners}}" } }
    local result = plan.run(request)
    assert.equal(3, result.status, result.output)
    assert.matches("^templates/bomb%.txt%.mustache:%d+: ", result.output)
  end)
end)

describe("nightjar-plan: requests and words", function()
  it("answers what is no request", function()
    for _, text in ipairs { "", "{", "[]", "1", "\0", '{"command":"dance"}', '"\xff"' } do
      local result = plan.run(text)
      assert.equal(0, result.status, result.output)
      assert.is_false(result.response.ok)
      assert.equal("request", result.response.error.stage)
    end
  end)

  it("is told how to use it when it is used wrongly, with status 2", function()
    for _, arguments in ipairs { "", "--max-memory-mib 5", "--max-instructions 5",
      "--max-memory-mib 0 --max-instructions 5", "--max-memory-mib 5x --max-instructions 5",
      "--max-memory-mib 5 --max-instructions", "--max-memory-mib -5 --max-instructions 5",
      "--max-memory-mib 99999999999999999999 --max-instructions 5", "--dance",
      "--max-memory-mib 5 --max-instructions 5 more" } do
      local result = plan.run("{}", { arguments = arguments })
      assert.equal(2, result.status, arguments)
      assert.equal("", result.output)
      assert.matches("^nightjar%-plan: .+: .+: .+\nusage: ", result.stderr)
    end
  end)

  it("gives equal bytes for equal requests", function()
    local request = plan.request(policy("return mesh"))
    local first = plan.run(request)
    assert.equal(0, first.status, first.output)
    for _ = 1, 4 do assert.equal(first.output, plan.run(request).output) end
  end)
end)

-- Lua in there knows no function that asks the kernel for anything, so C code
-- is put in the place of a function of cJSON, which is called after the doors
-- are closed, to ask for each thing that must not be had.
describe("nightjar-plan: the sandbox", function()
  local folder, layers

  local SOURCE = [[
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *cJSON_ParseWithLengthOpts(const char *text, size_t size,
    const char **end, int strict);
void *cJSON_ParseWithLengthOpts(const char *text, size_t size,
    const char **end, int strict) {
  const char *wanted = getenv("NIGHTJAR_SPEC_CALL");
  (void)text, (void)size, (void)end, (void)strict;
  if (wanted[0] == 'c')
    *(volatile int *)wanted = *(volatile int *)8;
  else if (wanted[0] == 'm')
    mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  else if (wanted[0] == 'w')
    syscall(1, 7, "x", 1L);
  else
    syscall(atoi(wanted), 0L, 0L, 0L, 0L, 0L, 0L);
  return 0;
}
]]

  setup(function()
    folder = cli.folder()
    cli.write(folder .. "/call.c", SOURCE)
    assert(os.execute(("cc -shared -fPIC -o %s/call.so %s/call.c"):format(folder, folder)))
    local result = plan.run(plan.request(policy("return mesh")))
    assert.equal(0, result.status, result.output)
    layers = {}
    for _, name in ipairs(result.response.layers) do layers[name] = true end
  end)

  teardown(function() cli.remove(folder) end)

  it("lists the layers that are in force", function()
    for _, name in ipairs { "hardened", "memory_budget", "instruction_budget",
      "closed_descriptors", "cpu_limit", "no_file_writes" } do
      assert.is_true(layers[name], name)
    end
  end)

  local function call(wanted)
    return plan.run(plan.request(""), {
      environment = ("LD_PRELOAD=%s/call.so NIGHTJAR_SPEC_CALL=%s "):format(folder, wanted),
    })
  end

  it("says in one line that the program crashed", function()
    if not layers.address_space_limit then return pending("the sanitizers report crashes") end
    assert_ended("crashed with signal 11", call("c"))
  end)

  -- Numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
  local calls = {
    read = 0, open = 2, socket = 41, connect = 42, clone = 56, fork = 57, vfork = 58, execve = 59,
    kill = 62, ptrace = 101, openat = 257, mprotect = 10, ioctl = 16, prctl = 157,
    process_vm_readv = 310, memfd_create = 319, execveat = 322, bpf = 321, io_uring_setup = 425,
    openat2 = 437, pidfd_getfd = 438, prlimit64 = 302, mmap = "m", write = "w",
  }
  for name, number in pairs(calls) do
    it("ends the process that asks for " .. name, function()
      local pipe = assert(io.popen("uname -m"))
      local machine = pipe:read("l")
      pipe:close()
      if not layers.seccomp then return pending("no system call filter in force here") end
      if machine ~= "x86_64" then return pending("numbers of system calls are x86-64's") end
      assert_ended("forbidden system call " .. name, call(number))
    end)
  end
end)
