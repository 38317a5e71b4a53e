/*
 * Child processes: started with nothing but what they are given, spoken to
 * through pipes that never block us, and signalled without ever meeting a
 * stranger who was given the same process id.
 *
 *   const char *const argv[] = {"nightjar-plan", "--max-memory-mib", "64", 0};
 *   struct child_options options = {.argv = argv,
 *     .streams = {CHILD_PIPE, CHILD_PIPE, CHILD_NULL}, .max_input = 1 << 20};
 *   struct child *child = child_spawn(&options, &error);
 *   child_write(child, request, size, &error);    queued
 *   child_close_input(child);                     once the queue is written
 *   ... child_flush() and child_read() when poll says so, child_reap() on
 *   SIGCHLD; struct loop (loop.h) does these ...
 *   child_free(child);                            does not end the process
 *
 * A child starts with an empty signal mask, all signals at their defaults
 * (ours are blocked, and SIGPIPE is ignored; both would be inherited through
 * exec), and no descriptor but 0, 1 and 2. What prevents the start - no such
 * program, no such directory - is an error of child_spawn(), not an exit
 * status: the child reports it through a pipe that exec closes.
 *
 * Sources: execve(2) (what is inherited), prctl(2) PR_SET_PDEATHSIG, pipe(7),
 * close_range(2), pidfd_open(2), pidfd_send_signal(2), signal-safety(7).
 */
#ifndef NIGHTJAR_CHILD_H
#define NIGHTJAR_CHILD_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum child_plumbing {
  CHILD_NULL,    /* /dev/null */
  CHILD_PIPE,    /* a pipe to us; our end does not block */
  CHILD_INHERIT, /* the descriptor that we have ourselves */
  CHILD_MERGE    /* standard error only: goes where standard output goes */
};

struct child_options {
  const char *const *argv; /* ends with NULL; argv[0] names the program: a
                              path if it has a slash, else found on our PATH */
  const char *const *environment; /* "NAME=value", NULL-ended; NULL: ours */
  const char *directory;          /* working directory; NULL: ours */
  enum child_plumbing streams[3]; /* standard input, output, error */
  int death_signal;               /* sent to the child when we die; 0: none */
  bool outlives;    /* cannot ask for a death signal itself, where the kernel
                       lets us see to that (seccomp(2)); Envoy does ask */
  bool new_group;   /* leads a process group of its own */
  size_t max_input; /* bytes that may wait to be written to its input */
};

struct child;

/* The number of a stream that is no pipe but the end of an adopted process. */
enum { CHILD_END = 3 };

/* Our end of one pipe. */
struct child_stream {
  struct child *child;
  int number;       /* 0, 1, 2; CHILD_END */
  int fd;           /* -1: none, or closed */
  bool paused;      /* reading stopped by child_pause() */
  bool ended;       /* closed by the other side; not yet told to Lua */
  bool watched;     /* struct loop's: registered with epoll */
  struct buf chunk; /* what was read and not yet taken (output, error) */
};

struct child {
  struct child *next; /* struct loop's */
  uint64_t id;        /* struct loop's: never used twice, unlike a pid */
  pid_t pid;
  int pidfd; /* -1: the kernel has none (before Linux 5.3) */
  bool leads_group;
  bool adopted; /* by child_adopt() */
  bool exited;  /* reaped; `status` holds what waitpid(2) said */
  bool unknown; /* `exited`, but nobody told us how */
  bool told;    /* struct loop's: the exit was delivered */
  bool held;    /* a handle in Lua refers to it */
  int status;
  struct child_stream streams[3];
  struct child_stream end; /* the pidfd of an adopted process, else unused */
  struct buf input;        /* waits to be written */
  size_t sent;             /* bytes at the front of `input` already written */
  bool close_when_sent;
  bool input_told; /* nothing to tell about the input */
  int input_error; /* errno of a write that failed, 0 otherwise */
};

/* Starts a process. NULL and `error` when it could not be started. */
struct child *child_spawn(
    const struct child_options *options, struct error *error);

/*
 * Watches a process that child_spawn() did not start: one that another
 * program left behind, or our own child from before an execve(2). It has no
 * pipes and leads no group. Needs a pidfd ("ENOSYS" before Linux 5.3), except
 * for a child of our own, whose pid is its own until we reap it. Who has a
 * pid's number from a file looks after this call whether the process is still
 * the one that was meant: from here on the pid cannot become another's without
 * our knowing. How it ended is known of a child alone; else it is `unknown`.
 * NULL and `error` with "ESRCH" when there is no such process.
 */
struct child *child_adopt(pid_t pid, struct error *error);

/* Whether waitpid(2) tells of a process: it is our child. */
bool child_is_own(pid_t pid);

/*
 * Becomes another program, or the same one anew, by execve(2): same process
 * id, children and environment; argv as in child_options. Returns only when
 * that fails. Nothing of ours stays open but descriptors 0 to 2. Signals that
 * a loop receives stay blocked, so that one that comes meanwhile waits for the
 * program instead of ending it.
 */
int child_become(const char *const *argv, struct error *error);

/* Closes our ends and frees. A process that still runs goes on running. */
void child_free(struct child *child);

/* Closes our ends of all pipes: the child meets end of file or SIGPIPE. */
void child_close(struct child *child);

/*
 * Sends a signal. Never reaches another process: by pidfd, or by pid while our
 * child has not been reaped. Code "ESRCH" once it has been.
 */
int child_signal(struct child *child, int number, struct error *error);

/* The same to all of its group; needs new_group. */
int child_signal_group(struct child *child, int number, struct error *error);

/*
 * Queues bytes for its standard input. Fails whole: with "limit" when more
 * than max_input would wait, with "EPIPE" when its input is closed.
 */
int child_write(
    struct child *child, const char *data, size_t size, struct error *error);

/* Closes its standard input once all that is queued has been written. */
void child_close_input(struct child *child);

/*
 * Stops the reading of its standard output (1) or error (2), so that the child
 * waits once the pipe is full (pipe(7): 64 KiB); or goes on with it.
 */
void child_pause(struct child *child, int number, bool paused);

/* Whether anything waits to be written. */
bool child_has_input(const struct child *child);

/*
 * Writes what the pipe takes. When the queue is empty or the other side is
 * gone (input_error), `input_told` becomes false: there is news.
 */
void child_flush(struct child *child);

/* Most bytes that one child_read() takes from a pipe. */
enum { CHILD_CHUNK = 64 * 1024 };

/*
 * Reads what is there, once, into the stream's `chunk`; sets `ended` and
 * closes at end of file. Does nothing while a chunk waits to be taken.
 */
int child_read(struct child_stream *stream, struct error *error);

/* Asks for the exit status without waiting; true if it ended just now. */
bool child_reap(struct child *child);

/* "TERM" to SIGTERM; -1 for no signal's name. */
int signal_number(const char *name);

/* SIGTERM to "TERM"; NULL for real-time signals, which have no names. */
const char *signal_name(int number);

#endif
