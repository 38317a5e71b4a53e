#include "bind/json.h"

#include "bind/bind.h"
#include "jsonwrite.h"
#include "keypath.h"

#include <math.h>
#include <string.h>

static const char written_type[] = "host.json.written";

/* A key of an object; the table that is being written keeps its text. */
struct key {
  const char *text;
  size_t size;
};

/* What is the same for a whole encoding. */
struct encoder {
  lua_State *L;
  const struct json_encoding *encoding;
  struct buf *out;
  struct buf *keys; /* of struct key: those of all open objects */
  int depth;
  struct error *error;
};

static int write_value(struct encoder *e, const struct keypath *path);

static int compare(const struct key *a, const struct key *b) {
  size_t size = a->size < b->size ? a->size : b->size;
  int order = memcmp(a->text, b->text, size);
  if (order != 0)
    return order;
  return (a->size > b->size) - (a->size < b->size);
}

static void sift(struct key *keys, size_t root, size_t count) {
  struct key moving = keys[root];
  for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && compare(&keys[child], &keys[child + 1]) < 0)
      child++;
    if (compare(&moving, &keys[child]) >= 0)
      break;
    keys[root] = keys[child];
    root = child;
  }
  keys[root] = moving;
}

/* Heapsort, not qsort(): glibc's asks the system for the size of its memory
 * (sysinfo), a call that the sandbox of nightjar-plan forbids. */
static void sort(struct key *keys, size_t count) {
  for (size_t i = count / 2; i-- > 0;)
    sift(keys, i, count);
  for (size_t end = count; end-- > 1;) {
    struct key last = keys[end];
    keys[end] = keys[0];
    keys[0] = last;
    sift(keys, 0, end);
  }
}

static int add(struct encoder *e, const char *data, size_t size) {
  struct buf *out = e->out;
  if (out->room - out->size <= size) /* the closing NUL included */
    return buf_add(out, data, size, e->error);
  memcpy(out->data + out->size, data, size);
  out->size += size;
  return 0;
}

static int add_line(struct encoder *e) {
  if (e->encoding->indent == 0)
    return 0;
  size_t blanks = (size_t)e->depth * (size_t)e->encoding->indent;
  return jsonwrite_line(e->out, blanks, e->error);
}

static int write_string(struct encoder *e, const char *text, size_t size,
    const struct keypath *path) {
  size_t bad;
  if (jsonwrite_string(e->out, text, size, &bad, e->error) == 0)
    return 0;
  if (bad == 0)
    return -1;
  return keypath_error(path, e->error, "not valid UTF-8 at byte %zu", bad);
}

static int write_float(
    struct encoder *e, lua_Number value, const struct keypath *path) {
  if (isnan(value) || isinf(value))
    return keypath_error(path, e->error, "JSON has no %s",
        isnan(value) ? "not-a-number" : "infinity");
  return jsonwrite_float(e->out, value, e->error);
}

static int write_array(
    struct encoder *e, lua_Integer count, const struct keypath *path) {
  struct keypath here = {.up = path};
  if (add(e, "[", 1) != 0)
    return -1;
  e->depth++;
  for (lua_Integer i = 1; i <= count; i++) {
    here.index = i;
    if ((i > 1 && add(e, ",", 1) != 0) || add_line(e) != 0)
      return -1;
    lua_rawgeti(e->L, -1, i);
    if (write_value(e, &here) != 0)
      return -1;
  }
  e->depth--;
  if (count > 0 && add_line(e) != 0)
    return -1;
  return add(e, "]", 1);
}

/* One `"key": value`; the object is on top of the stack. */
static int write_member(
    struct encoder *e, const struct key *key, const struct keypath *path) {
  const char *colon = e->encoding->indent > 0 ? ": " : ":";
  struct keypath here = {.up = path, .key = key->text, .size = key->size};
  if (write_string(e, key->text, key->size, &here) != 0 ||
      add(e, colon, strlen(colon)) != 0)
    return -1;
  lua_pushlstring(e->L, key->text, key->size);
  lua_rawget(e->L, -2);
  return write_value(e, &here);
}

/* The keys are those behind `base` bytes of e->keys. */
static int write_object(
    struct encoder *e, size_t base, const struct keypath *path) {
  size_t count = (e->keys->size - base) / sizeof(struct key);
  if (count > 1)
    sort((struct key *)(void *)(e->keys->data + base), count);
  if (add(e, "{", 1) != 0)
    return -1;
  e->depth++;
  for (size_t i = 0; i < count; i++) {
    struct key key; /* a copy: deeper objects may move the keys */
    memcpy(&key, e->keys->data + base + i * sizeof key, sizeof key);
    if ((i > 0 && add(e, ",", 1) != 0) || add_line(e) != 0 ||
        write_member(e, &key, path) != 0)
      return -1;
  }
  e->depth--;
  if (count > 0 && add_line(e) != 0)
    return -1;
  return add(e, "}", 1);
}

/* Collects string keys and counts the others, which must be 1 to `count`. */
static int collect(struct encoder *e, lua_Integer *count, size_t base,
    const struct keypath *path) {
  lua_State *L = e->L;
  lua_Integer found = 0;
  lua_Integer length = (lua_Integer)lua_rawlen(L, -1);
  *count = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {
      struct key key;
      key.text = lua_tolstring(L, -1, &key.size);
      if (buf_add(e->keys, &key, sizeof key, e->error) != 0)
        return -1;
    } else if (lua_isinteger(L, -1)) {
      lua_Integer i = lua_tointeger(L, -1);
      if (i < 1 || i > length)
        return keypath_error(path, e->error,
            "index %lld in a table of length %lld: neither an array nor an "
            "object",
            (long long)i, (long long)length);
      found++;
    } else {
      return keypath_error(path, e->error,
          "a %s as a key, expected strings or 1, 2, 3 …",
          luaL_typename(L, -1));
    }
  }
  if (found > 0 && e->keys->size > base)
    return keypath_error(path, e->error,
        "both list items and string keys: neither an array nor an object");
  if (found != length)
    return keypath_error(path, e->error, "a list with a hole in it");
  *count = found;
  return 0;
}

static int check_level(struct encoder *e, const struct keypath *path) {
  for (const struct keypath *up = path->up; up != NULL; up = up->up)
    if (up->table == path->table)
      return keypath_error(path, e->error, "a table that contains itself");
  if (e->depth >= e->encoding->max_depth)
    return keypath_error(path, e->error, "nested deeper than %d levels",
        e->encoding->max_depth);
  luaL_checkstack(e->L, 8, "JSON");
  return 0;
}

static int write_table(struct encoder *e, const struct keypath *path) {
  struct keypath here = *path;
  size_t base = e->keys->size;
  lua_Integer count;
  here.table = lua_topointer(e->L, -1);
  if (check_level(e, &here) != 0 || collect(e, &count, base, path) != 0)
    return -1;
  bool marked = bind_is_marked(e->L, -1);
  if (marked && e->keys->size > base)
    return keypath_error(
        path, e->error, "string keys in a table that is marked as an array");
  int status = marked || count > 0 ? write_array(e, count, &here)
                                   : write_object(e, base, &here);
  e->keys->size = base;
  return status;
}

static int write_top(struct encoder *e, const struct keypath *path) {
  lua_State *L = e->L;
  size_t size;
  const char *text;
  switch (lua_type(L, -1)) {
  case LUA_TTABLE:
    return write_table(e, path);
  case LUA_TSTRING:
    text = lua_tolstring(L, -1, &size);
    return write_string(e, text, size, path);
  case LUA_TNUMBER:
    return lua_isinteger(L, -1)
               ? jsonwrite_integer(e->out, lua_tointeger(L, -1), e->error)
               : write_float(e, lua_tonumber(L, -1), path);
  case LUA_TBOOLEAN:
    return lua_toboolean(L, -1) ? add(e, "true", 4) : add(e, "false", 5);
  case LUA_TUSERDATA:
    if (luaL_testudata(L, -1, written_type) != NULL)
      return add(e, lua_touserdata(L, -1), lua_rawlen(L, -1));
    /* fall through */
  default:
    if (bind_is_null(L, -1))
      return add(e, "null", 4);
    return keypath_error(
        path, e->error, "a %s cannot be JSON", luaL_typename(L, -1));
  }
}

/* Writes what is on top of the stack and pops it. */
static int write_value(struct encoder *e, const struct keypath *path) {
  int status = write_top(e, path);
  lua_pop(e->L, 1);
  return status;
}

int json_encode(lua_State *L, const struct json_encoding *encoding,
    struct buf *out, struct error *error) {
  luaL_checkstack(L, 8, "JSON");
  /* A key takes 16 bytes here and at least 4 in the text (`"a":`). */
  struct encoder e = {.L = L,
      .encoding = encoding,
      .out = out,
      .keys = bind_buf(L, 1024 + 4 * out->limit),
      .error = error};
  lua_insert(L, -2);
  struct keypath root = {0};
  int status = write_value(&e, &root);
  bind_buf_done(e.keys);
  lua_pop(L, 1);
  return status;
}

bool json_is_array(lua_State *L, int index) {
  if (bind_is_marked(L, index))
    return true;
  index = lua_absindex(L, index);
  lua_Integer length = (lua_Integer)lua_rawlen(L, index);
  lua_Integer found = 0;
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    lua_Integer i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    if (i < 1 || i > length) {
      lua_pop(L, 1);
      return false;
    }
    found++;
  }
  return found > 0 && found == length;
}

void json_push_written(lua_State *L, const struct buf *text) {
  bind_type(L, written_type, NULL, NULL);
  memcpy(bind_new(L, written_type, text->size), text->data, text->size);
}
