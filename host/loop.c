#include "loop.h"

#include "children.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY = 64 }; /* pipes served in one go */

struct loop {
  struct http *http;
  struct batches batches;
  struct watcher watcher;
  int epoll_fd; /* signal_fd, the watcher, and the children's pipes */
  int signal_fd;
  sigset_t signals;     /* what signal_fd reads */
  sigset_t mask_before; /* to be restored */
  unsigned came[NSIG];  /* signals not yet told, by number */
  struct children children;
  struct server *server; /* NULL: there is none */
};

/* ---- made and unmade ---- */

static int fail(struct error *error, const char *on) {
  return error_errno(error, "cannot make an event loop", on, errno);
}

/* An "ignore" of SIGCHLD is inherited through exec and makes the kernel throw
   exit statuses away (wait(2), notes). */
static int expect_children(struct error *error) {
  struct sigaction normal;
  memset(&normal, 0, sizeof normal);
  normal.sa_handler = SIG_DFL;
  if (sigaction(SIGCHLD, &normal, NULL) != 0)
    return fail(error, "SIGCHLD");
  return 0;
}

static int open_signals(struct loop *loop, struct error *error) {
  sigemptyset(&loop->signals);
  sigaddset(&loop->signals, SIGCHLD);
  if (pthread_sigmask(SIG_BLOCK, &loop->signals, &loop->mask_before) != 0)
    return fail(error, "signal mask");
  loop->signal_fd = signalfd(-1, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (loop->signal_fd < 0)
    return fail(error, "signalfd");
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}};
  if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->signal_fd, &event) != 0)
    return fail(error, "signalfd");
  return 0;
}

struct loop *loop_new(struct error *error) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) {
    error_errno(error, "cannot make an event loop", "", ENOMEM);
    return NULL;
  }
  loop->signal_fd = -1;
  watcher_init(&loop->watcher);
  pthread_sigmask(SIG_BLOCK, NULL, &loop->mask_before);
  loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (loop->epoll_fd < 0) {
    fail(error, "epoll");
    goto failed;
  }
  if (expect_children(error) != 0 || open_signals(loop, error) != 0)
    goto failed;
  loop->batches.http = loop->http = http_new(error);
  if (loop->http != NULL)
    return loop;
failed:
  loop_free(loop);
  return NULL;
}

void loop_free(struct loop *loop) {
  if (loop == NULL)
    return;
  children_release(&loop->children);
  batches_release(&loop->batches);
  http_free(loop->http);
  server_free(loop->server);
  watcher_release(&loop->watcher);
  if (loop->signal_fd >= 0)
    close(loop->signal_fd);
  if (loop->epoll_fd >= 0)
    close(loop->epoll_fd);
  pthread_sigmask(SIG_SETMASK, &loop->mask_before, NULL);
  free(loop);
}

struct http *loop_http(struct loop *loop) {
  return loop->http;
}

struct batches *loop_batches(struct loop *loop) {
  return &loop->batches;
}

int loop_signals(
    struct loop *loop, const int *numbers, size_t count, struct error *error) {
  sigset_t more = loop->signals;
  for (size_t i = 0; i < count; i++)
    if (sigaddset(&more, numbers[i]) != 0)
      return error_errno(error, "cannot receive signals", "", errno);
  if (pthread_sigmask(SIG_BLOCK, &more, NULL) != 0 ||
      signalfd(loop->signal_fd, &more, 0) < 0)
    return error_errno(error, "cannot receive signals", "", errno);
  loop->signals = more;
  return 0;
}

/* ---- names in folders ---- */

int loop_watch(struct loop *loop, const char *path, bool removal, uint64_t *id,
    struct error *error) {
  bool known = loop->watcher.fd >= 0;
  if (watcher_add(&loop->watcher, path, removal, id, error) != 0)
    return -1;
  struct epoll_event in = {.events = EPOLLIN, .data = {.ptr = &loop->watcher}};
  if (known ||
      epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->watcher.fd, &in) == 0)
    return 0;
  error_errno(error, "cannot watch", path, errno);
  watcher_remove(&loop->watcher, *id);
  return -1;
}

void loop_unwatch(struct loop *loop, uint64_t id) {
  watcher_remove(&loop->watcher, id); /* the last one closes the instance */
}

/* ---- a server ---- */

int loop_serve(struct loop *loop, const struct server_options *options,
    struct error *error) {
  if (loop->server != NULL)
    return error_set(
        error, "limit", "cannot serve", NULL, "there is a server already");
  struct server *server = server_new(options, error);
  if (server == NULL)
    return -1;
  struct epoll_event in = {.events = EPOLLIN, .data = {.ptr = server}};
  if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, server_fd(server), &in) != 0) {
    error_errno(error, "cannot serve", "epoll", errno);
    server_free(server);
    return -1;
  }
  loop->server = server;
  return 0;
}

void loop_unserve(struct loop *loop) {
  server_free(loop->server); /* its descriptor goes, and with it the watch */
  loop->server = NULL;
}

struct server *loop_server(struct loop *loop) {
  return loop->server;
}

/* ---- pipes ---- */

static bool wants_watch(const struct child_stream *stream) {
  if (stream->fd < 0)
    return false;
  /* A pipe that nobody reads any more is always "ready"; watching it with
     nothing to write would keep us awake. */
  if (stream->number == STDIN_FILENO)
    return child_has_input(stream->child);
  if (stream->number == CHILD_END)
    return !stream->child->exited;
  return !stream->paused && stream->chunk.size == 0;
}

/* Makes epoll watch a pipe exactly as long as we could do something. */
static int watch(
    struct loop *loop, struct child_stream *stream, struct error *error) {
  bool wanted = wants_watch(stream);
  if (stream->fd < 0)
    stream->watched = false; /* closing took it out: epoll(7), Q6 */
  if (wanted == stream->watched)
    return 0;
  struct epoll_event event = {
      .events = stream->number == STDIN_FILENO ? EPOLLOUT : EPOLLIN,
      .data = {.ptr = stream},
  };
  int action = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
  if (epoll_ctl(loop->epoll_fd, action, stream->fd, &event) != 0)
    return error_errno(error, "cannot watch a pipe", "", errno);
  stream->watched = wanted;
  return 0;
}

static int watch_all(struct loop *loop, struct error *error) {
  for (struct child *child = loop->children.first; child;
       child = child->next) {
    for (int i = 0; i < 3; i++)
      if (watch(loop, &child->streams[i], error) != 0)
        return -1;
    if (watch(loop, &child->end, error) != 0)
      return -1;
  }
  return 0;
}

/* ---- children ---- */

struct child *loop_spawn(struct loop *loop,
    const struct child_options *options, struct error *error) {
  return children_keep(&loop->children, child_spawn(options, error));
}

struct child *loop_adopt(struct loop *loop, pid_t pid, struct error *error) {
  struct child *child =
      children_keep(&loop->children, child_adopt(pid, error));
  if (child != NULL && child_is_own(pid)) {
    loop->children.inherited = true;
    children_reap(
        &loop->children); /* their SIGCHLD came before there was a loop */
  }
  return child;
}

/* ---- waiting ---- */

static int read_signals(struct loop *loop, struct error *error) {
  struct signalfd_siginfo infos[8];
  for (;;) {
    ssize_t size = read(loop->signal_fd, infos, sizeof infos);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return 0;
    if (size < 0)
      return error_errno(error, "cannot receive signals", "", errno);
    for (size_t i = 0; i < (size_t)size / sizeof infos[0]; i++) {
      if (infos[i].ssi_signo == SIGCHLD)
        children_reap(&loop->children);
      else if (infos[i].ssi_signo < NSIG)
        loop->came[infos[i].ssi_signo]++;
    }
  }
}

static int handle(struct loop *loop, void *source, struct error *error) {
  struct child_stream *stream = source;
  if (source == NULL)
    return read_signals(loop, error);
  if (source == &loop->watcher)
    return watcher_read(&loop->watcher, error);
  if (source == loop->server)
    return 0; /* it is run below, ready or not */
  if (stream->number == CHILD_END)
    child_reap(stream->child);
  else if (stream->number != STDIN_FILENO)
    return child_read(stream, error);
  else
    child_flush(stream->child);
  return 0;
}

static int handle_ready(struct loop *loop, struct error *error) {
  struct epoll_event ready[READY];
  int count = epoll_wait(loop->epoll_fd, ready, READY, 0);
  if (count < 0 && errno != EINTR)
    return error_errno(error, "cannot wait", "epoll", errno);
  for (int i = 0; i < count; i++)
    if (handle(loop, ready[i].data.ptr, error) != 0)
      return -1;
  return 0;
}

/* How long to wait; a server may have time limits of its own. */
static int patience(struct loop *loop, int64_t deadline) {
  int milliseconds = clock_milliseconds_until(deadline);
  int servers = loop->server != NULL ? server_patience(loop->server) : -1;
  return servers >= 0 && servers < milliseconds ? servers : milliseconds;
}

int loop_wait(struct loop *loop, double seconds, struct error *error) {
  int64_t deadline = clock_deadline(seconds);
  struct event event;
  children_sweep(&loop->children);
  for (;;) {
    bool ready = false;
    if (loop->server != NULL)
      server_run(loop->server);
    batches_run(&loop->batches);
    int milliseconds = loop_event(loop, &event) ? 0 : patience(loop, deadline);
    if (watch_all(loop, error) != 0 || http_poll(loop->http, loop->epoll_fd,
                                           milliseconds, &ready, error) != 0)
      return -1;
    if (ready && handle_ready(loop, error) != 0)
      return -1;
    if (loop->server != NULL)
      server_run(loop->server);
    if (loop_event(loop, &event) || clock_milliseconds_until(deadline) == 0)
      return 0;
  }
}

/* ---- what happened ---- */

static bool stream_event(struct child_stream *stream, struct event *event) {
  event->child = stream->child;
  event->stream = stream;
  if (stream->chunk.size > 0)
    event->type = EVENT_DATA;
  else if (stream->ended)
    event->type = EVENT_END;
  else
    return false;
  return true;
}

/* What it wrote before it ended comes before its end, as far as it is read. */
static bool child_event(struct child *child, struct event *event) {
  for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
    if (stream_event(&child->streams[i], event))
      return true;
  event->child = child;
  if (!child->input_told)
    event->type = EVENT_WRITTEN;
  else if (child->exited && !child->told)
    event->type = EVENT_EXIT;
  else
    return false;
  return true;
}

bool loop_event(struct loop *loop, struct event *event) {
  for (int number = 1; number < NSIG; number++)
    if (loop->came[number] > 0) {
      event->type = EVENT_SIGNAL;
      event->signal = number;
      return true;
    }
  for (struct child *child = loop->children.first; child; child = child->next)
    if (child_event(child, event))
      return true;
  event->type = EVENT_WATCH;
  event->watch = watcher_news(&loop->watcher);
  if (event->watch != NULL)
    return true;
  event->type = EVENT_HTTP;
  event->response = http_response(loop->http);
  if (event->response != NULL)
    return true;
  event->type = EVENT_BATCH;
  event->batch = batches_news(&loop->batches);
  if (event->batch != NULL)
    return true;
  event->type = EVENT_REQUEST;
  event->request = loop->server != NULL ? server_request(loop->server) : NULL;
  return event->request != NULL;
}

void loop_event_done(struct loop *loop, const struct event *event) {
  switch (event->type) {
  case EVENT_SIGNAL:
    loop->came[event->signal]--;
    break;
  case EVENT_DATA:
    buf_clear(&event->stream->chunk);
    break;
  case EVENT_END:
    event->stream->ended = false;
    break;
  case EVENT_WRITTEN:
    event->child->input_told = true;
    break;
  case EVENT_EXIT:
    event->child->told = true;
    break;
  case EVENT_WATCH:
    event->watch->news = false;
    break;
  case EVENT_HTTP:
    http_response_done(loop->http);
    break;
  case EVENT_BATCH:
    batches_told(&loop->batches, event->batch->id);
    break;
  case EVENT_REQUEST:
    server_request_told(loop->server);
    break;
  }
}
