/*
 * host.json: see lua/meta/host/json.lua for what scripts may rely on. Text is
 * checked by jsontext.c and made into values by json_decode.c; the way back is
 * in json_encode.c.
 */
#include "bind/json.h"

#include "bind/bind.h"
#include "jsonprint.h"
#include "jsontext.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_DEPTH = 64, DEFAULT_BYTES = 64 << 20, MOST_BYTES = 1 << 30 };

/* The text at index 1 with the options at 2, checked. Returns NULL, with the
   error on the stack, when it is no JSON. */
static const char *read_text(lua_State *L, size_t *size,
    struct jsontext *facts, struct error *error, int *results) {
  static const char *const options[] = {
      "max_depth", "max_bytes", "max_nodes", NULL};
  const char *text = luaL_checklstring(L, 1, size);
  bind_options(L, 2, options);
  struct jsontext_limits most = {
      .depth = (int)bind_option_integer(
          L, 2, "max_depth", DEFAULT_DEPTH, 1, JSONTEXT_MAX_DEPTH),
      .values =
          (size_t)bind_option_integer(L, 2, "max_nodes", INT_MAX, 1, INT_MAX),
  };
  lua_Integer max_bytes =
      bind_option_integer(L, 2, "max_bytes", DEFAULT_BYTES, 0, MOST_BYTES);
  if (*size > (lua_Unsigned)max_bytes) {
    *results = bind_fail_size(L, *size, max_bytes);
    return NULL;
  }
  if (jsontext_check(text, *size, most, facts, error) != 0) {
    *results = bind_fail(L, error);
    return NULL;
  }
  return text;
}

static int f_decode(lua_State *L) {
  struct error error;
  struct jsontext facts;
  size_t size;
  int results;
  const char *text = read_text(L, &size, &facts, &error, &results);
  if (text == NULL)
    return results;
  if (json_decode(L, text, size, &facts, &error) != 0)
    return bind_fail(L, &error);
  return 1;
}

/* Whether the text says, for certain, what has the fingerprint at index 3. */
static bool is_known(lua_State *L) {
  size_t size;
  size_t known_size;
  struct jsonprint print;
  struct jsonprint known;
  const char *text = luaL_checklstring(L, 1, &size);
  const char *bytes = luaL_optlstring(L, 3, "", &known_size);
  if (known_size != sizeof known)
    return false;
  memcpy(&known, bytes, sizeof known);
  return jsonprint_plain(text, size, &print) && jsonprint_equal(print, known);
}

static int f_fingerprint(lua_State *L) {
  struct error error;
  struct jsontext facts;
  size_t size;
  int results;
  if (is_known(L)) {
    lua_settop(L, 3);
    return 1;
  }
  const char *text = read_text(L, &size, &facts, &error, &results);
  if (text == NULL)
    return results;
  struct jsonprint print = jsonprint(text, size);
  lua_pushlstring(L, (const char *)&print, sizeof print);
  return 1;
}

static int f_encode(lua_State *L) {
  static const char *const options[] = {
      "indent", "max_depth", "max_bytes", "line_end", NULL};
  luaL_checkany(L, 1);
  bind_options(L, 2, options);
  struct json_encoding encoding = {
      .indent = (int)bind_option_integer(L, 2, "indent", 0, 0, 16),
      .max_depth = (int)bind_option_integer(
          L, 2, "max_depth", DEFAULT_DEPTH, 1, JSONTEXT_MAX_DEPTH),
  };
  lua_Integer max_bytes =
      bind_option_integer(L, 2, "max_bytes", DEFAULT_BYTES, 0, MOST_BYTES);
  bool line_end = bind_option_boolean(L, 2, "line_end", false);

  struct error error;
  struct buf *out = bind_buf(L, (size_t)max_bytes);
  lua_pushvalue(L, 1);
  if (json_encode(L, &encoding, out, &error) != 0 ||
      (line_end && buf_add_byte(out, '\n', &error) != 0)) {
    bind_buf_done(out);
    return bind_fail(L, &error);
  }
  lua_pushlstring(L, out->data, out->size);
  bind_buf_done(out);
  return 1;
}

static int f_written(lua_State *L) {
  static const struct json_encoding encoding = {.max_depth = DEFAULT_DEPTH};
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  struct error error;
  struct buf *text = bind_buf(L, DEFAULT_BYTES);
  lua_pushvalue(L, 1);
  if (json_encode(L, &encoding, text, &error) != 0) {
    bind_buf_done(text);
    return bind_fail(L, &error);
  }
  json_push_written(L, text);
  bind_buf_done(text);
  return 1;
}

static int f_array(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_argcheck(L, !lua_getmetatable(L, 1) || bind_is_marked(L, 1), 1,
      "the table has a metatable of its own");
  lua_settop(L, 1);
  bind_mark_array(L);
  return 1;
}

static int f_is_array(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, lua_istable(L, 1) && json_is_array(L, 1));
  return 1;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv): offset basis and prime from there. */
void json_hash(const char *text, size_t size, char digits[17]) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
  snprintf(digits, 17, "%016llx", (unsigned long long)hash);
}

static int f_hash(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  char digits[17];
  json_hash(text, size, digits);
  lua_pushlstring(L, digits, 16);
  return 1;
}

static const luaL_Reg functions[] = {
    {"array", f_array},
    {"decode", f_decode},
    {"encode", f_encode},
    {"fingerprint", f_fingerprint},
    {"hash", f_hash},
    {"is_array", f_is_array},
    {"written", f_written},
    {NULL, NULL},
};

int luaopen_host_json(lua_State *L) {
  json_open_decode(L);
  luaL_newlib(L, functions);
  bind_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
