#include "jsonprint.h"

#include "eight.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where the walk is. Of a text that was checked it need not look for what
 * cannot be. Of another it takes the plain kind, which is most of what APIs
 * write: no escapes, whole numbers; from all else it goes to the end at once,
 * where there is a NUL, so that each loop ends.
 */
struct walk {
  const char *at;
  const char *end;
  bool checked;
  bool gave_up;
  int depth;
};

enum { PLAIN_DEPTH = 32 };

/* Whether the walk is over, because of something that is not plain. */
static bool not_plain(struct walk *walk) {
  if (walk->checked)
    return false;
  walk->gave_up = true;
  walk->at = walk->end;
  return true;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
   pseudorandom number generators", 2014): each bit depends on all. */
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static struct jsonprint finish(uint64_t hash, uint64_t size, char kind) {
  uint64_t length = size << 8 | (unsigned char)kind;
  return (struct jsonprint){mix(hash + length), mix(hash ^ mix(length))};
}

static void skip_blanks(struct walk *walk) {
  while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\n' ||
                                     *walk->at == '\r' || *walk->at == '\t'))
    walk->at++;
}

static unsigned hex4(const char *at) {
  char digits[5];
  memcpy(digits, at, 4);
  digits[4] = '\0';
  return (unsigned)strtoul(digits, NULL, 16);
}

/* A text that is hashed eight bytes at a time, wherever they come from. */
struct run {
  uint64_t hash;
  uint64_t word; /* what is not yet hashed, the first byte lowest */
  size_t size;
};

static void add_word(struct run *run, uint64_t word) {
  run->hash = (run->hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
  run->hash ^= run->hash >> 29; /* what is high must come to count below */
}

static void add_byte(struct run *run, unsigned char byte) {
  run->word |= (uint64_t)byte << (run->size % 8 * 8);
  run->size++;
  if (run->size % 8 != 0)
    return;
  add_word(run, run->word);
  run->word = 0;
}

/* Adds a code point as UTF-8. */
static void add_code_point(struct run *run, unsigned code) {
  unsigned char bytes[4];
  size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = count - 1; i > 0; i--, code >>= 6)
    bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
  bytes[0] = (unsigned char)(first[count] | code);
  for (size_t i = 0; i < count; i++)
    add_byte(run, bytes[i]);
}

/* What stands after a backslash; `walk` is at it, and goes past it. */
static unsigned read_escape(struct walk *walk) {
  static const char letters[] = "bfnrt";
  static const char meant[] = "\b\f\n\r\t";
  char letter = *walk->at++;
  const char *known = strchr(letters, letter);
  if (letter != 'u')
    return known != NULL ? (unsigned char)meant[known - letters]
                         : (unsigned char)letter;
  unsigned code = hex4(walk->at);
  walk->at += 4;
  if (code >= 0xd800 && code < 0xdc00) { /* the other half follows */
    code = 0x10000 + ((code - 0xd800) << 10) + (hex4(walk->at + 2) - 0xdc00);
    walk->at += 6;
  }
  return code;
}

/* The words of a string up to its end, or to the first escape. */
static void add_plain(struct walk *walk, struct run *run) {
  while (walk->end - walk->at >= 8) {
    uint64_t word = eight_load(walk->at);
    uint64_t other = eight_equal(word, '"') | eight_equal(word, '\\') |
                     eight_below(word, ' ');
    if (other != 0) {
      size_t count = eight_before(other);
      run->word = word & ~(UINT64_MAX << (count * 8));
      run->size += count;
      walk->at += count;
      return;
    }
    add_word(run, word);
    run->size += 8;
    walk->at += 8;
  }
}

static struct jsonprint print_string(struct walk *walk, char kind) {
  struct run run = {.hash = FNV_BASIS ^ (unsigned char)kind};
  walk->at++;
  add_plain(walk, &run);
  while (*walk->at != '"') {
    unsigned char byte = (unsigned char)*walk->at;
    if ((byte < ' ' || byte == '\\') && not_plain(walk))
      return (struct jsonprint){0, 0};
    walk->at++;
    if (byte == '\\')
      add_code_point(&run, read_escape(walk));
    else
      add_byte(&run, byte);
  }
  walk->at++;
  if (run.size % 8 != 0)
    add_word(&run, run.word);
  return finish(run.hash, run.size, kind);
}

/* Short and whole, as most are: a double holds fifteen digits. */
static bool is_plain_number(const char *digits, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (digits[i] < '0' || digits[i] > '9')
      return false;
  return size > 0 && size <= 15 && (digits[0] != '0' || size == 1);
}

static double number_of(const char *digits, size_t size) {
  int64_t value = 0;
  if (!is_plain_number(digits, size))
    return strtod(digits, NULL);
  for (size_t i = 0; i < size; i++)
    value = value * 10 + (digits[i] - '0');
  return (double)value;
}

/* By value, so that 1, 1.0 and 10e-1 are one. */
static struct jsonprint print_number(struct walk *walk) {
  char digits[64];
  size_t size = 0;
  const char *start = walk->at;
  while (walk->at < walk->end && (strchr("+-.eE", *walk->at) != NULL ||
                                     (*walk->at >= '0' && *walk->at <= '9')))
    walk->at++;
  size = (size_t)(walk->at - start);
  if (!is_plain_number(start, size) && not_plain(walk))
    return (struct jsonprint){0, 0};
  uint64_t hash = FNV_BASIS;
  if (size < sizeof digits) {
    memcpy(digits, start, size);
    digits[size] = '\0';
    double value = number_of(digits, size) + 0.0; /* -0 is 0 */
    unsigned char bytes[sizeof value];
    memcpy(bytes, &value, sizeof value);
    for (size_t i = 0; i < sizeof bytes; i++)
      hash = (hash ^ bytes[i]) * FNV_PRIME;
    return finish(hash, sizeof bytes, '0');
  }
  for (size_t i = 0; i < size; i++) /* a long one: as it is written */
    hash = (hash ^ (unsigned char)start[i]) * FNV_PRIME;
  return finish(hash, size, '1');
}

static struct jsonprint print_word(struct walk *walk) {
  char kind = *walk->at;
  const char *word = kind == 't' ? "true" : kind == 'f' ? "false" : "null";
  size_t size = strlen(word);
  if (((size_t)(walk->end - walk->at) < size ||
          memcmp(walk->at, word, size) != 0) &&
      not_plain(walk))
    return (struct jsonprint){0, 0};
  walk->at += size;
  return finish(FNV_BASIS, 0, kind);
}

static struct jsonprint print_value(struct walk *walk);

static struct jsonprint print_key(struct walk *walk) {
  struct jsonprint key = {0, 0};
  if (*walk->at == '"' || !not_plain(walk))
    key = print_string(walk, 'k');
  skip_blanks(walk);
  if (*walk->at == ':' || !not_plain(walk))
    walk->at++;
  return key;
}

/* What follows a member or element: nothing but an end or another one. */
static void next_in_list(struct walk *walk, char close) {
  if (*walk->at == close)
    return;
  if (*walk->at != ',' && not_plain(walk))
    return;
  walk->at++;
  skip_blanks(walk);
  if (*walk->at == close)
    not_plain(walk);
}

/* The order does not count: sums have none. */
static struct jsonprint print_list(struct walk *walk, char close) {
  struct jsonprint sum = {(unsigned char)close, 0};
  bool is_object = close == '}';
  if (++walk->depth > PLAIN_DEPTH && not_plain(walk))
    return sum;
  walk->at++;
  skip_blanks(walk);
  while (*walk->at != close && !walk->gave_up) {
    struct jsonprint key = {0, 0};
    if (is_object)
      key = print_key(walk);
    struct jsonprint value = print_value(walk);
    sum.a += is_object ? mix(key.a + 3 * value.a) : value.a;
    sum.b += is_object ? mix(key.b + 5 * value.b) : value.b;
    next_in_list(walk, close);
  }
  walk->depth--;
  if (!walk->gave_up)
    walk->at++;
  return (struct jsonprint){mix(sum.a), mix(sum.b + 1)};
}

/* Goes past the blanks around the value too. */
static struct jsonprint print_value(struct walk *walk) {
  struct jsonprint print;
  skip_blanks(walk);
  switch (*walk->at) {
  case '[':
    print = print_list(walk, ']');
    break;
  case '{':
    print = print_list(walk, '}');
    break;
  case '"':
    print = print_string(walk, '"');
    break;
  case 't':
  case 'f':
  case 'n':
    print = print_word(walk);
    break;
  default:
    print = print_number(walk);
  }
  skip_blanks(walk);
  return print;
}

struct jsonprint jsonprint(const char *text, size_t size) {
  struct walk walk = {.at = text, .end = text + size, .checked = true};
  return print_value(&walk);
}

bool jsonprint_plain(const char *text, size_t size, struct jsonprint *print) {
  struct walk walk = {.at = text, .end = text + size};
  *print = print_value(&walk);
  return !walk.gave_up && walk.at == walk.end;
}
