/*
 * Signature Version 4: what is signed has one spelling, of few characters.
 * The first line is a URL; those that follow are headers, "name:value".
 */
#include "canonical.h"
#include "../input.h"
#include "buf.h"
#include "sigv4.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20 };

/* All of it is unreserved (RFC 3986), an escape, or one of `others`. */
static void check_spelling(const struct buf *buf, const char *others) {
  static const char unreserved[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  for (size_t i = 0; i < buf->size; i++) {
    char c = buf->data[i];
    input_claim(c != '\0', "no NUL is signed");
    input_claim(
        strchr(unreserved, c) != NULL || c == '%' || strchr(others, c) != NULL,
        "a canonical form has no other characters");
    if (c == '%')
      input_claim(i + 2 < buf->size &&
                      strchr("0123456789ABCDEF", buf->data[i + 1]) != NULL &&
                      strchr("0123456789ABCDEF", buf->data[i + 2]) != NULL,
          "an escape has two digits");
  }
}

static struct text cut(struct text *from, char stop) {
  const char *end = memchr(from->data, stop, from->size);
  struct text head = {
      from->data, end ? (size_t)(end - from->data) : from->size};
  size_t used = head.size + (end ? 1 : 0);
  from->data += used;
  from->size -= used;
  return head;
}

static void check_path(struct text path, bool normalize, bool twice) {
  struct buf to;
  struct error error;
  buf_init(&to, MOST);
  if (canonical_path(&to, path, normalize, twice, &error) == 0) {
    input_claim(to.data[0] == '/', "a path begins with a slash");
    check_spelling(&to, "/");
    if (normalize)
      input_claim(strstr(to.data, "//") == NULL, "no segment is empty");
    if (normalize && twice) /* else an escape may have meant a dot */
      input_claim(
          strstr(to.data, "/./") == NULL && strstr(to.data, "/../") == NULL,
          "no segment leads elsewhere");
  } else {
    input_claim(error.why[0] != '\0', "a refusal says why");
  }
  buf_release(&to);
}

static int compare(struct text a, struct text b) {
  size_t shorter = a.size < b.size ? a.size : b.size;
  int order = memcmp(a.data, b.data, shorter);
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* By name, then by value. */
static void check_order(struct text query) {
  struct text last_name = {"", 0}, last_value = {"", 0};
  while (query.size > 0) {
    struct text value = cut(&query, '&');
    struct text name = cut(&value, '=');
    int order = compare(last_name, name);
    input_claim(order < 0 || (order == 0 && compare(last_value, value) <= 0),
        "parameters are sorted");
    last_name = name;
    last_value = value;
  }
}

static void check_query(struct text query) {
  struct buf once, again;
  struct error error;
  buf_init(&once, MOST);
  buf_init(&again, MOST);
  if (canonical_query(&once, query, &error) == 0) {
    struct text text = {once.data, once.size};
    check_spelling(&once, "&=");
    check_order(text);
    if (once.size <= CANONICAL_MAX_PATH) {
      input_claim(canonical_query(&again, text, &error) == 0,
          "a canonical query is one");
      input_claim(once.size == again.size &&
                      memcmp(once.data, again.data, once.size) == 0,
          "a canonical query stays what it is");
    }
  }
  buf_release(&again);
  buf_release(&once);
}

static void check_headers(struct text rest) {
  struct header headers[CANONICAL_MAX_HEADERS + 1];
  size_t count = 0;
  struct buf lines, names;
  struct error error;
  buf_init(&lines, MOST);
  buf_init(&names, MOST);
  while (rest.size > 0 && count <= CANONICAL_MAX_HEADERS) {
    struct text value = cut(&rest, '\n');
    struct text name = cut(&value, ':');
    headers[count++] = (struct header){name, value};
  }
  if (canonical_headers(&lines, &names, headers, count, &error) == 0) {
    size_t breaks = 0, parts = names.size > 0;
    for (size_t i = 0; i < lines.size; i++)
      breaks += lines.data[i] == '\n';
    for (size_t i = 0; i < names.size; i++)
      parts += names.data[i] == ';';
    input_claim(breaks == parts, "each name has one line");
  }
  buf_release(&names);
  buf_release(&lines);
}

static void check_url(struct text url) {
  struct sigv4_url parts;
  struct error error;
  if (sigv4_split_url(url, &parts, &error) != 0)
    return;
  input_claim(parts.host.size > 0, "a URL has a host");
  input_claim(memchr(parts.host.data, '@', parts.host.size) == NULL,
      "a host has no user name");
  input_claim(parts.path.size == 0 || parts.path.data[0] == '/',
      "a path begins with a slash");
  for (int way = 0; way < 4; way++)
    check_path(parts.path, way & 1, way & 2);
  check_query(parts.query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = input_text(data, size);
  struct text rest = {text, size};
  struct text first = cut(&rest, '\n');
  check_url(first);
  for (int way = 0; way < 4; way++)
    check_path(first, way & 1, way & 2);
  check_query(first);
  check_headers(rest);
  free(text);
  return 0;
}
