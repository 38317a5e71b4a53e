/* host.http: see lua/meta/host/http.lua. */
#include "bind/events.h"
#include "bind/sign.h"

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
  if (response->known) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "known");
    return;
  }
  set_lazy_headers(L, response);
  lua_pushlstring(L, response->body.data, response->body.size);
  lua_setfield(L, -2, "body");
}

enum {
  METHOD,
  URL,
  HEADERS,
  BODY,
  CONNECT_TIMEOUT,
  TIMEOUT,
  STALL_TIMEOUT,
  MAX_BODY,
  CA_FILE,
  PROXY,
  UNIX_SOCKET,
  SIGNER,
  TIME,
  PAYLOAD_HASH,
  KNOWN,
};

static const char *const names[] = {"method", "url", "headers", "body",
    "connect_timeout", "timeout", "stall_timeout", "max_body", "ca_file",
    "proxy", "unix_socket", "signer", "time", "payload_hash", "known", NULL};

static const char *text_of(lua_State *L, int base, int option) {
  return bind_text_at(L, base + option, names[option], NULL, NULL);
}

static double seconds_of(
    lua_State *L, int base, int option, double otherwise) {
  return bind_number_at(L, base + option, names[option], otherwise);
}

static const char *check_method(lua_State *L, const char *method) {
  size_t size = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (size == 0 || size > 16 || method[size] != '\0')
    luaL_error(L, "option 'method': expected GET, POST and the like");
  return method;
}

/* Everything but the headers; the strings stay the options table's. */
static void read_request(
    lua_State *L, int base, struct http_request *request) {
  const char *method = text_of(L, base, METHOD);
  request->method = check_method(L, method != NULL ? method : "GET");
  request->url = bind_required_text_at(L, base + URL, names[URL], NULL);
  request->body =
      bind_text_at(L, base + BODY, names[BODY], NULL, &request->body_size);
  request->connect_timeout = seconds_of(L, base, CONNECT_TIMEOUT, 5);
  request->timeout = seconds_of(L, base, TIMEOUT, 30);
  request->stall_timeout = seconds_of(L, base, STALL_TIMEOUT, 0);
  request->max_body = (size_t)bind_integer_at(
      L, base + MAX_BODY, names[MAX_BODY], DEFAULT_MAX_BODY, 0, INT32_MAX);
  request->ca_file = text_of(L, base, CA_FILE);
  request->proxy = text_of(L, base, PROXY);
  request->unix_socket = text_of(L, base, UNIX_SOCKET);
}

/* What host.json's fingerprint() gave; NULL: nothing. */
static const struct jsonprint *read_known(
    lua_State *L, int base, struct jsonprint *known) {
  size_t size;
  const char *bytes = bind_text_at(L, base + KNOWN, names[KNOWN], NULL, &size);
  if (bytes == NULL)
    return NULL;
  if (size != sizeof *known)
    luaL_error(L, "option 'known': expected a fingerprint of host.json");
  memcpy(known, bytes, sizeof *known);
  return known;
}

static int add_headers(struct buf *lines, const struct header *headers,
    size_t count, struct error *error) {
  for (size_t i = 0; i < count; i++)
    if (http_header_add(lines, headers[i].name.data, headers[i].name.size,
            headers[i].value.data, headers[i].value.size, error) != 0)
      return -1;
  return 0;
}

/* Signs what is about to be sent, and adds what that gives to its headers. */
static int sign(lua_State *L, int base, const struct http_request *request,
    struct header *headers, size_t count, struct buf *lines,
    struct error *error) {
  struct sigv4_signer *signer = bind_signer(L, base + SIGNER);
  struct header added[BIND_ADDED];
  struct text url = {request->url, strlen(request->url)};
  struct sigv4_request signing = {
      .method = {request->method, strlen(request->method)},
      .headers = headers,
      .header_count = count,
      .body = {request->body, request->body_size},
      .time = (int64_t)bind_integer_at(
          L, base + TIME, names[TIME], INT64_MIN, -62167219200, 253402300799),
  };
  signing.payload_hash.data = bind_text_at(L, base + PAYLOAD_HASH,
      names[PAYLOAD_HASH], "", &signing.payload_hash.size);
  if (signing.time == INT64_MIN)
    luaL_error(L, "option 'time': missing, expected seconds since 1970");
  if (bind_sign_url(L, url, &signing, headers, error) != 0 ||
      sigv4_sign(signer, &signing, error) != 0)
    return -1;
  return add_headers(lines, added, bind_added(signer, added), error);
}

/* Its upvalue is a buffer for the headers of whatever is started next. */
static int f_start(lua_State *L) {
  struct header headers[CANONICAL_MAX_HEADERS];
  struct http_request request;
  struct jsonprint known;
  struct error error;
  uint64_t id;
  struct buf *lines = lua_touserdata(L, lua_upvalueindex(1));
  int base = bind_read_options(L, 1, names);
  read_request(L, base, &request);
  request.known = read_known(L, base, &known);
  size_t count = bind_headers(L, base + HEADERS, headers);
  struct http *http = loop_http(bind_loop(L));
  request.headers = lines;
  buf_clear(lines); /* something may have been raised the last time */
  int result = add_headers(lines, headers, count, &error);
  if (result == 0 && !lua_isnil(L, base + SIGNER))
    result = sign(L, base, &request, headers, count, lines, &error);
  if (result == 0)
    result = http_start(http, &request, &id, &error);
  digest_forget(lines->data, lines->size); /* a signature, perhaps a token */
  buf_clear(lines);
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
  luaL_newlibtable(L, functions);
  bind_buf(L, MAX_REQUEST_HEADERS);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
