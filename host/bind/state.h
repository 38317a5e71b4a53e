/*
 * One Lua state: made, called, closed. Free of lua.h, so that the two mains
 * know Lua by this header only.
 *
 *   static const struct state_module modules[] = {
 *     {"host.json", luaopen_host_json},
 *     {NULL, NULL},
 *   };
 *   struct state_options options = {.modules = modules, .files = true};
 *   struct lua_State *state = state_new(&options, &error);
 *   struct state_value arguments[] = {state_list((const char *const *)argv)};
 *   struct state_value result;
 *   if (state_call(state, "nightjar.cli.main", "main", arguments, 1, &result)
 *       != 0)
 *     fprintf(stderr, "nightjar: internal error: %s\n", result.text);
 *   else
 *     status = result.integer;
 *   state_free(state);
 *
 * `require` finds, in this order: the preloaded host modules, the Lua library
 * embedded in the program (bind/embedded.h) and, with `files`, modules on disk
 * along LUA_PATH and LUA_CPATH (busted and specs need them).
 */
#ifndef NIGHTJAR_STATE_H
#define NIGHTJAR_STATE_H

#include "buf.h"
#include "error.h"
#include <stdbool.h>
#include <stddef.h>

struct lua_State;

struct state_module {
  const char *name;                 /* "host.json"; NULL ends a list */
  int (*open)(struct lua_State *L); /* luaopen_host_json */
};

struct state_options {
  const struct state_module *modules; /* preloaded; ends with a NULL name */
  bool files;                         /* modules on disk may be required too */
  bool pure; /* no io and no os library, no C modules */
  void *(*allocate)(void *context, void *old, size_t old_size,
      size_t new_size); /* lua_Alloc; NULL: a pool of the state's own */
  void *context;        /* for `allocate` */
};

enum state_kind {
  STATE_NIL,
  STATE_INTEGER,
  STATE_TEXT,
  STATE_BUF,     /* what a buffer holds; argument only */
  STATE_LIST,    /* strings, as a Lua list; a result: see state_item() */
  STATE_REGISTRY /* what the registry holds under a key; argument only */
};

struct state_value {
  enum state_kind kind;
  long long integer;
  const char *text;        /* with a NUL behind it */
  size_t size;             /* bytes of text */
  struct buf *buf;         /* released as soon as Lua has its text */
  const char *const *list; /* ends with NULL */
  const void *key;         /* lua_rawsetp() key */
};

struct state_value state_integer(long long integer);
struct state_value state_text(const char *text, size_t size);
struct state_value state_buf(struct buf *buf);
struct state_value state_list(const char *const *list);
struct state_value state_registry(const void *key);

/* A state with Lua's libraries and the modules above, or NULL. */
struct lua_State *state_new(
    const struct state_options *options, struct error *error);

/* Closes it: runs __gc of all that is left. NULL is allowed. */
void state_free(struct lua_State *state);

/* Memory that is free goes back to the system, small pieces too. */
void state_trim(struct lua_State *state);

/*
 * require(module).function(arguments...), protected. Returns 0 and the first
 * result (nil, an integer, a text or a list, whose length is in `integer`;
 * anything else is an error), or -1 and in `result` a text: the error message
 * and a traceback. The message is cut at 4 KiB and has its control characters
 * escaped; an error value that is no string is named by its type and never
 * given to __tostring. A text stays valid until the next call or state_free().
 */
int state_call(struct lua_State *state, const char *module,
    const char *function, const struct state_value *arguments, int count,
    struct state_value *result);

/*
 * The text at `index` (from 1) of the list that the call before returned;
 * false when none stands there. It stays valid as long as the list.
 */
bool state_item(
    struct lua_State *state, long long index, struct state_value *item);

#endif
