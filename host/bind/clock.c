/* host.clock: see lua/meta/host/clock.lua. */
#include "clock.h"

#include "bind/bind.h"

static int f_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)clock_now_ms() / 1e3);
  return 1;
}

static int f_monotonic(lua_State *L) {
  lua_pushnumber(L, (lua_Number)clock_monotonic_ns() / 1e9);
  return 1;
}

static int f_rfc3339(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  char text[CLOCK_RFC3339_SIZE];
  /* Far outside of what can be written, and safe to convert. */
  luaL_argcheck(
      L, seconds > -1e12 && seconds < 1e12, 1, "expected seconds since 1970");
  double ms = seconds * 1e3;
  int64_t whole = (int64_t)ms;
  if ((double)whole > ms)
    whole -= 1; /* round down, before 1970 too */
  if (clock_rfc3339(whole, text) != 0)
    return luaL_argerror(L, 1, "outside the years 0 to 9999");
  lua_pushstring(L, text);
  return 1;
}

static const luaL_Reg functions[] = {
    {"monotonic", f_monotonic},
    {"now", f_now},
    {"rfc3339", f_rfc3339},
    {NULL, NULL},
};

int luaopen_host_clock(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
