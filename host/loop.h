/*
 * The one place where the program waits: for signals, children, pipes,
 * names in folders, HTTP and a server's readers, all at once, in one thread.
 * It calls nobody back; what happened is kept until it is asked for.
 *
 *   struct loop *loop = loop_new(&error);
 *   loop_signals(loop, numbers, count, &error);
 *   child = loop_spawn(loop, &options, &error);      then child_write() ...
 *   http_start(loop_http(loop), &request, &id, &error);
 *   while (loop_wait(loop, seconds, &error) == 0) {
 *     struct event event;
 *     while (loop_event(loop, &event)) {
 *       ... event.type ...
 *       loop_event_done(loop, &event);
 *     }
 *   }
 *   loop_free(loop);
 *
 * There is no queue that could overflow or that memory could be wanting for:
 * events are read off the state of children, signals, watches and transfers,
 * one at a time, and loop_event() gives the same one until loop_event_done()
 * is called. A child's pipe is not read further while a chunk of it waits to
 * be taken.
 *
 * loop_new() blocks SIGCHLD, loop_signals() the signals it is given; both come
 * through a signalfd, and loop_free() restores the mask of before. A process
 * started by other means than loop_spawn() - popen(3), system(3) - inherits
 * that mask.
 *
 * Reaping: SIGCHLD is one bit, so each one is answered by asking until there
 * is nothing more. As process 1, or as a subreaper, we also get the orphans of
 * others, and reap whatever has ended; else only our own children, so that
 * popen(3) can still find its own. An orphan's end is no event.
 *
 * Sources: signalfd(2), epoll(7), wait(2), PR_SET_CHILD_SUBREAPER in prctl(2),
 * pid_namespaces(7).
 */
#ifndef NIGHTJAR_LOOP_H
#define NIGHTJAR_LOOP_H

#include "batch.h"
#include "child.h"
#include "error.h"
#include "http.h"
#include "server.h"
#include "watch.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;

enum event_type {
  EVENT_SIGNAL,  /* `signal` */
  EVENT_DATA,    /* `child`, `stream` with its chunk */
  EVENT_END,     /* `child`, `stream`: no more data will come */
  EVENT_WRITTEN, /* `child`: its input's queue is empty, or input_error */
  EVENT_EXIT,    /* `child`, whose `status` is known now */
  EVENT_WATCH,   /* `watch`: look at its name */
  EVENT_HTTP,    /* `response` */
  EVENT_BATCH,   /* `batch`: batches_news(); all its responses were told */
  EVENT_REQUEST  /* `request`: answer it by server_answer() */
};

struct event {
  enum event_type type;
  int signal;
  struct child *child;
  struct child_stream *stream;
  struct watch *watch;
  const struct http_response *response;
  const struct batch *batch;
  const struct server_request *request;
};

struct loop *loop_new(struct error *error);

/* Lets go of all children (they go on running) and requests. NULL is fine. */
void loop_free(struct loop *loop);

/* From now on these signals are events. May be called again for more. */
int loop_signals(
    struct loop *loop, const int *numbers, size_t count, struct error *error);

/*
 * Starts a child that the loop watches and owns. It is `held`: it stays valid
 * until child->held is made false, it has ended, and all of it was told. All
 * of child.h but child_free(), child_flush(), child_read() and child_reap()
 * may be used on it.
 */
struct child *loop_spawn(struct loop *loop,
    const struct child_options *options, struct error *error);

/*
 * The same of a process that runs already (child_adopt()). When it is our own
 * child we have become what we are by execve(2), and from then on reap
 * whatever else the program before us has left.
 */
struct child *loop_adopt(struct loop *loop, pid_t pid, struct error *error);

/*
 * Tells when a name comes into its folder, with `removal` when it leaves it,
 * too, until loop_unwatch(): watcher_add() in watch.h. What was there before
 * is no event: look after this call.
 */
int loop_watch(struct loop *loop, const char *path, bool removal, uint64_t *id,
    struct error *error);
void loop_unwatch(struct loop *loop, uint64_t id);

/*
 * Serves from now on, until loop_unserve(): requests are events. There is one
 * server at most; loop_server() gives it, or NULL, for server_answer().
 */
int loop_serve(struct loop *loop, const struct server_options *options,
    struct error *error);
void loop_unserve(struct loop *loop);
struct server *loop_server(struct loop *loop);

/* For http_start() and http_cancel(). */
struct http *loop_http(struct loop *loop);

/* For batch_start() and the like. */
struct batches *loop_batches(struct loop *loop);

/*
 * Waits until there is an event or `seconds` (0 or more, may be infinite) are
 * over. Returns at once while events wait.
 */
int loop_wait(struct loop *loop, double seconds, struct error *error);

/* The next event, if there is one; valid until it is done with. */
bool loop_event(struct loop *loop, struct event *event);
void loop_event_done(struct loop *loop, const struct event *event);

#endif
