#include "http.h"

#include "authorities.h"
#include "clock.h"
#include "digest.h"
#include "sockets.h"
#include "transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READY = 64, SPARE = 8 };

struct http {
  CURLM *multi;
  struct authorities *authorities; /* or NULL */
  struct sockets sockets;
  int64_t timer_ns; /* when libcurl wants to be called; INT64_MAX: never */
  struct transfer *spare[SPARE]; /* to be used again */
  unsigned spare_count;
  uint64_t last_id;
  bool was_read; /* a reader has had a response since the last poll began */
  uint64_t given_back; /* at which of the sockets' changes memory was */
  int active_count;
  int most_active; /* ever */
  struct transfer *active;
  struct transfer *done; /* oldest first */
  struct transfer **done_end;
  uint64_t performs;
  int64_t lost_at[HTTP_LOST_LOOKUPS]; /* when look-ups were left; a ring */
  unsigned lost_next;
};

/* ---- what libcurl waits for ---- */

/* CURLMOPT_TIMERFUNCTION(3). */
static int on_timer(CURLM *multi, long milliseconds, void *context) {
  struct http *http = context;
  (void)multi;
  http->timer_ns = milliseconds < 0 ? INT64_MAX
                                    : clock_monotonic_ns() +
                                          (int64_t)milliseconds * 1000000;
  return 0;
}

static void set_callbacks(struct http *http) {
  http->timer_ns = INT64_MAX;
  sockets_of_multi(&http->sockets, http->multi);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
}

/* ---- made and unmade ---- */

struct http *http_new(struct error *error) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !digest_usable()) {
    error_errno(error, "cannot use the network", "", ENOMEM);
    return NULL;
  }
  struct http *http = calloc(1, sizeof *http);
  if (http == NULL)
    goto no_memory;
  http->done_end = &http->done;
  if (sockets_open(&http->sockets) != 0) {
    error_errno(error, "cannot use the network", "epoll", errno);
    goto failed;
  }
  http->multi = curl_multi_init();
  if (http->multi == NULL)
    goto no_memory;
  set_callbacks(http);
  http->authorities = authorities_new();
  return http;
no_memory:
  error_errno(error, "cannot use the network", "", ENOMEM);
failed:
  if (http != NULL)
    sockets_close(&http->sockets);
  free(http);
  curl_global_cleanup();
  return NULL;
}

void http_free(struct http *http) {
  if (http == NULL)
    return;
  while (http->active != NULL)
    http_cancel(http, http->active->response.id);
  while (http->done != NULL)
    http_response_done(http);
  while (http->spare_count > 0)
    transfer_free(http->spare[--http->spare_count]);
  curl_multi_cleanup(http->multi);
  authorities_free(http->authorities);
  sockets_close(&http->sockets);
  free(http);
  curl_global_cleanup();
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

/* A spare transfer that is set up for the request, or else any; NULL: none. */
static struct transfer *take_spare(
    struct http *http, const struct http_request *request) {
  if (http->spare_count == 0)
    return NULL;
  unsigned last = http->spare_count - 1;
  unsigned at = last;
  while (at > 0 && !transfer_fits(http->spare[at], request))
    at--;
  struct transfer *spare = http->spare[at];
  http->spare[at] = http->spare[last];
  http->spare_count--;
  return spare;
}

/* As many connections stay as were ever in use at once, and two more, for
   what is asked beside. AWS has two hosts for most services, one of them asked
   seldom: a connection with TLS takes 27 KiB. */
static void count_in(struct http *http, struct transfer *transfer) {
  transfer->next = http->active;
  http->active = transfer;
  http->active_count++;
  if (http->active_count <= http->most_active)
    return;
  http->most_active = http->active_count;
  curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS,
      (long)http->most_active + HTTP_MORE_CONNECTIONS);
}

int http_start(struct http *http, const struct http_request *request,
    uint64_t *id, struct error *error) {
  if (http->active_count >= HTTP_TRANSFERS)
    return error_set(error, "limit", "cannot request", request->url,
        "%d requests are under way", HTTP_TRANSFERS);
  if (too_many_lookups(http))
    return error_set(error, "limit", "cannot request", request->url,
        "%d name look-ups are still unanswered", HTTP_LOST_LOOKUPS);
  struct transfer *transfer = transfer_new(
      request, take_spare(http, request), http->authorities, error);
  if (transfer == NULL)
    return -1;
  sockets_of_easy(&http->sockets, transfer->easy);
  CURLMcode code = curl_multi_add_handle(http->multi, transfer->easy);
  if (code != CURLM_OK) {
    transfer_free(transfer);
    return fail_multi(code, error);
  }
  http->last_id++;
  transfer->response.id = *id = http->last_id;
  transfer->begins = http->performs + 1;
  count_in(http, transfer);
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

/* A handshake takes 60 KiB for a while, and several go on at once; what lives
   longer lies between, so that free() alone gives nothing back. Where
   connections do not last until the next pass that would be an eighth of what
   an agent has, for good. Nor do those that have ended leave in order. */
static void give_back(struct http *http) {
  if (http->given_back == http->sockets.changes || http->active_count > 0 ||
      http->done != NULL)
    return;
  http->given_back = http->sockets.changes;
  malloc_trim(0);
}

/* Keeps a transfer that nobody has a use for any more. */
static void put_away(struct http *http, struct transfer *transfer) {
  if (http->spare_count == SPARE) {
    transfer_free(transfer);
  } else {
    transfer_rest(transfer); /* with it goes what was secret */
    http->spare[http->spare_count++] = transfer;
  }
  give_back(http);
}

/* One that is over: to its reader, and then to whoever asks. */
static void hand_out(struct http *http, struct transfer *transfer) {
  if (transfer->reads != NULL &&
      transfer->reads(transfer->context, &transfer->response)) {
    http->was_read = true;
    put_away(http, transfer);
    return;
  }
  transfer->next = NULL;
  *http->done_end = transfer;
  http->done_end = &transfer->next;
}

static void give_up(struct http *http, struct transfer *transfer,
    const char *kind, const char *why) {
  note_lookup(http, transfer);
  detach(http, transfer);
  transfer_fail(transfer, kind, why);
  hand_out(http, transfer);
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
    hand_out(http, transfer);
  }
}

/* libcurl's own measure (CURLOPT_LOW_SPEED_TIME) is a mean of five seconds
   and notices a standstill that much later. */
static void end_stalled(struct http *http) {
  int64_t now = clock_monotonic_ns();
  struct transfer *next = NULL;
  for (struct transfer *t = http->active; t != NULL; t = next) {
    next = t->next;
    if (t->heard)
      t->last_byte = now;
    t->heard = false;
    if (t->stall_ns > 0 && now - t->last_byte >= t->stall_ns)
      give_up(http, t, "timeout", "stalled: no byte came in the time allowed");
  }
}

/* The sockets that are ready, and then the timer, by which new transfers
   begin too. */
static CURLMcode act(struct http *http) {
  struct epoll_event ready[READY];
  int running;
  CURLMcode code = CURLM_OK;
  int count = epoll_wait(http->sockets.epoll_fd, ready, READY, 0);
  for (int i = 0; i < count && code == CURLM_OK; i++) {
    if (!sockets_is_wanted(&http->sockets, ready[i].data.fd))
      continue;
    int what = (ready[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
               (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (ready[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    code = curl_multi_socket_action(
        http->multi, ready[i].data.fd, what, &running);
  }
  if (code == CURLM_OK && clock_monotonic_ns() >= http->timer_ns) {
    http->timer_ns = INT64_MAX;
    http->performs++;
    code = curl_multi_socket_action(
        http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  return code;
}

/* libcurl starts its resolver threads in here; they inherit the mask, and no
   signal must ever be delivered to one of them instead of to us. */
static int perform(struct http *http, struct error *error) {
  sigset_t all, before;
  if (http->active_count == 0)
    return 0;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  CURLMcode code = act(http);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != CURLM_OK)
    return fail_multi(code, error);
  collect(http);
  end_stalled(http);
  return 0;
}

/* Until libcurl's timer; at most `milliseconds`. Rounded up: waking before it
   would mean waiting once more. */
static int until_timer(const struct http *http, int milliseconds) {
  if (http->active_count == 0 || http->timer_ns == INT64_MAX)
    return milliseconds;
  int64_t left = http->timer_ns - clock_monotonic_ns();
  int64_t left_ms = left > 0 ? (left + 999999) / 1000000 : 0;
  return left_ms < milliseconds ? (int)left_ms : milliseconds;
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
  struct pollfd wait[] = {{.fd = fd, .events = POLLIN},
      {.fd = http->sockets.epoll_fd, .events = POLLIN}};
  http->was_read = false;
  if (perform(http, error) != 0)
    return -1;
  if (http->done != NULL || http->was_read) /* who reads may have more to do */
    milliseconds = 0;
  milliseconds = until_timer(http, until_stall(http, milliseconds));
  if (poll(wait, http->active_count > 0 ? 2 : 1, milliseconds) < 0 &&
      errno != EINTR)
    return error_errno(error, "cannot wait", "poll", errno);
  *ready = wait[0].revents != 0;
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
  put_away(http, transfer);
}
