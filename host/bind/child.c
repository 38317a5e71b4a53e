/* host.child: see lua/meta/host/child.lua. */
#include "bind/events.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum {
  MAX_WORDS = 4096, /* of a command line, or variables */
  DEFAULT_MAX_INPUT = 64 << 20,
};

static const char process_type[] = "host.process";

/* The loop owns the child; it keeps it at least as long as it is held. */
struct process {
  struct child *child;
};

static int process_gc(lua_State *L) {
  struct process *process = luaL_checkudata(L, 1, process_type);
  if (process->child != NULL)
    process->child->held = false;
  process->child = NULL;
  return 0;
}

static struct child *check_child(lua_State *L) {
  struct process *process = luaL_checkudata(L, 1, process_type);
  luaL_argcheck(L, process->child != NULL, 1, "the handle is closed");
  return process->child;
}

static int push_result(lua_State *L, int result, const struct error *error) {
  if (result != 0)
    return bind_fail(L, error);
  lua_pushboolean(L, true);
  return 1;
}

static int check_signal(lua_State *L, int index) {
  const char *name = luaL_checkstring(L, index);
  int number = signal_number(name);
  if (number < 0)
    luaL_error(
        L, "unknown signal '%s': expected TERM, KILL and the like", name);
  return number;
}

static int m_close(lua_State *L) {
  child_close(check_child(L));
  return 0;
}

static int m_close_stdin(lua_State *L) {
  child_close_input(check_child(L));
  return 0;
}

static int m_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_child(L)->id);
  return 1;
}

static int m_pid(lua_State *L) {
  lua_pushinteger(L, check_child(L)->pid);
  return 1;
}

static int m_signal(lua_State *L) {
  struct error error;
  struct child *child = check_child(L);
  int number = check_signal(L, 2);
  return push_result(L, child_signal(child, number, &error), &error);
}

static int m_signal_group(lua_State *L) {
  struct error error;
  struct child *child = check_child(L);
  int number = check_signal(L, 2);
  luaL_argcheck(L, child->leads_group, 1, "it was not started with new_group");
  return push_result(L, child_signal_group(child, number, &error), &error);
}

static int m_status(lua_State *L) {
  const struct child *child = check_child(L);
  if (!child->exited)
    return 0;
  lua_createtable(L, 0, 1);
  bind_set_exit(L, child);
  return 1;
}

static int pause_stream(lua_State *L, bool paused) {
  static const char *const names[] = {"stdout", "stderr", NULL};
  struct child *child = check_child(L);
  int which = luaL_checkoption(L, 2, "stdout", names);
  child_pause(child, which == 0 ? STDOUT_FILENO : STDERR_FILENO, paused);
  return 0;
}

static int m_start_reading(lua_State *L) {
  return pause_stream(L, false);
}

static int m_stop_reading(lua_State *L) {
  return pause_stream(L, true);
}

static int m_write(lua_State *L) {
  size_t size;
  struct error error;
  struct child *child = check_child(L);
  const char *text = luaL_checklstring(L, 2, &size);
  return push_result(L, child_write(child, text, size, &error), &error);
}

static const luaL_Reg methods[] = {
    {"close", m_close},
    {"close_stdin", m_close_stdin},
    {"id", m_id},
    {"pid", m_pid},
    {"signal", m_signal},
    {"signal_group", m_signal_group},
    {"start_reading", m_start_reading},
    {"status", m_status},
    {"stop_reading", m_stop_reading},
    {"write", m_write},
    {NULL, NULL},
};

/* Options */

/* A C string of the string at the top, which something else must keep. */
static const char *check_word(lua_State *L, const char *option) {
  size_t size = 0;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "option '%s': expected strings, got a %s", option,
        luaL_typename(L, -1));
  const char *word = lua_tolstring(L, -1, &size);
  if (strlen(word) != size)
    luaL_error(L, "option '%s': contains a NUL", option);
  return word;
}

/* A NULL-ended vector in a userdata, which it leaves on the stack. */
static const char **new_vector(
    lua_State *L, size_t count, const char *option) {
  if (count > MAX_WORDS)
    luaL_error(L, "option '%s': more than %d", option, MAX_WORDS);
  const char **vector = lua_newuserdatauv(L, (count + 1) * sizeof *vector, 0);
  memset(vector, 0, (count + 1) * sizeof *vector);
  return vector;
}

/* argv: the strings stay those of the options. */
static const char *const *read_argv(lua_State *L) {
  if (!bind_option_table(L, 1, "argv"))
    luaL_error(L, "option 'argv': missing, expected a list of strings");
  int list = lua_gettop(L);
  size_t count = (size_t)lua_rawlen(L, list);
  const char **vector = new_vector(L, count, "argv");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    vector[i] = check_word(L, "argv");
    lua_pop(L, 1);
  }
  if (count == 0 || vector[0][0] == '\0')
    luaL_error(L, "option 'argv': expected the program as its first string");
  return vector;
}

static size_t count_pairs(lua_State *L, int index) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    count++;
  return count;
}

/* Pushes "NAME=value" of the pair at the top. */
static void push_variable(lua_State *L) {
  const char *value = check_word(L, "env");
  lua_pushvalue(L, -2);
  const char *name = check_word(L, "env");
  if (name[0] == '\0' || strchr(name, '=') != NULL)
    luaL_error(L, "option 'env': '%s' cannot be a variable's name", name);
  lua_pushfstring(L, "%s=%s", name, value);
  lua_remove(L, -2);
}

/* env: a map; the strings made of it are kept by a table on the stack. */
static const char *const *read_environment(lua_State *L) {
  if (!bind_option_table(L, 1, "env"))
    return NULL;
  int map = lua_gettop(L);
  const char **vector = new_vector(L, count_pairs(L, map), "env");
  size_t i = 0;
  lua_newtable(L);
  int keep = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, map) != 0; lua_pop(L, 1)) {
    push_variable(L);
    vector[i++] = lua_tostring(L, -1);
    lua_rawseti(L, keep, (lua_Integer)i);
  }
  return vector;
}

static enum child_plumbing read_plumbing(
    lua_State *L, const char *name, const char *otherwise) {
  const char *text = bind_option_text(L, 1, name, otherwise, NULL);
  if (strcmp(text, "null") == 0)
    return CHILD_NULL;
  if (strcmp(text, "pipe") == 0)
    return CHILD_PIPE;
  if (strcmp(text, "inherit") == 0)
    return CHILD_INHERIT;
  if (strcmp(text, "stdout") == 0 && strcmp(name, "stderr") == 0)
    return CHILD_MERGE;
  luaL_error(
      L, "option '%s': expected null, pipe or inherit, got '%s'", name, text);
  return CHILD_NULL;
}

static int read_death_signal(lua_State *L) {
  const char *name = bind_option_text(L, 1, "death_signal", NULL, NULL);
  int number = name != NULL ? signal_number(name) : 0;
  if (number < 0)
    luaL_error(L, "option 'death_signal': unknown signal '%s'", name);
  return number;
}

static void read_options(lua_State *L, struct child_options *options) {
  options->argv = read_argv(L);
  options->environment = read_environment(L);
  options->directory = bind_option_text(L, 1, "directory", NULL, NULL);
  options->streams[STDIN_FILENO] = read_plumbing(L, "stdin", "null");
  options->streams[STDOUT_FILENO] = read_plumbing(L, "stdout", "inherit");
  options->streams[STDERR_FILENO] = read_plumbing(L, "stderr", "inherit");
  options->death_signal = read_death_signal(L);
  options->outlives = bind_option_boolean(L, 1, "outlives", false);
  options->new_group = bind_option_boolean(L, 1, "new_group", false);
  options->max_input = (size_t)bind_option_integer(
      L, 1, "max_input", DEFAULT_MAX_INPUT, 1, INT32_MAX);
}

static int f_spawn(lua_State *L) {
  static const char *const names[] = {"argv", "env", "directory", "stdin",
      "stdout", "stderr", "death_signal", "outlives", "new_group", "max_input",
      NULL};
  struct child_options options;
  struct error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  struct loop *loop = bind_loop(L);
  read_options(L, &options);
  bind_type(L, process_type, methods, process_gc);
  struct process *process = bind_new(L, process_type, sizeof *process);
  process->child = loop_spawn(loop, &options, &error);
  if (process->child == NULL)
    return bind_fail(L, &error);
  return 1;
}

static int f_adopt(lua_State *L) {
  struct error error;
  lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 0 && pid <= INT_MAX, 1, "expected a process id");
  struct loop *loop = bind_loop(L);
  bind_type(L, process_type, methods, process_gc);
  struct process *process = bind_new(L, process_type, sizeof *process);
  process->child = loop_adopt(loop, (pid_t)pid, &error);
  if (process->child == NULL)
    return bind_fail(L, &error);
  return 1;
}

static int f_become(lua_State *L) {
  static const char *const names[] = {"argv", NULL};
  struct error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  bind_options(L, 1, names);
  child_become(read_argv(L), &error);
  return bind_fail(L, &error);
}

static const luaL_Reg functions[] = {
    {"adopt", f_adopt},
    {"become", f_become},
    {"spawn", f_spawn},
    {NULL, NULL},
};

int luaopen_host_child(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
