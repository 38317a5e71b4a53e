/* What goes out: a handle of libcurl set up for a request (transfer.h). */
#include "transfer.h"

#include "clock.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
  double *set = transfer->limits_set;
  transfer->stall_ns = (int64_t)((stall < day ? stall : day) * 1e9);
  transfer->last_byte = clock_monotonic_ns();
  transfer->heard = false;
  if (set[0] != request->connect_timeout)
    set_long(transfer, CURLOPT_CONNECTTIMEOUT_MS,
        whole(request->connect_timeout * 1000));
  if (set[1] != request->timeout)
    set_long(transfer, CURLOPT_TIMEOUT_MS, whole(request->timeout * 1000));
  set[0] = request->connect_timeout;
  set[1] = request->timeout;
  /* Refuses by Content-Length; on_body() counts what really comes. 0 means
     none to libcurl. */
  if (transfer->max_body_set != request->max_body)
    set_size(transfer, CURLOPT_MAXFILESIZE_LARGE, request->max_body);
  transfer->max_body_set = request->max_body;
}

/* CURLOPT_SSL_CTX_FUNCTION(3). */
static CURLcode on_context(CURL *easy, void *context, void *authorities) {
  (void)easy;
  return authorities_give(authorities, context) ? CURLE_OK
                                                : CURLE_OUT_OF_MEMORY;
}

/* Whose certificates are trusted. */
static void set_trust(
    struct transfer *transfer, const struct http_request *request) {
  char *usual = NULL; /* libcurl's own; static */
  const char *file = request->ca_file;
  if (strncasecmp(request->url, "https:", 6) != 0)
    return;
  if (file != NULL)
    set_text(transfer, CURLOPT_CAPATH, NULL);
  else if (curl_easy_getinfo(transfer->easy, CURLINFO_CAINFO, &usual) ==
           CURLE_OK)
    file = usual;
  if (!authorities_of(transfer->authorities, file)) {
    if (request->ca_file != NULL)
      set_text(transfer, CURLOPT_CAINFO, request->ca_file);
    return;
  }
  set_text(transfer, CURLOPT_CAINFO, NULL);
  set_long(transfer, CURLOPT_CA_CACHE_TIMEOUT, 0); /* of what it reads */
  set_pointer(transfer, CURLOPT_SSL_CTX_DATA, transfer->authorities);
  if (transfer->setup == CURLE_OK)
    transfer->setup =
        curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}

/* What is the same for all requests that the handle is set up for. */
static void set_rules(struct transfer *transfer, bool local,
    const struct http_request *request) {
  set_text(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
  set_long(transfer, CURLOPT_NOSIGNAL, 1);
  set_long(transfer, CURLOPT_QUICK_EXIT, 1);
  set_long(transfer, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set_long(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  set_trust(transfer, request);
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
  if (!wants_body(request) && strcmp(request->method, "HEAD") == 0)
    set_long(transfer, CURLOPT_NOBODY, 1);
  set_text(transfer, CURLOPT_CUSTOMREQUEST, request->method);
}

static int set_body(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  if (!wants_body(request))
    return 0;
  transfer->body.limit = request->body_size;
  if (request->body != NULL &&
      buf_add(&transfer->body, request->body, request->body_size, error) != 0)
    return -1;
  set_size(transfer, CURLOPT_POSTFIELDSIZE_LARGE, transfer->body.size);
  set_pointer(transfer, CURLOPT_POSTFIELDS, transfer->body.data);
  return 0;
}

static int no_memory(const struct transfer *transfer, struct error *error) {
  return error_errno(error, "cannot request", transfer->url, ENOMEM);
}

static size_t count_lines(const struct buf *lines) {
  size_t count = 0;
  const char *at = lines->data;
  const char *end = at + lines->size;
  for (; at < end; at += strlen(at) + 1)
    count++;
  return count;
}

/* Room for `count` entries. */
static int grow_list(
    struct transfer *transfer, size_t count, struct error *error) {
  if (count <= transfer->list_room)
    return 0;
  struct curl_slist *list =
      realloc(transfer->list, count * sizeof transfer->list[0]);
  if (list == NULL)
    return no_memory(transfer, error);
  transfer->list = list;
  transfer->list_room = count;
  return 0;
}

/* A name and a colon take away what libcurl would send of its own accord: that
   any type is accepted, a form's content type, and a wait for "100 Continue",
   which it has for large bodies alone: above 1 MiB by now, above 1 KiB in
   older releases. */
static char no_accept[] = "Accept:";
static char no_type[] = "Content-Type:";
static char no_wait[] = "Expect:";
enum { LARGE = 1024 }; /* bytes */

/* libcurl reads the list while the request goes out, and changes nothing in
   it: CURLOPT_HTTPHEADER(3). */
static int set_headers(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  bool has_type = false;
  struct buf *lines = &transfer->lines;
  lines->limit = request->headers != NULL ? request->headers->size : 0;
  if (request->headers != NULL &&
      buf_add(lines, request->headers->data, lines->limit, error) != 0)
    return -1;
  if (grow_list(transfer, count_lines(lines) + 3, error) != 0)
    return -1;
  struct curl_slist *next = transfer->list;
  for (char *at = lines->data; at < lines->data + lines->size;
       at += strlen(at) + 1) {
    has_type = has_type || strncasecmp(at, "content-type:", 13) == 0;
    *next = (struct curl_slist){at, next + 1};
    next++;
  }
  if (wants_body(request) && !has_type) {
    *next = (struct curl_slist){no_type, next + 1};
    next++;
  }
  if (request->body_size >= LARGE) {
    *next = (struct curl_slist){no_wait, next + 1};
    next++;
  }
  *next = (struct curl_slist){no_accept, NULL};
  set_pointer(transfer, CURLOPT_HTTPHEADER, transfer->list);
  return 0;
}

/* ---- what a handle is set up for ---- */

enum { PARTS = 6 };

static void parts_of(
    const struct http_request *request, const char *parts[PARTS]) {
  parts[0] = request->method;
  parts[1] = request->url;
  parts[2] = request->ca_file;
  parts[3] = request->proxy;
  parts[4] = request->unix_socket;
  parts[5] = wants_body(request) ? "" : NULL;
}

/* "+" and the text for each part, "-" for one that is not there. */
static int note_parts(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  const char *parts[PARTS];
  parts_of(request, parts);
  for (size_t i = 0; i < PARTS; i++)
    if (buf_add_byte(&transfer->made_for, parts[i] ? '+' : '-', error) != 0 ||
        (parts[i] &&
            buf_add_text(&transfer->made_for, parts[i], error) != 0) ||
        buf_add_byte(&transfer->made_for, '\0', error) != 0)
      return -1;
  return 0;
}

bool transfer_fits(
    const struct transfer *transfer, const struct http_request *request) {
  const char *parts[PARTS];
  const char *at = transfer->made_for.data;
  if (transfer->made_for.size == 0)
    return false;
  parts_of(request, parts);
  for (size_t i = 0; i < PARTS; i++) {
    if (*at != (parts[i] ? '+' : '-') ||
        strcmp(at + 1, parts[i] ? parts[i] : "") != 0)
      return false;
    at += strlen(at) + 1;
  }
  return true;
}

static int set_up_handle(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  struct target target;
  CURLU *parts = target_parse(request->url, &target, error);
  if (parts == NULL) {
    snprintf(error->on, sizeof error->on, "%s", transfer->url);
    return -1;
  }
  buf_clear(&transfer->made_for);
  transfer->uses = 0;
  curl_easy_reset(transfer->easy);
  curl_url_cleanup(transfer->parts); /* libcurl has let go of it */
  transfer->parts = parts;
  transfer->limits_set[0] = transfer->limits_set[1] = -1;
  transfer->max_body_set = 0; /* as it is with libcurl */
  transfer->by_name = !target.numeric && request->unix_socket == NULL;
  /* Of a URL alone libcurl would find the parts anew for each request. */
  set_pointer(transfer, CURLOPT_CURLU, parts);
  set_method(transfer, request);
  set_rules(transfer, target.local, request);
  transfer_set_callbacks(transfer);
  return 0;
}

int transfer_set_up(struct transfer *transfer,
    const struct http_request *request, struct error *error) {
  bool fits = transfer_fits(transfer, request);
  if ((!fits && set_up_handle(transfer, request, error) != 0) ||
      set_headers(transfer, request, error) != 0 ||
      set_body(transfer, request, error) != 0)
    return -1;
  set_limits(transfer, request);
  if (transfer->setup != CURLE_OK)
    return error_set(error,
        transfer->setup == CURLE_OUT_OF_MEMORY ? "ENOMEM" : NULL,
        "cannot request", transfer->url, "%s",
        curl_easy_strerror(transfer->setup));
  return fits ? 0 : note_parts(transfer, request, error);
}
