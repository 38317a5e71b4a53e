#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PARENTS_SEARCHED = 3 };

static const char self[] = "/proc/self/exe";
static const char landmark[] = "policies/init.lua";

/* The executable's own path; `room` bytes suffice for any. */
static int read_self(char *path, size_t room, struct error *error) {
  ssize_t size = readlink(self, path, room);
  if (size < 0)
    return error_errno(error, "cannot find the program", self, errno);
  if ((size_t)size >= room) /* it may have been cut */
    return error_errno(error, "cannot find the program", self, ENAMETOOLONG);
  path[size] = '\0';
  return 0;
}

/* Cuts the last component off an absolute path; false at the root. */
static bool ascend(char *path) {
  char *slash = strrchr(path, '/');
  if (slash == NULL || path[1] == '\0')
    return false;
  slash[slash == path ? 1 : 0] = '\0';
  return true;
}

static bool holds_landmark(const char *folder) {
  char path[PATH_MAX + sizeof landmark + 1];
  snprintf(path, sizeof path, "%s/%s", folder, landmark);
  return access(path, F_OK) == 0;
}

int program_directory(struct buf *to, struct error *error) {
  char path[PATH_MAX];
  if (read_self(path, sizeof path, error) != 0)
    return -1;
  ascend(path);
  return buf_add_text(to, path, error);
}

int program_data_directory(struct buf *to, struct error *error) {
  char path[PATH_MAX];
  char installed[PATH_MAX + sizeof "/share/nightjar"];
  if (read_self(path, sizeof path, error) != 0)
    return -1;
  ascend(path); /* the folder it is in */
  memcpy(installed, path, sizeof path);
  ascend(installed); /* what "../share" is in */
  size_t size = strlen(installed);
  snprintf(installed + size, sizeof installed - size, "%s",
      size == 1 ? "share/nightjar" : "/share/nightjar");
  if (holds_landmark(installed))
    return buf_add_text(to, installed, error);
  for (int i = 0; i < PARENTS_SEARCHED && ascend(path); i++)
    if (holds_landmark(path))
      return buf_add_text(to, path, error);
  return buf_add_text(to, installed, error);
}

bool program_has_ipv6(void) {
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno != EAFNOSUPPORT;
  close(fd);
  return true;
}
