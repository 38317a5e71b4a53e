/*
 * What a JSON text says, in 16 bytes: equal for texts that hold the same
 * values, in whatever order the members of their objects, and the elements of
 * their arrays, stand, and however strings and numbers are written. In one
 * walk over the text, without memory of its own.
 *
 *   if (jsontext_check(text, size, most, &facts, &error) == 0)
 *     print = jsonprint(text, size);
 *
 * It tells whether something says anything new. It is no protection against
 * anybody: whoever wants to can make two texts that look the same.
 */
#ifndef NIGHTJAR_JSONPRINT_H
#define NIGHTJAR_JSONPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonprint {
  uint64_t a, b;
};

static inline bool jsonprint_equal(
    struct jsonprint one, struct jsonprint two) {
  return one.a == two.a && one.b == two.b;
}

/*
 * The text must have passed jsontext_check(), which bounds the depth to which
 * this recurses too. Duplicate keys are not noticed.
 */
struct jsonprint jsonprint(const char *text, size_t size);

/*
 * The same for any text, with a NUL behind it: true if it is JSON of the plain
 * kind (no escapes in its strings, whole numbers of at most 15 digits, 32
 * levels at most) but for UTF-8, which is not looked at, and `print` says what
 * the other one would say. What then says the same as a text that was checked
 * is as good as that. False for all else, JSON or not.
 */
bool jsonprint_plain(const char *text, size_t size, struct jsonprint *print);

#endif
