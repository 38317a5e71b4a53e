#include "fd.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

int fd_write(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    ssize_t written = write(fd, at, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written == 0)
      errno = EIO;
    if (written <= 0)
      return -1;
    at += written;
    size -= (size_t)written;
  }
  return 0;
}

/* /proc cannot be asked which ones are open: it belongs to root once a process
   is not dumpable (proc(5)). */
static void close_one_by_one(int first) {
  struct rlimit limit;
  rlim_t end = 1024;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > end)
    end = limit.rlim_cur;
  /* Container engines set limits of 10^9, which would take minutes; we never
     have more than some hundred open. */
  if (end > 65536)
    end = 65536;
  for (int fd = first; fd < (int)end; fd++)
    close(fd);
}

void fd_close_from(int first) {
  if (close_range((unsigned)first, ~0U, 0) != 0)
    close_one_by_one(first);
}
