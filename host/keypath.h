/*
 * Where in a nested value something is wrong: "services[3].port".
 *
 * A recursive walk keeps one `struct keypath` for each level on the C stack,
 * each pointing to the one above it; text is made only when there is an error
 * to report:
 *
 *   struct keypath here = {.up = path, .index = i};
 *   return keypath_error(&here, error, "expected a string");
 */
#ifndef NIGHTJAR_KEYPATH_H
#define NIGHTJAR_KEYPATH_H

#include "error.h"
#include <stddef.h>

struct keypath {
  const struct keypath *up; /* NULL: this is the root, which has no name */
  const char *key;          /* a key of an object, or NULL: */
  size_t size;              /* bytes of `key` */
  long long index;          /* a place in an array, from 1 on */
  const void *table; /* what stands here, for whoever looks for cycles */
};

/*
 * Fills `error` with the path as its `on` (for the root: "the value") and the
 * reason; returns -1. A path that is too long loses its end.
 */
int keypath_error(const struct keypath *path, struct error *error,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
