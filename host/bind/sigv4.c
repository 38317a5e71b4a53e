/* host.sigv4: see lua/meta/host/sigv4.lua. */
#include "bind/sign.h"
#include "http_signed.h"

#include <string.h>

static const char signer_type[] = "host.signer";

static int signer_gc(lua_State *L) {
  struct sigv4_signer *signer = luaL_checkudata(L, 1, signer_type);
  sigv4_signer_release(signer);
  sigv4_signer_init(signer);
  return 0;
}

struct sigv4_signer *bind_signer(lua_State *L, int index) {
  return luaL_checkudata(L, index, signer_type);
}

static struct sigv4_signer *push_signer(lua_State *L) {
  bind_type(L, signer_type, NULL, signer_gc);
  struct sigv4_signer *signer = bind_new(L, signer_type, sizeof *signer);
  sigv4_signer_init(signer);
  return signer;
}

/* ---- headers ---- */

/* The string at the top of the stack; what holds it keeps it. */
static struct text take_string(lua_State *L, const char *what) {
  struct text text = {NULL, 0};
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "option 'headers': expected %s, got a %s", what,
        luaL_typename(L, -1));
  text.data = lua_tolstring(L, -1, &text.size);
  lua_pop(L, 1);
  return text;
}

static struct header *next_header(
    lua_State *L, struct header *headers, size_t *count) {
  if (*count == SIGV4_MAX_HEADERS)
    luaL_error(
        L, "option 'headers': there are more than %d", SIGV4_MAX_HEADERS);
  return &headers[(*count)++];
}

/* {{"Host", "example.com"}, ...} */
static void read_list(
    lua_State *L, int list, struct header *headers, size_t *count) {
  for (lua_Integer i = 1; lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
    struct header *header = next_header(L, headers, count);
    if (!lua_istable(L, -1))
      luaL_error(L, "option 'headers': expected pairs {name, value}");
    lua_rawgeti(L, -1, 1);
    header->name = take_string(L, "a name");
    lua_rawgeti(L, -1, 2);
    header->value = take_string(L, "a value");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* {Host = "example.com", ...} */
static void read_map(
    lua_State *L, int map, struct header *headers, size_t *count) {
  lua_pushnil(L);
  while (lua_next(L, map) != 0) {
    struct header *header = next_header(L, headers, count);
    header->value = take_string(L, "a value");
    lua_pushvalue(L, -1);
    header->name = take_string(L, "a name");
  }
}

size_t bind_headers(lua_State *L, int index, struct header *headers) {
  size_t count = 0;
  if (lua_isnil(L, index))
    return 0;
  if (!lua_istable(L, index))
    luaL_error(L, "option 'headers': expected a table, got a %s",
        luaL_typename(L, index));
  luaL_checkstack(L, 4, "headers");
  if (lua_rawlen(L, index) > 0)
    read_list(L, index, headers, &count);
  else
    read_map(L, index, headers, &count);
  return count;
}

/* ---- options ---- */

/* In this order among the options of both functions. */
enum {
  REGION,
  SERVICE,
  ACCESS_KEY_ID,
  SECRET_ACCESS_KEY,
  SESSION_TOKEN,
  NORMALIZE,
  DOUBLE_ENCODE,
  UNSIGNED_TOKEN,
  CONTENT_SHA256,
  METHOD,
  URL,
  PATH,
  QUERY,
  HEADERS,
  BODY,
  PAYLOAD_HASH,
  TIME,
  DETAILS,
};

#define IDENTITY_NAMES                                                        \
  "region", "service", "access_key_id", "secret_access_key", "session_token", \
      "normalize", "double_encode", "unsigned_token", "content_sha256"

static const char *const identity_names[] = {IDENTITY_NAMES, NULL};
static const char *const names[] = {IDENTITY_NAMES, "method", "url", "path",
    "query", "headers", "body", "payload_hash", "time", "details", NULL};

static struct text text_of(lua_State *L, int base, int option) {
  struct text text = {NULL, 0};
  text.data = bind_text_at(L, base + option, names[option], "", &text.size);
  return text;
}

static struct text required_text(lua_State *L, int base, int option) {
  struct text text = {NULL, 0};
  text.data =
      bind_required_text_at(L, base + option, names[option], &text.size);
  return text;
}

static unsigned flag(
    lua_State *L, int base, int option, bool otherwise, unsigned is) {
  return bind_boolean_at(L, base + option, names[option], otherwise) ? is : 0;
}

static struct sigv4_identity read_identity(lua_State *L, int base) {
  return (struct sigv4_identity){
      .region = required_text(L, base, REGION),
      .service = required_text(L, base, SERVICE),
      .access_key_id = required_text(L, base, ACCESS_KEY_ID),
      .secret_access_key = required_text(L, base, SECRET_ACCESS_KEY),
      .session_token = text_of(L, base, SESSION_TOKEN),
      .flags = flag(L, base, NORMALIZE, true, SIGV4_NORMALIZE) |
               flag(L, base, DOUBLE_ENCODE, true, SIGV4_ENCODE_TWICE) |
               flag(L, base, UNSIGNED_TOKEN, false, SIGV4_TOKEN_UNSIGNED) |
               flag(L, base, CONTENT_SHA256, false, SIGV4_CONTENT_SHA256),
  };
}

int bind_sign_url(lua_State *L, struct text url, struct sigv4_request *request,
    struct header *headers, struct error *error) {
  struct sigv4_url parts;
  if (sigv4_split_url(url, &parts, error) != 0)
    return -1;
  request->path = parts.path;
  request->query = parts.query;
  for (size_t i = 0; i < request->header_count; i++)
    if (canonical_same_name(headers[i].name, "host"))
      return 0;
  struct header *header = next_header(L, headers, &request->header_count);
  header->name = (struct text){"Host", 4};
  header->value = parts.host;
  return 0;
}

/* Host, path and query from `url`, or path and query as they are given. */
static int read_target(lua_State *L, int base, struct sigv4_request *request,
    struct header *headers, struct error *error) {
  struct text url = text_of(L, base, URL);
  request->path = text_of(L, base, PATH);
  request->query = text_of(L, base, QUERY);
  if (url.size == 0)
    return 0;
  if (request->path.size > 0 || request->query.size > 0)
    luaL_error(L, "option 'url': given together with 'path' or 'query'");
  return bind_sign_url(L, url, request, headers, error);
}

static void read_request(
    lua_State *L, int base, struct sigv4_request *request) {
  request->method = required_text(L, base, METHOD);
  request->body = text_of(L, base, BODY);
  request->payload_hash = text_of(L, base, PAYLOAD_HASH);
  /* From year 0 to year 9999. */
  request->time = (int64_t)bind_integer_at(
      L, base + TIME, names[TIME], INT64_MIN, -62167219200, 253402300799);
  if (request->time == INT64_MIN)
    luaL_error(L, "option 'time': missing, expected seconds since 1970");
}

/* ---- functions ---- */

/* {{name, value}, ...} */
static void push_added(lua_State *L, const struct sigv4_signer *signer) {
  struct header added[HTTP_SIGNED_ADDED];
  size_t count = http_signed_added(signer, added);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, added[i].name.data, added[i].name.size);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, added[i].value.data, added[i].value.size);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void set_buf(lua_State *L, const char *name, const struct buf *buf) {
  lua_pushlstring(L, buf->data, buf->size);
  lua_setfield(L, -2, name);
}

/* What messages and specs look at. */
static void push_details(lua_State *L, const struct sigv4_signer *signer) {
  set_buf(L, "canonical_request", &signer->canonical_request);
  set_buf(L, "string_to_sign", &signer->string_to_sign);
  lua_pushstring(L, signer->signature);
  lua_setfield(L, -2, "signature");
}

/* Its upvalue is the signer of all such requests. */
static int f_sign(lua_State *L) {
  struct header headers[CANONICAL_MAX_HEADERS];
  struct sigv4_request request = {.headers = headers};
  struct sigv4_signer *signer = lua_touserdata(L, lua_upvalueindex(1));
  struct error error;
  int base = bind_read_options(L, 1, names);
  struct sigv4_identity identity = read_identity(L, base);
  read_request(L, base, &request);
  bool details = bind_boolean_at(L, base + DETAILS, names[DETAILS], false);
  request.header_count = bind_headers(L, base + HEADERS, headers);
  if (read_target(L, base, &request, headers, &error) != 0 ||
      sigv4_signer_set(signer, &identity, &error) != 0 ||
      sigv4_sign(signer, &request, &error) != 0)
    return bind_fail(L, &error);
  lua_createtable(L, 0, 4);
  push_added(L, signer);
  lua_setfield(L, -2, "headers");
  if (details)
    push_details(L, signer);
  return 1;
}

static int f_signer(lua_State *L) {
  struct error error;
  int base = bind_read_options(L, 1, identity_names);
  struct sigv4_identity identity = read_identity(L, base);
  struct sigv4_signer *signer = push_signer(L);
  if (sigv4_signer_set(signer, &identity, &error) != 0)
    return bind_fail(L, &error);
  return 1;
}

static int push_digest(lua_State *L, int failed, const unsigned char *digest) {
  char hex[DIGEST_HEX_SIZE];
  if (failed)
    return bind_fail_text(
        L, "crypto", "cannot hash: the cryptographic library refused");
  digest_hex(digest, hex);
  lua_pushstring(L, hex);
  return 1;
}

static int f_sha256(lua_State *L) {
  size_t size = 0;
  const char *text = luaL_checklstring(L, 1, &size);
  unsigned char digest[DIGEST_SIZE];
  return push_digest(L, digest_sha256(text, size, digest), digest);
}

static int f_hmac(lua_State *L) {
  size_t key_size = 0;
  size_t size = 0;
  const char *key = luaL_checklstring(L, 1, &key_size);
  const char *text = luaL_checklstring(L, 2, &size);
  unsigned char digest[DIGEST_SIZE];
  return push_digest(
      L, digest_hmac(key, key_size, text, size, digest), digest);
}

static const luaL_Reg functions[] = {
    {"hmac", f_hmac},
    {"sha256", f_sha256},
    {"sign", f_sign},
    {"signer", f_signer},
    {NULL, NULL},
};

int luaopen_host_sigv4(lua_State *L) {
  luaL_newlibtable(L, functions);
  push_signer(L);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
