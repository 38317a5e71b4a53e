#include "log.h"

#include "clock.h"
#include "fd.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
    "debug", "info", "warn", "error", NULL};
static const char *const format_names[] = {"logfmt", "json", NULL};

/* The keys that begin each line; no field may be mistaken for them. */
static const char *const own_keys[] = {"time", "level", "event", NULL};

struct log_string log_string(const char *text) {
  return (struct log_string){text, strlen(text)};
}

static int find(const char *const *names, const char *name) {
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  return -1;
}

int log_level_named(const char *name, enum log_level *level) {
  int found = find(level_names, name);
  if (found >= 0)
    *level = (enum log_level)found;
  return found >= 0 ? 0 : -1;
}

int log_format_named(const char *name, enum log_format *format) {
  int found = find(format_names, name);
  if (found >= 0)
    *format = (enum log_format)found;
  return found >= 0 ? 0 : -1;
}

/* Characters */

/* The code point of a valid sequence of `size` bytes. */
static unsigned code_point(const char *text, size_t size) {
  static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  unsigned code = (unsigned char)text[0] & masks[size];
  for (size_t i = 1; i < size; i++)
    code = code << 6 | ((unsigned char)text[i] & 0x3f);
  return code;
}

/* What a terminal or a reader of lines would take for more than a letter. */
static bool is_hazardous(unsigned code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
         (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* The escapes that both formats and most readers know. */
static const char *short_escape(unsigned code) {
  switch (code) {
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  default:
    return NULL;
  }
}

/*
 * JSON has no escape for a byte, so there the backslash itself is escaped and
 * a reader sees the same four characters as in logfmt.
 */
static int add_stray_byte(
    struct buf *to, enum log_format format, char byte, struct error *error) {
  return buf_add_format(to, error, "%s\\x%02x", format == LOG_JSON ? "\\" : "",
      (unsigned)(unsigned char)byte);
}

/* Adds one character of a quoted text and returns how long it was, or 0. */
static size_t add_character(struct buf *to, enum log_format format,
    const char *text, size_t size, struct error *error) {
  size_t length = utf8_length(text, size);
  if (length == 0)
    return add_stray_byte(to, format, text[0], error) == 0 ? 1 : 0;
  unsigned code = code_point(text, length);
  const char *escape = short_escape(code);
  int result;
  if (escape != NULL)
    result = buf_add_text(to, escape, error);
  else if (is_hazardous(code))
    result = buf_add_format(to, error, "\\u%04x", code);
  else
    result = buf_add(to, text, length, error);
  return result == 0 ? length : 0;
}

/* Where to cut: at most LOG_MAX_VALUE bytes, not within a character. */
static size_t cut(struct log_string string) {
  if (string.size <= LOG_MAX_VALUE)
    return string.size;
  size_t end = LOG_MAX_VALUE;
  while (end > LOG_MAX_VALUE - 3 &&
         ((unsigned char)string.data[end] & 0xc0) == 0x80)
    end--;
  return end;
}

static int add_quoted(struct buf *to, enum log_format format,
    struct log_string string, struct error *error) {
  size_t end = cut(string);
  if (buf_add_byte(to, '"', error) != 0)
    return -1;
  for (size_t i = 0; i < end;) {
    size_t length = add_character(to, format, string.data + i, end - i, error);
    if (length == 0)
      return -1;
    i += length;
  }
  if (end < string.size && buf_add_format(to, error, "... (%zu bytes more)",
                               string.size - end) != 0)
    return -1;
  return buf_add_byte(to, '"', error);
}

/* Whether logfmt may do without quotation marks. */
static bool is_plain(struct log_string string) {
  if (string.size == 0 || string.size > LOG_MAX_VALUE)
    return false;
  for (size_t i = 0; i < string.size; i++) {
    char c = string.data[i];
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
      return false;
  }
  return true;
}

static int add_string(struct buf *to, enum log_format format,
    struct log_string string, struct error *error) {
  if (format == LOG_LOGFMT && is_plain(string))
    return buf_add(to, string.data, string.size, error);
  return add_quoted(to, format, string, error);
}

/* Fields */

static int add_number(struct buf *to, enum log_format format, double number,
    struct error *error) {
  char text[32];
  snprintf(text, sizeof text, "%.14g", number);
  if (!isfinite(number)) /* JSON has no such number */
    return add_string(to, format, log_string(text), error);
  return buf_add_text(to, text, error);
}

static int add_value(struct buf *to, enum log_format format,
    const struct log_field *field, struct error *error) {
  switch (field->kind) {
  case LOG_INTEGER:
    return buf_add_format(to, error, "%lld", (long long)field->integer);
  case LOG_NUMBER:
    return add_number(to, format, field->number, error);
  case LOG_BOOLEAN:
    return buf_add_text(to, field->boolean ? "true" : "false", error);
  case LOG_NULL:
    return buf_add_text(to, "null", error);
  case LOG_STRING:
    break;
  }
  return add_string(to, format, field->string, error);
}

static bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_own_key(struct log_string key) {
  for (size_t i = 0; own_keys[i] != NULL; i++)
    if (key.size == strlen(own_keys[i]) &&
        memcmp(key.data, own_keys[i], key.size) == 0)
      return true;
  return false;
}

static int add_safe_key(
    struct buf *to, struct log_string key, struct error *error) {
  size_t size = key.size < LOG_MAX_KEY ? key.size : LOG_MAX_KEY;
  for (size_t i = 0; i < size; i++)
    if (buf_add_byte(
            to, is_key_character(key.data[i]) ? key.data[i] : '_', error) != 0)
      return -1;
  return size == 0 || is_own_key(key) ? buf_add_byte(to, '_', error) : 0;
}

/* What stands before a value: ` key=` or `,"key":`. */
static int add_key(struct buf *to, enum log_format format,
    struct log_string key, struct error *error) {
  if (buf_add_text(to, format == LOG_JSON ? ",\"" : " ", error) != 0 ||
      add_safe_key(to, key, error) != 0)
    return -1;
  return buf_add_text(to, format == LOG_JSON ? "\":" : "=", error);
}

static int by_key(const void *left, const void *right) {
  const struct log_string *a = &((const struct log_field *)left)->key;
  const struct log_string *b = &((const struct log_field *)right)->key;
  size_t shorter = a->size < b->size ? a->size : b->size;
  int order = shorter > 0 ? memcmp(a->data, b->data, shorter) : 0;
  if (order != 0)
    return order;
  return a->size < b->size ? -1 : a->size > b->size;
}

/* Lines */

static int add_head(struct buf *to, enum log_format format,
    enum log_level level, struct log_string event, int64_t now,
    struct error *error) {
  char time[CLOCK_RFC3339_SIZE];
  bool json = format == LOG_JSON;
  if (clock_rfc3339(now, time) != 0)
    memcpy(time, "-", 2); /* a clock gone mad shall not cost the line */
  if (buf_add_format(to, error,
          json ? "{\"time\":\"%s\",\"level\":\"%s\",\"event\":"
               : "time=%s level=%s event=",
          time, level_names[level]) != 0)
    return -1;
  return add_string(to, format, event, error);
}

/* Adds one field, or takes back what does not fit and says so. */
static int add_field(struct buf *to, enum log_format format,
    const struct log_field *field, size_t start, bool *fits,
    struct error *error) {
  size_t before = to->size;
  if (add_key(to, format, field->key, error) != 0 ||
      add_value(to, format, field, error) != 0)
    return -1;
  *fits = to->size - start <= LOG_MAX_LINE;
  if (!*fits)
    to->size = before;
  return 0;
}

int log_line(struct buf *to, enum log_format format, enum log_level level,
    struct log_string event, struct log_field *fields, size_t count,
    int64_t now, struct error *error) {
  size_t start = to->size;
  size_t left_out = 0;
  if (add_head(to, format, level, event, now, error) != 0)
    return -1;
  if (count > 0)
    qsort(fields, count, sizeof fields[0], by_key);
  for (size_t i = 0; i < count; i++) {
    bool fits = i < LOG_MAX_FIELDS;
    if (fits && add_field(to, format, &fields[i], start, &fits, error) != 0)
      return -1;
    left_out += !fits;
  }
  if (left_out > 0 &&
      (add_key(to, format, log_string("fields_left_out"), error) != 0 ||
          buf_add_format(to, error, "%zu", left_out) != 0))
    return -1;
  return buf_add_text(to, format == LOG_JSON ? "}\n" : "\n", error);
}

int log_write(const struct log *log, enum log_level level,
    struct log_string event, struct log_field *fields, size_t count,
    int64_t now, struct error *error) {
  struct buf line;
  if (level < log->level)
    return 0;
  /* Room for the head and for a field that is then taken back. */
  buf_init(&line, 2 * LOG_MAX_LINE);
  int result =
      log_line(&line, log->format, level, event, fields, count, now, error);
  if (result == 0 && fd_write(log->fd, line.data, line.size) != 0)
    result = error_errno(error, "cannot write", "the log", errno);
  buf_release(&line);
  return result;
}
