/*
 * What all bindings share. lua.h is included here and in the .c files of this
 * folder, nowhere else.
 *
 * A binding checks its arguments, calls, converts, returns:
 *
 *   static int f_read(lua_State *L) {
 *     const char *path = luaL_checkstring(L, 1);
 *     struct error error;
 *     ...
 *     if (file_read(path, &content, &error) != 0)
 *       return bind_fail(L, &error);            nil, message, code
 *
 * Misuse raises (luaL_check*, bind_option_*); what can go wrong in the world
 * is returned. Memory and descriptors that must outlive a Lua error live in a
 * userdata made *before* they are acquired: bind_new() gives it zeroed, which
 * each type must take for "closed".
 */
#ifndef NIGHTJAR_BIND_H
#define NIGHTJAR_BIND_H

#include "bind/modules.h"
#include "buf.h"
#include "error.h"
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

/* Pushes nil, "what: on what: why", code (nil when ""); returns 3. */
int bind_fail(lua_State *L, const struct error *error);

/* The same with a message made as by lua_pushfstring(). */
int bind_fail_text(lua_State *L, const char *code, const char *format, ...);

/* The same for a text of `size` bytes where `most` are allowed: "limit". */
int bind_fail_size(lua_State *L, size_t size, lua_Integer most);

/*
 * Registers the type `name` ("host.folder"), if that is not done yet: its
 * methods (may be NULL) and `release`, which becomes __gc and __close, or NULL
 * where nothing is held. It is called with the userdata as its first argument,
 * possibly more than once. Scripts cannot reach the metatable. Leaves nothing
 * on the stack.
 */
void bind_type(lua_State *L, const char *name, const luaL_Reg *methods,
    lua_CFunction release);

/* Pushes a zeroed userdata of a registered type and returns its memory. */
void *bind_new(lua_State *L, const char *name, size_t size);

/*
 * A growing buffer that a Lua error cannot leak: pushes a userdata that owns
 * it. bind_buf_done() frees it at once, where waiting for the collector would
 * hold memory for nothing.
 */
struct buf *bind_buf(lua_State *L, size_t limit);
void bind_buf_done(struct buf *buf);

/*
 * Options are a table at `index`, or nothing. Each is raised about by name:
 * "option 'max_depth': expected an integer from 1 to 1000". Metamethods are
 * not asked: what C keeps a pointer to must be kept by the table itself.
 */
/* Raises about an option that is not in the NULL-ended list. */
void bind_options(lua_State *L, int index, const char *const names[]);
/* An integer within [low, high]; `otherwise` when the option is not given. */
lua_Integer bind_option_integer(lua_State *L, int index, const char *name,
    lua_Integer otherwise, lua_Integer low, lua_Integer high);
bool bind_option_boolean(
    lua_State *L, int index, const char *name, bool otherwise);
/* Pushes a table; returns false and pushes nothing when it is not given. */
bool bind_option_table(lua_State *L, int index, const char *name);
/*
 * A string, valid while the options table is; `otherwise` (may be NULL) when
 * it is not given. `size` may be NULL; then a NUL within is raised about.
 */
const char *bind_option_text(lua_State *L, int index, const char *name,
    const char *otherwise, size_t *size);
/* Raises when the option is missing. */
const char *bind_required_text(
    lua_State *L, int index, const char *name, size_t *size);

/*
 * All options of a function that is called often, in one walk: pushes the
 * value of each name of the NULL-ended list, in its order, nil where it is not
 * given, and returns the index of the first. Raises as bind_options() does,
 * and when there is no table. The list must be static: its address is what it
 * is known by. The values are then read by the functions below.
 */
int bind_read_options(lua_State *L, int index, const char *const names[]);
lua_Integer bind_integer_at(lua_State *L, int index, const char *name,
    lua_Integer otherwise, lua_Integer low, lua_Integer high);
lua_Number bind_number_at(
    lua_State *L, int index, const char *name, lua_Number otherwise);
bool bind_boolean_at(
    lua_State *L, int index, const char *name, bool otherwise);
const char *bind_text_at(lua_State *L, int index, const char *name,
    const char *otherwise, size_t *size);
const char *bind_required_text_at(
    lua_State *L, int index, const char *name, size_t *size);

/*
 * null and the array mark are the same for JSON and YAML. null is the light
 * userdata NULL, `json.null` in Lua.
 */
void bind_push_null(lua_State *L);
bool bind_is_null(lua_State *L, int index);
/* Marks the table at the top of the stack as an array. */
void bind_mark_array(lua_State *L);
bool bind_is_marked(lua_State *L, int index);

#endif
