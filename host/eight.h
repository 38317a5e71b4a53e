/*
 * Text eight bytes at a time: where among them something stands that needs a
 * second look. After "Bit Twiddling Hacks" (S. E. Anderson, public domain),
 * "Determine if a word has a zero byte" and "... a byte less than n".
 */
#ifndef NIGHTJAR_EIGHT_H
#define NIGHTJAR_EIGHT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EIGHT_ONES UINT64_C(0x0101010101010101)
#define EIGHT_HIGH UINT64_C(0x8080808080808080)

/* Eight bytes as a number whose lowest byte is the first, on every machine. */
static inline uint64_t eight_load(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return le64toh(word);
}

/*
 * Masks with the high bit of bytes that are such. The lowest bit that is set
 * is right; above it there may be bits for bytes that are not.
 */
static inline uint64_t eight_below(uint64_t word, unsigned char limit) {
  return (word - EIGHT_ONES * limit) & ~word & EIGHT_HIGH;
}
static inline uint64_t eight_equal(uint64_t word, unsigned char byte) {
  return eight_below(word ^ (EIGHT_ONES * byte), 1);
}

/* How many bytes stand before the first of a mask that is not 0. */
static inline size_t eight_before(uint64_t mask) {
  return (size_t)__builtin_ctzll(mask) / 8;
}

#endif
