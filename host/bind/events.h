/*
 * What the bindings of the loop, of requests and of children share: the one
 * loop of a Lua state.
 */
#ifndef NIGHTJAR_BIND_EVENTS_H
#define NIGHTJAR_BIND_EVENTS_H

#include "bind/bind.h"
#include "loop.h"

/*
 * The state's loop, made when it is first asked for. Raises when it cannot be
 * made. It is freed after all handles of children: lua_close() finalizes in
 * the reverse order of creation (Lua manual, 2.5.3), and a handle is made
 * after its loop.
 */
struct loop *bind_loop(lua_State *L);

/* Sets fields of the table at the top: status or signal of an exit, neither
   when nobody knows. */
void bind_set_exit(lua_State *L, const struct child *child);

/* Lets go of what a batch that is over was kept alive by. */
void bind_batch_over(lua_State *L, uint64_t id);

/* Sets fields of the table at the top: those of an "http" event, or of a
   "batch" event with a response. */
void bind_set_response(lua_State *L, const struct http_response *response);

/* Sets fields of the table at the top: those of a "request" event. */
void bind_set_request(lua_State *L, const struct server_request *request);

#endif
