/* host.inotify: see lua/meta/host/inotify.lua. */
#include "inotify.h"

#include "bind/bind.h"

static int f_free(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count >= 0 && count <= INOTIFY_MOST, 1,
      "expected a number of instances from 0 to 1024");
  size_t free = 0;
  struct error error;
  if (inotify_free((size_t)count, &free, &error) != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)free);
  return 1;
}

static const luaL_Reg functions[] = {
    {"free", f_free},
    {NULL, NULL},
};

int luaopen_host_inotify(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
