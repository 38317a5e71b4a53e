#include "bind/state.h"

#include "bind/bind.h"
#include "bind/embedded.h"
#include "pool.h"

#include <lualib.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_LIMIT = 4096 };

struct state_value state_integer(long long integer) {
  return (struct state_value){.kind = STATE_INTEGER, .integer = integer};
}

struct state_value state_text(const char *text, size_t size) {
  return (struct state_value){.kind = STATE_TEXT, .text = text, .size = size};
}

struct state_value state_buf(struct buf *buf) {
  return (struct state_value){.kind = STATE_BUF, .buf = buf};
}

struct state_value state_list(const char *const *list) {
  return (struct state_value){.kind = STATE_LIST, .list = list};
}

struct state_value state_registry(const void *key) {
  return (struct state_value){.kind = STATE_REGISTRY, .key = key};
}

static void *allocate(
    void *context, void *old, size_t old_size, size_t new_size) {
  return pool_resize(context, old, old_size, new_size);
}

/* NULL: whoever made the state has an allocator of his own. */
static struct pool *pool_of(lua_State *L) {
  void *context;
  return lua_getallocf(L, &context) == allocate ? context : NULL;
}

/* The searcher of the embedded library: loader and chunk name, or why not. */
static int search_embedded(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const struct embedded_module *module = embedded_modules;
  while (module->name != NULL && strcmp(module->name, name) != 0)
    module++;
  if (module->name == NULL) {
    lua_pushfstring(L, "no embedded module '%s'", name);
    return 1;
  }
  int status =
      luaL_loadbufferx(L, module->code, module->size, module->chunk, "b");
  if (status == LUA_ERRMEM)
    return lua_error(L);
  if (status != LUA_OK)
    return luaL_error(L,
        "%s; was it built with another Lua than it runs with?",
        lua_tostring(L, -1));
  lua_pushstring(L, module->chunk);
  return 2;
}

/* package.searchers = {preload, embedded [, those for files]} */
static void set_searchers(lua_State *L, bool files) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_newtable(L);
  lua_rawgeti(L, -2, 1);
  lua_rawseti(L, -2, 1);
  lua_pushcfunction(L, search_embedded);
  lua_rawseti(L, -2, 2);
  for (int i = 2; files && i <= (int)lua_rawlen(L, -2); i++) {
    lua_rawgeti(L, -2, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -3, "searchers");
  lua_pop(L, 2);
}

static void preload(lua_State *L, const struct state_module *modules) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (; modules != NULL && modules->name != NULL; modules++) {
    lua_pushcfunction(L, modules->open);
    lua_setfield(L, -2, modules->name);
  }
  lua_pop(L, 1);
}

/* No way to files, to the environment or to C code; standard output belongs to
 * the answer. */
static void open_pure(lua_State *L) {
  static const luaL_Reg libraries[] = {
      {LUA_GNAME, luaopen_base},
      {LUA_LOADLIBNAME, luaopen_package},
      {LUA_COLIBNAME, luaopen_coroutine},
      {LUA_TABLIBNAME, luaopen_table},
      {LUA_STRLIBNAME, luaopen_string},
      {LUA_MATHLIBNAME, luaopen_math},
      {LUA_UTF8LIBNAME, luaopen_utf8},
      {LUA_DBLIBNAME, luaopen_debug},
      {NULL, NULL},
  };
  static const char *const removed[] = {"dofile", "loadfile", "print", NULL};
  static const char *const unlinked[] = {"loadlib", "searchpath", NULL};
  for (const luaL_Reg *library = libraries; library->name; library++) {
    luaL_requiref(L, library->name, library->func, 1);
    lua_pop(L, 1);
  }
  for (int i = 0; removed[i] != NULL; i++) {
    lua_pushnil(L);
    lua_setglobal(L, removed[i]);
  }
  lua_getglobal(L, LUA_LOADLIBNAME);
  for (int i = 0; unlinked[i] != NULL; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, unlinked[i]);
  }
  lua_pop(L, 1);
}

static int set_up(lua_State *L) {
  const struct state_options *options = lua_touserdata(L, 1);
  if (options->pure)
    open_pure(L);
  else
    luaL_openlibs(L);
  set_searchers(L, options->files);
  preload(L, options->modules);
  return 0;
}

static lua_State *new_with_pool(void) {
  struct pool *pool = malloc(sizeof *pool);
  if (pool == NULL)
    return NULL;
  pool_init(pool, pool_stands_aside());
  lua_State *L = lua_newstate(allocate, pool);
  if (L == NULL) {
    pool_release(pool);
    free(pool);
  }
  return L;
}

struct lua_State *state_new(
    const struct state_options *options, struct error *error) {
  lua_State *L = options->allocate != NULL
                     ? lua_newstate(options->allocate, options->context)
                     : new_with_pool();
  if (L == NULL) {
    error_set(error, "ENOMEM", "cannot start Lua", NULL, "out of memory");
    return NULL;
  }
  struct state_options copy = *options;
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, &copy);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    const char *why =
        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    error_set(error, "lua", "cannot start Lua", NULL, "%s", why);
    state_free(L);
    return NULL;
  }
  return L;
}

void state_free(struct lua_State *state) {
  struct pool *pool = state != NULL ? pool_of(state) : NULL;
  if (state != NULL)
    lua_close(state);
  if (pool != NULL)
    pool_release(pool);
  free(pool);
}

void state_trim(struct lua_State *state) {
  struct pool *pool = pool_of(state);
  if (pool != NULL)
    pool_trim(pool);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/* Pushes the error value at index 1 as a message that is safe to print. */
static void push_message(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) {
    lua_pushfstring(
        L, "an error value of type %s, no message", luaL_typename(L, 1));
    return;
  }
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  bool cut = size > MESSAGE_LIMIT;
  struct buf *safe = bind_buf(L, 4 * MESSAGE_LIMIT + 4);
  struct error error;
  if (buf_add_escaped(safe, text, cut ? MESSAGE_LIMIT : size, &error) != 0 ||
      (cut && buf_add_text(safe, "...", &error) != 0)) {
    lua_pushstring(L, error.why);
    return;
  }
  lua_pushlstring(L, safe->data, safe->size);
  bind_buf_done(safe);
}

/* The message handler: message, then the traceback. Names of functions in a
 * traceback come from scripts too, so nothing but line ends and tabs may stay
 * in it; it has at most 22 levels. */
static int trace(lua_State *L) {
  push_message(L);
  luaL_traceback(L, L, NULL, 1);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  luaL_Buffer clean;
  luaL_buffinit(L, &clean);
  for (size_t i = 0; i < size; i++) {
    bool control = (unsigned char)text[i] < 0x20 || text[i] == 0x7f;
    bool layout = text[i] == '\n' || text[i] == '\t';
    luaL_addchar(&clean, control && !layout ? '?' : text[i]);
  }
  luaL_pushresult(&clean);
  lua_remove(L, -2);
  lua_pushliteral(L, "\n");
  lua_insert(L, -2);
  lua_concat(L, 3);
  return 1;
}

bool state_item(
    struct lua_State *L, long long index, struct state_value *item) {
  if (!lua_istable(L, -1))
    return false;
  bool is_text = lua_rawgeti(L, -1, index) == LUA_TSTRING;
  if (is_text) {
    *item = (struct state_value){.kind = STATE_TEXT};
    item->text = lua_tolstring(L, -1, &item->size);
  }
  lua_pop(L, 1); /* the list keeps it */
  return is_text;
}

struct call {
  const char *module;
  const char *function;
  const struct state_value *arguments;
  int count;
};

static void push_value(lua_State *L, const struct state_value *value) {
  switch (value->kind) {
  case STATE_NIL:
    lua_pushnil(L);
    break;
  case STATE_INTEGER:
    lua_pushinteger(L, value->integer);
    break;
  case STATE_TEXT:
    lua_pushlstring(L, value->text, value->size);
    break;
  case STATE_BUF:
    lua_pushlstring(L, value->buf->data, value->buf->size);
    buf_release(value->buf);
    break;
  case STATE_LIST:
    lua_newtable(L);
    for (int i = 0; value->list[i] != NULL; i++) {
      lua_pushstring(L, value->list[i]);
      lua_rawseti(L, -2, i + 1);
    }
    break;
  case STATE_REGISTRY:
    lua_rawgetp(L, LUA_REGISTRYINDEX, value->key);
    break;
  }
}

static int call_function(lua_State *L) {
  const struct call *call = lua_touserdata(L, 1);
  luaL_checkstack(L, call->count + 4, "too many arguments");
  lua_getglobal(L, "require");
  lua_pushstring(L, call->module);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1) ||
      lua_getfield(L, -1, call->function) != LUA_TFUNCTION)
    return luaL_error(
        L, "module '%s' has no function '%s'", call->module, call->function);
  for (int i = 0; i < call->count; i++)
    push_value(L, &call->arguments[i]);
  lua_call(L, call->count, 1);
  if (!lua_isnil(L, -1) && !lua_isinteger(L, -1) && !lua_istable(L, -1) &&
      lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L,
        "%s.%s returned a %s, expected a string, a list of them, an integer "
        "or nothing",
        call->module, call->function, luaL_typename(L, -1));
  return 1;
}

int state_call(struct lua_State *L, const char *module, const char *function,
    const struct state_value *arguments, int count,
    struct state_value *result) {
  struct call call = {module, function, arguments, count};
  lua_settop(L, 0); /* drops the result of the call before */
  lua_pushcfunction(L, trace);
  lua_pushcfunction(L, call_function);
  lua_pushlightuserdata(L, &call);
  int status = lua_pcall(L, 1, 1, 1);
  *result = (struct state_value){.kind = STATE_NIL};
  if (lua_type(L, -1) == LUA_TSTRING) {
    result->kind = STATE_TEXT;
    result->text = lua_tolstring(L, -1, &result->size);
  } else if (lua_isinteger(L, -1)) {
    *result = state_integer(lua_tointeger(L, -1));
  } else if (lua_istable(L, -1)) {
    result->kind = STATE_LIST;
    result->integer = (long long)lua_rawlen(L, -1);
  }
  if (status != LUA_OK && result->kind != STATE_TEXT)
    *result = state_text("an error without a message", 26);
  return status == LUA_OK ? 0 : -1;
}
