/* host.loop: see lua/meta/host/loop.lua. */
#include "bind/events.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  MAX_SIGNALS = 32,
  USUAL_EVENTS = 4 /* of one wait; more are no error */
};

static const char loop_type[] = "host.loop";
static const char registry_key = 'l';

struct loop_handle {
  struct loop *loop;
};

static int loop_gc(lua_State *L) {
  struct loop_handle *handle = luaL_checkudata(L, 1, loop_type);
  loop_free(handle->loop);
  handle->loop = NULL;
  return 0;
}

static struct loop *make_loop(lua_State *L) {
  struct error error;
  char text[ERROR_TEXT_SIZE];
  bind_type(L, loop_type, NULL, loop_gc);
  struct loop_handle *handle = bind_new(L, loop_type, sizeof *handle);
  handle->loop = loop_new(&error);
  /* The kernel's lack of memory names what it was asked for; ours is said as
     Lua says it, without a traceback. */
  if (handle->loop == NULL && strcmp(error.code, "ENOMEM") == 0 &&
      error.on[0] == '\0') {
    lua_pushliteral(L, "not enough memory");
    lua_error(L);
  }
  if (handle->loop == NULL)
    luaL_error(L, "%s", error_text(&error, text, sizeof text));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  return handle->loop;
}

struct loop *bind_loop(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  struct loop_handle *handle = lua_touserdata(L, -1);
  lua_pop(L, 1); /* the registry keeps it */
  if (handle == NULL)
    return make_loop(L);
  if (handle->loop == NULL) /* only finalizers run that late */
    luaL_error(L, "the event loop is closed");
  return handle->loop;
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_true(lua_State *L, const char *name) {
  lua_pushboolean(L, true);
  lua_setfield(L, -2, name);
}

static void set_signal(lua_State *L, int number) {
  const char *name = signal_name(number);
  if (name != NULL)
    lua_pushstring(L, name);
  else
    lua_pushfstring(L, "%d", number);
  lua_setfield(L, -2, "signal");
}

void bind_set_exit(lua_State *L, const struct child *child) {
  if (child->unknown)
    return;
  if (WIFSIGNALED(child->status))
    set_signal(L, WTERMSIG(child->status));
  else
    set_integer(L, "status", WEXITSTATUS(child->status));
}

static void set_child(lua_State *L, const struct child *child) {
  set_integer(L, "pid", child->pid);
  set_integer(L, "child", (lua_Integer)child->id);
}

static void set_stream(lua_State *L, const struct child_stream *stream) {
  set_text(L, "stream", stream->number == STDERR_FILENO ? "stderr" : "stdout");
}

static void set_input_error(lua_State *L, int number) {
  if (number != 0)
    set_text(L, "error", strerror(number));
}

/* Pushes the table of one event. */
static void push_event(lua_State *L, const struct event *event) {
  lua_createtable(L, 0, 5);
  switch (event->type) {
  case EVENT_SIGNAL:
    set_text(L, "type", "signal");
    set_signal(L, event->signal);
    return;
  case EVENT_DATA:
    set_text(L, "type", "data");
    set_child(L, event->child);
    set_stream(L, event->stream);
    lua_pushlstring(L, event->stream->chunk.data, event->stream->chunk.size);
    lua_setfield(L, -2, "data");
    return;
  case EVENT_END:
    set_text(L, "type", "data");
    set_child(L, event->child);
    set_stream(L, event->stream);
    set_true(L, "eof");
    return;
  case EVENT_WRITTEN:
    set_text(L, "type", "written");
    set_child(L, event->child);
    set_input_error(L, event->child->input_error);
    return;
  case EVENT_EXIT:
    set_text(L, "type", "exit");
    set_child(L, event->child);
    bind_set_exit(L, event->child);
    return;
  case EVENT_WATCH:
    set_text(L, "type", "watch");
    set_integer(L, "id", (lua_Integer)event->watch->id);
    if (event->watch->lost)
      set_true(L, "lost");
    return;
  case EVENT_HTTP:
    set_text(L, "type", event->response->batch == 0 ? "http" : "batch");
    bind_set_response(L, event->response);
    return;
  case EVENT_BATCH:
    set_text(L, "type", "batch");
    set_integer(L, "id", (lua_Integer)event->batch->id);
    if (batch_is_over(event->batch)) {
      set_integer(L, "started", (lua_Integer)event->batch->started);
      bind_batch_over(L, event->batch->id);
    } else {
      set_integer(L, "active", (lua_Integer)event->batch->active);
    }
    return;
  case EVENT_REQUEST:
    set_text(L, "type", "request");
    bind_set_request(L, event->request);
    return;
  }
}

static int f_wait(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0, 1, "expected seconds, 0 or more");
  struct loop *loop = bind_loop(L);
  struct error error;
  struct event event;
  if (loop_wait(loop, seconds, &error) != 0)
    return bind_fail(L, &error);
  lua_createtable(L, USUAL_EVENTS, 0);
  for (lua_Integer i = 1; loop_event(loop, &event); i++) {
    push_event(L, &event);
    lua_rawseti(L, -2, i);
    loop_event_done(loop, &event);
  }
  return 1;
}

static int check_signal(lua_State *L, const char *name) {
  int number = signal_number(name);
  if (number < 0)
    luaL_error(
        L, "unknown signal '%s': expected TERM, HUP and the like", name);
  if (number == SIGKILL || number == SIGSTOP || number == SIGCHLD)
    luaL_error(L, "signal '%s' cannot be received", name);
  return number;
}

static int f_signals(lua_State *L) {
  int numbers[MAX_SIGNALS];
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count = (size_t)lua_rawlen(L, 1);
  luaL_argcheck(L, count <= MAX_SIGNALS, 1, "too many signals");
  for (size_t i = 0; i < count; i++) {
    if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TSTRING)
      return luaL_argerror(L, 1, "expected a list of signal names");
    numbers[i] = check_signal(L, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  struct error error;
  if (loop_signals(bind_loop(L), numbers, count, &error) != 0)
    return bind_fail(L, &error);
  lua_pushboolean(L, true);
  return 1;
}

static int f_watch(lua_State *L) {
  static const char *const names[] = {"removal", NULL};
  size_t size = 0;
  const char *path = luaL_checklstring(L, 1, &size);
  luaL_argcheck(
      L, size > 0 && strlen(path) == size, 1, "expected a path without NUL");
  bind_options(L, 2, names);
  bool removal = bind_option_boolean(L, 2, "removal", false);
  uint64_t id = 0;
  struct error error;
  if (loop_watch(bind_loop(L), path, removal, &id, &error) != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

static int f_unwatch(lua_State *L) {
  lua_Integer id = luaL_checkinteger(L, 1);
  loop_unwatch(bind_loop(L), (uint64_t)id);
  return 0;
}

static const luaL_Reg functions[] = {
    {"signals", f_signals},
    {"unwatch", f_unwatch},
    {"wait", f_wait},
    {"watch", f_watch},
    {NULL, NULL},
};

int luaopen_host_loop(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
