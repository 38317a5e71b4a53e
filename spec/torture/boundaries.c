/*
 * Memory that runs out at each boundary between C and Lua: each function of
 * boundaries.lua is called in a state of its own, with every allocation from
 * the Nth on failing, for N = 1, 2, 3 … until nothing fails any more. It must
 * raise or return that there is no memory, or give what it gives otherwise;
 * with memory back the same state must give it; nothing may leak.
 *
 *   boundaries WHOSE STEP [NAME…]
 *
 * WHOSE: lua    Lua's allocator alone refuses
 *        c      all others refuse: those of the host and of its libraries
 *        all    both
 * Each STEPth N is tried. Built with AddressSanitizer (see the Makefile),
 * which ends it at the first bad access. One line for each boundary; the exit
 * status is 1 when one of them did what it must not.
 */
#include "bind/modules.h"
#include "bind/state.h"

#include "../support/failing_memory.h"

#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 4096, MOST = 20000 };

enum whose { LUA, C, ALL };

/* What is tried now. Lua's own calls are counted apart from the others. */
struct trial {
  enum whose whose;
  long first;   /* of Lua's calls that fails; LONG_MAX: none */
  long calls;   /* Lua's, so far */
  long refused; /* of them */
};

static void *allocate(
    void *context, void *old, size_t old_size, size_t new_size) {
  struct trial *trial = context;
  (void)old_size;
  if (new_size == 0) {
    free(old);
    return NULL;
  }
  if (trial->whose == ALL)
    return realloc(old, new_size);
  if (++trial->calls >= trial->first) {
    trial->refused++;
    return NULL;
  }
  struct failing_memory kept = *failing_memory();
  failing_memory()->first = INT64_MAX;
  void *memory = realloc(old, new_size);
  *failing_memory() = kept;
  return memory;
}

static void fail_from(struct trial *trial, long first) {
  if (trial->whose == LUA) {
    trial->first = trial->calls + first;
  } else {
    failing_memory()->refused = 0;
    failing_memory()->first = failing_memory()->calls + first;
  }
}

/* Ends it; returns how many calls have failed. */
static long fail_no_more(struct trial *trial) {
  long refused = trial->refused + (long)failing_memory()->refused;
  trial->first = INT64_MAX;
  trial->refused = 0;
  failing_memory()->first = INT64_MAX;
  failing_memory()->refused = 0;
  return refused;
}

static struct lua_State *start(struct trial *trial) {
  struct error error;
  struct state_options options = {.modules = agent_modules,
      .files = true,
      .allocate = allocate,
      .context = trial};
  return state_new(&options, &error);
}

/* What boundaries.lua's `function` says, or the error's message. */
static int ask(struct lua_State *state, const char *function, const char *name,
    char text[TEXT]) {
  const struct state_value arguments[] = {state_text(name, strlen(name))};
  struct state_value result;
  int status = state_call(
      state, "spec.torture.boundaries", function, arguments, 1, &result);
  snprintf(text, TEXT, "%s", result.kind == STATE_TEXT ? result.text : "");
  return status;
}

/* How the calls of a boundary ended. */
struct counts {
  long raised, returned, unharmed;
  int wrong;
};

static void wrong(struct counts *counts, const char *name, long first,
    const char *what, const char *text) {
  if (counts->wrong++ < 5)
    printf("# %s, from %ld: %s: %s\n", name, first, what, text);
}

/* OpenSSL's own reasons stay with it: "the cryptographic library refused". */
static bool says_memory(const char *text) {
  return strstr(text, "memory") != NULL || strstr(text, "crypto") != NULL;
}

/* The boundaries in which a server, or libcurl, may have its own words for
 * what has become of a connection begin their answer with "told". */
static void judge(struct counts *counts, const char *name, long first,
    int status, const char *text, const char *expected) {
  if (status != 0) {
    counts->raised++;
    if (!says_memory(text))
      wrong(counts, name, first, "raised something else", text);
  } else if (strcmp(text, expected) == 0) {
    counts->unharmed++;
  } else {
    counts->returned++;
    bool failure = strncmp(text, "nil ", 4) == 0 && says_memory(text);
    if (!failure && strncmp(text, "told ", 5) != 0)
      wrong(counts, name, first, "returned something else", text);
  }
}

/* One case; false when nothing failed in it. */
static bool try_from(struct trial *trial, const char *name, long first,
    const char *expected, struct counts *counts) {
  char text[TEXT];
  struct lua_State *state = start(trial);
  if (state == NULL || ask(state, "prepare", name, text) != 0) {
    wrong(counts, name, first, "cannot be prepared", text);
    state_free(state);
    return false;
  }
  fail_from(trial, first);
  int status = ask(state, "call", name, text);
  long refused = fail_no_more(trial);
  judge(counts, name, first, status, text, expected);
  if (ask(state, "call", name, text) != 0 || strcmp(text, expected) != 0)
    wrong(counts, name, first, "with memory back it gave", text);
  state_free(state);
  return refused > 0;
}

/* Making a state is a boundary too. */
static bool try_start(struct trial *trial, long first, struct counts *counts) {
  fail_from(trial, first);
  struct lua_State *state = start(trial);
  long refused = fail_no_more(trial);
  if (state == NULL)
    counts->returned++;
  else
    counts->unharmed++;
  state_free(state);
  return refused > 0;
}

static int expect(struct trial *trial, const char *name, char text[TEXT]) {
  struct lua_State *state = start(trial);
  int status = state == NULL || ask(state, "prepare", name, text) != 0 ||
                       ask(state, "call", name, text) != 0
                   ? -1
                   : 0;
  if (status != 0)
    printf("# %s does not work: %s\n", name, text);
  state_free(state);
  return status;
}

static int sweep(struct trial *trial, const char *name, long step) {
  struct counts counts = {0};
  char expected[TEXT] = "";
  bool is_start = strcmp(name, "start") == 0;
  if (!is_start && expect(trial, name, expected) != 0)
    return -1;
  long first = 1;
  for (bool more = true; more && first < MOST; first += step) {
    if (is_start)
      more = try_start(trial, first, &counts);
    else
      more = try_from(trial, name, first, expected, &counts);
  }
  if (first >= MOST)
    wrong(&counts, name, first, "never ends", "");
  if (__lsan_do_recoverable_leak_check() != 0)
    wrong(&counts, name, first, "leaks", "");
  printf("%s\t%ld raised, %ld returned, %ld unharmed\t%d\n", name,
      counts.raised, counts.returned, counts.unharmed, counts.wrong);
  fflush(stdout);
  return counts.wrong == 0 ? 0 : -1;
}

/* The names of all boundaries, each ended by a blank. */
static int list(struct trial *trial, char names[TEXT]) {
  struct lua_State *state = start(trial);
  int status = state != NULL ? ask(state, "names", "", names) : -1;
  state_free(state);
  return status;
}

static int sweep_all(struct trial *trial, long step) {
  char names[TEXT];
  int status = sweep(trial, "start", step);
  if (list(trial, names) != 0) {
    printf("# no boundaries: %s\n", names);
    return -1;
  }
  for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
    if (sweep(trial, name, step) != 0)
      status = -1;
  return status;
}

int main(int argc, char **argv) {
  static const char *const words[] = {"lua", "c", "all"};
  struct trial trial = {.whose = ALL, .first = INT64_MAX};
  long step = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
  for (int i = 0; i < 3 && argc > 1; i++)
    if (strcmp(argv[1], words[i]) == 0)
      trial.whose = (enum whose)i;
  if (step < 1) {
    fputs("usage: boundaries lua|c|all STEP [NAME...]\n", stderr);
    return 2;
  }
  int status = argc == 3 ? sweep_all(&trial, step) : 0;
  for (int i = 3; i < argc; i++)
    if (sweep(&trial, argv[i], step) != 0)
      status = -1;
  return status == 0 ? 0 : 1;
}
