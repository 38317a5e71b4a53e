#include "http_signed.h"

#include "digest.h"

#include <string.h>

size_t http_signed_added(const struct sigv4_signer *signer,
    struct header added[HTTP_SIGNED_ADDED]) {
  size_t count = 0;
  added[count++] = (struct header){
      {"X-Amz-Date", 10}, {signer->date, strlen(signer->date)}};
  if (signer->identity.session_token.size > 0)
    added[count++] = (struct header){
        {"X-Amz-Security-Token", 20}, signer->identity.session_token};
  if (signer->identity.flags & SIGV4_CONTENT_SHA256)
    added[count++] = (struct header){{"X-Amz-Content-Sha256", 20},
        {signer->payload_hash.data, signer->payload_hash.size}};
  added[count++] = (struct header){{"Authorization", 13},
      {signer->authorization.data, signer->authorization.size}};
  return count;
}

static int add(struct buf *lines, const struct header *headers, size_t count,
    struct error *error) {
  for (size_t i = 0; i < count; i++)
    if (http_header_add(lines, headers[i].name.data, headers[i].name.size,
            headers[i].value.data, headers[i].value.size, error) != 0)
      return -1;
  return 0;
}

static int add_signature(struct buf *lines, struct sigv4_signer *signer,
    const struct sigv4_request *signing, struct error *error) {
  struct header added[HTTP_SIGNED_ADDED];
  if (sigv4_sign(signer, signing, error) != 0)
    return -1;
  return add(lines, added, http_signed_added(signer, added), error);
}

int http_start_signed(struct http *http, struct http_request *request,
    struct sigv4_signer *signer, const struct sigv4_request *signing,
    size_t sent, struct buf *lines, uint64_t *id, struct error *error) {
  request->headers = lines;
  buf_clear(lines); /* something may have been raised the last time */
  int result = add(lines, signing->headers, sent, error);
  if (result == 0 && signer != NULL)
    result = add_signature(lines, signer, signing, error);
  if (result == 0)
    result = http_start(http, request, id, error);
  digest_forget(lines->data, lines->size); /* a signature, perhaps a token */
  buf_clear(lines);
  return result;
}
