/*
 * The agent's own log: one line for each event, on standard error.
 *
 *   struct log log = {LOG_INFO, LOG_LOGFMT, STDERR_FILENO};
 *   struct log_field fields[] = {
 *     {.key = log_string("mesh"), .kind = LOG_STRING,
 *      .string = log_string("example.local")},
 *   };
 *   log_write(&log, LOG_WARN, log_string("read_failed"), fields, 1, now, &e);
 *
 * writes, in the two formats,
 *
 *   time=2026-11-24T03:36:00.123Z level=warn event=read_failed mesh=...
 *   {"time":"2026-11-24T03:36:00.123Z","level":"warn","event":...}
 *
 * Fields are sorted by key, so that equal events are equal lines. Whatever a
 * value holds, it cannot forge a line, a field or a terminal's control
 * sequence: control characters (C0, DEL, C1), line separators and marks that
 * turn the direction of text (U+2028 to U+202E, U+2066 to U+2069) are escaped,
 * and a byte that is no UTF-8 is written as \xNN. What is long is cut, with
 * the number of bytes left out behind it.
 */
#ifndef NIGHTJAR_LOG_H
#define NIGHTJAR_LOG_H

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum {
  LOG_MAX_FIELDS = 64,
  LOG_MAX_KEY = 64,        /* bytes */
  LOG_MAX_VALUE = 4 << 10, /* bytes of a value, before it is escaped */
  LOG_MAX_LINE = 64 << 10, /* bytes; fields behind it are left out, counted */
};

struct log {
  enum log_level level; /* events below it are not written */
  enum log_format format;
  int fd;
};

/* Bytes that belong to the caller. */
struct log_string {
  const char *data;
  size_t size;
};

enum log_kind {
  LOG_STRING,
  LOG_INTEGER,
  LOG_NUMBER,
  LOG_BOOLEAN,
  LOG_NULL,
};

struct log_field {
  /*
   * Characters other than letters, digits, "_", "-" and "." are written as
   * "_"; a key that is one of the line's own (time, level, event) gets a "_"
   * behind it.
   */
  struct log_string key;
  enum log_kind kind;
  struct log_string string;
  int64_t integer;
  double number; /* not finite: written as a string */
  bool boolean;
};

struct log_string log_string(const char *text);

/* Finds a level ("debug", "info", "warn", "error") or a format ("logfmt",
 * "json") by its name; -1 when there is none. */
int log_level_named(const char *name, enum log_level *level);
int log_format_named(const char *name, enum log_format *format);

/*
 * Makes the line, its newline included, at the end of `to`. Sorts `fields` in
 * place. `now` is in milliseconds since 1970. Pure computation.
 */
int log_line(struct buf *to, enum log_format format, enum log_level level,
    struct log_string event, struct log_field *fields, size_t count,
    int64_t now, struct error *error);

/*
 * Makes the line and writes it with one write(2), so that lines of several
 * processes do not mix; only what the kernel leaves over is written by another
 * one. Does nothing below the log's level. Returns -1 when the line could not
 * be made or written: there is nobody to tell, and going on is right.
 */
int log_write(const struct log *log, enum log_level level,
    struct log_string event, struct log_field *fields, size_t count,
    int64_t now, struct error *error);

#endif
