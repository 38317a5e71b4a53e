#include "sigv4.h"

#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

enum {
  MAX_CANONICAL = 256 << 10, /* path, query and headers fit by far */
  MAX_IDENTITY = 64 << 10,   /* tokens may be some kibibytes */
  MAX_SHORT = 4 << 10,       /* scope, string to sign */
  MAX_WORD = 256,            /* method, region, service, key id, hash */
  DAY_SIZE = 8,              /* "20150830" */
};

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

/* Who signs */

void sigv4_signer_init(struct sigv4_signer *signer) {
  memset(signer, 0, sizeof *signer);
  buf_init(&signer->kept, MAX_IDENTITY);
  buf_init(&signer->scope, MAX_SHORT);
  buf_init(&signer->payload_hash, MAX_WORD);
  buf_init(&signer->authorization, MAX_CANONICAL);
  buf_init(&signer->names, CANONICAL_MAX_HEADER_BYTES);
  buf_init(&signer->canonical_request, MAX_CANONICAL);
  buf_init(&signer->string_to_sign, MAX_SHORT);
}

static void wipe(struct buf *buf) {
  if (buf->room != 0)
    digest_forget(buf->data, buf->size);
  buf_release(buf);
}

static void forget_identity(struct sigv4_signer *signer) {
  wipe(&signer->kept);
  wipe(&signer->canonical_request); /* the session token stands in it */
  signer->identity = (struct sigv4_identity){.flags = 0};
  digest_key_forget(&signer->key);
}

void sigv4_signer_release(struct sigv4_signer *signer) {
  forget_identity(signer);
  buf_release(&signer->scope);
  buf_release(&signer->payload_hash);
  buf_release(&signer->authorization);
  buf_release(&signer->names);
  buf_release(&signer->string_to_sign);
}

static int bad_word(struct error *error, const char *name) {
  return error_set(error, "syntax", "cannot sign", name,
      "expected 1 to %d letters, digits and dashes", MAX_WORD);
}

static int check_identity(
    const struct sigv4_identity *identity, struct error *error) {
  if (!is_word(identity->region))
    return bad_word(error, "the region");
  if (!is_word(identity->service))
    return bad_word(error, "the service");
  if (!is_word(identity->access_key_id))
    return bad_word(error, "the access key id");
  /* A message never holds a secret, not even a part of it. */
  if (identity->secret_access_key.size == 0)
    return error_set(error, "syntax", "cannot sign", "the secret access key",
        "it is empty");
  if (!is_visible(identity->session_token))
    return error_set(error, "syntax", "cannot sign", "the session token",
        "expected printable ASCII without spaces");
  return 0;
}

static bool same_text(struct text a, struct text b) {
  return a.size == b.size &&
         (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_identity(
    const struct sigv4_identity *a, const struct sigv4_identity *b) {
  return same_text(a->region, b->region) &&
         same_text(a->service, b->service) &&
         same_text(a->access_key_id, b->access_key_id) &&
         same_text(a->secret_access_key, b->secret_access_key) &&
         same_text(a->session_token, b->session_token);
}

/* Copies a text; there is room. */
static struct text keep(struct buf *kept, struct text text) {
  struct text copy = {kept->data + kept->size, text.size};
  struct error error;
  buf_add(kept, text.data, text.size, &error);
  return copy;
}

int sigv4_signer_set(struct sigv4_signer *signer,
    const struct sigv4_identity *identity, struct error *error) {
  if (signer->kept.size > 0 && same_identity(&signer->identity, identity)) {
    signer->identity.flags = identity->flags;
    return 0;
  }
  forget_identity(signer);
  size_t size = identity->region.size + identity->service.size +
                identity->access_key_id.size +
                identity->secret_access_key.size +
                identity->session_token.size;
  /* Reserved at once: a buffer that moves leaves a copy of the secret. */
  if (check_identity(identity, error) != 0 ||
      buf_reserve(&signer->kept, size, error) != 0)
    return -1;
  struct buf *kept = &signer->kept;
  signer->identity = (struct sigv4_identity){
      .region = keep(kept, identity->region),
      .service = keep(kept, identity->service),
      .access_key_id = keep(kept, identity->access_key_id),
      .secret_access_key = keep(kept, identity->secret_access_key),
      .session_token = keep(kept, identity->session_token),
      .flags = identity->flags,
  };
  return 0;
}

/* The key and the scope of a day */

/* "20150830/us-east-1/service/aws4_request" */
static int make_scope(struct sigv4_signer *signer, struct error *error) {
  const struct sigv4_identity *identity = &signer->identity;
  const struct text parts[] = {{signer->date, DAY_SIZE}, {"/", 1},
      identity->region, {"/", 1}, identity->service, {"/", 1},
      text_of(TERMINATOR), {NULL, 0}};
  buf_clear(&signer->scope);
  return add_all(&signer->scope, parts, error);
}

/*
 * Each part of the scope becomes the message under the key of the part before
 * it; the first key is the secret behind "AWS4".
 */
static int chain_keys(const struct sigv4_signer *signer,
    const struct buf *secret, unsigned char key[DIGEST_SIZE]) {
  const struct text parts[] = {
      signer->identity.region, signer->identity.service, text_of(TERMINATOR)};
  int result =
      digest_hmac(secret->data, secret->size, signer->date, DAY_SIZE, key);
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

static int derive(struct sigv4_signer *signer, struct error *error) {
  const struct text parts[] = {
      {"AWS4", 4}, signer->identity.secret_access_key, {NULL, 0}};
  unsigned char key[DIGEST_SIZE] = {0};
  struct buf secret;
  buf_init(&secret, MAX_IDENTITY);
  /* Reserved at once, as above. */
  int result = buf_reserve(&secret, 4 + parts[1].size, error);
  if (result == 0)
    result = add_all(&secret, parts, error);
  if (result == 0 && (chain_keys(signer, &secret, key) != 0 ||
                         digest_key_set(&signer->key, key, DIGEST_SIZE) != 0))
    result = error_set(error, "crypto", "cannot sign", "the request",
        "the cryptographic library refused to derive the key");
  digest_forget(key, sizeof key);
  wipe(&secret);
  return result;
}

/* Deriving the key is most of the work of signing, and done once a day. */
static int set_time(
    struct sigv4_signer *signer, int64_t time, struct error *error) {
  char day[DAY_SIZE];
  if (signer->key.context != NULL && signer->time == time)
    return 0;
  memcpy(day, signer->date, DAY_SIZE);
  if (clock_compact(time, signer->date) != 0) {
    digest_key_forget(&signer->key);
    return error_set(error, "syntax", "cannot sign", "the time",
        "it is outside the years 0 to 9999");
  }
  signer->time = time;
  if (signer->key.context != NULL && memcmp(day, signer->date, DAY_SIZE) == 0)
    return 0;
  digest_key_forget(&signer->key);
  return make_scope(signer, error) != 0 ? -1 : derive(signer, error);
}

/* What is asked of a request */

static int check(const struct sigv4_request *request, struct error *error) {
  static const char *const own[] = {
      "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", NULL};
  if (!is_word(request->method))
    return bad_word(error, "the method");
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

static int hash_payload(struct sigv4_signer *signer,
    const struct sigv4_request *request, struct error *error) {
  unsigned char digest[DIGEST_SIZE];
  char hex[DIGEST_HEX_SIZE];
  buf_clear(&signer->payload_hash);
  if (request->payload_hash.size > 0) {
    if (!is_word(request->payload_hash))
      return error_set(error, "syntax", "cannot sign", "the payload's hash",
          "expected hexadecimal digits or UNSIGNED-PAYLOAD");
    return add_text(&signer->payload_hash, request->payload_hash, error);
  }
  if (digest_sha256(request->body.data, request->body.size, digest) != 0)
    return error_set(error, "crypto", "cannot sign", "the payload",
        "the cryptographic library refused to hash it");
  digest_hex(digest, hex);
  return buf_add_text(&signer->payload_hash, hex, error);
}

/* The headers given and those that are added, in that order. */
static size_t collect_headers(const struct sigv4_signer *signer,
    const struct sigv4_request *request, struct header *headers) {
  const struct sigv4_identity *identity = &signer->identity;
  size_t count = request->header_count;
  if (count > 0)
    memcpy(headers, request->headers, count * sizeof headers[0]);
  headers[count++] =
      (struct header){text_of("X-Amz-Date"), text_of(signer->date)};
  if (identity->session_token.size > 0 &&
      !(identity->flags & SIGV4_TOKEN_UNSIGNED))
    headers[count++] = (struct header){
        text_of("X-Amz-Security-Token"), identity->session_token};
  if (identity->flags & SIGV4_CONTENT_SHA256)
    headers[count++] = (struct header){text_of("X-Amz-Content-Sha256"),
        {signer->payload_hash.data, signer->payload_hash.size}};
  return count;
}

/* Fills the canonical request and the names of the headers it covers. */
static int make_canonical(struct sigv4_signer *signer,
    const struct sigv4_request *request, struct error *error) {
  struct header headers[CANONICAL_MAX_HEADERS];
  size_t count = collect_headers(signer, request, headers);
  struct buf *to = &signer->canonical_request;
  struct buf *names = &signer->names;
  bool normalize = signer->identity.flags & SIGV4_NORMALIZE;
  bool twice = signer->identity.flags & SIGV4_ENCODE_TWICE;
  buf_clear(to);
  buf_clear(names);
  if (add_text(to, request->method, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_path(to, request->path, normalize, twice, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_query(to, request->query, error) != 0 ||
      buf_add_byte(to, '\n', error) != 0 ||
      canonical_headers(to, names, headers, count, error) != 0)
    return -1;
  const struct text rest[] = {{"\n", 1}, {names->data, names->size}, {"\n", 1},
      {signer->payload_hash.data, signer->payload_hash.size}, {NULL, 0}};
  return add_all(to, rest, error);
}

static int make_string_to_sign(
    struct sigv4_signer *signer, struct error *error) {
  unsigned char digest[DIGEST_SIZE];
  char hex[DIGEST_HEX_SIZE];
  const struct buf *request = &signer->canonical_request;
  if (digest_sha256(request->data, request->size, digest) != 0)
    return error_set(error, "crypto", "cannot sign", "the canonical request",
        "the cryptographic library refused to hash it");
  digest_hex(digest, hex);
  const struct text parts[] = {text_of(ALGORITHM "\n"), text_of(signer->date),
      {"\n", 1}, {signer->scope.data, signer->scope.size}, {"\n", 1},
      text_of(hex), {NULL, 0}};
  buf_clear(&signer->string_to_sign);
  return add_all(&signer->string_to_sign, parts, error);
}

static int compute(struct sigv4_signer *signer, struct error *error) {
  unsigned char digest[DIGEST_SIZE];
  const struct buf *text = &signer->string_to_sign;
  if (digest_key_hmac(&signer->key, text->data, text->size, digest) != 0)
    return error_set(error, "crypto", "cannot sign", "the request",
        "the cryptographic library refused to compute the signature");
  digest_hex(digest, signer->signature);
  return 0;
}

static int make_authorization(
    struct sigv4_signer *signer, struct error *error) {
  const struct text parts[] = {text_of(ALGORITHM " Credential="),
      signer->identity.access_key_id, {"/", 1},
      {signer->scope.data, signer->scope.size}, text_of(", SignedHeaders="),
      {signer->names.data, signer->names.size}, text_of(", Signature="),
      text_of(signer->signature), {NULL, 0}};
  buf_clear(&signer->authorization);
  return add_all(&signer->authorization, parts, error);
}

int sigv4_sign(struct sigv4_signer *signer,
    const struct sigv4_request *request, struct error *error) {
  if (signer->kept.size == 0)
    return error_set(
        error, "syntax", "cannot sign", "the request", "nobody signs it");
  if (check(request, error) != 0 ||
      set_time(signer, request->time, error) != 0 ||
      hash_payload(signer, request, error) != 0 ||
      make_canonical(signer, request, error) != 0 ||
      make_string_to_sign(signer, error) != 0 || compute(signer, error) != 0)
    return -1;
  return make_authorization(signer, error);
}
