/*
 * Scalars as JSON text (RFC 8259), added to a buffer. Whoever writes lists and
 * objects does so around them.
 */
#ifndef NIGHTJAR_JSONWRITE_H
#define NIGHTJAR_JSONWRITE_H

#include "buf.h"
#include "error.h"
#include <stddef.h>

/*
 * A string with its quotes. Where the text is not valid UTF-8 `*bad` is the
 * number of the first wrong byte, from 1, and `error` is not set; else 0.
 */
int jsonwrite_string(struct buf *out, const char *text, size_t size,
    size_t *bad, struct error *error);

int jsonwrite_integer(struct buf *out, long long value, struct error *error);

/*
 * The shortest of 15, 16 and 17 digits that reads back as the same number. A
 * whole number is written without a fraction. The value must be finite.
 */
int jsonwrite_float(struct buf *out, double value, struct error *error);

/* A line end and `blanks` blanks. */
int jsonwrite_line(struct buf *out, size_t blanks, struct error *error);

#endif
