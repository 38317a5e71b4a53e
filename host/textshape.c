#include "textshape.h"

#include "buf.h"
#include "eight.h"

/* Most of the ASCII at the beginning, and at least the first if it is some. */
static size_t ascii_length(const char *text, size_t size) {
  size_t at = 0;
  while (size - at >= 8 && (eight_load(text + at) & EIGHT_HIGH) == 0)
    at += 8;
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

size_t textshape_plain(const char *text, size_t size) {
  size_t at = 0;
  for (; size - at >= 8; at += 8) {
    uint64_t word = eight_load(text + at);
    uint64_t other = (word & EIGHT_HIGH) | eight_below(word, 0x20) |
                     eight_equal(word, '"') | eight_equal(word, '\\');
    if (other != 0)
      return at + eight_before(other);
  }
  while (at < size && is_plain((unsigned char)text[at]))
    at++;
  return at;
}
