#include "canonical.h"

#include "token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int compare_bytes(struct text a, struct text b) {
  size_t shorter = a.size < b.size ? a.size : b.size;
  int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
  if (order)
    return order;
  return a.size < b.size ? -1 : a.size > b.size;
}

/* RFC 3986's unreserved characters, the only ones that are never encoded. */
static bool is_unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

static int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" at the start of `text` stands for, or -1. */
static int escaped_byte(struct text text) {
  if (text.size < 3 || text.data[0] != '%')
    return -1;
  int high = hex_value((unsigned char)text.data[1]);
  int low = hex_value((unsigned char)text.data[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static int add_encoded(struct buf *to, unsigned char c, struct error *error) {
  static const char digits[] = "0123456789ABCDEF";
  char escape[] = {'%', digits[c >> 4], digits[c & 15]};
  if (is_unreserved(c))
    return buf_add_byte(to, (char)c, error);
  return buf_add(to, escape, sizeof escape, error);
}

/* Encodes what the text means rather than how it is written. */
static int add_reencoded(
    struct buf *to, struct text text, struct error *error) {
  while (text.size > 0) {
    int byte = escaped_byte(text);
    size_t used = byte < 0 ? 1 : 3;
    unsigned char c = (unsigned char)(byte < 0 ? text.data[0] : byte);
    if (add_encoded(to, c, error) != 0)
      return -1;
    text.data += used;
    text.size -= used;
  }
  return 0;
}

/* Path */

/*
 * Adds a path or a piece of one. With `encode_twice` its bytes are taken as
 * they are, "%" too; otherwise an escape in it stays one.
 */
static int add_path(
    struct buf *to, struct text path, bool encode_twice, struct error *error) {
  while (path.size > 0) {
    int byte = encode_twice ? -1 : escaped_byte(path);
    size_t used = byte < 0 ? 1 : 3;
    unsigned char c = (unsigned char)(byte < 0 ? path.data[0] : byte);
    bool slash = byte < 0 && c == '/'; /* "%2F" is no slash */
    if ((slash ? buf_add_byte(to, '/', error) : add_encoded(to, c, error)) !=
        0)
      return -1;
    path.data += used;
    path.size -= used;
  }
  return 0;
}

static bool is_segment(struct text segment, const char *text) {
  return segment.size == strlen(text) &&
         memcmp(segment.data, text, segment.size) == 0;
}

/* Cuts the first segment off a path that has lost its leading slash. */
static struct text cut_segment(struct text *path) {
  const char *slash = memchr(path->data, '/', path->size);
  struct text segment = {path->data, path->size};
  if (slash)
    segment.size = (size_t)(slash - path->data);
  size_t used = segment.size + (slash ? 1 : 0);
  path->data += used;
  path->size -= used;
  return segment;
}

/*
 * Splits a path into the segments that remain after "//", "/./" and "/../"
 * are resolved; ".." never leads above the root. Returns their number, or -1
 * when there are too many.
 */
static int resolve(
    struct text path, struct text segments[CANONICAL_MAX_SEGMENTS]) {
  int count = 0;
  while (path.size > 0) {
    struct text segment = cut_segment(&path);
    if (segment.size == 0 || is_segment(segment, "."))
      continue;
    if (is_segment(segment, "..")) {
      count -= count > 0;
      continue;
    }
    if (count == CANONICAL_MAX_SEGMENTS)
      return -1;
    segments[count++] = segment;
  }
  return count;
}

static int add_normalized(
    struct buf *to, struct text path, bool encode_twice, struct error *error) {
  struct text segments[CANONICAL_MAX_SEGMENTS];
  int count = resolve(path, segments);
  if (count < 0)
    return error_set(error, "limit", "cannot sign", "the path",
        "it has more than %d segments", CANONICAL_MAX_SEGMENTS);
  for (int i = 0; i < count; i++)
    if (buf_add_byte(to, '/', error) != 0 ||
        add_path(to, segments[i], encode_twice, error) != 0)
      return -1;
  if (count == 0 || path.data[path.size - 1] == '/')
    return buf_add_byte(to, '/', error);
  return 0;
}

int canonical_path(struct buf *to, struct text path, bool normalize,
    bool encode_twice, struct error *error) {
  if (path.size == 0)
    return buf_add_byte(to, '/', error);
  if (path.size > CANONICAL_MAX_PATH)
    return error_set(error, "limit", "cannot sign", "the path",
        "it is longer than %d bytes", CANONICAL_MAX_PATH);
  if (path.data[0] != '/')
    return error_set(error, "syntax", "cannot sign", "the path",
        "expected it to begin with a slash");
  if (normalize)
    return add_normalized(to, path, encode_twice, error);
  return add_path(to, path, encode_twice, error);
}

/* Query and headers are both lists of pairs that are sorted. */

struct pair {
  struct text key, value; /* in a buffer that no longer moves */
};

static int by_key_and_value(const void *left, const void *right) {
  const struct pair *a = left;
  const struct pair *b = right;
  int order = compare_bytes(a->key, b->key);
  return order ? order : compare_bytes(a->value, b->value);
}

/* What a buffer has gained since it was `from` bytes long. */
static struct text added(const struct buf *buf, size_t from) {
  return (struct text){buf->data + from, buf->size - from};
}

/* Query */

static int read_parameter(struct buf *encoded, struct text parameter,
    struct pair *pair, struct error *error) {
  const char *equals = memchr(parameter.data, '=', parameter.size);
  struct text key = {parameter.data,
      equals ? (size_t)(equals - parameter.data) : parameter.size};
  struct text value = {
      equals ? equals + 1 : "", equals ? parameter.size - key.size - 1 : 0};
  size_t from = encoded->size;
  if (add_reencoded(encoded, key, error) != 0)
    return -1;
  pair->key = added(encoded, from);
  from = encoded->size;
  if (add_reencoded(encoded, value, error) != 0)
    return -1;
  pair->value = added(encoded, from);
  return 0;
}

/* Fills `pairs` and sets `count`; `encoded` has room enough not to move. */
static int read_parameters(struct buf *encoded, struct text query,
    struct pair *pairs, size_t *count, struct error *error) {
  while (query.size > 0) {
    const char *end = memchr(query.data, '&', query.size);
    struct text parameter = {
        query.data, end ? (size_t)(end - query.data) : query.size};
    size_t used = parameter.size + (end ? 1 : 0);
    query.data += used;
    query.size -= used;
    if (parameter.size == 0)
      continue;
    if (*count == CANONICAL_MAX_PARAMETERS)
      return error_set(error, "limit", "cannot sign", "the query",
          "it has more than %d parameters", CANONICAL_MAX_PARAMETERS);
    if (read_parameter(encoded, parameter, &pairs[*count], error) != 0)
      return -1;
    *count += 1;
  }
  return 0;
}

static int write_parameters(struct buf *to, const struct pair *pairs,
    size_t count, struct error *error) {
  for (size_t i = 0; i < count; i++)
    if ((i > 0 && buf_add_byte(to, '&', error) != 0) ||
        buf_add(to, pairs[i].key.data, pairs[i].key.size, error) != 0 ||
        buf_add_byte(to, '=', error) != 0 ||
        buf_add(to, pairs[i].value.data, pairs[i].value.size, error) != 0)
      return -1;
  return 0;
}

int canonical_query(struct buf *to, struct text query, struct error *error) {
  struct pair pairs[CANONICAL_MAX_PARAMETERS];
  size_t count = 0;
  struct buf encoded;
  if (query.size > CANONICAL_MAX_PATH)
    return error_set(error, "limit", "cannot sign", "the query",
        "it is longer than %d bytes", CANONICAL_MAX_PATH);
  if (query.size == 0)
    return 0;
  buf_init(&encoded, 3 * CANONICAL_MAX_PATH); /* "%XX" at worst */
  int result = buf_reserve(&encoded, 3 * query.size, error);
  if (result == 0)
    result = read_parameters(&encoded, query, pairs, &count, error);
  if (result == 0) {
    qsort(pairs, count, sizeof pairs[0], by_key_and_value);
    result = write_parameters(to, pairs, count, error);
  }
  buf_release(&encoded);
  return result;
}

/* Headers */

/*
 * Left out of the signature because proxies and transports set or change
 * them: the hop-by-hop headers of RFC 9110 7.6.1 and those that AWS's own
 * SDKs leave out. And what a client notes about its tries, which says nothing
 * of what is asked for: a signature must cover `host` and `x-amz-*` alone
 * (AWS's "Create a signed request").
 */
static const struct text unsigned_names[] = {
    {"amz-sdk-invocation-id", 21},
    {"amz-sdk-request", 15},
    {"authorization", 13},
    {"connection", 10},
    {"expect", 6},
    {"keep-alive", 10},
    {"proxy-authenticate", 18},
    {"proxy-authorization", 19},
    {"proxy-connection", 16},
    {"te", 2},
    {"trailer", 7},
    {"transfer-encoding", 17},
    {"upgrade", 7},
    {"user-agent", 10},
    {"x-amzn-trace-id", 15},
};

bool canonical_same_name(struct text a, const char *b) {
  return a.size == strlen(b) && strncasecmp(a.data, b, a.size) == 0;
}

/* Of a name in lower case. */
static bool is_signed(struct text name) {
  const size_t count = sizeof unsigned_names / sizeof unsigned_names[0];
  for (size_t i = 0; i < count; i++)
    if (name.size == unsigned_names[i].size &&
        memcmp(name.data, unsigned_names[i].data, name.size) == 0)
      return false;
  return true;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Writes a name in lower case; returns what follows it. */
static char *write_name(char *to, struct text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    *to++ = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  return to;
}

/* Writes a value without needless space; returns what follows it. */
static char *write_value(char *to, struct text value) {
  bool space = false;
  const char *from = to;
  for (size_t i = 0; i < value.size; i++) {
    char c = value.data[i];
    if (is_space(c)) {
      space = to > from;
      continue;
    }
    if (space)
      *to++ = ' ';
    *to++ = c;
    space = false;
  }
  return to;
}

/* Writes canonical names and values to `at`, where there is room: nothing
   grows on its way to its canonical form. */
static int read_headers(char *at, const struct header *headers, size_t count,
    struct pair *pairs, size_t *kept, struct error *error) {
  for (size_t i = 0; i < count; i++) {
    if (!token_check(headers[i].name.data, headers[i].name.size))
      return error_set(error, "syntax", "cannot sign", "a header",
          "expected a name of letters, digits and dashes");
    char *value = write_name(at, headers[i].name);
    struct text name = {at, headers[i].name.size};
    if (!is_signed(name))
      continue;
    at = write_value(value, headers[i].value);
    pairs[(*kept)++] = (struct pair){name, {value, (size_t)(at - value)}};
  }
  return 0;
}

/* By name; those of one name stay in the order given. There are few, and most
   stand in their places. */
static void sort_headers(struct pair *pairs, size_t count) {
  for (size_t i = 1; i < count; i++) {
    struct pair pair = pairs[i];
    size_t at = i;
    for (; at > 0 && compare_bytes(pairs[at - 1].key, pair.key) > 0; at--)
      pairs[at] = pairs[at - 1];
    pairs[at] = pair;
  }
}

static int write_headers(struct buf *lines, struct buf *names,
    const struct pair *pairs, size_t count, struct error *error) {
  for (size_t i = 0; i < count; i++) {
    struct text key = pairs[i].key;
    if (i > 0 && compare_bytes(key, pairs[i - 1].key) == 0) {
      if (buf_add_byte(lines, ',', error) != 0)
        return -1;
    } else if ((i > 0 && (buf_add_byte(lines, '\n', error) != 0 ||
                             buf_add_byte(names, ';', error) != 0)) ||
               buf_add(names, key.data, key.size, error) != 0 ||
               buf_add(lines, key.data, key.size, error) != 0 ||
               buf_add_byte(lines, ':', error) != 0) {
      return -1;
    }
    if (buf_add(lines, pairs[i].value.data, pairs[i].value.size, error) != 0)
      return -1;
  }
  return count > 0 ? buf_add_byte(lines, '\n', error) : 0;
}

int canonical_headers(struct buf *lines, struct buf *names,
    const struct header *headers, size_t count, struct error *error) {
  struct pair pairs[CANONICAL_MAX_HEADERS];
  char some[1024]; /* most are a request's of Cloud Map */
  char *text = some;
  size_t kept = 0;
  size_t total = 0;
  if (count > CANONICAL_MAX_HEADERS)
    return error_set(error, "limit", "cannot sign", "the headers",
        "there are more than %d", CANONICAL_MAX_HEADERS);
  for (size_t i = 0; i < count; i++)
    total += headers[i].name.size + headers[i].value.size;
  if (total > CANONICAL_MAX_HEADER_BYTES)
    return error_set(error, "limit", "cannot sign", "the headers",
        "they are longer than %d bytes", CANONICAL_MAX_HEADER_BYTES);
  if (total > sizeof some)
    text = malloc(total);
  if (text == NULL)
    return error_set(
        error, "ENOMEM", "cannot sign", "the headers", "out of memory");
  int result = read_headers(text, headers, count, pairs, &kept, error);
  if (result == 0) {
    sort_headers(pairs, kept);
    result = write_headers(lines, names, pairs, kept, error);
  }
  if (text != some)
    free(text);
  return result;
}
