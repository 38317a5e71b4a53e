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
    if (release != NULL) {
      lua_pushcfunction(L, release);
      lua_setfield(L, -2, "__gc");
      lua_pushcfunction(L, release);
      lua_setfield(L, -2, "__close");
    }
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
