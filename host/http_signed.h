/*
 * Requests that are signed for AWS at the moment in which they start.
 */
#ifndef NIGHTJAR_HTTP_SIGNED_H
#define NIGHTJAR_HTTP_SIGNED_H

#include "http.h"
#include "sigv4.h"

/* What a signature adds to a request, in the order in which it is sent. */
enum { HTTP_SIGNED_ADDED = 4 };
size_t http_signed_added(
    const struct sigv4_signer *signer, struct header added[HTTP_SIGNED_ADDED]);

/*
 * Starts a request (http_start()) with the first `sent` headers of `signing`
 * and, unless `signer` is NULL, those of its signature. `lines` is the
 * request's list of headers, which is wiped afterwards. Returns -1 and fills
 * `error` as http_header_add(), sigv4_sign() and http_start() do; `id` is
 * what it was then.
 */
int http_start_signed(struct http *http, struct http_request *request,
    struct sigv4_signer *signer, const struct sigv4_request *signing,
    size_t sent, struct buf *lines, uint64_t *id, struct error *error);

#endif
