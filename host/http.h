/*
 * HTTP requests on libcurl's multi interface: many at once, none of which
 * ever blocks, connections kept for the next request.
 *
 *   struct http *http = http_new(&error);
 *   struct buf headers;                           "Name: value" NUL ...
 *   http_header_add(&headers, "accept", 6, "text/plain", 10, &error);
 *   struct http_request request = {.method = "GET", .url = url,
 *     .headers = &headers, .connect_timeout = 1, .timeout = 5,
 *     .max_body = 1 << 20};
 *   if (http_start(http, &request, &id, &error) != 0) ...
 *   http_poll(http, fd, milliseconds, &ready, &error);   in a loop
 *   while ((response = http_response(http)) != NULL) {
 *     ... response->status or response->kind ...
 *     http_response_done(http);
 *   }
 *   http_free(http);
 *
 * Each request that was started gives exactly one response, be it that it
 * failed, timed out or was cancelled.
 *
 * Rules for all requests: only http and https; no redirects are followed; TLS
 * certificates and names are verified; HTTP/1.1; no cookies, no .netrc; no
 * "Expect: 100-continue". Hosts of this machine and its link, and sockets,
 * are never asked for through a proxy (see target.h); others are where the
 * environment says so (http_proxy, HTTPS_PROXY, NO_PROXY ..., see
 * libcurl-env(3)).
 *
 * Slow name servers: Debian's libcurl looks names up in threads and waits for
 * a thread when its request is given up, which once blocked for nine seconds.
 * With CURLOPT_QUICK_EXIT it leaves the thread alone instead. Such threads
 * end when the resolver does; http_start() refuses new requests while
 * HTTP_LOST_LOOKUPS of them may be about.
 *
 * Sources: libcurl-multi(3), CURLOPT_QUICK_EXIT(3), curl_multi_poll(3),
 * libcurl-errors(3), libcurl-security(3); RFC 9110, 5.1 and 5.5 for headers.
 */
#ifndef NIGHTJAR_HTTP_H
#define NIGHTJAR_HTTP_H

#include "buf.h"
#include "error.h"
#include "jsonprint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HTTP_TRANSFERS = 256,      /* most under way at once; a setting allows 100 */
  HTTP_MORE_CONNECTIONS = 2, /* kept beyond the most requests at once so far */
  HTTP_LOST_LOOKUPS = 32,    /* most name look-ups left behind at once */
  HTTP_HEADERS = 64 << 10    /* most bytes of a response's headers */
};

struct http;
struct http_response;

struct http_request {
  const char *method; /* "GET" */
  const char *url;
  const struct buf *headers; /* by http_header_add(); NULL: none */
  const char *body;          /* copied; NULL: none */
  size_t body_size;
  double connect_timeout; /* seconds to the end of the TLS handshake */
  double timeout;         /* seconds to the last byte of the body */
  double stall_timeout;   /* seconds without a byte from there; 0: no limit */
  size_t max_body;        /* bytes of the response's body */
  const struct jsonprint *known; /* of a body that says nothing new; or NULL */
  const char *ca_file;     /* PEM; replaces the system's; NULL: the system's */
  const char *proxy;       /* NULL: as above */
  const char *unix_socket; /* connect to this socket instead of the host */
  /* Told of the response before anybody can take it, with `context`; true:
     nobody else is to have it. It must start no request. NULL: none. */
  bool (*reads)(void *context, struct http_response *response);
  void *context;
};

struct http_response {
  uint64_t id;
  uint64_t batch;   /* 0, or set by its reader: see batch.h */
  size_t item;      /* likewise: which of the batch's items, from 0 */
  const char *kind; /* NULL: there is a response. Else what failed:
                       "resolve", "connect", "tls", "timeout", "too_large",
                       "read" (cut, reset, not HTTP), "cancelled" */
  char message[ERROR_TEXT_SIZE]; /* with `kind`: "GET http://h/p: ..." */
  int status;                    /* 200 */
  bool known; /* of status 200, and its body says what the request's `known`
                 does: there are no headers */
  struct buf headers; /* name NUL value NUL ...; names in lower case, each
                         once; values that came apart joined by ", " */
  struct buf body;
};

struct http *http_new(struct error *error);

/* Gives up what is under way. NULL is allowed. */
void http_free(struct http *http);

/*
 * Adds a header to a list. Refuses (code "header") a name that is no token
 * and a value with control characters: they would be other headers.
 */
int http_header_add(struct buf *headers, const char *name, size_t name_size,
    const char *value, size_t value_size, struct error *error);

/*
 * Starts a request. Nothing of `request` is kept. Codes: "url", "limit" (too
 * much under way), "ENOMEM".
 */
int http_start(struct http *http, const struct http_request *request,
    uint64_t *id, struct error *error);

/* Gives a request up; false if it is over (or never was). */
bool http_cancel(struct http *http, uint64_t id);

/*
 * Does what can be done, then waits at most `milliseconds` for the network or
 * for `fd` to become readable (`ready`), whichever comes first, then does what
 * can be done. May return earlier: libcurl has timers of its own.
 */
int http_poll(struct http *http, int fd, int milliseconds, bool *ready,
    struct error *error);

/* The oldest response not yet taken, or NULL; valid until it is done with. */
const struct http_response *http_response(const struct http *http);
void http_response_done(struct http *http);

#endif
