/*
 * The canonical request of AWS's Signature Version 4: one spelling for every
 * way in which the same request can be written, so that both sides hash the
 * same bytes. Pure computation; sigv4.h is what callers use.
 *
 * The rules are AWS's, "Create a signed AWS API request" in the IAM User
 * Guide, and its public Signature Version 4 test suite where the guide leaves
 * a choice open. All functions return 0, or -1 with `error` filled.
 */
#ifndef NIGHTJAR_CANONICAL_H
#define NIGHTJAR_CANONICAL_H

#include "buf.h"
#include <stdbool.h>

/* Bytes that belong to someone else; `data` may be NULL when size is 0. */
struct text {
  const char *data;
  size_t size;
};

struct header {
  struct text name;
  struct text value;
};

enum {
  CANONICAL_MAX_HEADERS = 128,
  CANONICAL_MAX_PARAMETERS = 256, /* of the query */
  CANONICAL_MAX_PATH = 16 << 10,  /* bytes, of path and query each */
  CANONICAL_MAX_SEGMENTS = 1024,
  CANONICAL_MAX_HEADER_BYTES = 64 << 10, /* names and values together */
};

/*
 * Adds `path` as it is signed: empty becomes "/". `normalize` collapses runs
 * of slashes and resolves "." and ".." (every service but S3). `encode_twice`
 * encodes the path as it stands on the wire once more, so that "%20" becomes
 * "%2520" (every service but S3); without it, escapes that are there stay,
 * and only other bytes are encoded.
 */
int canonical_path(struct buf *to, struct text path, bool normalize,
    bool encode_twice, struct error *error);

/*
 * Adds the query (without its "?"): parameters decoded, encoded one way,
 * sorted by name and then by value as bytes. "a" and "a=" are the same;
 * "+" is a plus, not a space.
 */
int canonical_query(struct buf *to, struct text query, struct error *error);

/*
 * Adds one line for each header ("name:value\n") to `lines` and the names,
 * joined by ";", to `names`. Names in lower case and sorted; values trimmed,
 * runs of white space (a folded header's line ends too) made one space;
 * values of one name joined by "," in the order given. Headers that a proxy
 * or the transport may change (`User-Agent`, `Connection`, ...) are left out.
 */
int canonical_headers(struct buf *lines, struct buf *names,
    const struct header *headers, size_t count, struct error *error);

/* Whether two header names are the same, whatever their case. */
bool canonical_same_name(struct text a, const char *b);

#endif
