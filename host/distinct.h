/*
 * Whether no address stands twice among many: in time that grows with their
 * number alone.
 */
#ifndef NIGHTJAR_DISTINCT_H
#define NIGHTJAR_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>

/* True for certain: false may also mean that there is no memory to tell. NULL
 * is no address. */
bool distinct(const void *const *addresses, size_t count);

#endif
