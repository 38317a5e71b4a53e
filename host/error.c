#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes room for "..." at the end of a full text, not within a character. */
static void cut(char *text, size_t size) {
  size_t end = size - 4;
  while (end > size - 7 && ((unsigned char)text[end] & 0xc0) == 0x80)
    end--;
  memcpy(text + end, "...", 4);
}

static void copy(char *to, size_t size, const char *from) {
  if (from == NULL)
    from = "";
  size_t length = strlen(from);
  if (length < size) {
    memcpy(to, from, length + 1);
    return;
  }
  memcpy(to, from, size - 1);
  cut(to, size);
}

int error_set(struct error *error, const char *code, const char *what,
    const char *on, const char *format, ...) {
  copy(error->code, sizeof error->code, code);
  copy(error->what, sizeof error->what, what);
  copy(error->on, sizeof error->on, on);
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(error->why, sizeof error->why, format, arguments);
  va_end(arguments);
  if (length < 0)
    copy(error->why, sizeof error->why, format);
  else if ((size_t)length >= sizeof error->why)
    cut(error->why, sizeof error->why);
  return -1;
}

int error_errno(
    struct error *error, const char *what, const char *on, int number) {
  int saved = errno;
  const char *name = strerrorname_np(number);
  const char *reason = strerrordesc_np(number);
  if (reason != NULL)
    error_set(error, name, what, on, "%s", reason);
  else
    error_set(error, name, what, on, "error number %d", number);
  errno = saved;
  return -1;
}

const char *error_text(const struct error *error, char *to, size_t size) {
  snprintf(to, size, "%s%s%s%s%s", error->what,
      error->what[0] != '\0' && error->on[0] != '\0' ? ": " : "", error->on,
      (error->what[0] != '\0' || error->on[0] != '\0') && error->why[0] != '\0'
          ? ": "
          : "",
      error->why);
  return to;
}
