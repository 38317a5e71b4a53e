#include "textshape.h"

#include "buf.h"

#include <stdint.h>
#include <string.h>

/* The same byte in each of eight. */
static uint64_t eight(unsigned char byte) {
  return UINT64_MAX / 0xff * byte;
}

/* Most of the ASCII at the beginning, and at least the first if it is some. */
static size_t ascii_length(const char *text, size_t size) {
  size_t at = 0;
  for (uint64_t bytes; size - at >= sizeof bytes; at += sizeof bytes) {
    memcpy(&bytes, text + at, sizeof bytes);
    if ((bytes & eight(0x80)) != 0)
      break;
  }
  return at > 0 || size == 0 ? at : (unsigned char)text[0] < 0x80;
}

bool textshape_name(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte >= 0x7f)
      return false;
  }
  return size > 0;
}

bool textshape_utf8(const char *text, size_t size) {
  size_t at = 0;
  while (at < size) {
    size_t length = ascii_length(text + at, size - at);
    if (length == 0)
      length = utf8_length(text + at, size - at);
    if (length == 0)
      return false;
    at += length;
  }
  return true;
}

static bool is_alphanumeric(unsigned char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z');
}

bool textshape_path(const char *text, size_t size) {
  if (size == 0 || text[0] != '/' || (size > 1 && text[size - 1] == '/'))
    return false;
  for (size_t i = 1; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte == '/' ? text[i - 1] == '/'
                    : !is_alphanumeric(byte) && byte != '_' && byte != '-' &&
                          byte != '~')
      return false;
  }
  return true;
}

bool textshape_label(const char *text, size_t size) {
  if (size == 0 || !is_alphanumeric((unsigned char)text[0]))
    return false;
  for (size_t i = 1; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (!is_alphanumeric(byte) && byte != '.' && byte != '_' && byte != '-')
      return false;
  }
  return true;
}

static bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Whether one of eight bytes is not plain: a high bit says so, by the byte
 * itself or where subtracting borrows from it. */
static bool any_special(uint64_t bytes) {
  uint64_t quote = bytes ^ eight('"');
  uint64_t backslash = bytes ^ eight('\\');
  uint64_t special = (bytes - eight(0x20)) & ~bytes;
  special |= (quote - eight(1)) & ~quote;
  special |= (backslash - eight(1)) & ~backslash;
  return ((special | bytes) & eight(0x80)) != 0;
}

size_t textshape_plain(const char *text, size_t size) {
  size_t at = 0;
  for (uint64_t bytes; size - at >= sizeof bytes; at += sizeof bytes) {
    memcpy(&bytes, text + at, sizeof bytes);
    if (any_special(bytes))
      break;
  }
  while (at < size && is_plain((unsigned char)text[at]))
    at++;
  return at;
}
