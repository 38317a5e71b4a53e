#include "children.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct child *children_keep(struct children *children, struct child *child) {
  if (child == NULL)
    return NULL;
  child->id = ++children->last_id;
  child->held = true;
  child->next = children->first;
  children->first = child;
  return child;
}

static bool adopts_orphans(const struct children *children) {
  int subreaper = 0;
  return children->inherited || getpid() == 1 ||
         (prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0UL, 0UL, 0UL) == 0 &&
             subreaper != 0);
}

void children_reap(struct children *children) {
  for (struct child *child = children->first; child; child = child->next)
    child_reap(child);
  if (!adopts_orphans(children))
    return;
  /* A child of our own that ends right now must not be taken for an orphan:
     look before taking. Its own SIGCHLD brings us back to it. */
  siginfo_t info;
  for (;;) {
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
      return;
    struct child *child = children->first;
    while (child != NULL && (child->exited || child->pid != info.si_pid))
      child = child->next;
    if (child != NULL)
      child_reap(child);
    else
      waitpid(info.si_pid, NULL, WNOHANG);
  }
}

static bool is_over(const struct child *child) {
  for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
    const struct child_stream *stream = &child->streams[i];
    if (stream->fd >= 0 || stream->ended || stream->chunk.size > 0)
      return false;
  }
  return !child->held && child->exited && child->told && child->input_told;
}

void children_sweep(struct children *children) {
  struct child **at = &children->first;
  while (*at != NULL) {
    struct child *child = *at;
    if (!is_over(child)) {
      at = &child->next;
      continue;
    }
    *at = child->next;
    child_free(child);
  }
}

void children_release(struct children *children) {
  while (children->first != NULL) {
    struct child *child = children->first;
    children->first = child->next;
    child_free(child);
  }
}
