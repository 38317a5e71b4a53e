/* host.program: see lua/meta/host/program.lua. */
#include "program.h"

#include "bind/bind.h"

#include <limits.h>
#include <string.h>
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

static int f_isatty(lua_State *L) {
  lua_Integer fd = luaL_checkinteger(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 1, "expected a descriptor");
  lua_pushboolean(L, isatty((int)fd));
  return 1;
}

static const luaL_Reg functions[] = {
    {"data_directory", f_data_directory},
    {"environment", f_environment},
    {"isatty", f_isatty},
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
