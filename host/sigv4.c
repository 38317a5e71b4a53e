#include "sigv4.h"

#include <string.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

enum {
  MAX_CANONICAL = 256 << 10, /* path, query and headers fit by far */
  MAX_SHORT = 4 << 10,       /* scope, string to sign */
  MAX_WORD = 256,            /* method, region, service, key id, hash */
  DAY_SIZE = 8,              /* "20150830" */
};

void sigv4_init(struct sigv4_signature *signature) {
  memset(signature, 0, sizeof *signature);
  buf_init(&signature->canonical_request, MAX_CANONICAL);
  buf_init(&signature->string_to_sign, MAX_SHORT);
  buf_init(&signature->authorization, MAX_CANONICAL);
  buf_init(&signature->payload_hash, MAX_WORD);
}

void sigv4_release(struct sigv4_signature *signature) {
  buf_release(&signature->canonical_request);
  buf_release(&signature->string_to_sign);
  buf_release(&signature->authorization);
  buf_release(&signature->payload_hash);
}

static struct text text_of(const char *string) {
  return (struct text){string, strlen(string)};
}

static int add_text(struct buf *to, struct text text, struct error *error) {
  return buf_add(to, text.data, text.size, error);
}

/* Adds each text of a list that ends with one whose data is NULL. */
static int add_all(
    struct buf *to, const struct text *texts, struct error *error) {
  for (; texts->data; texts++)
    if (add_text(to, *texts, error) != 0)
      return -1;
  return 0;
}

/* What is asked of a request */

/* A word of printable ASCII without the signs that divide a scope. */
static bool is_word(struct text text) {
  if (text.size == 0 || text.size > MAX_WORD)
    return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~' ||
        strchr("/,;=", text.data[i]))
      return false;
  return true;
}

/* Printable ASCII: what a header may carry as it is. */
static bool is_visible(struct text text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~')
      return false;
  return true;
}

static int check_words(
    const struct sigv4_request *request, struct error *error) {
  const struct {
    const char *name;
    struct text text;
  } words[] = {
      {"the method", request->method},
      {"the region", request->region},
      {"the service", request->service},
      {"the access key id", request->access_key_id},
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (!is_word(words[i].text))
      return error_set(error, "syntax", "cannot sign", words[i].name,
          "expected 1 to %d letters, digits and dashes", MAX_WORD);
  return 0;
}

static int check(const struct sigv4_request *request, struct error *error) {
  static const char *const own[] = {
      "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", NULL};
  if (check_words(request, error) != 0)
    return -1;
  /* A message never holds a secret, not even a part of it. */
  if (request->secret_access_key.size == 0)
    return error_set(error, "syntax", "cannot sign", "the secret access key",
        "it is empty");
  if (!is_visible(request->session_token))
    return error_set(error, "syntax", "cannot sign", "the session token",
        "expected printable ASCII without spaces");
  if (request->header_count > SIGV4_MAX_HEADERS)
    return error_set(error, "limit", "cannot sign", "the headers",
        "there are more than %d", SIGV4_MAX_HEADERS);
  for (size_t i = 0; i < request->header_count; i++)
    for (size_t j = 0; own[j]; j++)
      if (canonical_same_name(request->headers[i].name, own[j]))
        return error_set(error, "syntax", "cannot sign", own[j],
            "the signature adds this header itself; it must not be given");
  return 0;
}

/* The steps, in order */

static int hash_payload(const struct sigv4_request *request,
    struct sigv4_signature *out, struct error *error) {
  unsigned char digest[DIGEST_SIZE];
  char hex[DIGEST_HEX_SIZE];
  if (request->payload_hash.size > 0) {
    if (!is_word(request->payload_hash))
      return error_set(error, "syntax", "cannot sign", "the payload's hash",
          "expected hexadecimal digits or UNSIGNED-PAYLOAD");
    return add_text(&out->payload_hash, request->payload_hash, error);
  }
  if (digest_sha256(request->body.data, request->body.size, digest) != 0)
    return error_set(error, "crypto", "cannot sign", "the payload",
        "the cryptographic library refused to hash it");
  digest_hex(digest, hex);
  return buf_add_text(&out->payload_hash, hex, error);
}

/* The headers given and those that are added, in that order. */
static size_t collect_headers(const struct sigv4_request *request,
    const struct sigv4_signature *out, struct header *headers) {
  size_t count = request->header_count;
  if (count > 0)
    memcpy(headers, request->headers, count * sizeof headers[0]);
  headers[count++] =
      (struct header){text_of("X-Amz-Date"), text_of(out->date)};
  if (request->session_token.size > 0 &&
      !(request->flags & SIGV4_TOKEN_UNSIGNED))
    headers[count++] = (struct header){
        text_of("X-Amz-Security-Token"), request->session_token};
  if (request->flags & SIGV4_CONTENT_SHA256)
    headers[count++] = (struct header){text_of("X-Amz-Content-Sha256"),
        {out->payload_hash.data, out->payload_hash.size}};
  return count;
}

/* Fills the canonical request and the names of the headers it covers. */
static int make_canonical(const struct sigv4_request *request,
    struct sigv4_signature *out, struct buf *names, struct error *error) {
  struct header headers[CANONICAL_MAX_HEADERS];
  size_t count = collect_headers(request, out, headers);
  struct buf *to = &out->canonical_request;
  bool normalize = request->flags & SIGV4_NORMALIZE;
  bool twice = request->flags & SIGV4_ENCODE_TWICE;
  if (add_text(to, request->method, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_path(to, request->path, normalize, twice, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_query(to, request->query, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_headers(to, names, headers, count, error) != 0)
    return -1;
  const struct text rest[] = {{"\n", 1}, {names->data, names->size}, {"\n", 1},
      {out->payload_hash.data, out->payload_hash.size}, {NULL, 0}};
  return add_all(to, rest, error);
}

/* "20150830/us-east-1/service/aws4_request" */
static int make_scope(const struct sigv4_request *request, const char *date,
    struct buf *scope, struct error *error) {
  const struct text parts[] = {{date, DAY_SIZE}, {"/", 1}, request->region,
      {"/", 1}, request->service, {"/", 1}, text_of(TERMINATOR), {NULL, 0}};
  return add_all(scope, parts, error);
}

static int make_string_to_sign(struct sigv4_signature *out,
    const struct buf *scope, struct error *error) {
  unsigned char digest[DIGEST_SIZE];
  char hex[DIGEST_HEX_SIZE];
  const struct buf *request = &out->canonical_request;
  if (digest_sha256(request->data, request->size, digest) != 0)
    return error_set(error, "crypto", "cannot sign", "the canonical request",
        "the cryptographic library refused to hash it");
  digest_hex(digest, hex);
  const struct text parts[] = {text_of(ALGORITHM "\n"), text_of(out->date),
      {"\n", 1}, {scope->data, scope->size}, {"\n", 1}, text_of(hex),
      {NULL, 0}};
  return add_all(&out->string_to_sign, parts, error);
}

/*
 * Each part of the scope becomes the message under the key of the part before
 * it; the first key is the secret behind "AWS4".
 */
static int chain_keys(const struct sigv4_request *request, const char *date,
    const struct buf *secret, unsigned char key[DIGEST_SIZE]) {
  const struct text parts[] = {
      request->region, request->service, text_of(TERMINATOR)};
  int result = digest_hmac(secret->data, secret->size, date, DAY_SIZE, key);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    unsigned char next[DIGEST_SIZE];
    if (result != 0)
      break;
    result = digest_hmac(key, DIGEST_SIZE, parts[i].data, parts[i].size, next);
    memcpy(key, next, DIGEST_SIZE);
    digest_forget(next, DIGEST_SIZE);
  }
  return result;
}

static int derive(const struct sigv4_request *request, const char *date,
    unsigned char key[DIGEST_SIZE], struct error *error) {
  const struct text parts[] = {
      {"AWS4", 4}, request->secret_access_key, {NULL, 0}};
  struct buf secret;
  buf_init(&secret, MAX_SHORT);
  /* Reserved at once: a buffer that moves leaves a copy of the secret. */
  int result =
      buf_reserve(&secret, 4 + request->secret_access_key.size, error);
  if (result == 0)
    result = add_all(&secret, parts, error);
  if (result == 0 && chain_keys(request, date, &secret, key) != 0)
    result = error_set(error, "crypto", "cannot sign", "the request",
        "the cryptographic library refused to derive the key");
  digest_forget(secret.data, secret.size);
  buf_release(&secret);
  return result;
}

/* Whether `text` begins with `part` and a NUL, which it then goes past. */
static bool cut_part(struct text *text, struct text part) {
  if (text->size <= part.size ||
      memcmp(text->data, part.data, part.size) != 0 ||
      text->data[part.size] != '\0')
    return false;
  text->data += part.size + 1;
  text->size -= part.size + 1;
  return true;
}

static bool is_cached(const struct sigv4_request *request, const char *date) {
  if (request->cache == NULL)
    return false;
  struct text of = {request->cache->of.data, request->cache->of.size};
  return cut_part(&of, (struct text){date, DAY_SIZE}) &&
         cut_part(&of, request->region) && cut_part(&of, request->service) &&
         cut_part(&of, request->secret_access_key) && of.size == 0;
}

/* A key that cannot be kept is derived anew next time. */
static void cache_key(const struct sigv4_request *request, const char *date,
    const unsigned char key[DIGEST_SIZE]) {
  struct error error;
  struct sigv4_key *cache = request->cache;
  const struct text nul = {"", 1};
  const struct text parts[] = {{date, DAY_SIZE}, nul, request->region, nul,
      request->service, nul, request->secret_access_key, nul, {NULL, 0}};
  size_t size = 0;
  if (cache == NULL)
    return;
  sigv4_key_forget(cache);
  for (const struct text *part = parts; part->data; part++)
    size += part->size;
  /* Reserved at once, as above. */
  if (buf_reserve(&cache->of, size, &error) != 0 ||
      add_all(&cache->of, parts, &error) != 0) {
    sigv4_key_forget(cache);
    return;
  }
  memcpy(cache->key, key, DIGEST_SIZE);
}

void sigv4_key_init(struct sigv4_key *key) {
  memset(key, 0, sizeof *key);
  buf_init(&key->of, MAX_SHORT);
}

void sigv4_key_forget(struct sigv4_key *key) {
  if (key->of.data != NULL)
    digest_forget(key->of.data, key->of.size);
  buf_release(&key->of);
  digest_forget(key->key, sizeof key->key);
}

static int compute(const struct sigv4_request *request,
    struct sigv4_signature *out, struct error *error) {
  unsigned char key[DIGEST_SIZE] = {0};
  unsigned char digest[DIGEST_SIZE];
  int result = 0;
  if (is_cached(request, out->date)) {
    memcpy(key, request->cache->key, DIGEST_SIZE);
  } else {
    result = derive(request, out->date, key, error);
    if (result == 0)
      cache_key(request, out->date, key);
  }
  if (result == 0 && digest_hmac(key, DIGEST_SIZE, out->string_to_sign.data,
                         out->string_to_sign.size, digest) != 0)
    result = error_set(error, "crypto", "cannot sign", "the request",
        "the cryptographic library refused to compute the signature");
  if (result == 0)
    digest_hex(digest, out->signature);
  digest_forget(key, sizeof key);
  return result;
}

static int make_authorization(const struct sigv4_request *request,
    const struct buf *scope, const struct buf *names,
    struct sigv4_signature *out, struct error *error) {
  const struct text parts[] = {text_of(ALGORITHM " Credential="),
      request->access_key_id, {"/", 1}, {scope->data, scope->size},
      text_of(", SignedHeaders="), {names->data, names->size},
      text_of(", Signature="), text_of(out->signature), {NULL, 0}};
  return add_all(&out->authorization, parts, error);
}

int sigv4_sign(const struct sigv4_request *request,
    struct sigv4_signature *out, struct error *error) {
  struct buf names, scope;
  buf_init(&names, CANONICAL_MAX_HEADER_BYTES);
  buf_init(&scope, MAX_SHORT);
  int result = check(request, error);
  if (result == 0 && clock_compact(request->time, out->date) != 0)
    result = error_set(error, "syntax", "cannot sign", "the time",
        "it is outside the years 0 to 9999");
  if (result == 0 &&
      (hash_payload(request, out, error) != 0 ||
          make_canonical(request, out, &names, error) != 0 ||
          make_scope(request, out->date, &scope, error) != 0 ||
          make_string_to_sign(out, &scope, error) != 0 ||
          compute(request, out, error) != 0 ||
          make_authorization(request, &scope, &names, out, error) != 0))
    result = -1;
  buf_release(&scope);
  buf_release(&names);
  return result;
}

/* URLs */

static int bad_url(struct error *error) {
  return error_set(error, "syntax", "cannot sign", "the URL",
      "expected http:// or https://, a host, perhaps a port, a path");
}

/* Takes off a prefix, whatever its case. */
static bool cut_prefix(struct text *text, const char *prefix) {
  size_t size = strlen(prefix);
  if (text->size < size || strncasecmp(text->data, prefix, size) != 0)
    return false;
  text->data += size;
  text->size -= size;
  return true;
}

/* Cuts what stands before the first of `stops` and leaves the rest. */
static struct text cut_until(struct text *text, const char *stops) {
  struct text head = {text->data, 0};
  while (head.size < text->size && !strchr(stops, head.data[head.size]))
    head.size++;
  text->data += head.size;
  text->size -= head.size;
  return head;
}

/* The port that goes without saying is not sent. */
static void drop_port(struct text *host, const char *port) {
  size_t size = strlen(port);
  if (host->size > size &&
      memcmp(host->data + host->size - size, port, size) == 0)
    host->size -= size;
}

int sigv4_split_url(
    struct text url, struct sigv4_url *out, struct error *error) {
  const char *port = ":443";
  if (!cut_prefix(&url, "https://")) {
    if (!cut_prefix(&url, "http://"))
      return bad_url(error);
    port = ":80";
  }
  out->host = cut_until(&url, "/?#");
  drop_port(&out->host, port);
  out->path = cut_until(&url, "?#");
  cut_prefix(&url, "?");
  out->query = cut_until(&url, "#");
  if (!is_visible(out->host) || out->host.size == 0 ||
      memchr(out->host.data, '@', out->host.size))
    return bad_url(error);
  return 0;
}
