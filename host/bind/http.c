/* host.http: see lua/meta/host/http.lua. */
#include "bind/events.h"
#include "bind/sign.h"
#include "http_signed.h"

#include <math.h>
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
  bool is_batch = response->batch != 0;
  lua_pushinteger(L, (lua_Integer)(is_batch ? response->batch : response->id));
  lua_setfield(L, -2, "id");
  if (is_batch) {
    lua_pushinteger(L, (lua_Integer)response->item + 1);
    lua_setfield(L, -2, "item");
  }
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
  /* Of a batch alone. */
  ITEMS,
  LIMIT,
  DEADLINE,
  COUNTED,
  FIRST,
};

#define REQUEST_NAMES                                                         \
  "method", "url", "headers", "body", "connect_timeout", "timeout",           \
      "stall_timeout", "max_body", "ca_file", "proxy", "unix_socket",         \
      "signer", "time", "payload_hash", "known"

static const char *const names[] = {REQUEST_NAMES, NULL};
static const char *const batch_names[] = {
    REQUEST_NAMES, "items", "limit", "deadline", "counted", "first", NULL};

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

/* Takes what host.json's fingerprint() gave. */
static void copy_known(
    lua_State *L, struct text bytes, struct jsonprint *known) {
  if (bytes.size != sizeof *known)
    luaL_error(L, "option 'known': expected a fingerprint of host.json");
  memcpy(known, bytes.data, sizeof *known);
}

/* NULL: nothing. */
static const struct jsonprint *read_known(
    lua_State *L, int base, struct jsonprint *known) {
  struct text bytes;
  bytes.data = bind_text_at(L, base + KNOWN, names[KNOWN], NULL, &bytes.size);
  if (bytes.data == NULL)
    return NULL;
  copy_known(L, bytes, known);
  return known;
}

/* What is to be signed of a request, at its time; the first `sent` headers are
   sent as they are. */
static int read_signing(lua_State *L, int base,
    const struct http_request *request, struct header *headers,
    struct sigv4_request *signing, struct error *error) {
  struct text url = {request->url, strlen(request->url)};
  signing->method = (struct text){request->method, strlen(request->method)};
  signing->body = (struct text){request->body, request->body_size};
  signing->time = (int64_t)bind_integer_at(
      L, base + TIME, names[TIME], INT64_MIN, -62167219200, 253402300799);
  signing->payload_hash.data = bind_text_at(L, base + PAYLOAD_HASH,
      names[PAYLOAD_HASH], "", &signing->payload_hash.size);
  if (signing->time == INT64_MIN)
    luaL_error(L, "option 'time': missing, expected seconds since 1970");
  return bind_sign_url(L, url, signing, headers, error);
}

/* Its upvalue is a buffer for the headers of whatever is started next. */
static int f_start(lua_State *L) {
  struct header headers[CANONICAL_MAX_HEADERS];
  struct http_request request = {0};
  struct sigv4_request signing = {.headers = headers};
  struct sigv4_signer *signer = NULL;
  struct jsonprint known;
  struct error error;
  uint64_t id;
  struct buf *lines = lua_touserdata(L, lua_upvalueindex(1));
  int base = bind_read_options(L, 1, names);
  read_request(L, base, &request);
  request.known = read_known(L, base, &known);
  size_t sent = bind_headers(L, base + HEADERS, headers);
  signing.header_count = sent;
  struct http *http = loop_http(bind_loop(L));
  if (!lua_isnil(L, base + SIGNER)) {
    signer = bind_signer(L, base + SIGNER);
    if (read_signing(L, base, &request, headers, &signing, &error) != 0)
      return bind_fail(L, &error);
  }
  if (http_start_signed(
          http, &request, signer, &signing, sent, lines, &id, &error) != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

static int f_cancel(lua_State *L) {
  lua_Integer id = luaL_checkinteger(L, 1);
  lua_pushboolean(L, http_cancel(loop_http(bind_loop(L)), (uint64_t)id));
  return 1;
}

/* ---- batches ---- */

/* Under its address in the registry: batch id -> what must live as long. */
static const char kept_key = 'b';

static void push_kept(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_key);
}

void bind_batch_over(lua_State *L, uint64_t id) {
  push_kept(L);
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

/* The string at a position of the list at the top, which keeps it. */
static struct text text_in(lua_State *L, lua_Integer position) {
  struct text text = {NULL, 0};
  if (lua_rawgeti(L, -1, position) != LUA_TSTRING)
    luaL_error(L, "option 'items': expected strings, three for each item");
  text.data = lua_tolstring(L, -1, &text.size);
  lua_pop(L, 1);
  return text;
}

/* {body, payload_hash, known, body, ...}; pushes what holds them. */
static void read_items(lua_State *L, int base, struct batch_options *options) {
  luaL_argcheck(L, lua_istable(L, base + ITEMS), 1,
      "option 'items': expected a list of strings");
  lua_pushvalue(L, base + ITEMS);
  options->count = (size_t)lua_rawlen(L, -1) / 3;
  if (options->count < 1 || options->count > BATCH_ITEMS)
    luaL_error(L, "option 'items': expected 1 to %d of them", BATCH_ITEMS);
  struct batch_item *items =
      lua_newuserdatauv(L, options->count * sizeof *items, 0);
  options->items = items;
  lua_insert(L, -2);
  for (size_t i = 0; i < options->count; i++) {
    lua_Integer at = (lua_Integer)i * 3;
    items[i].body = text_in(L, at + 1);
    items[i].payload_hash = text_in(L, at + 2);
    copy_known(L, text_in(L, at + 3), &items[i].known);
  }
  lua_pop(L, 1);
}

static void read_batch(lua_State *L, int base, struct batch_options *options) {
  read_items(L, base, options);
  options->limit = (unsigned)bind_integer_at(
      L, base + LIMIT, batch_names[LIMIT], 1, 1, HTTP_TRANSFERS);
  options->counted = (size_t)bind_integer_at(L, base + COUNTED,
                         batch_names[COUNTED], 1, 1, SIGV4_MAX_HEADERS) -
                     1;
  options->first = (uint64_t)bind_integer_at(
      L, base + FIRST, batch_names[FIRST], 0, 0, INT64_MAX);
  double seconds =
      bind_number_at(L, base + DEADLINE, batch_names[DEADLINE], INFINITY);
  options->deadline_ns = clock_deadline(seconds);
}

static int f_batch(lua_State *L) {
  struct header headers[CANONICAL_MAX_HEADERS];
  struct batch_options options = {.signing = {.headers = headers}};
  struct error error;
  int base = bind_read_options(L, 1, batch_names);
  read_request(L, base, &options.request);
  options.sent = bind_headers(L, base + HEADERS, headers);
  options.signing.header_count = options.sent;
  options.signer = bind_signer(L, base + SIGNER);
  read_batch(L, base, &options);
  if (read_signing(
          L, base, &options.request, headers, &options.signing, &error) != 0)
    return bind_fail(L, &error);
  struct batches *batches = loop_batches(bind_loop(L));
  lua_Integer id = (lua_Integer)batches->last_id + 1;
  push_kept(L);
  lua_pushvalue(L, base + SIGNER);
  lua_rawseti(L, -2, id); /* from here on nothing raises */
  if (batch_start(batches, &options, &error) != 0) {
    bind_batch_over(L, (uint64_t)id);
    return bind_fail(L, &error);
  }
  lua_pushinteger(L, id);
  return 1;
}

static int f_widen_batch(lua_State *L) {
  lua_Integer id = luaL_checkinteger(L, 1);
  batch_widen(loop_batches(bind_loop(L)), (uint64_t)id);
  return 0;
}

static int f_cancel_batch(lua_State *L) {
  lua_Integer id = luaL_checkinteger(L, 1);
  size_t started;
  bool there =
      batch_cancel(loop_batches(bind_loop(L)), (uint64_t)id, &started);
  bind_batch_over(L, (uint64_t)id);
  if (there)
    lua_pushinteger(L, (lua_Integer)started);
  else
    lua_pushnil(L);
  return 1;
}

static const luaL_Reg functions[] = {
    {"batch", f_batch},
    {"cancel", f_cancel},
    {"cancel_batch", f_cancel_batch},
    {"start", f_start},
    {"widen_batch", f_widen_batch},
    {NULL, NULL},
};

int luaopen_host_http(lua_State *L) {
  luaL_newlibtable(L, functions);
  bind_buf(L, MAX_REQUEST_HEADERS);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
