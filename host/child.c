#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_exec.h"
#include "hugepages.h"

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

/* ---- starting ---- */

/* Both ends of everything that connects us to a child being made. */
struct plumbing {
  int ours[3];
  int theirs[3];
  int report_read;
  int report_write;
};

static void plumbing_init(struct plumbing *plumbing) {
  for (int i = 0; i < 3; i++)
    plumbing->ours[i] = plumbing->theirs[i] = -1;
  plumbing->report_read = plumbing->report_write = -1;
}

static void plumbing_close_theirs(struct plumbing *plumbing) {
  for (int i = 0; i < 3; i++)
    close_fd(&plumbing->theirs[i]);
  close_fd(&plumbing->report_write);
}

static void plumbing_release(struct plumbing *plumbing) {
  plumbing_close_theirs(plumbing);
  for (int i = 0; i < 3; i++)
    close_fd(&plumbing->ours[i]);
  close_fd(&plumbing->report_read);
}

static int open_pipe(
    int number, struct plumbing *plumbing, struct error *error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return error_errno(error, "cannot make a pipe", "", errno);
  bool input = number == STDIN_FILENO;
  plumbing->ours[number] = ends[input ? 1 : 0];
  plumbing->theirs[number] = ends[input ? 0 : 1];
  /* Only our end: a program does not expect its standard output to refuse. */
  if (fcntl(plumbing->ours[number], F_SETFL, O_NONBLOCK) != 0)
    return error_errno(error, "cannot make a pipe", "", errno);
  return 0;
}

static int duplicate(int fd, int *to, struct error *error) {
  *to = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (*to < 0)
    return error_errno(error, "cannot hand on a descriptor", "", errno);
  return 0;
}

static int lay_stream(int number, enum child_plumbing kind,
    struct plumbing *plumbing, struct error *error) {
  switch (kind) {
  case CHILD_PIPE:
    return open_pipe(number, plumbing, error);
  case CHILD_INHERIT:
    return duplicate(number, &plumbing->theirs[number], error);
  case CHILD_MERGE:
    return duplicate(
        plumbing->theirs[STDOUT_FILENO], &plumbing->theirs[number], error);
  case CHILD_NULL:
    break;
  }
  plumbing->theirs[number] = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (plumbing->theirs[number] < 0)
    return error_errno(error, "cannot open", "/dev/null", errno);
  return 0;
}

static int lay_all(const struct child_options *options,
    struct plumbing *plumbing, struct error *error) {
  for (int i = 0; i < 3; i++)
    if (lay_stream(i, options->streams[i], plumbing, error) != 0)
      return -1;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return error_errno(error, "cannot make a pipe", "", errno);
  plumbing->report_read = ends[0];
  plumbing->report_write = ends[1];
  return 0;
}

static bool is_program(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
         access(path, X_OK) == 0;
}

/* The path of a program, as execvp(3) would find it; before fork(), since
   looking it up needs memory. */
static int find_program(
    const char *name, struct buf *path, struct error *error) {
  if (strchr(name, '/') != NULL)
    return buf_add_text(path, name, error);
  const char *list = getenv("PATH");
  if (list == NULL)
    list = "/usr/local/bin:/usr/bin:/bin";
  while (*name != '\0') {
    size_t length = strcspn(list, ":");
    buf_clear(path);
    if (buf_add_format(path, error, "%.*s/%s", length > 0 ? (int)length : 1,
            length > 0 ? list : ".", name) != 0)
      return -1;
    if (is_program(path->data))
      return 0;
    if (list[length] == '\0')
      break;
    list += length + 1;
  }
  return error_set(error, "ENOENT", "cannot start", name,
      "there is no such program in the folders of PATH");
}

/* Waits until the child has either become the program or said why not. */
static int read_report(
    int fd, const struct exec_plan *plan, pid_t pid, struct error *error) {
  struct exec_report report;
  ssize_t size;
  do
    size = read(fd, &report, sizeof report);
  while (size < 0 && errno == EINTR);
  if (size == 0)
    return 0;
  int number = errno;
  /* Nobody else has heard of it. It is ending; or it is the program, which
     may wait for us, where only reading has failed. */
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  if (size < 0)
    return error_errno(error, "cannot start", plan->path, number);
  if (size != (ssize_t)sizeof report)
    return error_set(error, NULL, "cannot start", plan->path,
        "the new process ended before the program began");
  return exec_error(&report, plan, error);
}

/* vfork(2), not fork(2): a copy of our page tables, and a copy of each page
 * that we write to afterwards, took longer than all that the child does. It
 * runs on our memory while we wait, which we would do anyway, for its report;
 * exec_run() only makes system calls, and changes nothing of ours but errno
 * and what hugepages_refuse() did.
 */
static pid_t divide(const struct exec_plan *plan) {
  pid_t pid = vfork();
  if (pid == 0)
    exec_run(plan);
  hugepages_refuse(); /* on our memory exec_run() has taken that back */
  return pid;
}

static int start(const struct child_options *options,
    struct plumbing *plumbing, const char *path, pid_t *pid,
    struct error *error) {
  struct exec_plan plan = {
      .path = path,
      .argv = options->argv,
      .environment = options->environment,
      .directory = options->directory,
      .report = plumbing->report_write,
      .death_signal = options->death_signal,
      .outlives = options->outlives,
      .new_group = options->new_group,
      .parent = getpid(),
  };
  memcpy(plan.streams, plumbing->theirs, sizeof plan.streams);
  *pid = divide(&plan);
  if (*pid < 0)
    return error_errno(error, "cannot start", path, errno);
  plumbing_close_theirs(plumbing);
  return read_report(plumbing->report_read, &plan, *pid, error);
}

static struct child *child_new(size_t max_input, struct error *error) {
  struct child *child = calloc(1, sizeof *child);
  if (child == NULL) {
    error_errno(error, "cannot watch", "a process", ENOMEM);
    return NULL;
  }
  child->pidfd = -1;
  child->end =
      (struct child_stream){.child = child, .number = CHILD_END, .fd = -1};
  child->input_told = true;
  buf_init(&child->input, max_input);
  for (int i = 0; i < 3; i++) {
    child->streams[i].child = child;
    child->streams[i].number = i;
    child->streams[i].fd = -1;
    buf_init(&child->streams[i].chunk, CHILD_CHUNK);
  }
  return child;
}

struct child *child_spawn(
    const struct child_options *options, struct error *error) {
  struct plumbing plumbing;
  struct buf path;
  plumbing_init(&plumbing);
  buf_init(&path, 64 * 1024);
  struct child *child = child_new(options->max_input, error);
  if (child == NULL)
    return NULL;
  child->leads_group = options->new_group;
  if (find_program(options->argv[0], &path, error) != 0 ||
      lay_all(options, &plumbing, error) != 0 ||
      start(options, &plumbing, path.data, &child->pid, error) != 0) {
    child_free(child);
    child = NULL;
    goto done;
  }
  child->pidfd = pidfd_open(child->pid, 0);
  for (int i = 0; i < 3; i++) {
    child->streams[i].fd = plumbing.ours[i];
    plumbing.ours[i] = -1;
  }
done:
  plumbing_release(&plumbing);
  buf_release(&path);
  return child;
}

/* ---- taking over ---- */

int child_become(const char *const *argv, struct error *error) {
  struct buf path;
  buf_init(&path, 64 * 1024);
  int result = find_program(argv[0], &path, error);
  if (result == 0) {
    result = exec_become(path.data, argv);
    error_errno(error, "cannot start", path.data, errno);
  }
  buf_release(&path);
  return result;
}

static int no_process(pid_t pid, int number, struct error *error) {
  char on[32];
  snprintf(on, sizeof on, "process %ld", (long)pid);
  return error_errno(error, "cannot watch", on, number);
}

bool child_is_own(pid_t pid) {
  siginfo_t info;
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

struct child *child_adopt(pid_t pid, struct error *error) {
  struct child *child = child_new(0, error);
  if (child == NULL)
    return NULL;
  child->pid = pid;
  child->adopted = true;
  child->pidfd = pidfd_open(pid, 0);
  int number = errno;
  if (child->pidfd < 0 && !child_is_own(pid)) {
    no_process(pid, number, error);
    child_free(child);
    return NULL;
  }
  child->end.fd = child->pidfd;
  return child;
}

void child_close(struct child *child) {
  for (int i = 0; i < 3; i++)
    close_fd(&child->streams[i].fd);
  buf_release(&child->input);
  child->sent = 0;
}

void child_free(struct child *child) {
  child_close(child);
  child->end.fd = -1; /* it is the pidfd */
  close_fd(&child->pidfd);
  for (int i = 0; i < 3; i++)
    buf_release(&child->streams[i].chunk);
  free(child);
}

/* ---- signals and the end ---- */

static int refuse_signal(
    const struct child *child, int number, struct error *error) {
  char on[32];
  snprintf(on, sizeof on, "process %ld", (long)child->pid);
  return error_errno(error, "cannot signal", on, number);
}

int child_signal(struct child *child, int number, struct error *error) {
  if (child->exited)
    return refuse_signal(child, ESRCH, error);
  int result = -1;
  errno = ENOSYS;
  if (child->pidfd >= 0)
    result = pidfd_send_signal(child->pidfd, number, NULL, 0);
  /* A stranger's pid may be another's by now. */
  int number_of_refusal = errno;
  if (result != 0 && child->adopted && !child_is_own(child->pid))
    return refuse_signal(child, number_of_refusal, error);
  errno = number_of_refusal;
  /* Not reaped, so the pid is still its own. Some sandboxes refuse the new
     call with EPERM; kill() then says whether that is the true answer. */
  if (result != 0 && (errno == ENOSYS || errno == EPERM))
    result = kill(child->pid, number);
  return result == 0 ? 0 : refuse_signal(child, errno, error);
}

int child_signal_group(struct child *child, int number, struct error *error) {
  if (child->exited)
    return refuse_signal(child, ESRCH, error);
  if (!child->leads_group)
    return refuse_signal(child, EPERM, error);
  if (kill(-child->pid, number) != 0)
    return refuse_signal(child, errno, error);
  return 0;
}

/* Readable means ended: pidfd_open(2). */
static bool has_ended(const struct child *child) {
  struct pollfd watch = {.fd = child->pidfd, .events = POLLIN};
  return poll(&watch, 1, 0) == 1;
}

bool child_reap(struct child *child) {
  if (child->exited)
    return false;
  int status;
  pid_t pid = waitpid(child->pid, &status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR))
    return false;
  if (pid < 0 && child->adopted) {
    child->unknown = child->exited = has_ended(child);
    return child->exited;
  }
  /* ECHILD: somebody else has taken the status; it has ended in any case, and
     255 is what exec's wrappers say for "cannot tell". */
  child->status = pid < 0 ? 255 << 8 : status;
  child->exited = true;
  return true;
}

/* ---- names ---- */

int signal_number(const char *name) {
  for (int number = 1; number < NSIG; number++) {
    const char *known = sigabbrev_np(number);
    if (known != NULL && strcmp(known, name) == 0)
      return number;
  }
  return -1;
}

const char *signal_name(int number) {
  return sigabbrev_np(number);
}
