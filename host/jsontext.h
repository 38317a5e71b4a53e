/*
 * Is this text JSON (RFC 8259)? Answers with line and column, without memory
 * of its own and in one walk over the text.
 *
 * cJSON then builds the tree. It is asked second because it is lenient where
 * the RFC is not: it takes 01, 1. and control characters in strings, reads any
 * byte below 33 as a blank, does not look at UTF-8, stops strings at \u0000
 * and knows no difference between bad text and no memory. After this check,
 * when cJSON fails, it is for lack of memory.
 */
#ifndef NIGHTJAR_JSONTEXT_H
#define NIGHTJAR_JSONTEXT_H

#include "error.h"
#include <stddef.h>

enum { JSONTEXT_MAX_DEPTH = 1000 }; /* CJSON_NESTING_LIMIT */

struct jsontext {
  size_t nuls;       /* how many \u0000 escapes there are */
  unsigned stand_in; /* when there are: a private-use code point (U+E000 to
                        U+F8FF) that the text does not hold */
  size_t values;     /* in all: each a leaf, an array or an object */
};

struct jsontext_limits {
  int depth;     /* of values within each other: 1 to JSONTEXT_MAX_DEPTH */
  size_t values; /* in all: in Lua each may take some 100 bytes, and in the
                    text no more than two */
};

/*
 * Checks `size` bytes of `text`. Error: on = "line 3, column 7" (column in
 * characters), code = "syntax", or "limit" for what `most` bounds.
 */
int jsontext_check(const char *text, size_t size, struct jsontext_limits most,
    struct jsontext *facts, struct error *error);

/*
 * Writes the text to `to` (`size` bytes) with each \u0000 replaced by the
 * escape of `facts->stand_in`, which is as long. For checked text only.
 */
void jsontext_replace_nuls(
    const char *text, size_t size, const struct jsontext *facts, char *to);

#endif
