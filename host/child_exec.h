/*
 * What happens in a child between fork() and exec: a short and dangerous part
 * of its own. Other threads (libcurl's resolvers) may have held any lock when
 * the process was copied, so only async-signal-safe functions may be called
 * here (signal-safety(7), fork(2)); everything that needs memory was done
 * before. Used by child.c only.
 */
#ifndef NIGHTJAR_CHILD_EXEC_H
#define NIGHTJAR_CHILD_EXEC_H

#include "error.h"

#include <stdbool.h>
#include <sys/types.h>

struct exec_plan {
  const char *path;
  const char *const *argv;
  const char *const *environment; /* NULL: ours */
  const char *directory;          /* NULL: ours */
  int streams[3];                 /* become 0, 1 and 2 */
  int report;                     /* where a failure is written */
  int death_signal;
  bool outlives;
  bool new_group;
  pid_t parent; /* who forks, for the race below */
};

enum exec_step {
  EXEC_DESCRIPTORS,
  EXEC_GROUP,
  EXEC_DEATH_SIGNAL,
  EXEC_DIRECTORY,
  EXEC_PROGRAM
};

struct exec_report {
  enum exec_step step;
  int number; /* errno */
};

/* Becomes the program, or writes a report and exits with 127. */
_Noreturn void exec_run(const struct exec_plan *plan);

/*
 * Becomes the program without a fork() before it. Returns -1 with errno set
 * when that fails.
 */
int exec_become(const char *path, const char *const *argv);

/* Tells a report in the parent; returns -1. */
int exec_error(const struct exec_report *report, const struct exec_plan *plan,
    struct error *error);

#endif
