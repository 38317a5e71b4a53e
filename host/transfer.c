#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- what comes in ---- */

/* `one` is always 1, and returning less than `size` ends the transfer:
   CURLOPT_WRITEFUNCTION(3), CURLOPT_HEADERFUNCTION(3). */
static size_t on_body(char *data, size_t one, size_t size, void *context) {
  struct transfer *transfer = context;
  struct error error;
  (void)one;
  transfer->heard = true;
  if (buf_add(&transfer->response.body, data, size, &error) == 0)
    return size;
  transfer->too_large = strcmp(error.code, "limit") == 0;
  return 0;
}

static size_t on_header(char *data, size_t one, size_t size, void *context) {
  struct transfer *transfer = context;
  (void)data;
  (void)one;
  transfer->heard = true;
  transfer->header_bytes += size;
  if (transfer->header_bytes <= HTTP_HEADERS)
    return size;
  transfer->too_large = true;
  return 0;
}

static int add_lower(struct buf *buf, const char *text, struct error *error) {
  size_t from = buf->size;
  if (buf_add(buf, text, strlen(text) + 1, error) != 0)
    return -1;
  for (char *at = buf->data + from; *at != '\0'; at++)
    if (*at >= 'A' && *at <= 'Z')
      *at = (char)(*at - 'A' + 'a');
  return 0;
}

static int add_value(
    struct buf *headers, const char *value, struct error *error) {
  /* libcurl 7.88 leaves the line's end in a value that is empty. */
  size_t size = strlen(value);
  while (size > 0 && strchr(" \t\r\n", value[size - 1]) != NULL)
    size--;
  return buf_add(headers, value, size, error);
}

static int add_values(struct transfer *transfer,
    const struct curl_header *header, struct error *error) {
  struct buf *headers = &transfer->response.headers;
  if (header->amount == 1)
    return add_value(headers, header->value, error);
  for (size_t i = 0; i < header->amount; i++) {
    struct curl_header *same = NULL;
    if (curl_easy_header(transfer->easy, header->name, i, CURLH_HEADER, -1,
            &same) != CURLHE_OK)
      break;
    if ((i > 0 && buf_add_text(headers, ", ", error) != 0) ||
        add_value(headers, same->value, error) != 0)
      return -1;
  }
  return 0;
}

static int add_header(struct transfer *transfer,
    const struct curl_header *header, struct error *error) {
  struct buf *headers = &transfer->response.headers;
  return add_lower(headers, header->name, error) != 0 ||
                 add_values(transfer, header, error) != 0
             ? -1
             : buf_add_byte(headers, '\0', error);
}

/* libcurl keeps the last response's headers, one entry for each line; those
   of one name are numbered from 0. */
static int keep_headers(struct transfer *transfer, struct error *error) {
  const struct curl_header *next =
      curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, NULL);
  while (next != NULL) {
    /* libcurl may reuse the struct at its next call. */
    struct curl_header header = *next;
    if (header.index == 0 && add_header(transfer, &header, error) != 0)
      return -1;
    next = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, &header);
  }
  return 0;
}

void transfer_set_callbacks(struct transfer *transfer) {
  CURL *easy = transfer->easy;
  const CURLcode codes[] = {
      curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer),
      curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail),
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer),
      curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer),
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body),
      curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header),
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (transfer->setup == CURLE_OK)
      transfer->setup = codes[i];
}

/* ---- what it was ---- */

static const char *kind_of(const struct transfer *transfer, CURLcode code) {
  long connect_status = 0;
  if (transfer->too_large)
    return "too_large";
  curl_easy_getinfo(
      transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
  if (connect_status >= 300) /* a proxy's refusal; libcurl says "receive" */
    return "connect";
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
    return "resolve";
  case CURLE_COULDNT_CONNECT:
  case CURLE_PROXY:
    return "connect";
  case CURLE_OPERATION_TIMEDOUT:
    return "timeout";
  case CURLE_FILESIZE_EXCEEDED:
    return "too_large";
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_ENGINE_NOTFOUND:
  case CURLE_SSL_ENGINE_SETFAILED:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_ENGINE_INITFAILED:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_SHUTDOWN_FAILED:
  case CURLE_SSL_CRL_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
    return "tls";
  default:
    return "read";
  }
}

void transfer_fail(
    struct transfer *transfer, const char *kind, const char *why) {
  struct http_response *response = &transfer->response;
  struct error error;
  buf_release(&response->body);
  buf_release(&response->headers);
  error_set(&error, NULL, transfer->method, transfer->url, "%s", why);
  error_text(&error, response->message, sizeof response->message);
  response->kind = kind;
}

/* Whether the body says, for certain, what is known. */
static bool is_known(const struct transfer *transfer) {
  const struct buf *body = &transfer->response.body;
  struct jsonprint print;
  return transfer->has_known && transfer->response.status == 200 &&
         jsonprint_plain(body->data, body->size, &print) &&
         jsonprint_equal(print, transfer->known);
}

void transfer_finish(struct transfer *transfer, CURLcode code) {
  struct http_response *response = &transfer->response;
  long status = 0;
  struct error error;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  response->status = (int)status;
  response->known = code == CURLE_OK && is_known(transfer);
  if (response->known)
    return; /* nobody will look at its headers */
  if (code == CURLE_OK && keep_headers(transfer, &error) != 0) {
    transfer_fail(transfer, "too_large", error.why);
  } else if (code != CURLE_OK) {
    const char *why =
        transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
    if (transfer->too_large)
      why = transfer->header_bytes > HTTP_HEADERS
                ? "the response's headers are longer than allowed"
                : "the response's body is longer than allowed";
    transfer_fail(transfer, kind_of(transfer, code), why);
  }
}

bool transfer_is_looking_up(const struct transfer *transfer) {
  curl_off_t took = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &took);
  return transfer->by_name && took == 0;
}

/* ---- made, used again, unmade ---- */

static struct transfer *make(struct error *error, const char *url) {
  struct transfer *transfer = calloc(1, sizeof *transfer);
  CURL *easy = transfer != NULL ? curl_easy_init() : NULL;
  if (easy == NULL) {
    free(transfer);
    error_errno(error, "cannot request", url, ENOMEM);
    return NULL;
  }
  transfer->easy = easy;
  buf_init(&transfer->made_for, SIZE_MAX);
  buf_init(&transfer->lines, 0);
  buf_init(&transfer->body, 0);
  buf_init(&transfer->response.headers, (size_t)HTTP_HEADERS * 2);
  buf_init(&transfer->response.body, 0);
  return transfer;
}

struct transfer *transfer_new(const struct http_request *request,
    struct transfer *spare, struct authorities *authorities,
    struct error *error) {
  size_t shown = strcspn(request->url, "?#");
  if (shown >= sizeof spare->url)
    shown = sizeof spare->url - 1;
  struct transfer *transfer = spare;
  if (transfer == NULL) {
    char url[sizeof spare->url] = "";
    memcpy(url, request->url, shown);
    transfer = make(error, url);
    if (transfer == NULL)
      return NULL;
  }
  transfer->authorities = authorities;
  transfer->method[0] = '\0';
  strncat(transfer->method, request->method, sizeof transfer->method - 1);
  memcpy(transfer->url, request->url, shown);
  transfer->url[shown] = '\0';
  transfer->response.body.limit = request->max_body;
  transfer->reads = request->reads;
  transfer->context = request->context;
  transfer->has_known = request->known != NULL;
  if (request->known != NULL)
    transfer->known = *request->known;
  if (transfer_set_up(transfer, request, error) == 0)
    return transfer;
  transfer_free(transfer);
  return NULL;
}

/* Memory that a spare transfer may keep for each of its texts; most of Cloud
   Map's answers fit. */
enum { KEPT = 2048 };

static void forget(struct buf *buf) {
  if (buf->room != 0)
    explicit_bzero(buf->data, buf->size);
  if (buf->room > KEPT)
    buf_release(buf);
  else
    buf_clear(buf);
}

/*
 * libcurl 7.88 counts how often it has begun again, after a kept connection
 * turned out to be closed, over a handle's life: after five times it does not
 * any more. Only curl_easy_reset() sets the count back. It ends with a new
 * connection nearly always; what it does not show is bounded by the uses.
 */
static bool is_worn(const struct transfer *transfer) {
  enum { MOST_USES = 50 };
  long connects = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
  return connects > 0 || transfer->uses >= MOST_USES;
}

void transfer_rest(struct transfer *transfer) {
  struct http_response *response = &transfer->response;
  transfer->uses++;
  if (is_worn(transfer))
    buf_clear(&transfer->made_for);
  curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
  forget(&transfer->lines);
  forget(&transfer->body);
  forget(&response->headers);
  forget(&response->body);
  response->kind = NULL;
  response->message[0] = '\0';
  response->status = 0;
  response->known = false;
  response->batch = 0;
  transfer->next = NULL;
  transfer->setup = CURLE_OK;
  transfer->header_bytes = 0;
  transfer->too_large = false;
  transfer->detail[0] = '\0';
}

void transfer_free(struct transfer *transfer) {
  curl_easy_cleanup(transfer->easy);
  curl_url_cleanup(transfer->parts);
  free(transfer->list);
  buf_release(&transfer->made_for);
  buf_release(&transfer->lines);
  buf_release(&transfer->body);
  buf_release(&transfer->response.body);
  buf_release(&transfer->response.headers);
  free(transfer);
}
