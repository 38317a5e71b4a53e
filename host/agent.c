/*
 * The main of `nightjar`: what must be so before any Lua runs, then
 * require("nightjar.cli.main").main(words), whose result is the exit status.
 * Everything else is Lua's to decide.
 */
#include "bind/modules.h"
#include "bind/state.h"
#include "error.h"
#include "harden.h"
#include "hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* EX_SOFTWARE of sysexits.h: the program itself is at fault. */
enum { EXIT_INTERNAL = 70 };

static int complain(const struct error *error) {
  char text[ERROR_TEXT_SIZE];
  fprintf(stderr, "nightjar: %s\n", error_text(error, text, sizeof text));
  return EXIT_INTERNAL;
}

/*
 * Whoever starts us may have closed the standard descriptors; then the next
 * file that is opened would become "standard output" and be written to.
 */
static int open_standard_descriptors(struct error *error) {
  for (;;) {
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
      return error_errno(error, "cannot open", "/dev/null", errno);
    if (fd > STDERR_FILENO)
      return close(fd);
  }
}

/*
 * A reader that goes away, and a file that meets its size limit, shall fail a
 * write() rather than end the program.
 */
static int ignore_signals(struct error *error) {
  struct sigaction ignore;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
      sigaction(SIGXFSZ, &ignore, NULL) != 0)
    return error_errno(error, "cannot ignore", "SIGPIPE, SIGXFSZ", errno);
  return 0;
}

/*
 * Large pieces, a plan's answer say, go back to the system when they are
 * freed: by default each one that is freed lets the next of its size stay
 * (mallopt(3), M_MMAP_THRESHOLD).
 */
static void keep_little(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
#endif
}

static int run(struct lua_State *state, const char *const *words) {
  const struct state_value arguments[] = {state_list(words)};
  struct state_value result;
  if (state_call(state, "nightjar.cli.main", "main", arguments, 1, &result) !=
      0) {
    fprintf(stderr, "nightjar: internal error: %s\n", result.text);
    return EXIT_INTERNAL;
  }
  if (result.kind != STATE_INTEGER || result.integer < 0 ||
      result.integer > 255) {
    fputs("nightjar: internal error: main: expected an exit status from 0 to "
          "255\n",
        stderr);
    return EXIT_INTERNAL;
  }
  return (int)result.integer;
}

int main(int argc, char **argv) {
  struct error error;
  static const char *const no_words[] = {NULL};
  if (open_standard_descriptors(&error) != 0 || ignore_signals(&error) != 0)
    return complain(&error);
  /* Old kernels and strict containers may refuse a part: say it, go on. */
  if (harden_process(false, &error) != 0)
    complain(&error);
  hugepages_refuse();
  keep_little();
  struct state_options options = {.modules = agent_modules, .files = true};
  struct lua_State *state = state_new(&options, &error);
  if (state == NULL)
    return complain(&error);
  int status = run(state, argc > 0 ? (const char *const *)argv + 1 : no_words);
  state_free(state);
  return status;
}
