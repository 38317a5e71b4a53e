/* The headers of a request, before it is made. */
#include "eight.h"
#include "http.h"
#include "token.h"

#include <string.h>

static bool has_controls(const char *text, size_t size) {
  size_t at = 0;
  while (size - at >= 8 && eight_below(eight_load(text + at), ' ') == 0 &&
         eight_equal(eight_load(text + at), 0x7f) == 0)
    at += 8;
  for (; at < size; at++) { /* the rest, and what may be a tab */
    unsigned char c = (unsigned char)text[at];
    if ((c < ' ' && c != '\t') || c == 0x7f)
      return true;
  }
  return false;
}

int http_header_add(struct buf *headers, const char *name, size_t name_size,
    const char *value, size_t value_size, struct error *error) {
  if (!token_check(name, name_size))
    return error_set(error, "header", "cannot send header", name,
        "a name consists of letters, digits and !#$%%&'*+-.^_`|~");
  if (has_controls(value, value_size))
    return error_set(error, "header", "cannot send header", name,
        "there is a control character in its value");
  /* libcurl's way to send a header without a value: CURLOPT_HTTPHEADER(3). */
  const char *between = strspn(value, " \t") == value_size ? ";" : ": ";
  if (*between == ';')
    value_size = 0;
  if (buf_reserve(headers, name_size + value_size + 3, error) != 0)
    return -1;
  char *at = headers->data + headers->size;
  at = mempcpy(at, name, name_size);
  at = mempcpy(at, between, strlen(between));
  at = mempcpy(at, value, value_size);
  *at++ = '\0';
  *at = '\0';
  headers->size = (size_t)(at - headers->data);
  return 0;
}
