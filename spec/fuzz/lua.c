/*
 * Targets in Lua: a state with the agent's library, in which target.lua gives
 * each input to the target that the environment names (FUZZ_TARGET). It runs
 * in the source tree, from which it takes the targets.
 *
 * libFuzzer sees which C is run but no Lua. So each step from line to line
 * counts in a table of counters of our own, which it takes like those of C.
 */
#include "bind/modules.h"
#include "bind/state.h"
#include "input.h"

#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTERS = 1 << 15 };

__attribute__((used,
    section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

/* The main of this program is libFuzzer's: what stays is kept here. */
static struct lua_State *state;
static const char *target;
static unsigned last_line;

/* Those that work on texts alone. */
static const struct state_module modules[] = {
    {"host.json", luaopen_host_json},
    {"host.shape", luaopen_host_shape},
    {"host.sigv4", luaopen_host_sigv4},
    {"host.yaml", luaopen_host_yaml},
    {NULL, NULL},
};

/* FNV-1a of the file's name and the line: the same in each run. */
static unsigned place(const lua_Debug *line) {
  unsigned hash = 0x811c9dc5;
  for (const char *c = line->short_src; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 0x01000193;
  return hash ^ (unsigned)line->currentline * 0x9e3779b1;
}

static void count_line(lua_State *L, lua_Debug *line) {
  lua_getinfo(L, "Sl", line);
  unsigned here = place(line) >> 8;
  counters[(here ^ last_line) % COUNTERS]++;
  last_line = here >> 1;
}

static void start(void) {
  struct error error;
  struct state_options options = {.modules = modules, .files = true};
  target = getenv("FUZZ_TARGET");
  input_claim(target != NULL, "FUZZ_TARGET names a target");
  state = state_new(&options, &error);
  input_claim(state != NULL, "Lua starts");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct state_value result;
  if (state == NULL)
    start();
  const struct state_value arguments[] = {state_text(target, strlen(target)),
      state_text((const char *)data, size)};
  last_line = 0;
  lua_sethook(state, count_line, LUA_MASKLINE, 0);
  if (state_call(state, "spec.fuzz.target", "run", arguments, 2, &result) !=
      0) {
    fprintf(stderr, "fuzz: %s: %s\n", target, result.text);
    abort();
  }
  lua_sethook(state, NULL, 0, 0);
  return 0;
}
