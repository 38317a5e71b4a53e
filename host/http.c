#include "http.h"

#include "clock.h"
#include "token.h"
#include "transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct http {
  CURLM *multi;
  uint64_t last_id;
  int active_count;
  struct transfer *active;
  struct transfer *done; /* oldest first */
  struct transfer **done_end;
  uint64_t performs;
  int64_t lost_at[HTTP_LOST_LOOKUPS]; /* when look-ups were left; a ring */
  unsigned lost_next;
};

struct http *http_new(struct error *error) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    error_set(error, NULL, "cannot use the network", "", "libcurl refuses");
    return NULL;
  }
  struct http *http = calloc(1, sizeof *http);
  if (http == NULL)
    goto no_memory;
  http->done_end = &http->done;
  http->multi = curl_multi_init();
  if (http->multi == NULL)
    goto no_memory;
  curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_CONNECTIONS);
  return http;
no_memory:
  free(http);
  curl_global_cleanup();
  error_errno(error, "cannot use the network", "", ENOMEM);
  return NULL;
}

void http_free(struct http *http) {
  if (http == NULL)
    return;
  while (http->active != NULL)
    http_cancel(http, http->active->response.id);
  while (http->done != NULL)
    http_response_done(http);
  curl_multi_cleanup(http->multi);
  free(http);
  curl_global_cleanup();
}

static bool has_controls(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < ' ' && c != '\t') || c == 0x7f)
      return true;
  }
  return false;
}

int http_header_add(struct buf *headers, const char *name, size_t name_size,
    const char *value, size_t value_size, struct error *error) {
  if (!token_check(name, name_size))
    return error_set(error, "header", "cannot send header", name,
        "a name consists of letters, digits and !#$%%&'*+-.^_`|~");
  if (has_controls(value, value_size))
    return error_set(error, "header", "cannot send header", name,
        "there is a control character in its value");
  /* libcurl's way to send a header without a value: CURLOPT_HTTPHEADER(3). */
  const char *between = strspn(value, " \t") == value_size ? ";" : ": ";
  if (*between == ';')
    value_size = 0;
  if (buf_add(headers, name, name_size, error) != 0 ||
      buf_add_text(headers, between, error) != 0 ||
      buf_add(headers, value, value_size, error) != 0)
    return -1;
  return buf_add_byte(headers, '\0', error);
}

/* ---- under way ---- */

/* Notes that a transfer that is given up leaves its look-up behind. */
static void note_lookup(struct http *http, const struct transfer *transfer) {
  if (transfer->begins > http->performs || !transfer_is_looking_up(transfer))
    return;
  http->lost_at[http->lost_next % HTTP_LOST_LOOKUPS] = clock_monotonic_ns();
  http->lost_next++;
}

/* The oldest of the last HTTP_LOST_LOOKUPS decides. resolv.conf(5): 5 s a
   try, 2 tries, at most 3 servers; after that the thread has ended. */
static bool too_many_lookups(const struct http *http) {
  const int64_t life = INT64_C(30) * 1000000000;
  return http->lost_next >= HTTP_LOST_LOOKUPS &&
         clock_monotonic_ns() -
                 http->lost_at[http->lost_next % HTTP_LOST_LOOKUPS] <
             life;
}

static int fail_multi(CURLMcode code, struct error *error) {
  return error_set(error, code == CURLM_OUT_OF_MEMORY ? "ENOMEM" : NULL,
      "cannot use the network", "", "%s", curl_multi_strerror(code));
}

int http_start(struct http *http, const struct http_request *request,
    uint64_t *id, struct error *error) {
  if (http->active_count >= HTTP_TRANSFERS)
    return error_set(error, "limit", "cannot request", request->url,
        "%d requests are under way", HTTP_TRANSFERS);
  if (too_many_lookups(http))
    return error_set(error, "limit", "cannot request", request->url,
        "%d name look-ups are still unanswered", HTTP_LOST_LOOKUPS);
  struct transfer *transfer = transfer_new(request, error);
  if (transfer == NULL)
    return -1;
  CURLMcode code = curl_multi_add_handle(http->multi, transfer->easy);
  if (code != CURLM_OK) {
    transfer_free(transfer);
    return fail_multi(code, error);
  }
  http->last_id++;
  transfer->response.id = *id = http->last_id;
  transfer->begins = http->performs + 1;
  transfer->next = http->active;
  http->active = transfer;
  http->active_count++;
  return 0;
}

/* Takes a transfer from the active ones; libcurl lets go of it. */
static void detach(struct http *http, struct transfer *transfer) {
  struct transfer **at = &http->active;
  while (*at != transfer)
    at = &(*at)->next;
  *at = transfer->next;
  http->active_count--;
  curl_multi_remove_handle(http->multi, transfer->easy);
}

static void append_done(struct http *http, struct transfer *transfer) {
  transfer->next = NULL;
  *http->done_end = transfer;
  http->done_end = &transfer->next;
}

static void give_up(struct http *http, struct transfer *transfer,
    const char *kind, const char *why) {
  note_lookup(http, transfer);
  detach(http, transfer);
  transfer_fail(transfer, kind, why);
  append_done(http, transfer);
}

bool http_cancel(struct http *http, uint64_t id) {
  struct transfer *transfer = http->active;
  while (transfer != NULL && transfer->response.id != id)
    transfer = transfer->next;
  if (transfer == NULL)
    return false;
  give_up(http, transfer, "cancelled", "the request was cancelled");
  return true;
}

static void collect(struct http *http) {
  int left;
  for (;;) {
    CURLMsg *message = curl_multi_info_read(http->multi, &left);
    if (message == NULL)
      return;
    if (message->msg != CURLMSG_DONE)
      continue;
    /* The message is gone with the handle. */
    CURLcode code = message->data.result;
    struct transfer *transfer = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    if (code == CURLE_OPERATION_TIMEDOUT)
      note_lookup(http, transfer);
    transfer_finish(transfer, code);
    detach(http, transfer);
    append_done(http, transfer);
  }
}

/* libcurl's own measure (CURLOPT_LOW_SPEED_TIME) is a mean of five seconds
   and notices a standstill that much later. */
static void end_stalled(struct http *http) {
  int64_t now = clock_monotonic_ns();
  struct transfer *next = NULL;
  for (struct transfer *t = http->active; t != NULL; t = next) {
    next = t->next;
    if (t->stall_ns > 0 && now - t->last_byte >= t->stall_ns)
      give_up(http, t, "timeout", "stalled: no byte came in the time allowed");
  }
}

/* libcurl starts its resolver threads in here; they inherit the mask, and no
   signal must ever be delivered to one of them instead of to us. */
static int perform(struct http *http, struct error *error) {
  sigset_t all, before;
  int running;
  if (http->active_count == 0)
    return 0;
  http->performs++;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  CURLMcode code = curl_multi_perform(http->multi, &running);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != CURLM_OK)
    return fail_multi(code, error);
  collect(http);
  end_stalled(http);
  return 0;
}

/* Until the first transfer will have stalled; at most `milliseconds`. */
static int until_stall(const struct http *http, int milliseconds) {
  int64_t now = clock_monotonic_ns();
  const struct transfer *transfer = http->active;
  for (; transfer != NULL; transfer = transfer->next) {
    if (transfer->stall_ns == 0)
      continue;
    int64_t left = transfer->last_byte + transfer->stall_ns - now;
    int64_t left_ms = left > 0 ? left / 1000000 + 1 : 0;
    if (left_ms < milliseconds)
      milliseconds = (int)left_ms;
  }
  return milliseconds;
}

int http_poll(struct http *http, int fd, int milliseconds, bool *ready,
    struct error *error) {
  struct curl_waitfd wait = {.fd = fd, .events = CURL_WAIT_POLLIN};
  if (perform(http, error) != 0)
    return -1;
  if (http->done != NULL)
    milliseconds = 0;
  milliseconds = until_stall(http, milliseconds);
  CURLMcode code = curl_multi_poll(http->multi, &wait, 1, milliseconds, NULL);
  if (code != CURLM_OK)
    return fail_multi(code, error);
  *ready = wait.revents != 0;
  return perform(http, error);
}

/* ---- over ---- */

const struct http_response *http_response(const struct http *http) {
  return http->done != NULL ? &http->done->response : NULL;
}

void http_response_done(struct http *http) {
  struct transfer *transfer = http->done;
  http->done = transfer->next;
  if (http->done == NULL)
    http->done_end = &http->done;
  transfer_free(transfer);
}
