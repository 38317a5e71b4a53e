/* Options of the host's functions: tables by name (bind/bind.h). */
#include "bind/bind.h"

#include <string.h>

/* Pushes the option; false and nothing pushed when it is not given. */
static bool push_option(lua_State *L, int index, const char *name) {
  if (lua_isnoneornil(L, index))
    return false;
  luaL_checktype(L, index, LUA_TTABLE);
  index = lua_absindex(L, index);
  lua_pushstring(L, name);
  if (lua_rawget(L, index) != LUA_TNIL)
    return true;
  lua_pop(L, 1);
  return false;
}

void bind_options(lua_State *L, int index, const char *const names[]) {
  if (lua_isnoneornil(L, index))
    return;
  luaL_checktype(L, index, LUA_TTABLE);
  index = lua_absindex(L, index);
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "options: expected names, got a %s as a key",
          luaL_typename(L, -1));
    const char *name = lua_tostring(L, -1);
    size_t i = 0;
    /* Most differ in their first letter: half of the calls are spared. */
    while (names[i] != NULL &&
           (names[i][0] != name[0] || strcmp(names[i], name) != 0))
      i++;
    if (names[i] == NULL)
      luaL_error(L, "unknown option '%s'", name);
  }
}

/* name → position, kept under the list's own address. */
static void push_positions(lua_State *L, const char *const names[]) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, names) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  for (int i = 0; names[i] != NULL; i++) {
    lua_pushinteger(L, i + 1);
    lua_setfield(L, -2, names[i]);
  }
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, names);
}

int bind_read_options(lua_State *L, int index, const char *const names[]) {
  int count = 0;
  while (names[count] != NULL)
    count++;
  luaL_checktype(L, index, LUA_TTABLE);
  index = lua_absindex(L, index);
  luaL_checkstack(L, count + 4, "options");
  int before = lua_gettop(L);
  lua_settop(L, before + count);
  push_positions(L, names);
  for (lua_pushnil(L); lua_next(L, index) != 0;) {
    lua_pushvalue(L, -2);
    lua_rawget(L, before + count + 1);
    int position = (int)lua_tointeger(L, -1);
    if (position == 0)
      bind_options(L, index, names);
    lua_pop(L, 1);
    lua_replace(L, before + position);
  }
  lua_pop(L, 1);
  return before + 1;
}

lua_Integer bind_integer_at(lua_State *L, int index, const char *name,
    lua_Integer otherwise, lua_Integer low, lua_Integer high) {
  if (lua_isnil(L, index))
    return otherwise;
  int fits = 0;
  lua_Integer value =
      lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &fits) : 0;
  if (!fits || value < low || value > high)
    luaL_error(L, "option '%s': expected an integer from %I to %I", name,
        (LUAI_UACINT)low, (LUAI_UACINT)high);
  return value;
}

lua_Number bind_number_at(
    lua_State *L, int index, const char *name, lua_Number otherwise) {
  if (lua_isnil(L, index))
    return otherwise;
  lua_Number value = lua_tonumber(L, index);
  if (lua_type(L, index) != LUA_TNUMBER || !(value >= 0))
    luaL_error(L, "option '%s': expected a number of at least 0", name);
  return value;
}

bool bind_boolean_at(
    lua_State *L, int index, const char *name, bool otherwise) {
  if (lua_isnil(L, index))
    return otherwise;
  if (!lua_isboolean(L, index))
    luaL_error(L, "option '%s': expected a boolean, got a %s", name,
        luaL_typename(L, index));
  return lua_toboolean(L, index);
}

const char *bind_text_at(lua_State *L, int index, const char *name,
    const char *otherwise, size_t *size) {
  size_t length;
  if (lua_isnil(L, index)) {
    if (size != NULL)
      *size = otherwise != NULL ? strlen(otherwise) : 0;
    return otherwise;
  }
  if (lua_type(L, index) != LUA_TSTRING)
    luaL_error(L, "option '%s': expected a string, got a %s", name,
        luaL_typename(L, index));
  const char *text = lua_tolstring(L, index, &length);
  if (size != NULL)
    *size = length;
  else if (strlen(text) != length)
    luaL_error(L, "option '%s': contains a NUL", name);
  return text;
}

static const char *not_missing(
    lua_State *L, const char *text, const char *name) {
  if (text == NULL)
    luaL_error(L, "option '%s': missing, expected a string", name);
  return text;
}

const char *bind_required_text_at(
    lua_State *L, int index, const char *name, size_t *size) {
  return not_missing(L, bind_text_at(L, index, name, NULL, size), name);
}

lua_Integer bind_option_integer(lua_State *L, int index, const char *name,
    lua_Integer otherwise, lua_Integer low, lua_Integer high) {
  if (!push_option(L, index, name))
    return otherwise;
  lua_Integer value = bind_integer_at(L, -1, name, otherwise, low, high);
  lua_pop(L, 1);
  return value;
}

bool bind_option_boolean(
    lua_State *L, int index, const char *name, bool otherwise) {
  if (!push_option(L, index, name))
    return otherwise;
  bool value = bind_boolean_at(L, -1, name, otherwise);
  lua_pop(L, 1);
  return value;
}

bool bind_option_table(lua_State *L, int index, const char *name) {
  if (!push_option(L, index, name))
    return false;
  if (!lua_istable(L, -1))
    luaL_error(L, "option '%s': expected a table, got a %s", name,
        luaL_typename(L, -1));
  return true;
}

const char *bind_option_text(lua_State *L, int index, const char *name,
    const char *otherwise, size_t *size) {
  if (!push_option(L, index, name))
    lua_pushnil(L);
  const char *text = bind_text_at(L, -1, name, otherwise, size);
  lua_pop(L, 1); /* the options table keeps it */
  return text;
}

const char *bind_required_text(
    lua_State *L, int index, const char *name, size_t *size) {
  return not_missing(L, bind_option_text(L, index, name, NULL, size), name);
}
