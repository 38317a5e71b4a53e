/*
 * The openers of the host's Lua modules, for the lists of modules that each
 * main program preloads (see bind/state.h). Free of lua.h, so that a main may
 * include it: `struct lua_State` is Lua's `lua_State`.
 */
#ifndef NIGHTJAR_MODULES_H
#define NIGHTJAR_MODULES_H

#include "bind/state.h"

struct lua_State;

/* All of them: those of `nightjar`. */
extern const struct state_module agent_modules[];

int luaopen_host_child(struct lua_State *L);
int luaopen_host_clock(struct lua_State *L);
int luaopen_host_file(struct lua_State *L);
int luaopen_host_http(struct lua_State *L);
int luaopen_host_inotify(struct lua_State *L);
int luaopen_host_json(struct lua_State *L);
int luaopen_host_log(struct lua_State *L);
int luaopen_host_loop(struct lua_State *L);
int luaopen_host_program(struct lua_State *L);
int luaopen_host_server(struct lua_State *L);
int luaopen_host_shape(struct lua_State *L);
int luaopen_host_sigv4(struct lua_State *L);
int luaopen_host_yaml(struct lua_State *L);

#endif
