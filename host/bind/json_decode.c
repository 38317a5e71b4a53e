#include "bind/json.h"

#include "arena.h"
#include "bind/bind.h"
#include "jsontext.h"
#include "keypath.h"
#include "textshape.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* A text of more bytes is taken apart, and what it holds parsed piece by
 * piece: the tree of a whole would take several times its size in fresh
 * memory. */
enum { PIECE = 16 << 10 };

static const char tree_type[] = "host.json.tree";

/* The memory of cJSON's trees, which a Lua error cannot leak. */
static int tree_gc(lua_State *L) {
  arena_release(luaL_checkudata(L, 1, tree_type));
  return 0;
}

/* cJSON's functions for memory know nothing but a size. */
static struct arena *building;

static void *take(size_t size) {
  return arena_take(building, size);
}

static void leave(void *memory) {
  (void)memory; /* it goes with the tree */
}

void json_open_decode(lua_State *L) {
  cJSON_Hooks hooks = {.malloc_fn = take, .free_fn = leave};
  cJSON_InitHooks(&hooks);
  bind_type(L, tree_type, NULL, tree_gc);
}

/* What is the same for a whole decoding. */
struct decode {
  lua_State *L;
  const char *at;  /* what is not decoded yet; checked text */
  const char *end; /* a NUL is there */
  struct arena *arena;
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

/* Pushes a key of the table on top, and makes it the path's. */
static int push_key(
    const struct decode *d, const char *text, struct keypath *here) {
  push_string(d, text);
  here->key = lua_tolstring(d->L, -1, &here->size);
  lua_pushvalue(d->L, -1);
  if (lua_rawget(d->L, -3) != LUA_TNIL)
    return keypath_error(here, d->error, "this key is given twice");
  lua_pop(d->L, 1);
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
    if (push_key(d, child->string, &here) != 0 ||
        push_value(d, child, &here) != 0)
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

static bool is_blank(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* Goes past blanks, and past `byte` if that follows. */
static bool skip(struct decode *d, char byte) {
  while (is_blank(*d->at))
    d->at++;
  bool found = *d->at == byte;
  d->at += found;
  return found;
}

/* Goes past a string, as far as `limit`; `at` is at its first quotation mark.
 */
static const char *after_string(const char *at, const char *limit) {
  for (at++; at < limit; at += *at == '\\' ? 2 : 1) {
    at += textshape_plain(at, (size_t)(limit - at));
    if (at < limit && *at == '"')
      return at + 1;
  }
  return at;
}

/* Whether `at` is at an array or object that does not end within a piece. */
static bool is_large(const struct decode *d) {
  if (d->end - d->at <= PIECE)
    return false;
  const char *at = d->at;
  const char *limit = at + PIECE;
  int depth = 0;
  do {
    char byte = *at;
    depth += (byte == '[' || byte == '{') - (byte == ']' || byte == '}');
    at = byte == '"' ? after_string(at, limit) : at + 1;
  } while (depth > 0 && at < limit);
  return depth > 0;
}

/* The tree of the value at `at`, which goes behind it; NULL: no memory. */
static const cJSON *build(struct decode *d) {
  const char *after = d->at;
  building = d->arena;
  arena_clear(building);
  const cJSON *tree = cJSON_ParseWithLengthOpts(
      d->at, (size_t)(d->end - d->at) + 1, &after, false);
  building = NULL;
  d->at = after;
  return tree;
}

static int no_memory(const struct decode *d) {
  return error_set(d->error, "ENOMEM", NULL, NULL, "out of memory");
}

static int decode_value(
    struct decode *d, const struct keypath *path, bool look);

/* Takes an array apart; `at` is behind its bracket. What follows a small
 * element is taken for small: if it is not, that costs memory alone. */
static int decode_array(struct decode *d, const struct keypath *path) {
  struct keypath here = {.up = path};
  bool look = true;
  lua_newtable(d->L);
  bind_mark_array(d->L);
  while (!skip(d, ']')) {
    skip(d, ',');
    here.index++;
    const char *start = d->at;
    if (decode_value(d, &here, look) != 0)
      return -1;
    look = look && d->at - start > PIECE;
    lua_rawseti(d->L, -2, here.index);
  }
  return 0;
}

/* Takes an object apart; `at` is behind its brace. */
static int decode_object(struct decode *d, const struct keypath *path) {
  struct keypath here = {.up = path};
  lua_newtable(d->L);
  while (!skip(d, '}')) {
    skip(d, ',');
    const cJSON *key = build(d);
    if (key == NULL)
      return no_memory(d);
    if (push_key(d, key->valuestring, &here) != 0)
      return -1;
    skip(d, ':');
    if (decode_value(d, &here, true) != 0)
      return -1;
    lua_rawset(d->L, -3);
  }
  return 0;
}

/* Pushes the value at `at`, which goes behind it; `look`: it may be large. */
static int decode_value(
    struct decode *d, const struct keypath *path, bool look) {
  luaL_checkstack(d->L, 8, "JSON");
  while (is_blank(*d->at))
    d->at++;
  char byte = *d->at;
  if (look && (byte == '[' || byte == '{') && is_large(d)) {
    d->at++;
    return byte == '[' ? decode_array(d, path) : decode_object(d, path);
  }
  const cJSON *tree = build(d);
  return tree != NULL ? push_value(d, tree, path) : no_memory(d);
}

/* The most that cJSON takes: a node for each value, and a string for each that
 * is one or has a key, as long as it stands in the text at most. */
static size_t tree_size(size_t size, size_t values) {
  return values * (sizeof(cJSON) + 2 * sizeof(max_align_t)) + size;
}

int json_decode(lua_State *L, const char *text, size_t size,
    const struct jsontext *facts, struct error *error) {
  struct arena *arena = bind_new(L, tree_type, sizeof *arena);
  arena->expected = size <= PIECE ? tree_size(size, facts->values) : PIECE;
  struct decode d = {
      .L = L, .at = text, .end = text + size, .arena = arena, .error = error};
  if (facts->nuls > 0) {
    char *copy = lua_newuserdatauv(L, size + 1, 0); /* until we return */
    jsontext_replace_nuls(text, size, facts, copy);
    copy[size] = '\0';
    d.at = copy;
    d.end = copy + size;
    set_stand_in(d.stand_in, facts->stand_in);
  }
  struct keypath root = {0};
  int status = decode_value(&d, &root, true);
  arena_release(arena); /* now, not when the collector comes by */
  return status;
}
