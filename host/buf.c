#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most are a request's, and short; growing them byte by byte costs more. */
enum { LEAST = 256 };

/* What `data` of a buffer without memory points to: never written to, since
 * `room` is 0. */
static char nothing[1] = "";

void buf_init(struct buf *buf, size_t limit) {
  /* One byte is kept for the NUL, so sums below cannot overflow. */
  if (limit > SIZE_MAX / 4)
    limit = SIZE_MAX / 4;
  *buf = (struct buf){.data = nothing, .limit = limit};
}

void buf_release(struct buf *buf) {
  if (buf->room != 0)
    free(buf->data);
  buf_init(buf, buf->limit);
}

void buf_clear(struct buf *buf) {
  buf->size = 0;
  if (buf->room != 0)
    buf->data[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t more, struct error *error) {
  if (more > buf->limit - buf->size)
    return error_set(error, "limit", "cannot keep data", NULL,
        "more than %zu bytes", buf->limit);
  size_t needed = buf->size + more + 1;
  if (needed <= buf->room)
    return 0;
  size_t room = buf->room < LEAST ? LEAST : 2 * buf->room;
  if (room < needed)
    room = needed;
  if (room > buf->limit + 1)
    room = buf->limit + 1;
  char *data = realloc(buf->room != 0 ? buf->data : NULL, room);
  if (data == NULL)
    return error_set(
        error, "ENOMEM", "cannot keep data", NULL, "out of memory");
  data[buf->size] = '\0';
  buf->data = data;
  buf->room = room;
  return 0;
}

int buf_add(
    struct buf *buf, const void *data, size_t size, struct error *error) {
  if (buf_reserve(buf, size, error) != 0)
    return -1;
  if (size > 0)
    memcpy(buf->data + buf->size, data, size);
  buf->size += size;
  buf->data[buf->size] = '\0';
  return 0;
}

int buf_add_text(struct buf *buf, const char *text, struct error *error) {
  return buf_add(buf, text, strlen(text), error);
}

int buf_add_byte(struct buf *buf, char byte, struct error *error) {
  if (buf->size + 1 >= buf->room || buf->size >= buf->limit)
    return buf_add(buf, &byte, 1, error);
  buf->data[buf->size++] = byte;
  buf->data[buf->size] = '\0';
  return 0;
}

int buf_add_format(
    struct buf *buf, struct error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0)
    return error_set(
        error, "EINVAL", "cannot format", format, "not a valid format");
  if (buf_reserve(buf, (size_t)length, error) != 0)
    return -1;
  va_start(arguments, format);
  vsnprintf(buf->data + buf->size, (size_t)length + 1, format, arguments);
  va_end(arguments);
  buf->size += (size_t)length;
  return 0;
}

/* What stands for one character, in `to` (at least 16 bytes), when it must not
 * be written as it is; otherwise 0. `length` is its length in bytes. */
static size_t escape(
    char *to, const unsigned char *text, size_t size, size_t *length) {
  *length = utf8_length((const char *)text, size);
  if (*length == 0) {
    *length = 1;
    return (size_t)sprintf(to, "\\x%02x", text[0]);
  }
  if (text[0] == '\n')
    return (size_t)sprintf(to, "\\n");
  if (text[0] == '\t')
    return (size_t)sprintf(to, "\\t");
  if (text[0] == '\r')
    return (size_t)sprintf(to, "\\r");
  if (text[0] < 0x20 || text[0] == 0x7f)
    return (size_t)sprintf(to, "\\x%02x", text[0]);
  if (text[0] == 0xc2 && text[1] < 0xa0) /* U+0080 to U+009F */
    return (size_t)sprintf(to, "\\xc2\\x%02x", text[1]);
  return 0;
}

int buf_add_escaped(
    struct buf *buf, const char *text, size_t size, struct error *error) {
  size_t before = buf->size;
  for (size_t i = 0; i < size;) {
    char escaped[16];
    size_t length;
    size_t width =
        escape(escaped, (const unsigned char *)text + i, size - i, &length);
    const char *from = width > 0 ? escaped : text + i;
    if (buf_add(buf, from, width > 0 ? width : length, error) != 0) {
      buf->size = before;
      if (buf->room != 0)
        buf->data[before] = '\0';
      return -1;
    }
    i += length;
  }
  return 0;
}

void buf_drop(struct buf *buf, size_t size) {
  if (buf->room == 0)
    return;
  if (size > buf->size)
    size = buf->size;
  buf->size -= size;
  memmove(buf->data, buf->data + size, buf->size + 1);
}

static int continues(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

size_t utf8_length(const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  if (size == 0)
    return 0;
  if (s[0] < 0x80)
    return 1;
  if (s[0] < 0xc2) /* a continuation byte, or an overlong form */
    return 0;
  if (s[0] < 0xe0)
    return size >= 2 && continues(s[1]) ? 2 : 0;
  if (s[0] < 0xf0) {
    if (size < 3 || !continues(s[1]) || !continues(s[2]))
      return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
      return 0; /* overlong; a surrogate */
    return 3;
  }
  if (s[0] > 0xf4 || size < 4 || !continues(s[1]) || !continues(s[2]) ||
      !continues(s[3]))
    return 0;
  if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
    return 0; /* overlong; above U+10FFFF */
  return 4;
}
