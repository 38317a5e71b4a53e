/*
 * A growing run of bytes with a limit, given where it is made.
 *
 *   struct buf body;
 *   buf_init(&body, 4 << 20);
 *   if (buf_add(&body, data, size, &error) != 0) ...   (code "limit")
 *   use body.data, body.size
 *   buf_release(&body);
 *
 * `data` is never NULL and always has a NUL behind its last byte (outside of
 * `size`), so text can be given to functions that want a C string. Adding
 * fails whole: either all bytes are there or none. The errors are "limit"
 * (the limit would be passed) and "ENOMEM".
 */
#ifndef NIGHTJAR_BUF_H
#define NIGHTJAR_BUF_H

#include "error.h"
#include <stddef.h>

struct buf {
  char *data;
  size_t size;  /* bytes in use */
  size_t room;  /* bytes allocated, the closing NUL included; 0: none yet */
  size_t limit; /* most bytes that `size` may become */
};

/* An empty buffer that holds at most `limit` bytes. Allocates nothing. */
void buf_init(struct buf *buf, size_t limit);

/* Frees what the buffer holds and leaves it empty, as after buf_init(). */
void buf_release(struct buf *buf);

/* Makes it empty and keeps the memory for what comes next. */
void buf_clear(struct buf *buf);

/*
 * Makes room for `more` bytes behind `size`. After it, `more` bytes may be
 * written at `data + size` and counted by hand (read() into a buffer).
 */
int buf_reserve(struct buf *buf, size_t more, struct error *error);

int buf_add(
    struct buf *buf, const void *data, size_t size, struct error *error);
int buf_add_text(struct buf *buf, const char *text, struct error *error);
int buf_add_byte(struct buf *buf, char byte, struct error *error);
int buf_add_format(struct buf *buf, struct error *error, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/*
 * Adds text from outside so that a terminal or a log stays what it is: control
 * characters become \n, \t, \r or \xNN, as do bytes that are no UTF-8; so do
 * the C1 controls. Everything else is added as it is.
 */
int buf_add_escaped(
    struct buf *buf, const char *text, size_t size, struct error *error);

/* Drops the first `size` bytes (at most all) and moves the rest forward. */
void buf_drop(struct buf *buf, size_t size);

/*
 * Length of the valid UTF-8 sequence (RFC 3629: shortest form, no surrogates,
 * up to U+10FFFF) at `text`, of which `size` bytes are there; 0 when there is
 * none.
 */
size_t utf8_length(const char *text, size_t size);

#endif
