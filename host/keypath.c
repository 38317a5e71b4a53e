#include "keypath.h"

#include "buf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum { PATH_LIMIT = 500, REASON_LIMIT = 400 };

static bool is_plain(const char *key, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!isalnum((unsigned char)key[i]) && key[i] != '_' && key[i] != '-')
      return false;
  return size > 0;
}

/* Adds the path from the root on; stops where the limit is met. */
static int add(
    struct buf *text, const struct keypath *path, struct error *error) {
  if (path == NULL || path->up == NULL)
    return 0;
  if (add(text, path->up, error) != 0)
    return -1;
  if (path->key == NULL)
    return buf_add_format(text, error, "[%lld]", path->index);
  if (is_plain(path->key, path->size)) {
    if (text->size > 0 && buf_add_byte(text, '.', error) != 0)
      return -1;
    return buf_add(text, path->key, path->size, error);
  }
  if (buf_add_text(text, "[\"", error) != 0 ||
      buf_add_escaped(text, path->key, path->size, error) != 0)
    return -1;
  return buf_add_text(text, "\"]", error);
}

int keypath_error(
    const struct keypath *path, struct error *error, const char *format, ...) {
  char reason[REASON_LIMIT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);

  struct buf text;
  struct error full;
  buf_init(&text, PATH_LIMIT);
  bool cut = add(&text, path, &full) != 0;
  bool root = path == NULL || path->up == NULL;
  error_set(error, "value", NULL, root ? "the value" : text.data, "%s%s",
      cut ? "(and deeper) " : "", reason);
  buf_release(&text);
  return -1;
}
