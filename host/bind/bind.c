#include "bind/bind.h"

#include <string.h>

int bind_fail(lua_State *L, const struct error *error) {
  char text[ERROR_TEXT_SIZE];
  lua_pushnil(L);
  lua_pushstring(L, error_text(error, text, sizeof text));
  if (error->code[0] != '\0')
    lua_pushstring(L, error->code);
  else
    lua_pushnil(L);
  return 3;
}

int bind_fail_text(lua_State *L, const char *code, const char *format, ...) {
  lua_pushnil(L);
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_pushstring(L, code);
  return 3;
}

int bind_fail_size(lua_State *L, size_t size, lua_Integer most) {
  return bind_fail_text(L, "limit", "%I bytes of text, at most %I are allowed",
      (LUAI_UACINT)size, (LUAI_UACINT)most);
}

/* Registered last, when it is whole: memory may run out at any step, and what
 * is in the registry is never made again. */
void bind_type(lua_State *L, const char *name, const luaL_Reg *methods,
    lua_CFunction release) {
  if (luaL_getmetatable(L, name) == LUA_TNIL) {
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_newtable(L);
    if (methods != NULL)
      luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__close");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_setfield(L, LUA_REGISTRYINDEX, name);
  }
  lua_pop(L, 1);
}

void *bind_new(lua_State *L, const char *name, size_t size) {
  void *memory = lua_newuserdatauv(L, size, 0);
  memset(memory, 0, size);
  luaL_setmetatable(L, name);
  return memory;
}

static const char buf_type[] = "host.buf";

static int buf_gc(lua_State *L) {
  buf_release(luaL_checkudata(L, 1, buf_type));
  return 0;
}

struct buf *bind_buf(lua_State *L, size_t limit) {
  bind_type(L, buf_type, NULL, buf_gc);
  struct buf *buf = bind_new(L, buf_type, sizeof *buf);
  buf_init(buf, limit);
  return buf;
}

void bind_buf_done(struct buf *buf) {
  buf_release(buf);
}

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

lua_Integer bind_option_integer(lua_State *L, int index, const char *name,
    lua_Integer otherwise, lua_Integer low, lua_Integer high) {
  if (!push_option(L, index, name))
    return otherwise;
  int fits = 0;
  lua_Integer value =
      lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &fits) : 0;
  if (!fits || value < low || value > high)
    luaL_error(L, "option '%s': expected an integer from %I to %I", name,
        (LUAI_UACINT)low, (LUAI_UACINT)high);
  lua_pop(L, 1);
  return value;
}

lua_Number bind_option_number(
    lua_State *L, int index, const char *name, lua_Number otherwise) {
  if (!push_option(L, index, name))
    return otherwise;
  lua_Number value = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || !(value >= 0))
    luaL_error(L, "option '%s': expected a number of at least 0", name);
  lua_pop(L, 1);
  return value;
}

bool bind_option_boolean(
    lua_State *L, int index, const char *name, bool otherwise) {
  if (!push_option(L, index, name))
    return otherwise;
  if (!lua_isboolean(L, -1))
    luaL_error(L, "option '%s': expected a boolean, got a %s", name,
        luaL_typename(L, -1));
  bool value = lua_toboolean(L, -1);
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
  size_t length;
  if (!push_option(L, index, name)) {
    if (size != NULL)
      *size = otherwise != NULL ? strlen(otherwise) : 0;
    return otherwise;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "option '%s': expected a string, got a %s", name,
        luaL_typename(L, -1));
  const char *text = lua_tolstring(L, -1, &length);
  if (size != NULL)
    *size = length;
  else if (strlen(text) != length)
    luaL_error(L, "option '%s': contains a NUL", name);
  lua_pop(L, 1); /* the options table keeps it */
  return text;
}

const char *bind_required_text(
    lua_State *L, int index, const char *name, size_t *size) {
  const char *text = bind_option_text(L, index, name, NULL, size);
  if (text == NULL)
    luaL_error(L, "option '%s': missing, expected a string", name);
  return text;
}

void bind_push_null(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
}

bool bind_is_null(lua_State *L, int index) {
  return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

static const char array_type[] = "host.array";

void bind_mark_array(lua_State *L) {
  /* By its address: each list of a document comes by here. */
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, array_type) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, array_type);
    lua_setfield(L, -2, "__name");
    /* One metatable for all: scripts must not change it. */
    lua_pushstring(L, array_type);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, array_type);
  }
  lua_setmetatable(L, -2);
}

bool bind_is_marked(lua_State *L, int index) {
  if (!lua_getmetatable(L, index))
    return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, array_type);
  bool marked = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return marked;
}
