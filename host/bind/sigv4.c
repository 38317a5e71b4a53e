/* host.sigv4: see lua/meta/host/sigv4.lua. */
#include "sigv4.h"

#include "bind/bind.h"

#include <string.h>

static const char signature_type[] = "host.signature";
static const char key_type[] = "host.signing_key";

static int signature_gc(lua_State *L) {
  sigv4_release(luaL_checkudata(L, 1, signature_type));
  return 0;
}

static int key_gc(lua_State *L) {
  sigv4_key_forget(luaL_checkudata(L, 1, key_type));
  return 0;
}

static struct text text_option(lua_State *L, const char *name) {
  struct text text = {NULL, 0};
  text.data = bind_option_text(L, 1, name, "", &text.size);
  return text;
}

static struct text required_text(lua_State *L, const char *name) {
  struct text text = {NULL, 0};
  text.data = bind_required_text(L, 1, name, &text.size);
  return text;
}

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

/* {{"Host", "example.com"}, ...}: the list is at the top of the stack. */
static void read_list(lua_State *L, struct header *headers, size_t *count) {
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
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
static void read_map(lua_State *L, struct header *headers, size_t *count) {
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    struct header *header = next_header(L, headers, count);
    header->value = take_string(L, "a value");
    lua_pushvalue(L, -1);
    header->name = take_string(L, "a name");
  }
}

static void read_headers(lua_State *L, struct header *headers, size_t *count) {
  if (!bind_option_table(L, 1, "headers"))
    return;
  if (lua_rawlen(L, -1) > 0)
    read_list(L, headers, count);
  else
    read_map(L, headers, count);
  lua_pop(L, 1); /* the request's table keeps it */
}

/* Host, path and query from `url`, or path and query as they are given. */
static int read_target(lua_State *L, struct sigv4_request *request,
    struct header *headers, size_t *count, struct error *error) {
  struct text url = text_option(L, "url");
  struct sigv4_url parts;
  request->path = text_option(L, "path");
  request->query = text_option(L, "query");
  if (url.size == 0)
    return 0;
  if (request->path.size > 0 || request->query.size > 0)
    luaL_error(L, "option 'url': given together with 'path' or 'query'");
  if (sigv4_split_url(url, &parts, error) != 0)
    return -1;
  request->path = parts.path;
  request->query = parts.query;
  for (size_t i = 0; i < *count; i++)
    if (canonical_same_name(headers[i].name, "host"))
      return 0;
  struct header *header = next_header(L, headers, count);
  header->name = (struct text){"Host", 4};
  header->value = parts.host;
  return 0;
}

static unsigned read_flags(lua_State *L) {
  static const struct {
    const char *name;
    unsigned flag;
    bool otherwise;
  } options[] = {
      {"normalize", SIGV4_NORMALIZE, true},
      {"double_encode", SIGV4_ENCODE_TWICE, true},
      {"unsigned_token", SIGV4_TOKEN_UNSIGNED, false},
      {"content_sha256", SIGV4_CONTENT_SHA256, false},
  };
  unsigned flags = 0;
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (bind_option_boolean(L, 1, options[i].name, options[i].otherwise))
      flags |= options[i].flag;
  return flags;
}

static void read_request(lua_State *L, struct sigv4_request *request) {
  static const char *const names[] = {"method", "url", "path", "query",
      "headers", "body", "payload_hash", "region", "service", "time",
      "access_key_id", "secret_access_key", "session_token", "normalize",
      "double_encode", "unsigned_token", "content_sha256", "details", "append",
      NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  request->method = required_text(L, "method");
  request->body = text_option(L, "body");
  request->payload_hash = text_option(L, "payload_hash");
  request->region = required_text(L, "region");
  request->service = required_text(L, "service");
  request->access_key_id = required_text(L, "access_key_id");
  request->secret_access_key = required_text(L, "secret_access_key");
  request->session_token = text_option(L, "session_token");
  /* From year 0 to year 9999. */
  request->time = (int64_t)bind_option_integer(
      L, 1, "time", INT64_MIN, -62167219200, 253402300799);
  if (request->time == INT64_MIN)
    luaL_error(L, "option 'time': missing, expected seconds since 1970");
  request->flags = read_flags(L);
}

/* Appends {name, value} to the list at the top of the stack. */
static void push_header(
    lua_State *L, const char *name, const char *value, size_t size) {
  lua_createtable(L, 2, 0);
  lua_pushstring(L, name);
  lua_rawseti(L, -2, 1);
  lua_pushlstring(L, value, size);
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void push_headers(lua_State *L, const struct sigv4_request *request,
    const struct sigv4_signature *signature) {
  push_header(L, "X-Amz-Date", signature->date, strlen(signature->date));
  if (request->session_token.size > 0)
    push_header(L, "X-Amz-Security-Token", request->session_token.data,
        request->session_token.size);
  if (request->flags & SIGV4_CONTENT_SHA256)
    push_header(L, "X-Amz-Content-Sha256", signature->payload_hash.data,
        signature->payload_hash.size);
  push_header(L, "Authorization", signature->authorization.data,
      signature->authorization.size);
}

static void set_buf(lua_State *L, const char *name, const struct buf *buf) {
  lua_pushlstring(L, buf->data, buf->size);
  lua_setfield(L, -2, name);
}

/* What messages and specs look at. */
static void push_details(
    lua_State *L, const struct sigv4_signature *signature) {
  set_buf(L, "canonical_request", &signature->canonical_request);
  set_buf(L, "string_to_sign", &signature->string_to_sign);
  lua_pushstring(L, signature->signature);
  lua_setfield(L, -2, "signature");
}

/* Its upvalue is the key of the last signature. */
static int f_sign(lua_State *L) {
  struct header headers[SIGV4_MAX_HEADERS];
  struct sigv4_request request = {
      .headers = headers, .cache = lua_touserdata(L, lua_upvalueindex(1))};
  struct error error;
  read_request(L, &request);
  read_headers(L, headers, &request.header_count);
  if (read_target(L, &request, headers, &request.header_count, &error) != 0)
    return bind_fail(L, &error);
  bind_type(L, signature_type, NULL, signature_gc);
  struct sigv4_signature *signature =
      bind_new(L, signature_type, sizeof *signature);
  sigv4_init(signature);
  if (sigv4_sign(&request, signature, &error) != 0) {
    sigv4_release(signature);
    return bind_fail(L, &error);
  }
  lua_createtable(L, 0, 1);
  if (!bind_option_boolean(L, 1, "append", false))
    lua_createtable(L, 4, 0);
  else if (!bind_option_table(L, 1, "headers"))
    return luaL_error(L, "option 'append': there are no headers to add to");
  push_headers(L, &request, signature);
  lua_setfield(L, -2, "headers");
  if (bind_option_boolean(L, 1, "details", false))
    push_details(L, signature);
  sigv4_release(signature);
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
    {NULL, NULL},
};

int luaopen_host_sigv4(lua_State *L) {
  bind_type(L, key_type, NULL, key_gc);
  luaL_newlibtable(L, functions);
  struct sigv4_key *key = bind_new(L, key_type, sizeof *key);
  sigv4_key_init(key);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
