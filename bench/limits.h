/*
 * The limits that no program can beat: the parts of limits.c.
 *
 * Each takes what it needs from memory, so that the measured part holds
 * nothing but the work itself.
 */
#ifndef NIGHTJAR_BENCH_LIMITS_H
#define NIGHTJAR_BENCH_LIMITS_H

#include "buf.h"
#include "error.h"

enum { LIMITS_SIZE = 256 << 20 }; /* most bytes of anything that is read */

/* One request, ready to be sent, and the body of its answer. */
struct exchange {
  struct buf request;
  struct buf answer;
};

/*
 * Sends `count` requests over `connections` connections to a numeric address,
 * each kept open, each carrying one request at a time. Connections are made
 * before `measured()` is called, which starts the clock. Only HTTP/1.1 with
 * Content-Length and status 200 is understood: it is all that the bench's
 * endpoint speaks.
 */
int limits_requests(struct exchange *exchanges, size_t count,
    const char *address, int port, int connections, void (*measured)(void *),
    void *data, struct error *error);

#endif
