/*
 * host.json: see lua/meta/host/json.lua for what scripts may rely on. Text is
 * checked by jsontext.c, built into a tree by cJSON and pushed from there; the
 * way back is in json_encode.c.
 */
#include "bind/json.h"

#include "arena.h"
#include "bind/bind.h"
#include "jsonprint.h"
#include "jsontext.h"
#include "keypath.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_DEPTH = 64, DEFAULT_BYTES = 64 << 20, MOST_BYTES = 1 << 30 };

static const char tree_type[] = "host.json.tree";

/* A cJSON tree that a Lua error cannot leak. */
struct tree {
  cJSON *root;
  struct arena arena; /* all of it */
};

static int tree_gc(lua_State *L) {
  struct tree *tree = luaL_checkudata(L, 1, tree_type);
  tree->root = NULL;
  arena_release(&tree->arena);
  return 0;
}

/* cJSON's functions for memory know nothing but a size. */
static struct arena *building;

static void *take(size_t size) {
  return arena_take(building, size);
}

static void leave(void *piece) {
  (void)piece; /* it goes with the tree */
}

/* What is the same for a whole decoding. */
struct decode {
  lua_State *L;
  char stand_in[4]; /* UTF-8 of what stands for NUL; "" when nothing does */
  struct error *error;
};

/* Pushes a string with the NULs that the stand-in stands for. */
static void push_string(const struct decode *d, const char *text) {
  const char *hit = d->stand_in[0] ? strstr(text, d->stand_in) : NULL;
  if (hit == NULL) {
    lua_pushstring(d->L, text);
    return;
  }
  luaL_Buffer whole;
  luaL_buffinit(d->L, &whole);
  for (; hit != NULL; hit = strstr(text, d->stand_in)) {
    luaL_addlstring(&whole, text, (size_t)(hit - text));
    luaL_addchar(&whole, '\0');
    text = hit + strlen(d->stand_in);
  }
  luaL_addstring(&whole, text);
  luaL_pushresult(&whole);
}

static int push_number(
    const struct decode *d, double value, const struct keypath *path) {
  if (isinf(value))
    return keypath_error(path, d->error, "a number beyond 1.8e308");
  if (value == floor(value) && fabs(value) <= 9007199254740992.0)
    lua_pushinteger(d->L, (lua_Integer)value);
  else
    lua_pushnumber(d->L, value);
  return 0;
}

static int push_value(
    const struct decode *d, const cJSON *item, const struct keypath *path);

static int push_array(
    const struct decode *d, const cJSON *item, const struct keypath *path) {
  lua_createtable(d->L, cJSON_GetArraySize(item), 0);
  bind_mark_array(d->L);
  struct keypath here = {.up = path};
  for (const cJSON *child = item->child; child; child = child->next) {
    here.index++;
    if (push_value(d, child, &here) != 0)
      return -1;
    lua_rawseti(d->L, -2, here.index);
  }
  return 0;
}

static int push_object(
    const struct decode *d, const cJSON *item, const struct keypath *path) {
  lua_createtable(d->L, 0, cJSON_GetArraySize(item));
  struct keypath here = {.up = path};
  for (const cJSON *child = item->child; child; child = child->next) {
    push_string(d, child->string);
    here.key = lua_tolstring(d->L, -1, &here.size);
    lua_pushvalue(d->L, -1);
    if (lua_rawget(d->L, -3) != LUA_TNIL)
      return keypath_error(&here, d->error, "this key is given twice");
    lua_pop(d->L, 1);
    if (push_value(d, child, &here) != 0)
      return -1;
    lua_rawset(d->L, -3);
  }
  return 0;
}

/* Pushes one value; after a failure the stack holds left-overs. */
static int push_value(
    const struct decode *d, const cJSON *item, const struct keypath *path) {
  luaL_checkstack(d->L, 8, "JSON");
  switch (item->type & 0xff) {
  case cJSON_Array:
    return push_array(d, item, path);
  case cJSON_Object:
    return push_object(d, item, path);
  case cJSON_String:
    push_string(d, item->valuestring);
    return 0;
  case cJSON_Number:
    return push_number(d, item->valuedouble, path);
  case cJSON_True:
  case cJSON_False:
    lua_pushboolean(d->L, (item->type & 0xff) == cJSON_True);
    return 0;
  default:
    bind_push_null(d->L);
    return 0;
  }
}

/* UTF-8 of a code point from U+0800 to U+FFFF. */
static void set_stand_in(char to[4], unsigned code_point) {
  to[0] = (char)(0xe0 | code_point >> 12);
  to[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
  to[2] = (char)(0x80 | (code_point & 0x3f));
  to[3] = '\0';
}

static void build(struct tree *tree, const char *text, size_t size) {
  building = &tree->arena;
  tree->root = cJSON_ParseWithLength(text, size + 1);
  building = NULL;
}

/* The most that cJSON takes: a node for each value, and a string for each that
   is one or has a key, as long as it stands in the text at most. */
static size_t tree_size(size_t size, size_t values) {
  return values * (sizeof(cJSON) + 2 * sizeof(max_align_t)) + size;
}

/* Pushes a tree made from checked text. */
static struct tree *parse(lua_State *L, const char *text, size_t size,
    const struct jsontext *facts) {
  struct tree *tree = bind_new(L, tree_type, sizeof *tree);
  tree->arena.expected = tree_size(size, facts->values);
  if (facts->nuls > 0) {
    char *copy = lua_newuserdatauv(L, size + 1, 0);
    jsontext_replace_nuls(text, size, facts, copy);
    copy[size] = '\0';
    build(tree, copy, size);
    lua_pop(L, 1);
  } else {
    build(tree, text, size);
  }
  return tree;
}

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
  struct tree *tree = parse(L, text, size, &facts);
  if (tree->root == NULL)
    return bind_fail_text(L, "ENOMEM", "out of memory");
  struct decode d = {.L = L, .error = &error};
  struct keypath root = {0};
  if (facts.nuls > 0)
    set_stand_in(d.stand_in, facts.stand_in);
  int status = push_value(&d, tree->root, &root);
  arena_release(&tree->arena); /* now, not when the collector comes by */
  return status == 0 ? 1 : bind_fail(L, &error);
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
  cJSON_Hooks hooks = {.malloc_fn = take, .free_fn = leave};
  cJSON_InitHooks(&hooks);
  bind_type(L, tree_type, NULL, tree_gc);
  luaL_newlib(L, functions);
  bind_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
