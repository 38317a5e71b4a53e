/* host.server: see lua/meta/host/server.lua. */
#include "bind/events.h"

#include <string.h>

enum { MAX_HEADERS = 16 << 10 /* bytes of an answer's headers */ };

/* name NUL value NUL ... as a table; of a name given twice the last counts. */
static void push_pairs(lua_State *L, const struct buf *pairs) {
  const char *at = pairs->data;
  const char *end = at + pairs->size;
  lua_newtable(L);
  while (at < end) {
    const char *value = at + strlen(at) + 1;
    lua_pushstring(L, at);
    lua_pushstring(L, value);
    lua_rawset(L, -3);
    at = value + strlen(value) + 1;
  }
}

void bind_set_request(lua_State *L, const struct server_request *request) {
  lua_pushinteger(L, (lua_Integer)request->id);
  lua_setfield(L, -2, "id");
  lua_pushlstring(L, request->method.data, request->method.size);
  lua_setfield(L, -2, "method");
  lua_pushlstring(L, request->path.data, request->path.size);
  lua_setfield(L, -2, "path");
  push_pairs(L, &request->query);
  lua_setfield(L, -2, "query");
  push_pairs(L, &request->headers);
  lua_setfield(L, -2, "headers");
}

static int f_open(lua_State *L) {
  static const char *const names[] = {"host", "port", "path", NULL};
  struct server_options options = {0};
  struct error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  options.path = bind_option_text(L, 1, "path", NULL, NULL);
  if (options.path == NULL) {
    options.host = bind_required_text(L, 1, "host", NULL);
    options.port = (unsigned)bind_option_integer(L, 1, "port", 0, 0, 65535);
  }
  struct loop *loop = bind_loop(L);
  if (loop_serve(loop, &options, &error) != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)server_port(loop_server(loop)));
  return 1;
}

static int f_close(lua_State *L) {
  loop_unserve(bind_loop(L));
  return 0;
}

static const char *text_at(lua_State *L, int index) {
  size_t size = 0;
  if (lua_type(L, index) != LUA_TSTRING)
    luaL_error(L, "option 'headers': expected names and values as strings");
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size || strpbrk(text, "\r\n") != NULL)
    luaL_error(L, "option 'headers': a line's end or a NUL in '%s'", text);
  return text;
}

/* Appends {name = value, ...} at the top of the stack. */
static int read_headers(lua_State *L, struct buf *to, struct error *error) {
  int map = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, map) != 0; lua_pop(L, 1)) {
    const char *name = text_at(L, -2);
    const char *value = text_at(L, -1);
    if (buf_add(to, name, strlen(name) + 1, error) != 0 ||
        buf_add(to, value, strlen(value) + 1, error) != 0)
      return -1;
  }
  return 0;
}

static int f_answer(lua_State *L) {
  static const char *const names[] = {"status", "headers", "body", NULL};
  lua_Integer id = luaL_checkinteger(L, 1);
  struct server_answer answer = {0};
  struct error error;
  luaL_checktype(L, 2, LUA_TTABLE);
  bind_options(L, 2, names);
  answer.status = (unsigned)bind_option_integer(L, 2, "status", 200, 200, 599);
  answer.body = bind_option_text(L, 2, "body", "", &answer.size);
  struct server *server = loop_server(bind_loop(L));
  struct buf *headers = bind_buf(L, MAX_HEADERS);
  answer.headers = headers;
  if (bind_option_table(L, 2, "headers") &&
      read_headers(L, headers, &error) != 0)
    return bind_fail(L, &error);
  lua_pushboolean(
      L, server != NULL && server_answer(server, (uint64_t)id, &answer));
  bind_buf_done(headers);
  return 1;
}

static const luaL_Reg functions[] = {
    {"answer", f_answer},
    {"close", f_close},
    {"open", f_open},
    {NULL, NULL},
};

int luaopen_host_server(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
