#include "jsonwrite.h"

#include "textshape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(
    struct buf *out, const char *data, size_t size, struct error *error) {
  if (out->room - out->size <= size) /* the closing NUL included */
    return buf_add(out, data, size, error);
  memcpy(out->data + out->size, data, size);
  out->size += size;
  return 0;
}

static int add_escape(
    struct buf *out, unsigned char byte, struct error *error) {
  static const char plain[] = "\"\\\b\f\n\r\t";
  static const char letters[] = "\"\\bfnrt";
  static const char digits[] = "0123456789abcdef";
  char text[] = "\\u0000";
  const char *hit = byte != '\0' ? strchr(plain, byte) : NULL;
  if (hit != NULL) {
    text[1] = letters[hit - plain];
    return add(out, text, 2, error);
  }
  text[4] = digits[byte >> 4];
  text[5] = digits[byte & 15];
  return add(out, text, 6, error);
}

int jsonwrite_string(struct buf *out, const char *text, size_t size,
    size_t *bad, struct error *error) {
  size_t start = 0, at = 0;
  *bad = 0;
  if (add(out, "\"", 1, error) != 0)
    return -1;
  for (;;) {
    at += textshape_plain(text + at, size - at);
    if (at >= size)
      break;
    unsigned char byte = (unsigned char)text[at];
    if (byte >= 0x80) {
      size_t length = utf8_length(text + at, size - at);
      if (length == 0) {
        *bad = at + 1;
        return -1;
      }
      at += length;
    } else {
      if (add(out, text + start, at - start, error) != 0 ||
          add_escape(out, byte, error) != 0)
        return -1;
      start = ++at;
    }
  }
  if (add(out, text + start, at - start, error) != 0)
    return -1;
  return add(out, "\"", 1, error);
}

int jsonwrite_integer(struct buf *out, long long value, struct error *error) {
  char digits[24];
  char *at = digits + sizeof digits;
  unsigned long long rest =
      value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (value < 0)
    *--at = '-';
  return add(out, at, (size_t)(digits + sizeof digits - at), error);
}

int jsonwrite_float(struct buf *out, double value, struct error *error) {
  if (value == floor(value) && fabs(value) <= 9007199254740992.0)
    return jsonwrite_integer(out, (long long)value, error);
  char text[40];
  int length = 0;
  for (int digits = 15; digits <= 17; digits++) {
    length = snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  return add(out, text, (size_t)length, error);
}

int jsonwrite_line(struct buf *out, size_t blanks, struct error *error) {
  static const char line[] = "\n                                ";
  size_t most = sizeof line - 2;
  size_t first = blanks < most ? blanks : most;
  if (add(out, line, 1 + first, error) != 0)
    return -1;
  for (blanks -= first; blanks > 0; blanks -= first) {
    first = blanks < most ? blanks : most;
    if (add(out, line + 1, first, error) != 0)
      return -1;
  }
  return 0;
}
