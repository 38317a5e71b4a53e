/* host.http: see lua/meta/host/http.lua. */
#include "bind/events.h"

#include <stdint.h>
#include <string.h>

enum {
  MAX_REQUEST_HEADERS = 64 << 10, /* bytes */
  DEFAULT_MAX_BODY = 16 << 20,    /* bytes of a response */
};

static int count_strings(const struct buf *list) {
  int count = 0;
  for (size_t i = 0; i < list->size; i++)
    count += list->data[i] == '\0';
  return count;
}

/* name NUL value NUL name NUL value NUL ... as a table. */
static void push_headers(lua_State *L, const struct buf *headers) {
  const char *at = headers->data;
  const char *end = headers->data + headers->size;
  lua_createtable(L, 0, count_strings(headers) / 2);
  while (at < end) {
    const char *value = at + strlen(at) + 1;
    lua_pushstring(L, value);
    lua_setfield(L, -2, at);
    at = value + strlen(value) + 1;
  }
}

static void push_failure(lua_State *L, const struct http_response *response) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, response->kind);
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, response->message);
  lua_setfield(L, -2, "message");
}

/* __index of a response: its headers become a table when somebody asks. Most
   answers say nothing new, and nobody does. */
static int response_index(lua_State *L) {
  static const char stored[] = "\1headers";
  if (lua_type(L, 2) != LUA_TSTRING ||
      strcmp(lua_tostring(L, 2), "headers") != 0)
    return 0;
  lua_pushstring(L, stored);
  if (lua_rawget(L, 1) != LUA_TSTRING)
    return 0;
  struct buf headers = {0};
  headers.data = (char *)(uintptr_t)lua_tolstring(L, -1, &headers.size);
  push_headers(L, &headers);
  lua_pushvalue(L, -1);
  lua_setfield(L, 1, "headers");
  lua_pushnil(L);
  lua_setfield(L, 1, stored);
  return 1;
}

static void set_lazy_headers(
    lua_State *L, const struct http_response *response) {
  lua_pushlstring(L, response->headers.data, response->headers.size);
  lua_setfield(L, -2, "\1headers");
  if (luaL_newmetatable(L, "host.response")) {
    lua_pushcfunction(L, response_index);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
}

void bind_set_response(lua_State *L, const struct http_response *response) {
  lua_pushinteger(L, (lua_Integer)response->id);
  lua_setfield(L, -2, "id");
  if (response->kind != NULL) {
    push_failure(L, response);
    lua_setfield(L, -2, "error");
    return;
  }
  lua_pushinteger(L, response->status);
  lua_setfield(L, -2, "status");
  set_lazy_headers(L, response);
  lua_pushlstring(L, response->body.data, response->body.size);
  lua_setfield(L, -2, "body");
}

/* Adds the header whose name and value are the two topmost values. */
static int add_header(lua_State *L, struct buf *headers, struct error *error) {
  size_t name_size;
  size_t value_size;
  if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
    luaL_error(L, "option 'headers': expected names and values as strings");
  const char *name = lua_tolstring(L, -2, &name_size);
  const char *value = lua_tolstring(L, -1, &value_size);
  return http_header_add(headers, name, name_size, value, value_size, error);
}

/* { {"Accept", "text/plain"}, ... } */
static int read_list(lua_State *L, struct buf *headers, struct error *error) {
  int list = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, list, i) != LUA_TTABLE)
      luaL_error(L, "option 'headers': expected { name, value } in the list");
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    if (add_header(L, headers, error) != 0)
      return -1;
    lua_settop(L, list);
  }
  return 0;
}

/* { Accept = "text/plain", ... } */
static int read_map(lua_State *L, struct buf *headers, struct error *error) {
  int map = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, map) != 0; lua_pop(L, 1))
    if (add_header(L, headers, error) != 0)
      return -1;
  return 0;
}

static int read_headers(
    lua_State *L, struct buf *headers, struct error *error) {
  if (!bind_option_table(L, 1, "headers"))
    return 0;
  bool list = lua_rawgeti(L, -1, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return list ? read_list(L, headers, error) : read_map(L, headers, error);
}

static const char *check_method(lua_State *L) {
  const char *method = bind_option_text(L, 1, "method", "GET", NULL);
  size_t size = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (size == 0 || size > 16 || method[size] != '\0')
    luaL_error(L, "option 'method': expected GET, POST and the like");
  return method;
}

/* Everything but the headers; the strings stay the options table's. */
static void read_request(lua_State *L, struct http_request *request) {
  request->method = check_method(L);
  request->url = bind_required_text(L, 1, "url", NULL);
  request->body = bind_option_text(L, 1, "body", NULL, &request->body_size);
  request->connect_timeout = bind_option_number(L, 1, "connect_timeout", 5);
  request->timeout = bind_option_number(L, 1, "timeout", 30);
  request->stall_timeout = bind_option_number(L, 1, "stall_timeout", 0);
  request->max_body = (size_t)bind_option_integer(
      L, 1, "max_body", DEFAULT_MAX_BODY, 0, INT32_MAX);
  request->ca_file = bind_option_text(L, 1, "ca_file", NULL, NULL);
  request->proxy = bind_option_text(L, 1, "proxy", NULL, NULL);
  request->unix_socket = bind_option_text(L, 1, "unix_socket", NULL, NULL);
}

static int f_start(lua_State *L) {
  static const char *const names[] = {"method", "url", "headers", "body",
      "connect_timeout", "timeout", "stall_timeout", "max_body", "ca_file",
      "proxy", "unix_socket", NULL};
  struct http_request request;
  struct error error;
  uint64_t id;
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  read_request(L, &request);
  struct http *http = loop_http(bind_loop(L));
  struct buf *headers = bind_buf(L, MAX_REQUEST_HEADERS);
  request.headers = headers;
  if (read_headers(L, headers, &error) != 0)
    return bind_fail(L, &error);
  int result = http_start(http, &request, &id, &error);
  bind_buf_done(headers);
  if (result != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

static int f_cancel(lua_State *L) {
  lua_Integer id = luaL_checkinteger(L, 1);
  lua_pushboolean(L, http_cancel(loop_http(bind_loop(L)), (uint64_t)id));
  return 1;
}

static const luaL_Reg functions[] = {
    {"cancel", f_cancel},
    {"start", f_start},
    {NULL, NULL},
};

int luaopen_host_http(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
