/* What failing_memory.c counts, and what fails. */
#ifndef NIGHTJAR_FAILING_MEMORY_H
#define NIGHTJAR_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failing_memory {
  int64_t first;    /* the first call that fails, counted from 1 */
  int64_t past;     /* the first one behind those that do */
  int64_t calls;    /* so far */
  int64_t refused;  /* of them */
  int64_t programs; /* that count here */
};

/* That of this program: its own, or the mapped one. */
struct failing_memory *failing_memory(void);

/* Counts one call, and tells whether it is to fail. */
bool failing_memory_refuses(void);

void *memalign(size_t alignment, size_t size);

#endif
