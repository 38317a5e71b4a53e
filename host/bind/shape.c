/*
 * host.shape: see lua/meta/host/shape.lua. Shapes of plain data, and whether a
 * value has one: the quick half of nightjar.plan.schema, which says what is
 * wrong with a value that has not.
 */
#include "bind/bind.h"
#include "distinct.h"
#include "textshape.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

enum kind {
  BOOLEAN,
  INTEGER,
  NAME,
  STRING,
  PATH,
  LABEL,
  ONE_OF,
  LIST,
  MAP,
  RECORD
};

static const char *const kinds[] = {"boolean", "integer", "name", "string",
    "path", "label", "one_of", "list", "map", "record", NULL};

enum { MOST_PARTS = 64 };

struct shape;

/* A field of a record, or (name alone) a word of which a value is one. */
struct part {
  const char *name;
  size_t size;
  const struct shape *shape;
  bool optional;
};

/* Its user value is the Lua table that it was made of, which keeps the texts
 * and the other shapes that it points to. */
struct shape {
  enum kind kind;
  lua_Integer min, max;   /* of an integer; max: of bytes or of elements */
  const struct shape *of; /* of a list or map */
  size_t required;        /* fields of a record that must be there */
  size_t count;
  struct part parts[];
};

static const char shape_type[] = "host.shape";

/* Nothing but memory to free, which Lua does. */
static int shape_gc(lua_State *L) {
  (void)L;
  return 0;
}

static bool is_plain_table(lua_State *L, int index) {
  if (!lua_istable(L, index))
    return false;
  if (!lua_getmetatable(L, index))
    return true;
  lua_pop(L, 1);
  return false;
}

static const struct part *find_part(
    const struct shape *shape, const char *text, size_t size) {
  for (size_t i = 0; i < shape->count; i++)
    if (shape->parts[i].name == text) /* Lua has short strings once only */
      return &shape->parts[i];
  for (size_t i = 0; i < shape->count; i++)
    if (shape->parts[i].size == size &&
        memcmp(shape->parts[i].name, text, size) == 0)
      return &shape->parts[i];
  return NULL;
}

/* Where tables that are met are noted, each by its address; NULL: nowhere. */
struct met {
  struct buf *tables; /* of const void * */
  struct error *error;
};

static bool fits(lua_State *L, const struct shape *shape, struct met *met);

static bool fits_text(lua_State *L, const struct shape *shape) {
  if (lua_type(L, -1) != LUA_TSTRING)
    return false;
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  if (shape->kind == ONE_OF)
    return find_part(shape, text, size) != NULL;
  if (size > (lua_Unsigned)shape->max)
    return false;
  switch (shape->kind) {
  case NAME:
    return textshape_name(text, size);
  case PATH:
    return textshape_path(text, size);
  case LABEL:
    return textshape_label(text, size);
  default:
    return textshape_utf8(text, size);
  }
}

static bool fits_integer(lua_State *L, const struct shape *shape) {
  if (!lua_isinteger(L, -1))
    return false;
  lua_Integer value = lua_tointeger(L, -1);
  return value >= shape->min && value <= shape->max;
}

static bool fits_list(
    lua_State *L, const struct shape *shape, struct met *met) {
  lua_Unsigned length = lua_rawlen(L, -1), count = 0;
  if (length > (lua_Unsigned)shape->max)
    return false;
  for (lua_Unsigned i = 1; i <= length; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i);
    bool right = !lua_isnil(L, -1) && fits(L, shape->of, met);
    lua_pop(L, 1);
    if (!right)
      return false;
  }
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    count++;
  }
  return count == length;
}

static bool fits_map(
    lua_State *L, const struct shape *shape, struct met *met) {
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    bool right = lua_type(L, -2) == LUA_TSTRING &&
                 lua_rawlen(L, -2) <= (lua_Unsigned)shape->max &&
                 fits(L, shape->of, met);
    lua_pop(L, 1);
    if (!right) {
      lua_pop(L, 1);
      return false;
    }
  }
  return true;
}

static bool fits_record(
    lua_State *L, const struct shape *shape, struct met *met) {
  size_t required = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const struct part *part = NULL;
    if (lua_type(L, -2) == LUA_TSTRING) {
      size_t size;
      const char *key = lua_tolstring(L, -2, &size);
      part = find_part(shape, key, size);
    }
    bool right = part != NULL && fits(L, part->shape, met);
    lua_pop(L, 1);
    if (!right) {
      lua_pop(L, 1);
      return false;
    }
    required += !part->optional;
  }
  return required == shape->required;
}

static bool meet(lua_State *L, struct met *met) {
  const void *table = lua_topointer(L, -1);
  return buf_add(met->tables, &table, sizeof table, met->error) == 0;
}

/* Whether what is on top of the stack has the shape. Shapes are trees, made
 * from the leaves up, so this ends for data that contains itself too. */
static bool fits(lua_State *L, const struct shape *shape, struct met *met) {
  if (shape->kind >= LIST) {
    luaL_checkstack(L, 8, "shape");
    if (!is_plain_table(L, -1) || (met != NULL && !meet(L, met)))
      return false;
  }
  switch (shape->kind) {
  case BOOLEAN:
    return lua_isboolean(L, -1);
  case INTEGER:
    return fits_integer(L, shape);
  case LIST:
    return fits_list(L, shape, met);
  case MAP:
    return fits_map(L, shape, met);
  case RECORD:
    return fits_record(L, shape, met);
  default:
    return fits_text(L, shape);
  }
}

/* Replaces the table on top by a copy of itself, its tables not copied. */
static void copy_top(lua_State *L) {
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, -3) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
}

/* Whether the table on top was met before. */
static bool is_seen(lua_State *L, int seen) {
  lua_pushvalue(L, -1);
  bool found = lua_rawget(L, seen) != LUA_TNIL;
  lua_pop(L, 1);
  return found;
}

static void note(lua_State *L, int seen, const struct shape *shape);

static void note_list(lua_State *L, int seen, const struct shape *shape) {
  lua_Integer length = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= length; i++) {
    lua_rawgeti(L, -1, i);
    if (is_seen(L, seen)) {
      copy_top(L);
      lua_pushvalue(L, -1);
      lua_rawseti(L, -3, i);
    }
    note(L, seen, shape->of);
    lua_pop(L, 1);
  }
}

static void note_record(lua_State *L, int seen, const struct shape *shape) {
  for (size_t i = 0; i < shape->count; i++) {
    const struct part *part = &shape->parts[i];
    if (part->shape->kind < LIST)
      continue;
    lua_pushlstring(L, part->name, part->size);
    if (lua_rawget(L, -2) != LUA_TNIL) {
      if (is_seen(L, seen)) {
        copy_top(L);
        lua_pushlstring(L, part->name, part->size);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
      }
      note(L, seen, part->shape);
    }
    lua_pop(L, 1);
  }
}

/* Notes the table on top, which fits, and those in it as met; one that was met
 * elsewhere is replaced by a copy. */
static void note(lua_State *L, int seen, const struct shape *shape) {
  luaL_checkstack(L, 8, "shape");
  lua_pushvalue(L, -1);
  lua_pushboolean(L, true);
  lua_rawset(L, seen);
  if (shape->kind == LIST && shape->of->kind >= LIST)
    note_list(L, seen, shape);
  else if (shape->kind == RECORD)
    note_record(L, seen, shape);
}

static int m_fits(lua_State *L) {
  const struct shape *shape = luaL_checkudata(L, 1, shape_type);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  struct error error;
  struct met met = {.tables = bind_buf(L, SIZE_MAX / 2), .error = &error};
  lua_pushvalue(L, 2);
  bool right = fits(L, shape, &met) &&
               distinct((const void *const *)(void *)met.tables->data,
                   met.tables->size / sizeof(void *));
  bind_buf_done(met.tables);
  lua_pushboolean(L, right);
  return 1;
}

static int m_take(lua_State *L) {
  const struct shape *shape = luaL_checkudata(L, 1, shape_type);
  luaL_checkany(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  bool right = fits(L, shape, NULL);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  if (right && shape->kind >= LIST)
    note(L, 3, shape);
  lua_pushboolean(L, right);
  return 1;
}

static lua_Integer integer_field(
    lua_State *L, int index, const char *name, lua_Integer otherwise) {
  lua_pushstring(L, name);
  lua_Integer value = otherwise;
  if (lua_rawget(L, index) != LUA_TNIL)
    value = luaL_checkinteger(L, -1);
  lua_pop(L, 1);
  return value;
}

static const struct shape *shape_field(
    lua_State *L, int index, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, index);
  const struct shape *shape = luaL_checkudata(L, -1, shape_type);
  lua_pop(L, 1);
  return shape;
}

/* One of the list on top: { name=, shape=, optional= } for a field, text for a
 * word. */
static void read_part(lua_State *L, struct shape *shape, struct part *part) {
  if (shape->kind == RECORD) {
    luaL_checktype(L, -1, LUA_TTABLE);
    int index = lua_gettop(L);
    part->shape = shape_field(L, index, "shape");
    lua_pushliteral(L, "optional");
    lua_rawget(L, index);
    part->optional = lua_toboolean(L, -1);
    lua_pop(L, 1);
    shape->required += !part->optional;
    lua_pushliteral(L, "name");
    lua_rawget(L, index);
    lua_remove(L, index);
  }
  luaL_checktype(L, -1, LUA_TSTRING);
  part->name = lua_tolstring(L, -1, &part->size);
  lua_pop(L, 1); /* the table keeps it */
}

static int f_new(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  enum kind kind = (enum kind)luaL_checkoption(L, 1, NULL, kinds);
  lua_settop(L, 2);
  lua_pushliteral(L, "parts");
  size_t count = 0;
  if (lua_rawget(L, 2) != LUA_TNIL) {
    luaL_checktype(L, 3, LUA_TTABLE);
    count = lua_rawlen(L, 3);
    luaL_argcheck(L, count <= MOST_PARTS, 2, "more than 64 parts");
  }
  size_t size = sizeof(struct shape) + count * sizeof(struct part);
  struct shape *shape = lua_newuserdatauv(L, size, 1);
  memset(shape, 0, size);
  shape->kind = kind;
  shape->min = integer_field(L, 2, "min", 0);
  shape->max = integer_field(L, 2, "max", 0);
  if (kind == LIST || kind == MAP)
    shape->of = shape_field(L, 2, "of");
  luaL_argcheck(L, kind != MAP || shape->of->kind < LIST, 2,
      "a map of tables is not supported");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    read_part(L, shape, &shape->parts[i]);
  }
  shape->count = count;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, shape_type); /* last: it is whole */
  return 1;
}

static const luaL_Reg functions[] = {
    {"new", f_new},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"fits", m_fits},
    {"take", m_take},
    {NULL, NULL},
};

int luaopen_host_shape(lua_State *L) {
  bind_type(L, shape_type, methods, shape_gc);
  luaL_newlib(L, functions);
  return 1;
}
