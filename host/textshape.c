#include "textshape.h"

#include "buf.h"

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
    size_t length =
        (unsigned char)text[at] < 0x80 ? 1 : utf8_length(text + at, size - at);
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
