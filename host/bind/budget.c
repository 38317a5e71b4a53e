#include "bind/budget.h"

#include "bind/bind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LEVELS bounds the search for a policy's function: lua_getstack() walks from
 * the innermost one each time, and a runaway recursion has 200,000. */
enum { INTERVAL = 1000, LEVELS = 2000, LINE_SIZE = 1024 };

/* Registry keys: addresses of these. The names of the two fields are kept in
 * the registry, since making a string could allocate. */
static const char position_key, file_key, line_key;

struct place {
  char file[512];
  long long line;
};

void budget_init(struct budget *budget, size_t memory_limit,
    long long instruction_limit, int output) {
  *budget = (struct budget){
      .memory_limit = memory_limit,
      .instruction_limit = instruction_limit,
      .interval =
          instruction_limit < INTERVAL ? (int)instruction_limit : INTERVAL,
      .output = output,
  };
}

/* The innermost function whose chunk name begins with `prefix`. */
static bool find_function(
    lua_State *L, const char *prefix, struct place *place) {
  lua_Debug frame;
  for (int level = 0; level < LEVELS; level++) {
    if (lua_getstack(L, level, &frame) == 0)
      return false;
    if (lua_getinfo(L, "Sl", &frame) == 0 || frame.currentline < 0 ||
        strncmp(frame.source, prefix, strlen(prefix)) != 0)
      continue;
    snprintf(place->file, sizeof place->file, "%s", frame.source + 1);
    place->line = frame.currentline;
    return true;
  }
  return false;
}

/* Neither allocates nor raises. It needs two slots of the stack without asking
 * for them, of the five that Lua keeps behind every stack (EXTRA_STACK), since
 * asking could allocate; what it overwrites is not needed any more. */
static bool find_position(lua_State *L, struct place *place) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &position_key) != LUA_TTABLE)
    return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &file_key);
  if (lua_rawget(L, -2) != LUA_TSTRING)
    return false;
  snprintf(place->file, sizeof place->file, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &line_key);
  lua_rawget(L, -2);
  place->line = lua_tointegerx(L, -1, NULL);
  return true;
}

static void find_place(lua_State *L, struct place *place) {
  snprintf(place->file, sizeof place->file, "nightjar-plan");
  place->line = 0;
  if (L == NULL || find_function(L, "@policies/", place) ||
      find_position(L, place))
    return;
  find_function(L, "@", place);
}

static _Noreturn void end(int output, lua_State *L, const char *what) {
  struct place place;
  char line[LINE_SIZE];
  find_place(L, &place);
  for (char *byte = place.file; *byte != '\0'; byte++)
    if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
      *byte = '?';
  int length = snprintf(
      line, sizeof line, "%s:%lld: %s\n", place.file, place.line, what);
  size_t size = length < LINE_SIZE ? (size_t)length : LINE_SIZE - 1;
  for (size_t done = 0; done < size;) {
    ssize_t written = write(output, line + done, size - done);
    if (written < 0 && errno != EINTR)
      break;
    done += written > 0 ? (size_t)written : 0;
  }
  _exit(BUDGET_STATUS);
}

_Noreturn void budget_end(const struct budget *budget, const char *what) {
  end(budget->output, budget->state, what);
}

void *budget_allocate(
    void *context, void *old, size_t old_size, size_t new_size) {
  struct budget *budget = context;
  size_t before = old != NULL ? old_size : 0; /* else it tells the type */
  void *memory = NULL;
  if (new_size == 0) {
    free(old);
    budget->memory_used -= before;
    return NULL;
  }
  if (new_size <= before ||
      new_size - before <= budget->memory_limit - budget->memory_used)
    memory = realloc(old, new_size);
  if (memory != NULL) {
    budget->refused = budget->refused && new_size <= before;
    budget->memory_used += new_size - before;
    return memory;
  }
  /* Asked once more after a collection, or hopeless from the start: buffers of
   * Lua's string functions are not asked for twice. */
  if (budget->refused || new_size > budget->memory_limit) {
    char what[64];
    snprintf(what, sizeof what, "needs more than %zu MiB",
        budget->memory_limit >> 20);
    budget_end(budget, what);
  }
  budget->refused = true;
  return NULL;
}

static void count(lua_State *L, lua_Debug *event) {
  void *context;
  (void)event;
  (void)lua_getallocf(L, &context);
  struct budget *budget = context;
  budget->instructions_used += budget->interval;
  if (budget->instructions_used < budget->instruction_limit)
    return;
  char what[64];
  snprintf(what, sizeof what, "used more than %lld instructions",
      budget->instruction_limit);
  end(budget->output, L, what);
}

static int make_position(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &position_key);
  lua_pushliteral(L, "file");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &file_key);
  lua_pushliteral(L, "line");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &line_key);
  return 0;
}

int budget_watch(
    struct budget *budget, struct lua_State *state, struct error *error) {
  lua_pushcfunction(state, make_position);
  if (lua_pcall(state, 0, 0, 0) != LUA_OK) {
    lua_settop(state, 0);
    return error_set(
        error, "ENOMEM", "cannot watch the script", NULL, "out of memory");
  }
  budget->state = state;
  lua_sethook(state, count, LUA_MASKCOUNT, budget->interval);
  return 0;
}

const void *budget_position(void) {
  return &position_key;
}
