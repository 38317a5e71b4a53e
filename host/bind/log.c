/* host.log: see lua/meta/host/log.lua. */
#include "log.h"

#include "bind/bind.h"
#include "clock.h"

#include <unistd.h>

/* The log of one Lua state: a userdata, the upvalue of all functions here. */
static struct log *the_log(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static int f_configure(lua_State *L) {
  static const char *const names[] = {"level", "format", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  const char *level = bind_option_text(L, 1, "level", NULL, NULL);
  const char *format = bind_option_text(L, 1, "format", NULL, NULL);
  struct log log = *the_log(L);
  if (level != NULL && log_level_named(level, &log.level) != 0)
    return luaL_error(L,
        "option 'level': expected debug, info, warn or error, got '%s'",
        level);
  if (format != NULL && log_format_named(format, &log.format) != 0)
    return luaL_error(
        L, "option 'format': expected logfmt or json, got '%s'", format);
  *the_log(L) = log;
  return 0;
}

/* Takes the key below the top and the value at the top of the stack. */
static void read_field(lua_State *L, struct log_field *field) {
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "log: expected field names, got a %s", luaL_typename(L, -2));
  field->key.data = lua_tolstring(L, -2, &field->key.size);
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    field->kind = LOG_STRING;
    field->string.data = lua_tolstring(L, -1, &field->string.size);
    return;
  case LUA_TBOOLEAN:
    field->kind = LOG_BOOLEAN;
    field->boolean = lua_toboolean(L, -1);
    return;
  case LUA_TNUMBER:
    field->kind = lua_isinteger(L, -1) ? LOG_INTEGER : LOG_NUMBER;
    field->integer = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    field->number = lua_tonumber(L, -1);
    return;
  default:
    field->kind = LOG_NULL;
    if (!bind_is_null(L, -1))
      luaL_error(L,
          "log: field '%s': expected a string, number or boolean, got a %s",
          field->key.data, luaL_typename(L, -1));
  }
}

static size_t count_fields(lua_State *L, int index) {
  size_t count = 0;
  if (lua_isnoneornil(L, index))
    return 0;
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    count++;
  return count;
}

/*
 * The fields point into the strings of the table at `index`, which stays on
 * the stack; the array itself is a userdata that the collector frees.
 */
static struct log_field *read_fields(lua_State *L, int index, size_t count) {
  struct log_field *fields = lua_newuserdatauv(L, count * sizeof *fields, 0);
  size_t i = 0;
  if (count == 0)
    return fields;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    read_field(L, &fields[i++]);
  return fields;
}

static int f_write(lua_State *L) {
  struct log_string event = {NULL, 0};
  enum log_level level = LOG_INFO;
  struct error error;
  const char *name = luaL_checkstring(L, 1);
  event.data = luaL_checklstring(L, 2, &event.size);
  if (log_level_named(name, &level) != 0)
    return luaL_argerror(L, 1, "expected debug, info, warn or error");
  lua_settop(L, 3);
  size_t count = count_fields(L, 3);
  lua_pushboolean(L, true);
  if (level < the_log(L)->level)
    return 1;
  struct log_field *fields = read_fields(L, 3, count);
  if (log_write(the_log(L), level, event, fields, count, clock_now_ms(),
          &error) != 0)
    return bind_fail(L, &error);
  lua_pushboolean(L, true);
  return 1;
}

static int f_enabled(lua_State *L) {
  enum log_level level = LOG_INFO;
  if (log_level_named(luaL_checkstring(L, 1), &level) != 0)
    return luaL_argerror(L, 1, "expected debug, info, warn or error");
  lua_pushboolean(L, level >= the_log(L)->level);
  return 1;
}

static const luaL_Reg functions[] = {
    {"configure", f_configure},
    {"enabled", f_enabled},
    {"write", f_write},
    {NULL, NULL},
};

int luaopen_host_log(lua_State *L) {
  luaL_newlibtable(L, functions);
  struct log *log = lua_newuserdatauv(L, sizeof *log, 0);
  *log = (struct log){LOG_INFO, LOG_LOGFMT, STDERR_FILENO};
  luaL_setfuncs(L, functions, 1);
  return 1;
}
