#include "bind/budget.h"

#include "bind/bind.h"
#include "fd.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* LEVELS bounds the search for a policy's function: lua_getstack() walks from
 * the innermost one each time, and a runaway recursion has 200,000. */
enum { INTERVAL = 1000, LEVELS = 2000, LINE_SIZE = 1024, GRACE_TICKS = 2 };

/* Registry keys: addresses of these. The names of the two fields are kept in
 * the registry, since making a string could allocate. */
static const char position_key, file_key, line_key;

void budget_init(struct budget *budget, size_t memory_limit,
    long long instruction_limit, int output) {
  *budget = (struct budget){
      .memory_limit = memory_limit,
      .instruction_limit = instruction_limit,
      .interval =
          instruction_limit < INTERVAL ? (int)instruction_limit : INTERVAL,
      .output = output,
  };
  pool_init(&budget->pool, pool_stands_aside());
}

void budget_release(struct budget *budget) {
  pool_release(&budget->pool);
}

/* The innermost function whose chunk name begins with `prefix`. */
static bool find_function(
    lua_State *L, const char *prefix, struct budget_place *place) {
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

/* Neither allocates nor raises. It uses two slots above the top of the stack
 * without asking for them, since asking could allocate: they are there
 * (EXTRA_STACK is 5), and nothing alive is in them, since Lua lets an
 * emergency collection clear what is above the top at every request for
 * memory. */
static bool find_position(lua_State *L, struct budget_place *place) {
  bool found = false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &position_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &file_key);
  if (lua_istable(L, -2) && lua_rawget(L, -2) == LUA_TSTRING) {
    snprintf(place->file, sizeof place->file, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &line_key);
    lua_rawget(L, -2);
    place->line = lua_tointegerx(L, -1, NULL);
    found = true;
  }
  lua_pop(L, 2);
  return found;
}

static void find_place(lua_State *L, struct budget_place *place) {
  snprintf(place->file, sizeof place->file, "nightjar-plan");
  place->line = 0;
  if (L == NULL || find_function(L, "@policies/", place) ||
      find_position(L, place))
    return;
  find_function(L, "@", place);
}

static _Noreturn void end(
    int output, struct budget_place *place, const char *what) {
  char line[LINE_SIZE];
  for (char *byte = place->file; *byte != '\0'; byte++)
    if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
      *byte = '?';
  int length = snprintf(
      line, sizeof line, "%s:%lld: %s\n", place->file, place->line, what);
  size_t size = length < LINE_SIZE ? (size_t)length : LINE_SIZE - 1;
  fd_write(output, line, size); /* a reader that is gone is no one to tell */
  _exit(BUDGET_STATUS);
}

static _Noreturn void end_memory(struct budget *budget) {
  char what[96];
  if (budget->refused_by_system)
    snprintf(what, sizeof what,
        "out of memory: the system gives no more than %zu of %zu MiB",
        budget->memory_used >> 20, budget->memory_limit >> 20);
  else
    snprintf(what, sizeof what, "needs more than %zu MiB",
        budget->memory_limit >> 20);
  end(budget->output, &budget->refused_at, what);
}

static _Noreturn void end_late(const struct budget *budget) {
  char what[64];
  snprintf(what, sizeof what, "used more than %g seconds of processor time",
      (double)budget->late_ms / 1000);
  struct budget_place place;
  find_place(budget->state, &place);
  end(budget->output, &place, what);
}

/* NULL for the first time, so that Lua collects garbage; then the end. */
static void *refuse(struct budget *budget, const void *old, size_t size) {
  bool again = budget->refused_size != 0;
  if (!again)
    find_place(budget->state, &budget->refused_at);
  if (again || size > budget->memory_limit)
    end_memory(budget);
  budget->refused_old = old;
  budget->refused_size = size;
  return NULL;
}

static void *grow(
    struct budget *budget, void *old, size_t old_size, size_t size) {
  /* Something else than what was refused: Lua has raised its error. */
  if (budget->refused_size != 0 &&
      (budget->refused_old != old || budget->refused_size != size))
    end_memory(budget);
  size_t left = budget->memory_limit - budget->memory_used;
  void *memory = size - old_size <= left
                     ? pool_resize(&budget->pool, old, old_size, size)
                     : NULL;
  if (memory == NULL) {
    budget->refused_by_system = size - old_size <= left;
    return refuse(budget, old, size);
  }
  budget->refused_size = 0;
  budget->memory_used += size - old_size;
  return memory;
}

void *budget_allocate(
    void *context, void *old, size_t old_size, size_t new_size) {
  struct budget *budget = context;
  if (old == NULL)
    old_size = 0; /* it tells what the memory is for */
  if (new_size > old_size) {
    if (budget->late_ms != 0)
      end_late(budget);
    return grow(budget, old, old_size, new_size);
  }
  budget->memory_used -= old_size - new_size;
  /* Lua takes it for granted that shrinking succeeds. */
  return pool_resize(&budget->pool, old, old_size, new_size);
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
  struct budget_place place;
  find_place(L, &place);
  end(budget->output, &place, what);
}

/* Between two instructions, where the stack can be looked at. */
static void late(lua_State *L, lua_Debug *event) {
  void *context;
  (void)event;
  (void)lua_getallocf(L, &context);
  end_late(context);
}

void budget_late(struct budget *budget, long long limit_ms) {
  if (budget->late_ms != 0 || budget->state == NULL)
    return;
  budget->late_ms = limit_ms;
  /* Of Lua's functions this one is made to be called here (Lua manual, 4.7).
   * A walk over the stack from here may crash (it was seen to): the signal
   * may have come in the midst of a call that Lua is making. */
  lua_sethook(budget->state, late, LUA_MASKCOUNT, 1);
}

void budget_tick(struct budget *budget, long long limit_ms) {
  budget->ticks++;
  /* Who neither comes back to Lua nor asks it for memory, a backtracking
   * pattern, is looked at where it stands: nothing moves there. */
  if (budget->late_ms != 0 && ++budget->late_ticks > GRACE_TICKS)
    end_late(budget);
  /* The first tick of a turn began before it. */
  if ((budget->ticks - 1LL) * BUDGET_TICK_MS >= limit_ms)
    budget_late(budget, limit_ms);
}

/* What each policy and each template may use starts anew. A signal may come
 * at any place: `late` is set again, should it have been taken away. */
static int begin_turn(lua_State *L) {
  void *context;
  (void)lua_getallocf(L, &context);
  struct budget *budget = context;
  bool counted = lua_toboolean(L, 1);
  budget->instructions_used = 0;
  budget->ticks = 0;
  lua_sethook(L, counted ? count : NULL, counted ? LUA_MASKCOUNT : 0,
      budget->interval);
  if (budget->late_ms != 0)
    lua_sethook(L, late, LUA_MASKCOUNT, 1);
  return 0;
}

/* What was freed goes back to the system, small pieces too. */
static int trim(lua_State *L) {
  void *context;
  (void)lua_getallocf(L, &context);
  struct budget *budget = context;
  pool_trim(&budget->pool);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return 0;
}

static int make_position(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, trim);
  lua_setfield(L, -2, "trim");
  lua_pushcfunction(L, begin_turn);
  lua_setfield(L, -2, "begin");
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
