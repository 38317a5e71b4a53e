/*
 * The children of a loop: kept until all of each was told, and reaped. Used by
 * loop.c only; who they are and what of them is an event is said in loop.h.
 */
#ifndef NIGHTJAR_CHILDREN_H
#define NIGHTJAR_CHILDREN_H

#include "child.h"

#include <stdbool.h>
#include <stdint.h>

struct children {
  struct child *first;
  uint64_t last_id;
  bool inherited; /* those from before an execve(2) are to be reaped too */
};

/* Takes a child over, which may be NULL, and returns it. */
struct child *children_keep(struct children *children, struct child *child);

/* Reaps what has ended; as process 1 or a subreaper also others' orphans. */
void children_reap(struct children *children);

/* Lets go of those of which everything was told. */
void children_sweep(struct children *children);

/* Lets go of all; they go on running. */
void children_release(struct children *children);

#endif
