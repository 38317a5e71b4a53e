/* host.program: see lua/meta/host/program.lua. */
#include "program.h"

#include "bind/bind.h"
#include "bind/embedded.h"
#include "bind/state.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef NIGHTJAR_VERSION
#error "the version comes from the Makefile: -DNIGHTJAR_VERSION=..."
#endif

extern char **environ;

static int f_data_directory(lua_State *L) {
  struct buf *path = bind_buf(L, PATH_MAX);
  struct error error;
  if (program_data_directory(path, &error) != 0)
    return bind_fail(L, &error);
  lua_pushlstring(L, path->data, path->size);
  bind_buf_done(path);
  return 1;
}

static int f_environment(lua_State *L) {
  lua_newtable(L);
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
    const char *equals = strchr(*entry, '=');
    if (equals == NULL)
      continue;
    lua_pushlstring(L, *entry, (size_t)(equals - *entry));
    lua_pushvalue(L, -1);
    /* Of a name given twice the first counts, as for getenv(). */
    if (lua_rawget(L, -3) == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_pushstring(L, equals + 1);
      lua_rawset(L, -5);
    }
    lua_pop(L, 2);
  }
  return 1;
}

static int f_has_ipv6(lua_State *L) {
  lua_pushboolean(L, program_has_ipv6());
  return 1;
}

static int f_isatty(lua_State *L) {
  lua_Integer fd = luaL_checkinteger(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 1, "expected a descriptor");
  lua_pushboolean(L, isatty((int)fd));
  return 1;
}

/* The pages of the embedded library's bytecode, which was read when it was
   first required: a page that is wanted again comes from the file. Only whole
   pages of constants: nothing was ever written there (madvise(2),
   MADV_DONTNEED). */
static void drop_embedded_code(void) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
  const struct embedded_module *module = embedded_modules;
  for (; module->name != NULL; module++) {
    uintptr_t from = (uintptr_t)module->code;
    start = from < start ? from : start;
    end = from + module->size > end ? from + module->size : end;
  }
  start = (start + page - 1) / page * page;
  end = end / page * page;
  if (start < end) /* that it fails costs memory, and nothing else */
    (void)madvise((void *)start, end - start, MADV_DONTNEED);
}

static int f_trim(lua_State *L) {
  /* Going over to generations is a whole collection. Without a step the heap
     would double before the first young one (tried: 5.4.4). A young one when
     the heap has grown by a tenth: by a fifth, Lua's own measure, costs 100
     KiB more and no less work. A whole one by a fifth, not when it has
     doubled: what a young one meets in use twice, as much of a pass is, is
     not looked at before. The first number is the same for a whole one that
     has found little. */
  lua_gc(L, LUA_GCINC, 120, 0, 0);
  lua_gc(L, LUA_GCGEN, 10, 20);
  lua_gc(L, LUA_GCSTEP, 0);
  state_trim(L);
  drop_embedded_code();
  return 0;
}

static const luaL_Reg functions[] = {
    {"data_directory", f_data_directory},
    {"environment", f_environment},
    {"has_ipv6", f_has_ipv6},
    {"isatty", f_isatty},
    {"trim", f_trim},
    {NULL, NULL},
};

/* `directory` and `version` are values: they cannot change. */
int luaopen_host_program(lua_State *L) {
  struct error error;
  luaL_newlib(L, functions);
  struct buf *path = bind_buf(L, PATH_MAX);
  if (program_directory(path, &error) != 0) {
    char text[ERROR_TEXT_SIZE];
    return luaL_error(L, "%s", error_text(&error, text, sizeof text));
  }
  lua_pushlstring(L, path->data, path->size);
  lua_setfield(L, -3, "directory");
  bind_buf_done(path);
  lua_pop(L, 1);
  lua_pushliteral(L, NIGHTJAR_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}
