#include "folder.h"

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO would wait for a writer. */
enum {
  OPEN_FILE = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
  OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
  RACE_TRIES = 16,
};

int folder_open(struct folder *folder, const char *path, struct error *error) {
  *folder = (struct folder){.fd = -1};
  folder->path = strdup(path);
  if (folder->path == NULL)
    return error_errno(error, "cannot open folder", path, ENOMEM);
  folder->fd = open(path, OPEN_FOLDER);
  if (folder->fd >= 0)
    return 0;
  error_errno(error, "cannot open folder", path, errno);
  folder_close(folder);
  return -1;
}

void folder_close(struct folder *folder) {
  if (folder->fd >= 0)
    close(folder->fd);
  free(folder->path);
  *folder = (struct folder){.fd = -1};
}

/* Opening beneath */

/* The C library of Debian 12 has no function for it. */
static int open_beneath(int fd, const char *name) {
  struct open_how how = {
      .flags = OPEN_FILE,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  };
  int opened = -1;
  /* EAGAIN: something was renamed just then and the kernel cannot be sure. */
  for (int i = 0; i < RACE_TRIES && opened < 0; i++) {
    opened = (int)syscall(SYS_openat2, fd, name, &how, sizeof how);
    if (opened < 0 && errno != EAGAIN && errno != EINTR)
      break;
  }
  return opened;
}

/* Opens one component, which is no link; the last one may be any file. */
static int open_component(int fd, const char *name, bool last) {
  if (strcmp(name, "..") == 0) {
    errno = EXDEV;
    return -1;
  }
  return openat(fd, name, O_NOFOLLOW | (last ? OPEN_FILE : OPEN_FOLDER));
}

/* What openat() reports for a link, told apart from a file in the way. */
static int walk_reason(int fd, const char *name, int reason) {
  struct stat status;
  if ((reason == ENOTDIR || reason == ELOOP) &&
      fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISLNK(status.st_mode))
    return ELOOP;
  return reason;
}

/* The same for kernels without openat2(): links are not followed at all. */
static int open_walking(int folder, const char *name) {
  char path[PATH_MAX];
  char *rest = path;
  int fd = folder;
  if (name[0] == '/' || strlen(name) >= sizeof path) {
    errno = name[0] == '/' ? EXDEV : ENAMETOOLONG;
    return -1;
  }
  memcpy(path, name, strlen(name) + 1);
  for (;;) {
    char *slash = strchr(rest, '/');
    if (slash != NULL)
      *slash = '\0';
    int next = open_component(fd, rest[0] != '\0' ? rest : ".", slash == NULL);
    int reason = next < 0 ? walk_reason(fd, rest, errno) : 0;
    if (fd != folder)
      close(fd);
    errno = reason;
    if (next < 0 || slash == NULL)
      return next;
    fd = next;
    rest = slash + 1;
  }
}

static int open_inside(const struct folder *folder, const char *name) {
  int fd = open_beneath(folder->fd, name);
  /* EPERM is what container profiles answer for calls they do not know. */
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
    return fd;
  return open_walking(folder->fd, name);
}

static int fail_open(const char *path, int reason, struct error *error) {
  switch (reason) {
  case EXDEV:
    return error_set(error, "EXDEV", "cannot read", path,
        "it leads out of its folder, which is not allowed");
  case ELOOP:
    return error_set(error, "ELOOP", "cannot read", path,
        "it is a link that cannot be followed: it leads in a circle, or this "
        "kernel offers no safe way to follow it");
  case ENXIO: /* what the kernel says of a socket */
    return error_set(error, "EINVAL", "cannot read", path,
        "expected a file, found a socket");
  default:
    return error_errno(error, "cannot read", path, reason);
  }
}

int folder_read(const struct folder *folder, const char *name, size_t max,
    struct buf *to, struct error *error) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", folder->path, name);
  int fd = open_inside(folder, name);
  if (fd < 0)
    return fail_open(path, errno, error);
  int result = file_read_descriptor(fd, path, max, to, error);
  close(fd);
  return result;
}

/* Listing */

struct walk {
  const struct folder *folder;
  struct listing *to;
  struct error *error;
  char path[PATH_MAX]; /* of the folder that is read, relative; "" at first */
};

static int list_level(struct walk *walk, int fd, size_t depth);

static bool is_left_out(const char *name) {
  return strcmp(name, ".") == 0 || strncmp(name, "..", 2) == 0 ||
         file_is_temporary(name);
}

static int enter(struct walk *walk, int fd, const char *name, size_t depth) {
  if (depth == 0)
    return error_set(walk->error, "limit", "cannot list", walk->folder->path,
        "folders are nested too deeply, at %s", walk->path);
  int inner = openat(fd, name, OPEN_FOLDER | O_NOFOLLOW);
  if (inner < 0 && errno == ENOENT) /* it went while we looked */
    return 0;
  if (inner < 0) {
    int reason = errno;
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", walk->folder->path, walk->path);
    return error_errno(walk->error, "cannot list", path, reason);
  }
  int result = list_level(walk, inner, depth - 1);
  close(inner);
  return result;
}

static int list_entry(
    struct walk *walk, int fd, const struct dirent64 *entry, size_t depth) {
  size_t size = strlen(walk->path);
  size_t slash = size > 0 ? 1 : 0;
  size_t length = strlen(entry->d_name);
  int result;
  if (size + slash + length >= sizeof walk->path) {
    result = error_errno(
        walk->error, "cannot list", walk->folder->path, ENAMETOOLONG);
  } else {
    if (slash)
      walk->path[size] = '/';
    memcpy(walk->path + size + slash, entry->d_name, length + 1);
    enum file_type type = file_type_of_entry(fd, entry->d_name, entry->d_type);
    result = type == FILE_FOLDER ? enter(walk, fd, entry->d_name, depth)
                                 : listing_add(walk->to, walk->path, type,
                                       walk->folder->path, walk->error);
  }
  walk->path[size] = '\0';
  return result;
}

/* Lists one folder and those in it, without a stream: an unchanged pass lists
   each folder once, and a stream costs four calls and 32 KiB more. */
static int list_level(struct walk *walk, int fd, size_t depth) {
  alignas(struct dirent64) char entries[4096];
  for (;;) {
    ssize_t size = getdents64(fd, entries, sizeof entries);
    if (size < 0)
      return error_errno(
          walk->error, "cannot list", walk->folder->path, errno);
    if (size == 0)
      return 0;
    const struct dirent64 *entry;
    for (ssize_t at = 0; at < size; at += entry->d_reclen) {
      entry = (const struct dirent64 *)(const void *)(entries + at);
      if (!is_left_out(entry->d_name) &&
          list_entry(walk, fd, entry, depth) != 0)
        return -1;
    }
  }
}

int folder_list(const struct folder *folder, size_t depth, struct listing *to,
    struct error *error) {
  struct walk walk = {.folder = folder, .to = to, .error = error};
  if (lseek(folder->fd, 0, SEEK_SET) < 0) /* it may have been listed before */
    return error_errno(error, "cannot list", folder->path, errno);
  int result = list_level(&walk, folder->fd, depth);
  listing_sort(to);
  return result;
}

/* Stamps */

static int64_t nanoseconds(struct timespec time) {
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* One entry: its name and facts. One that cannot be looked at is told by
   that. */
static int stamp_entry(const struct folder *folder, const char *name,
    struct buf *to, int64_t *changed_ns, struct error *error) {
  int64_t facts[7] = {0};
  struct stat status;
  if (fstatat(folder->fd, name, &status, 0) != 0) {
    facts[0] = errno;
  } else {
    facts[1] = (int64_t)status.st_dev;
    facts[2] = (int64_t)status.st_ino;
    facts[3] = status.st_mode;
    facts[4] = status.st_size;
    facts[5] = nanoseconds(status.st_mtim);
    facts[6] = nanoseconds(status.st_ctim);
    if (facts[6] > *changed_ns)
      *changed_ns = facts[6];
  }
  if (buf_add(to, name, strlen(name) + 1, error) != 0)
    return -1;
  return buf_add(to, facts, sizeof facts, error);
}

static int stamp_entries(const struct folder *folder,
    const struct listing *listing, struct folder_stamp *out,
    struct error *error) {
  struct buf text;
  int result = 0;
  buf_init(&text, SIZE_MAX);
  for (size_t i = 0; result == 0 && i < listing->count; i++)
    result = stamp_entry(
        folder, listing->entries[i].name, &text, &out->changed_ns, error);
  if (result == 0 && digest_sha256(text.data, text.size, out->digest) != 0)
    result = error_set(error, "crypto", "cannot stamp", folder->path,
        "OpenSSL refuses to compute a digest");
  buf_release(&text);
  return result;
}

int folder_stamp(const struct folder *folder, size_t depth, size_t files,
    struct folder_stamp *out, struct error *error) {
  struct listing listing;
  *out = (struct folder_stamp){.changed_ns = 0};
  listing_init(&listing, files);
  int result = folder_list(folder, depth, &listing, error);
  if (result == 0)
    result = stamp_entries(folder, &listing, out, error);
  listing_release(&listing);
  return result;
}
