#include "inotify.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Whether this process may open no descriptor of any kind. */
static bool out_of_descriptors(void) {
  int fd = eventfd(0, EFD_CLOEXEC);
  if (fd >= 0)
    close(fd);
  return fd < 0;
}

/* Why no further instance was to be had; 0 when their own limit is met. */
static int reason_to_fail(int number) {
  return number == EMFILE && !out_of_descriptors() ? 0 : number;
}

int inotify_free(size_t count, size_t *free, struct error *error) {
  int fds[INOTIFY_MOST];
  size_t opened = 0;
  int reason = 0;
  if (count > INOTIFY_MOST)
    count = INOTIFY_MOST;
  while (opened < count) {
    fds[opened] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fds[opened] < 0) {
      reason = reason_to_fail(errno);
      break;
    }
    opened++;
  }
  for (size_t i = 0; i < opened; i++)
    close(fds[i]);
  *free = opened;
  if (reason != 0)
    return error_errno(error, "cannot open", "inotify instances", reason);
  return 0;
}
