#include "jsontext.h"

#include "buf.h"
#include "textshape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PRIVATE_FIRST = 0xe000, PRIVATE_LAST = 0xf8ff, NUMBER_LIMIT = 63 };

/* What may come next. */
enum expect {
  VALUE,        /* after ':' or ',' or at the start */
  VALUE_OR_END, /* after '[' */
  KEY,          /* after ',' in an object */
  KEY_OR_END,   /* after '{' */
  COLON,
  COMMA_OR_END,
  NOTHING /* after the value */
};

struct check {
  const char *text;
  size_t size;
  size_t at;
  int depth;
  struct jsontext_limits most;
  enum expect expect;
  char closers[JSONTEXT_MAX_DEPTH]; /* '}' or ']' */
  unsigned char used[(PRIVATE_LAST - PRIVATE_FIRST) / 8 + 1];
  struct jsontext *facts;
  struct error *error;
};

static int fail(struct check *c, const char *code, const char *why) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < c->at; i++) {
    if (c->text[i] == '\n') {
      line++;
      column = 1;
    } else if (((unsigned char)c->text[i] & 0xc0) != 0x80) {
      column++;
    }
  }
  char on[64];
  snprintf(on, sizeof on, "line %zu, column %zu", line, column);
  return error_set(c->error, code, NULL, on, "%s", why);
}

static int wrong(struct check *c, const char *why) {
  return fail(c, "syntax", why);
}

static void note_private(struct check *c, unsigned code_point) {
  if (code_point >= PRIVATE_FIRST && code_point <= PRIVATE_LAST) {
    unsigned bit = code_point - PRIVATE_FIRST;
    c->used[bit / 8] |= (unsigned char)(1U << (bit % 8));
  }
}

/* Four hexadecimal digits at `at`; -1 when there are none. */
static int hex4(const struct check *c, size_t at) {
  int value = 0;
  if (c->size - at < 4)
    return -1;
  for (size_t i = at; i < at + 4; i++) {
    char byte = c->text[i];
    int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                             : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* An escape of the form \uXXXX, or two of them; `at` is at the backslash. */
static int check_unicode_escape(struct check *c) {
  int first = hex4(c, c->at + 2);
  if (first < 0)
    return wrong(c, "expected four hexadecimal digits after \\u");
  if (first >= 0xdc00 && first <= 0xdfff)
    return wrong(c, "second half of a surrogate pair without the first");
  if (first >= 0xd800 && first <= 0xdbff) {
    size_t next = c->at + 6;
    bool pair = c->size - next >= 6 && c->text[next] == '\\' &&
                c->text[next + 1] == 'u';
    int second = pair ? hex4(c, next + 2) : -1;
    if (second < 0xdc00 || second > 0xdfff)
      return wrong(c, "first half of a surrogate pair without the second");
    c->at += 12;
    return 0;
  }
  if (first == 0)
    c->facts->nuls++;
  note_private(c, (unsigned)first);
  c->at += 6;
  return 0;
}

static int check_escape(struct check *c) {
  char byte = c->at + 1 < c->size ? c->text[c->at + 1] : '\0';
  if (byte == 'u')
    return check_unicode_escape(c);
  if (byte == '\0' || strchr("\"\\/bfnrt", byte) == NULL)
    return wrong(c, "unknown escape in a string");
  c->at += 2;
  return 0;
}

static int check_multibyte(struct check *c) {
  const unsigned char *s = (const unsigned char *)c->text + c->at;
  size_t length = utf8_length(c->text + c->at, c->size - c->at);
  if (length == 0)
    return wrong(c, "invalid UTF-8");
  if (length == 3)
    note_private(
        c, (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU));
  c->at += length;
  return 0;
}

/* Goes past what stands for itself, which is most of a string. */
static void skip_plain(struct check *c) {
  c->at += textshape_plain(c->text + c->at, c->size - c->at);
}

static int check_string(struct check *c) {
  size_t start = c->at++;
  while (skip_plain(c), c->at < c->size) {
    unsigned char byte = (unsigned char)c->text[c->at];
    int status = 0;
    if (byte == '"') {
      c->at++;
      return 0;
    }
    if (byte == '\\')
      status = check_escape(c);
    else if (byte >= 0x80)
      status = check_multibyte(c);
    else
      status = wrong(c, "control character in a string");
    if (status != 0)
      return -1;
  }
  c->at = start;
  return wrong(c, "string without an end");
}

static size_t skip_digits(struct check *c) {
  size_t start = c->at;
  while (c->at < c->size && c->text[c->at] >= '0' && c->text[c->at] <= '9')
    c->at++;
  return c->at - start;
}

static bool skip_byte(struct check *c, const char *any) {
  bool found = c->at < c->size && c->text[c->at] != '\0' &&
               strchr(any, c->text[c->at]) != NULL;
  c->at += found;
  return found;
}

static int check_number(struct check *c) {
  size_t start = c->at;
  skip_byte(c, "-");
  bool zero = c->at < c->size && c->text[c->at] == '0';
  size_t digits = skip_digits(c);
  bool good = digits > 0 && !(zero && digits > 1);
  if (good && skip_byte(c, "."))
    good = skip_digits(c) > 0;
  if (good && skip_byte(c, "eE")) {
    skip_byte(c, "+-");
    good = skip_digits(c) > 0;
  }
  size_t length = c->at - start;
  if (good && length <= NUMBER_LIMIT)
    return 0;
  c->at = start;
  return wrong(
      c, good ? "a number of more than 63 characters" : "not a JSON number");
}

static int check_word(struct check *c) {
  static const char *const words[] = {"true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t length = strlen(words[i]);
    if (c->size - c->at >= length &&
        memcmp(c->text + c->at, words[i], length) == 0) {
      c->at += length;
      return 0;
    }
  }
  return wrong(c, "expected a value");
}

static void after_value(struct check *c) {
  c->expect = c->depth == 0 ? NOTHING : COMMA_OR_END;
}

static int open_level(struct check *c, char byte) {
  if (c->depth == c->most.depth)
    return fail(c, "limit", "nested too deeply");
  c->closers[c->depth++] = byte == '{' ? '}' : ']';
  c->expect = byte == '{' ? KEY_OR_END : VALUE_OR_END;
  c->at++;
  return 0;
}

static int close_level(struct check *c) {
  c->depth--;
  c->at++;
  after_value(c);
  return 0;
}

static int check_value(struct check *c, char byte) {
  if (++c->facts->values > c->most.values)
    return fail(c, "limit", "too many values");
  if (byte == '{' || byte == '[')
    return open_level(c, byte);
  after_value(c);
  if (byte == '"')
    return check_string(c);
  if (byte == '-' || (byte >= '0' && byte <= '9'))
    return check_number(c);
  return check_word(c);
}

static int check_token(struct check *c) {
  char byte = c->text[c->at];
  char closer = c->depth > 0 ? c->closers[c->depth - 1] : '\0';
  switch (c->expect) {
  case VALUE_OR_END:
  case VALUE:
    if (c->expect == VALUE_OR_END && byte == ']')
      return close_level(c);
    return check_value(c, byte);
  case KEY_OR_END:
  case KEY:
    if (c->expect == KEY_OR_END && byte == '}')
      return close_level(c);
    if (byte != '"')
      return wrong(c, "expected a key in double quotes");
    c->expect = COLON;
    return check_string(c);
  case COLON:
    if (byte != ':')
      return wrong(c, "expected ':' after a key");
    c->expect = VALUE;
    c->at++;
    return 0;
  case COMMA_OR_END:
    if (byte == closer)
      return close_level(c);
    if (byte != ',')
      return wrong(
          c, closer == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    c->expect = closer == '}' ? KEY : VALUE;
    c->at++;
    return 0;
  case NOTHING:
    break;
  }
  return wrong(c, "more text after the value");
}

static int choose_stand_in(struct check *c) {
  for (unsigned i = PRIVATE_FIRST; i <= PRIVATE_LAST; i++) {
    unsigned bit = i - PRIVATE_FIRST;
    if ((c->used[bit / 8] & (1U << (bit % 8))) == 0) {
      c->facts->stand_in = i;
      return 0;
    }
  }
  return wrong(c, "\\u0000 beside all of U+E000 to U+F8FF");
}

int jsontext_check(const char *text, size_t size, struct jsontext_limits most,
    struct jsontext *facts, struct error *error) {
  struct check c = {.text = text,
      .size = size,
      .most = most,
      .facts = facts,
      .error = error};
  *facts = (struct jsontext){0};
  if (most.depth > JSONTEXT_MAX_DEPTH)
    c.most.depth = JSONTEXT_MAX_DEPTH;
  while (c.at < size) {
    char byte = text[c.at];
    if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r')
      c.at++;
    else if (check_token(&c) != 0)
      return -1;
  }
  if (c.expect != NOTHING)
    return wrong(&c, c.depth > 0 ? "the text ends within a value"
                                 : "expected a value, the text is empty");
  return facts->nuls > 0 ? choose_stand_in(&c) : 0;
}

void jsontext_replace_nuls(
    const char *text, size_t size, const struct jsontext *facts, char *to) {
  memcpy(to, text, size);
  for (size_t i = 0; i + 1 < size; i++) {
    if (to[i] != '\\')
      continue;
    if (to[i + 1] == 'u' && memcmp(to + i + 2, "0000", 4) == 0) {
      char digits[8];
      snprintf(digits, sizeof digits, "%04x", facts->stand_in);
      memcpy(to + i + 2, digits, 4);
    }
    i++;
  }
}
