/*
 * AWS's Signature Version 4 for header signing: what must be added to a
 * request so that AWS knows who sent it. Pure computation: time is given.
 *
 *   struct sigv4_request request = {
 *     .method = ..., .path = ..., .query = ..., .body = ...,
 *     .headers = headers, .header_count = 3,
 *     .region = ..., .service = ..., .time = 1440938160,
 *     .access_key_id = ..., .secret_access_key = ...,
 *     .flags = SIGV4_NORMALIZE | SIGV4_ENCODE_TWICE,
 *   };
 *   struct sigv4_signature signature;
 *   sigv4_init(&signature);
 *   if (sigv4_sign(&request, &signature, &error) == 0)
 *     send the headers X-Amz-Date (signature.date), Authorization
 *     (signature.authorization) and, with a token, X-Amz-Security-Token;
 *   sigv4_release(&signature);
 *
 * The headers given must contain `Host` as the transport will send it. The
 * request's path is signed as it goes over the wire: whoever sends it must not
 * rewrite it. Everything in a request belongs to the caller and is only read;
 * the secret key is used during the call, and its derived keys are wiped but
 * for the one that the caller's `cache` keeps.
 *
 * Source: "Signature Version 4 signing process" in AWS's IAM User Guide.
 */
#ifndef NIGHTJAR_SIGV4_H
#define NIGHTJAR_SIGV4_H

#include "buf.h"
#include "canonical.h"
#include "clock.h"
#include "digest.h"
#include <stdint.h>

enum {
  /* Both are right for every service but S3; see canonical_path(). */
  SIGV4_NORMALIZE = 1,
  SIGV4_ENCODE_TWICE = 2,
  /* The session token's header is added after signing: it is not signed. */
  SIGV4_TOKEN_UNSIGNED = 4,
  /* The payload's hash is sent, and signed, as X-Amz-Content-Sha256. */
  SIGV4_CONTENT_SHA256 = 8,
};

/*
 * The key that a secret gives for a day, region and service, to be used again:
 * deriving it is most of the work of signing. It belongs to the caller; all
 * zero it holds nothing. sigv4_key_forget() wipes it.
 */
struct sigv4_key {
  struct buf of; /* what it was derived from, the secret among it */
  unsigned char key[DIGEST_SIZE];
};
void sigv4_key_init(struct sigv4_key *key);
void sigv4_key_forget(struct sigv4_key *key);

struct sigv4_request {
  struct text method; /* "POST" */
  struct text path;   /* "/", as sent; empty is "/" */
  struct text query;  /* without "?"; may be empty */
  const struct header *headers;
  size_t header_count;      /* at most SIGV4_MAX_HEADERS */
  struct text body;         /* hashed when payload_hash is empty */
  struct text payload_hash; /* lower-case hex, or "UNSIGNED-PAYLOAD" */
  struct text region;
  struct text service; /* the signing name: "servicediscovery" */
  struct text access_key_id;
  struct text secret_access_key;
  struct text session_token; /* empty: none */
  int64_t time;              /* seconds since 1970 */
  unsigned flags;
  struct sigv4_key *cache; /* may be NULL */
};

/* Three places are kept for the headers that the signer adds. */
enum { SIGV4_MAX_HEADERS = CANONICAL_MAX_HEADERS - 3 };

struct sigv4_signature {
  struct buf canonical_request;
  struct buf string_to_sign;
  struct buf authorization;      /* value of the Authorization header */
  char date[CLOCK_COMPACT_SIZE]; /* value of X-Amz-Date */
  struct buf payload_hash;       /* value of X-Amz-Content-Sha256 */
  char signature[DIGEST_HEX_SIZE];
};

/* Makes it empty, so that it may be released whatever happens next. */
void sigv4_init(struct sigv4_signature *signature);
void sigv4_release(struct sigv4_signature *signature);

/*
 * Returns 0 and fills `out`, or -1 and fills `error`: an empty key, a method,
 * region or service that is no plain word, a header of the signer's own among
 * those given, a limit of canonical.h passed.
 */
int sigv4_sign(const struct sigv4_request *request,
    struct sigv4_signature *out, struct error *error);

/*
 * The parts of "scheme://host[:port][/path][?query][#fragment]" that signing
 * needs; they point into `url`. `host` is the Host header that goes with it:
 * the port is left out where it is the scheme's own (RFC 9110 4.2). Returns -1
 * for anything else, user names included.
 */
struct sigv4_url {
  struct text host, path, query;
};
int sigv4_split_url(
    struct text url, struct sigv4_url *out, struct error *error);

#endif
