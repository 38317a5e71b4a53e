/*
 * nightjar-plan: one JSON request on standard input, one JSON answer on
 * standard output, nothing else touched. It is started anew for each pass and
 * runs other people's policies and templates, so it first gives up whatever it
 * could do harm with (harden.h, sandbox.h) and is counted (bind/budget.h).
 *
 * Exit status: 0 with the answer; 3 with one line of plain text on standard
 * output, when a limit was passed, a system call was forbidden or the program
 * crashed; 70 with text, for an error of our own; 2 for wrong use.
 */
#include "bind/budget.h"
#include "bind/modules.h"
#include "bind/state.h"
#include "buf.h"
#include "fd.h"
#include "harden.h"
#include "hugepages.h"
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { STATUS_USAGE = 2, STATUS_LIMIT = 3, STATUS_INTERNAL = 70 };

struct options {
  long long memory_mib;
  long long instructions;
  long long seconds;
  long long cpu_ms;
  bool sandbox;
};

/* For the signal handlers, which know nothing else. */
static struct budget *watched;
static long long allowed_seconds, allowed_turn_ms;

static const char usage[] =
    "usage: nightjar-plan --max-memory-mib N --max-instructions N\n"
    "                     [--max-cpu-ms N] [--max-seconds N] "
    "[--no-sandbox]\n"
    "Reads one JSON request from standard input and writes one JSON answer "
    "to\n"
    "standard output. nightjar starts it; see docs for the protocol.\n"
    "  --max-memory-mib N    memory of the scripts, 1 to 65536 MiB\n"
    "  --max-instructions N  instructions of the Lua machine, for each policy "
    "and\n"
    "                        each template\n"
    "  --max-cpu-ms N        milliseconds of processor time, for each policy "
    "and\n"
    "                        each template (60000)\n"
    "  --max-seconds N       seconds of processor time in all (60)\n"
    "  --no-sandbox          for valgrind and debuggers: limits of memory "
    "and\n"
    "                        instructions only\n";

static int wrong_use(const char *what, const char *on, const char *why) {
  fprintf(stderr, "nightjar-plan: %s: %s: %s\n%s", what, on, why, usage);
  return -1;
}

static int read_number(
    const char *flag, const char *text, long long most, long long *value) {
  char *end;
  errno = 0;
  *value = text != NULL ? strtoll(text, &end, 10) : 0;
  if (text == NULL || end == text || *end != '\0' || errno != 0 ||
      *value < 1 || *value > most)
    return wrong_use("wrong value", flag, "expected a whole number in range");
  return 0;
}

static int read_options(int argc, char **argv, struct options *options) {
  *options = (struct options){.seconds = 60, .cpu_ms = 60000, .sandbox = true};
  for (int i = 1; i < argc; i++) {
    const char *flag = argv[i];
    int status = 0;
    if (strcmp(flag, "--no-sandbox") == 0)
      options->sandbox = false;
    else if (strcmp(flag, "--max-memory-mib") == 0)
      status = read_number(flag, argv[++i], 65536, &options->memory_mib);
    else if (strcmp(flag, "--max-instructions") == 0)
      status =
          read_number(flag, argv[++i], LLONG_MAX / 2, &options->instructions);
    else if (strcmp(flag, "--max-seconds") == 0)
      status = read_number(flag, argv[++i], 1000000, &options->seconds);
    else if (strcmp(flag, "--max-cpu-ms") == 0)
      status = read_number(flag, argv[++i], 1000000000, &options->cpu_ms);
    else
      status = wrong_use("unknown argument", flag, "expected a flag");
    if (status != 0)
      return -1;
  }
  if (options->memory_mib == 0 || options->instructions == 0)
    return wrong_use("missing argument",
        options->memory_mib == 0 ? "--max-memory-mib" : "--max-instructions",
        "expected a number");
  return 0;
}

/* A reader that is gone is no one to tell. */
static void answer(const char *text, size_t size) {
  fd_write(STDOUT_FILENO, text, size);
}

static int internal_error(const char *text, size_t size) {
  answer(text, size);
  answer("\n", 1);
  return STATUS_INTERNAL;
}

static int internal(const struct error *error) {
  char text[ERROR_TEXT_SIZE];
  error_text(error, text, sizeof text);
  return internal_error(text, strlen(text));
}

static void on_time_up(int number) {
  (void)number;
  if (watched != NULL)
    budget_late(watched, allowed_seconds * 1000);
}

static void on_tick(int number) {
  (void)number;
  if (watched != NULL)
    budget_tick(watched, allowed_turn_ms);
}

/* From here on each tick of processor time is counted. */
static int start_ticks(struct error *error) {
  static const struct timeval tick = {.tv_usec = BUDGET_TICK_MS * 1000};
  struct itimerval timer = {.it_interval = tick, .it_value = tick};
  struct sigaction action = {
      .sa_handler = on_tick, .sa_flags = SA_ONSTACK | SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGPROF, &action, NULL) != 0 ||
      setitimer(ITIMER_PROF, &timer, NULL) != 0)
    return error_errno(error, "cannot count", "processor time", errno);
  return 0;
}

#ifndef __SANITIZE_ADDRESS__
static void on_crash(int number) {
  char line[64];
  int length = snprintf(line, sizeof line, "crashed with signal %d\n", number);
  answer(line, (size_t)length);
  _exit(STATUS_LIMIT);
}
#endif

/* The handlers run on a stack of their own: an overflow of the usual one is
 * among the crashes. SA_RESETHAND: a second fault ends the process. */
static int set_handlers(void *stack, size_t stack_size, struct error *error) {
  stack_t alternate = {.ss_sp = stack, .ss_size = stack_size};
  struct sigaction action = {.sa_flags = SA_ONSTACK | (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  if (sigaltstack(&alternate, NULL) != 0)
    return error_errno(error, "cannot set up", "sigaltstack", errno);
  action.sa_handler = on_time_up;
  if (sigaction(SIGXCPU, &action, NULL) != 0)
    return error_errno(error, "cannot handle", "SIGXCPU", errno);
#ifndef __SANITIZE_ADDRESS__ /* which reports crashes better */
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  action.sa_handler = on_crash;
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
    if (sigaction(crashes[i], &action, NULL) != 0)
      return error_errno(error, "cannot handle", "a crash", errno);
#endif
  return 0;
}

static int read_request(struct buf *request, struct error *error) {
  for (;;) {
    if (buf_reserve(request, 65536, error) != 0)
      return -1;
    ssize_t count = read(STDIN_FILENO, request->data + request->size, 65536);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return error_errno(error, "cannot read", "standard input", errno);
    if (count == 0)
      return 0;
    request->size += (size_t)count;
    request->data[request->size] = '\0';
  }
}

/* Nothing is written before all of it is made. */
static void answer_all(struct lua_State *state, long long count) {
  struct state_value piece;
  for (long long i = 1; i <= count && state_item(state, i, &piece); i++)
    answer(piece.text, piece.size);
}

static int call_plan(struct lua_State *state, struct buf *request,
    const struct sandbox_layers *layers) {
  struct state_value arguments[] = {
      state_buf(request),
      state_registry(budget_position()),
      state_list(layers->names),
  };
  struct state_value result;
  static const char wrong[] = "nightjar.plan.main.answer returned no texts";
  if (state_call(
          state, "nightjar.plan.main", "answer", arguments, 3, &result) != 0)
    return internal_error(result.text, result.size);
  if (result.kind != STATE_LIST)
    return internal_error(wrong, sizeof wrong - 1);
  answer_all(state, result.integer);
  return 0;
}

/*
 * Large pieces, the text of a file say, go back to the system when they are
 * freed, and grow by moving pages: by default each one that is freed lets the
 * next of its size stay, and parts the heap (mallopt(3), M_MMAP_THRESHOLD).
 */
static void keep_little(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

static int run(const struct options *options, struct buf *request,
    struct sandbox_layers *layers) {
  static const struct state_module modules[] = {
      {"host.json", luaopen_host_json},
      {"host.shape", luaopen_host_shape},
      {"host.yaml", luaopen_host_yaml},
      {NULL, NULL},
  };
  struct error error;
  struct budget budget;
  size_t memory = (size_t)options->memory_mib << 20;
  budget_init(&budget, memory, options->instructions, STDOUT_FILENO);
  watched = &budget;
  allowed_seconds = options->seconds;
  allowed_turn_ms = options->cpu_ms;
  struct state_options lua = {.modules = modules,
      .pure = true,
      .allocate = budget_allocate,
      .context = &budget};
  struct lua_State *state = state_new(&lua, &error);
  if (state == NULL || budget_watch(&budget, state, &error) != 0)
    return internal(&error);
  sandbox_add_layer(layers, "memory_budget");
  sandbox_add_layer(layers, "instruction_budget");
  /* Beside Lua's memory there are the request and cJSON's tree of it. */
  struct sandbox_limits limits = {.address_space = 2 * memory + (128U << 20),
      .cpu_seconds = (unsigned)options->seconds};
  if (options->sandbox) {
    if (start_ticks(&error) != 0)
      return internal(&error);
    sandbox_enter(&limits, layers);
  }
  int status = call_plan(state, request, layers);
#ifdef __SANITIZE_ADDRESS__
  bool tidy = true;
#else
  bool tidy = !options->sandbox; /* else the kernel frees faster */
#endif
  if (tidy) {
    state_free(state);
    budget_release(&budget);
  }
  return status;
}

int main(int argc, char **argv) {
  char signal_stack[64 * 1024];
  struct error error;
  struct options options;
  struct sandbox_layers layers = {.count = 0};
  keep_little();
  if (harden_process(true, &error) == 0)
    sandbox_add_layer(&layers, "hardened");
  hugepages_refuse();
  if (read_options(argc, argv, &options) != 0)
    return STATUS_USAGE;
  if (set_handlers(signal_stack, sizeof signal_stack, &error) != 0)
    return internal(&error);
  struct buf request;
  buf_init(&request, (size_t)options.memory_mib << 20);
  if (read_request(&request, &error) != 0) {
    char line[100];
    int length = snprintf(line, sizeof line,
        "the request: needs more than %lld MiB\n", options.memory_mib);
    bool limit = strcmp(error.code, "limit") == 0;
    if (limit)
      answer(line, (size_t)length);
    buf_release(&request);
    return limit ? STATUS_LIMIT : internal(&error);
  }
  int status = run(&options, &request, &layers);
  buf_release(&request);
  return status;
}
