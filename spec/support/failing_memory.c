/*
 * Memory that runs out: malloc, calloc, realloc and their like fail from one
 * call on, until another. Built as a library for LD_PRELOAD, or linked into a
 * program of the specs; never part of what is shipped.
 *
 * FAILING_MEMORY names a file of five integers (int64_t), which is mapped: who
 * runs the program reads and writes there, also while it runs.
 *
 *   first    the first call that fails; calls count from 1
 *   past     the first one after it that does not
 *   calls    calls so far
 *   refused  those that failed
 *   programs that have counted here
 *
 * FAILING_PROGRAM: the only program that is meant, by the name of its file;
 * what else is started from it has all the memory that it wants.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "failing_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Under AddressSanitizer its own are the real ones; else glibc's. */
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__interceptor_memalign(size_t, size_t) __attribute__((weak));
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static struct failing_memory own = {INT64_MAX, INT64_MAX, 0, 0, 0};
static struct failing_memory *shared = &own;

struct failing_memory *failing_memory(void) {
  return shared;
}

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("FAILING_MEMORY");
  const char *only = getenv("FAILING_PROGRAM");
  if (path == NULL ||
      (only != NULL && strcmp(only, program_invocation_short_name) != 0))
    return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *memory = fd < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof own, PROT_READ | PROT_WRITE,
                              MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    _exit(99); /* a run without the fault must not count as one with it */
  close(fd);
  shared = memory;
  __atomic_add_fetch(&shared->programs, 1, __ATOMIC_SEQ_CST);
}

bool failing_memory_refuses(void) {
  int64_t call = __atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST);
  if (call < __atomic_load_n(&shared->first, __ATOMIC_SEQ_CST) ||
      call >= __atomic_load_n(&shared->past, __ATOMIC_SEQ_CST))
    return false;
  __atomic_add_fetch(&shared->refused, 1, __ATOMIC_SEQ_CST);
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) {
  if (failing_memory_refuses())
    return NULL;
  return __interceptor_malloc != NULL ? __interceptor_malloc(size)
                                      : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  if (failing_memory_refuses())
    return NULL;
  return __interceptor_calloc != NULL ? __interceptor_calloc(count, size)
                                      : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  /* To free that way never fails, nor does to let go of a part. */
  if ((old == NULL || size > 0) && failing_memory_refuses())
    return NULL;
  return __interceptor_realloc != NULL ? __interceptor_realloc(old, size)
                                       : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  if (failing_memory_refuses())
    return NULL;
  return __interceptor_memalign != NULL
             ? __interceptor_memalign(alignment, size)
             : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *memory = memalign(alignment, size);
  if (memory == NULL)
    return ENOMEM;
  *result = memory;
  return 0;
}
