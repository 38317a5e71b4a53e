/*
 * AWS's Signature Version 4 for header signing: what must be added to a
 * request so that AWS knows who sent it. Pure computation: time is given.
 *
 *   struct sigv4_signer signer;
 *   sigv4_signer_init(&signer);
 *   struct sigv4_identity identity = {.region = ..., .service = ...,
 *     .access_key_id = ..., .secret_access_key = ...,
 *     .flags = SIGV4_NORMALIZE | SIGV4_ENCODE_TWICE};
 *   if (sigv4_signer_set(&signer, &identity, &error) != 0) ...
 *   struct sigv4_request request = {
 *     .method = ..., .path = ..., .query = ..., .body = ...,
 *     .headers = headers, .header_count = 3, .time = 1440938160};
 *   if (sigv4_sign(&signer, &request, &error) == 0)
 *     send the headers X-Amz-Date (signer.date), Authorization
 *     (signer.authorization) and, with a token, X-Amz-Security-Token;
 *   sigv4_signer_release(&signer);
 *
 * The headers given must contain `Host` as the transport will send it. The
 * request's path is signed as it goes over the wire: whoever sends it must not
 * rewrite it. Everything in a request belongs to the caller and is only read.
 * A signer keeps a copy of its identity, the key that is derived from it for a
 * day, and its memory for the next request; all that is secret is wiped.
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

/* Who signs, and for what. */
struct sigv4_identity {
  struct text region;
  struct text service; /* the signing name: "servicediscovery" */
  struct text access_key_id;
  struct text secret_access_key;
  struct text session_token; /* empty: none */
  unsigned flags;
};

struct sigv4_request {
  struct text method; /* "POST" */
  struct text path;   /* "/", as sent; empty is "/" */
  struct text query;  /* without "?"; may be empty */
  const struct header *headers;
  size_t header_count;      /* at most SIGV4_MAX_HEADERS */
  struct text body;         /* hashed when payload_hash is empty */
  struct text payload_hash; /* lower-case hex, or "UNSIGNED-PAYLOAD" */
  int64_t time;             /* seconds since 1970 */
};

/* Three places are kept for the headers that the signer adds. */
enum { SIGV4_MAX_HEADERS = CANONICAL_MAX_HEADERS - 3 };

struct sigv4_signer {
  struct sigv4_identity identity; /* its texts are in `kept` */
  struct buf kept;
  struct digest_key key; /* for the day of `date` */
  struct buf scope;      /* likewise */
  int64_t time;          /* of `date` */
  /* What the last signature is, and how it came about. */
  char date[CLOCK_COMPACT_SIZE]; /* value of X-Amz-Date */
  struct buf payload_hash;       /* value of X-Amz-Content-Sha256 */
  struct buf authorization;      /* value of the Authorization header */
  struct buf names;              /* of the headers that are signed */
  struct buf canonical_request;
  struct buf string_to_sign;
  char signature[DIGEST_HEX_SIZE];
};

/* Makes it empty, so that it may be released whatever happens next. */
void sigv4_signer_init(struct sigv4_signer *signer);
void sigv4_signer_release(struct sigv4_signer *signer);

/*
 * Makes it sign for this identity from now on; nothing is lost where that is
 * the one it has. Returns 0, or -1 and fills `error`: an empty key, a token
 * that no header can carry, a region or service that is no plain word. It then
 * signs nothing.
 */
int sigv4_signer_set(struct sigv4_signer *signer,
    const struct sigv4_identity *identity, struct error *error);

/*
 * Returns 0 and fills what stands above, valid until the next signature; or -1
 * and fills `error`: a method that is no plain word, a header of the signer's
 * own among those given, a limit of canonical.h passed.
 */
int sigv4_sign(struct sigv4_signer *signer,
    const struct sigv4_request *request, struct error *error);

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
