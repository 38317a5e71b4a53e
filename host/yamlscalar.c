#include "yamlscalar.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_any(const char *text, const char *const words[]) {
  for (size_t i = 0; words[i] != NULL; i++)
    if (strcmp(text, words[i]) == 0)
      return true;
  return false;
}

static int digit_value(char byte) {
  if (byte >= '0' && byte <= '9')
    return byte - '0';
  if (byte >= 'a' && byte <= 'f')
    return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F')
    return byte - 'A' + 10;
  return 16;
}

/* Digits of `base` up to the end; false when there is anything else. */
static bool read_digits(
    const char *text, int base, bool negative, struct yamlscalar *scalar) {
  unsigned long long sum = 0;
  unsigned long long most = LLONG_MAX;
  double number = 0;
  bool fits = true;
  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++) {
    int digit = digit_value(*text);
    if (digit >= base)
      return false;
    fits = fits && sum <= (most - (unsigned)digit) / (unsigned)base;
    sum = fits ? sum * (unsigned)base + (unsigned)digit : sum;
    number = number * base + digit;
  }
  scalar->kind = fits ? YAMLSCALAR_INTEGER : YAMLSCALAR_FLOAT;
  scalar->integer = negative ? -(long long)sum : (long long)sum;
  scalar->number = negative ? -number : number;
  return true;
}

static bool read_integer(const char *text, struct yamlscalar *scalar) {
  if (text[0] == '0' && text[1] == 'o')
    return read_digits(text + 2, 8, false, scalar);
  if (text[0] == '0' && text[1] == 'x')
    return read_digits(text + 2, 16, false, scalar);
  bool sign = text[0] == '-' || text[0] == '+';
  if (!read_digits(text + sign, 10, text[0] == '-', scalar))
    return false;
  if (scalar->kind == YAMLSCALAR_FLOAT)
    scalar->number = strtod(text, NULL); /* rounds once, not at each digit */
  return true;
}

static const char *skip_digits(const char *text) {
  while (*text >= '0' && *text <= '9')
    text++;
  return text;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text) {
  text += *text == '-' || *text == '+';
  const char *end = skip_digits(text);
  bool whole = end > text;
  if (*end == '.') {
    const char *fraction = end + 1;
    end = skip_digits(fraction);
    if (!whole && end == fraction)
      return false;
  } else if (!whole) {
    return false;
  }
  if (*end == 'e' || *end == 'E') {
    end++;
    end += *end == '-' || *end == '+';
    const char *exponent = end;
    end = skip_digits(exponent);
    if (end == exponent)
      return false;
  }
  return *end == '\0';
}

static bool read_float(const char *text, struct yamlscalar *scalar) {
  static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
  static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
  bool sign = text[0] == '-' || text[0] == '+';
  scalar->kind = YAMLSCALAR_FLOAT;
  if (is_any(text + sign, infinities))
    scalar->number = text[0] == '-' ? -INFINITY : INFINITY;
  else if (is_any(text, nans))
    scalar->number = NAN;
  else if (is_float(text))
    scalar->number = strtod(text, NULL);
  else
    return false;
  return true;
}

struct yamlscalar yamlscalar_resolve(const char *text, size_t size) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const trues[] = {"true", "True", "TRUE", NULL};
  static const char *const falses[] = {"false", "False", "FALSE", NULL};
  struct yamlscalar scalar = {.kind = YAMLSCALAR_STRING};
  if (strlen(text) != size) /* a NUL within: nothing but a string */
    return scalar;
  if (is_any(text, nulls)) {
    scalar.kind = YAMLSCALAR_NULL;
  } else if (is_any(text, trues) || is_any(text, falses)) {
    scalar.kind = YAMLSCALAR_BOOLEAN;
    scalar.boolean = is_any(text, trues);
  } else if (!read_integer(text, &scalar) && !read_float(text, &scalar)) {
    scalar.kind = YAMLSCALAR_STRING;
  }
  return scalar;
}

enum yamlscalar_fit yamlscalar_apply_tag(
    const char *tag, struct yamlscalar *scalar) {
  static const struct {
    const char *tag;
    enum yamlscalar_kind kind;
  } known[] = {
      {"!", YAMLSCALAR_STRING},
      {YAMLSCALAR_CORE "str", YAMLSCALAR_STRING},
      {YAMLSCALAR_CORE "null", YAMLSCALAR_NULL},
      {YAMLSCALAR_CORE "bool", YAMLSCALAR_BOOLEAN},
      {YAMLSCALAR_CORE "int", YAMLSCALAR_INTEGER},
      {YAMLSCALAR_CORE "float", YAMLSCALAR_FLOAT},
  };
  size_t count = sizeof known / sizeof known[0], i = 0;
  while (i < count && strcmp(tag, known[i].tag) != 0)
    i++;
  if (i == count)
    return YAMLSCALAR_TAG_UNKNOWN;
  if (known[i].kind == YAMLSCALAR_STRING)
    scalar->kind = YAMLSCALAR_STRING;
  if (known[i].kind == YAMLSCALAR_FLOAT &&
      scalar->kind == YAMLSCALAR_INTEGER) {
    scalar->kind = YAMLSCALAR_FLOAT;
    scalar->number = (double)scalar->integer;
  }
  return scalar->kind == known[i].kind ? YAMLSCALAR_TAG_FITS
                                       : YAMLSCALAR_TAG_MISFIT;
}

const char *yamlscalar_tag(const char *tag) {
  size_t prefix = strlen(YAMLSCALAR_CORE);
  return strncmp(tag, YAMLSCALAR_CORE, prefix) == 0 ? tag + prefix : tag;
}
