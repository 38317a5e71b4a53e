#include "transfer.h"

#include "clock.h"
#include "target.h"

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
  transfer->last_byte = clock_monotonic_ns();
  if (buf_add(&transfer->response.body, data, size, &error) == 0)
    return size;
  transfer->too_large = strcmp(error.code, "limit") == 0;
  return 0;
}

static size_t on_header(char *data, size_t one, size_t size, void *context) {
  struct transfer *transfer = context;
  (void)data;
  (void)one;
  transfer->last_byte = clock_monotonic_ns();
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

static int add_header(struct transfer *transfer,
    const struct curl_header *header, struct error *error) {
  struct buf *headers = &transfer->response.headers;
  if (add_lower(headers, header->name, error) != 0)
    return -1;
  for (size_t i = 0; i < header->amount; i++) {
    struct curl_header *same = NULL;
    if (curl_easy_header(transfer->easy, header->name, i, CURLH_HEADER, -1,
            &same) != CURLHE_OK)
      break;
    if ((i > 0 && buf_add_text(headers, ", ", error) != 0) ||
        add_value(headers, same->value, error) != 0)
      return -1;
  }
  return buf_add_byte(headers, '\0', error);
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

void transfer_finish(struct transfer *transfer, CURLcode code) {
  long status = 0;
  struct error error;
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
  } else {
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->response.status = (int)status;
  }
}

bool transfer_is_looking_up(const struct transfer *transfer) {
  curl_off_t took = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &took);
  return transfer->by_name && took == 0;
}

/* ---- what goes out ---- */

static void set_long(struct transfer *transfer, CURLoption option, long to) {
  if (transfer->setup == CURLE_OK)
    transfer->setup = curl_easy_setopt(transfer->easy, option, to);
}

static void set_size(struct transfer *transfer, CURLoption option, size_t to) {
  if (transfer->setup == CURLE_OK)
    transfer->setup = curl_easy_setopt(transfer->easy, option, (curl_off_t)to);
}

static void set_text(
    struct transfer *transfer, CURLoption option, const char *to) {
  if (transfer->setup == CURLE_OK)
    transfer->setup = curl_easy_setopt(transfer->easy, option, to);
}

static void set_pointer(
    struct transfer *transfer, CURLoption option, void *to) {
  if (transfer->setup == CURLE_OK)
    transfer->setup = curl_easy_setopt(transfer->easy, option, to);
}

/* Rounded up. 0 would be "no limit" or libcurl's own default, so at least 1;
   at most a day's milliseconds. */
static long whole(double value) {
  const long most = 86400L * 1000;
  if (!(value < (double)most))
    return most;
  long number = (long)value;
  return number < 1 ? 1 : (double)number < value ? number + 1 : number;
}

static void set_limits(
    struct transfer *transfer, const struct http_request *request) {
  const double day = 86400;
  double stall = request->stall_timeout;
  transfer->stall_ns = (int64_t)((stall < day ? stall : day) * 1e9);
  transfer->last_byte = clock_monotonic_ns();
  set_long(transfer, CURLOPT_CONNECTTIMEOUT_MS,
      whole(request->connect_timeout * 1000));
  set_long(transfer, CURLOPT_TIMEOUT_MS, whole(request->timeout * 1000));
  /* Refuses by Content-Length; on_body() counts what really comes. A limit
     of 0 would mean none. */
  if (request->max_body > 0)
    set_size(transfer, CURLOPT_MAXFILESIZE_LARGE, request->max_body);
}

static void set_rules(struct transfer *transfer, bool local,
    const struct http_request *request) {
  set_text(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
  set_long(transfer, CURLOPT_NOSIGNAL, 1);
  set_long(transfer, CURLOPT_QUICK_EXIT, 1);
  set_long(transfer, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set_long(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  /* A signature covers the path as it is given. */
  set_long(transfer, CURLOPT_PATH_AS_IS, 1);
  if (request->ca_file != NULL) {
    set_text(transfer, CURLOPT_CAINFO, request->ca_file);
    set_text(transfer, CURLOPT_CAPATH, NULL);
  }
  if (request->unix_socket != NULL)
    set_text(transfer, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
  if (local || request->unix_socket != NULL)
    set_text(transfer, CURLOPT_PROXY, ""); /* none, whatever is set outside */
  else if (request->proxy != NULL)
    set_text(transfer, CURLOPT_PROXY, request->proxy);
}

static bool wants_body(const struct http_request *request) {
  const char *method = request->method;
  return request->body != NULL || strcmp(method, "POST") == 0 ||
         strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

/* libcurl has no way to name a method alone: how the request is sent is one
   option, the word that stands in its first line another. */
static void set_method(
    struct transfer *transfer, const struct http_request *request) {
  if (wants_body(request)) {
    const char *body = request->body != NULL ? request->body : "";
    set_size(transfer, CURLOPT_POSTFIELDSIZE_LARGE,
        request->body != NULL ? request->body_size : 0);
    set_text(transfer, CURLOPT_COPYPOSTFIELDS, body);
  } else if (strcmp(request->method, "HEAD") == 0) {
    set_long(transfer, CURLOPT_NOBODY, 1);
  }
  set_text(transfer, CURLOPT_CUSTOMREQUEST, request->method);
}

static int add_line(
    struct transfer *transfer, const char *line, struct error *error) {
  struct curl_slist *list = curl_slist_append(transfer->headers, line);
  if (list == NULL)
    return error_errno(error, "cannot request", transfer->url, ENOMEM);
  transfer->headers = list;
  return 0;
}

static int set_headers(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  bool has_type = false;
  const struct buf *lines = request->headers;
  size_t at = 0;
  while (lines != NULL && at < lines->size) {
    const char *line = lines->data + at;
    has_type = has_type || strncasecmp(line, "content-type:", 13) == 0;
    if (add_line(transfer, line, error) != 0)
      return -1;
    at += strlen(line) + 1;
  }
  /* A name and a colon take away what libcurl would send of its own accord:
     a form's content type, and a wait for "100 Continue". */
  if ((!has_type && add_line(transfer, "Content-Type:", error) != 0) ||
      add_line(transfer, "Expect:", error) != 0)
    return -1;
  set_pointer(transfer, CURLOPT_HTTPHEADER, transfer->headers);
  return 0;
}

static void set_callbacks(struct transfer *transfer) {
  set_pointer(transfer, CURLOPT_PRIVATE, transfer);
  set_pointer(transfer, CURLOPT_ERRORBUFFER, transfer->detail);
  set_pointer(transfer, CURLOPT_WRITEDATA, transfer);
  set_pointer(transfer, CURLOPT_HEADERDATA, transfer);
  if (transfer->setup == CURLE_OK)
    transfer->setup =
        curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
  if (transfer->setup == CURLE_OK)
    transfer->setup =
        curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
}

static int set_up(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  struct target target;
  if (target_check(request->url, &target, error) != 0) {
    snprintf(error->on, sizeof error->on, "%s", transfer->url);
    return -1;
  }
  if (set_headers(transfer, request, error) != 0)
    return -1;
  transfer->by_name = !target.numeric && request->unix_socket == NULL;
  set_text(transfer, CURLOPT_URL, request->url);
  set_method(transfer, request);
  set_rules(transfer, target.local, request);
  set_limits(transfer, request);
  set_callbacks(transfer);
  if (transfer->setup != CURLE_OK)
    return error_set(error,
        transfer->setup == CURLE_OUT_OF_MEMORY ? "ENOMEM" : NULL,
        "cannot request", transfer->url, "%s",
        curl_easy_strerror(transfer->setup));
  return 0;
}

struct transfer *transfer_new(
    const struct http_request *request, CURL *easy, struct error *error) {
  struct transfer *transfer = calloc(1, sizeof *transfer);
  if (transfer == NULL) {
    curl_easy_cleanup(easy);
    error_errno(error, "cannot request", request->url, ENOMEM);
    return NULL;
  }
  strncat(transfer->method, request->method, sizeof transfer->method - 1);
  size_t shown = strcspn(request->url, "?#");
  if (shown >= sizeof transfer->url)
    shown = sizeof transfer->url - 1;
  memcpy(transfer->url, request->url, shown);
  buf_init(&transfer->response.body, request->max_body);
  buf_init(&transfer->response.headers, (size_t)HTTP_HEADERS * 2);
  transfer->easy = easy != NULL ? easy : curl_easy_init();
  if (transfer->easy == NULL)
    error_errno(error, "cannot request", transfer->url, ENOMEM);
  else if (set_up(transfer, request, error) == 0)
    return transfer;
  transfer_free(transfer);
  return NULL;
}

void transfer_free(struct transfer *transfer) {
  if (transfer->easy != NULL)
    curl_easy_cleanup(transfer->easy);
  curl_slist_free_all(transfer->headers);
  buf_release(&transfer->response.body);
  buf_release(&transfer->response.headers);
  free(transfer);
}
