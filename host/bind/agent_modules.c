/* The modules of the agent's program, and of the harnesses that call them. */
#include "bind/modules.h"
#include "bind/state.h"

const struct state_module agent_modules[] = {
    {"host.child", luaopen_host_child},
    {"host.clock", luaopen_host_clock},
    {"host.file", luaopen_host_file},
    {"host.http", luaopen_host_http},
    {"host.inotify", luaopen_host_inotify},
    {"host.json", luaopen_host_json},
    {"host.log", luaopen_host_log},
    {"host.loop", luaopen_host_loop},
    {"host.program", luaopen_host_program},
    {"host.server", luaopen_host_server},
    {"host.shape", luaopen_host_shape},
    {"host.sigv4", luaopen_host_sigv4},
    {"host.yaml", luaopen_host_yaml},
    {NULL, NULL},
};
