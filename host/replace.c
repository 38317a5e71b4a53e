/* The two functions of file.h that know of temporaries. */
#include "file.h"

#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Temporaries are called ".nightjar-0123456789abcdef.tmp": hidden, of a length
 * that does not depend on the file's (which may already be the longest
 * allowed), and never what a person would call a file.
 */
#define TEMPORARY_PREFIX ".nightjar-"
#define TEMPORARY_SUFFIX ".tmp"

enum {
  RANDOM_DIGITS = 16,
  TEMPORARY_SIZE = sizeof TEMPORARY_PREFIX + RANDOM_DIGITS +
                   sizeof TEMPORARY_SUFFIX, /* one byte more than needed */
  TEMPORARY_TRIES = 8,
  SWEEP_DEPTH = 16,
};

bool file_is_temporary(const char *name) {
  size_t prefix = strlen(TEMPORARY_PREFIX);
  return strncmp(name, TEMPORARY_PREFIX, prefix) == 0 &&
         strspn(name + prefix, "0123456789abcdef") == RANDOM_DIGITS &&
         strcmp(name + prefix + RANDOM_DIGITS, TEMPORARY_SUFFIX) == 0;
}

/* One replacement on its way. */
struct replacement {
  const char *path; /* as given, for messages */
  const char *name; /* its last component */
  int folder;       /* where it stands */
  char temporary[TEMPORARY_SIZE];
};

/* Opens the folder that `path` is in and finds the name within it. */
static int open_parent(struct replacement *r, struct error *error) {
  char parent[PATH_MAX];
  const char *slash = strrchr(r->path, '/');
  size_t size = slash != NULL ? (size_t)(slash - r->path) + 1 : 0;
  r->name = r->path + size;
  if (r->name[0] == '\0' || strcmp(r->name, ".") == 0 ||
      strcmp(r->name, "..") == 0)
    return error_set(error, "EISDIR", "cannot write", r->path,
        "expected the name of a file");
  if (size >= sizeof parent)
    return error_errno(error, "cannot write", r->path, ENAMETOOLONG);
  memcpy(parent, size > 0 ? r->path : ".", size > 0 ? size : 1);
  parent[size > 0 ? size : 1] = '\0';
  r->folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (r->folder < 0)
    return error_errno(error, "cannot write", r->path, errno);
  return 0;
}

/* Creates the temporary under a name that nobody has. */
static int create(struct replacement *r, struct error *error) {
  for (int i = 0; i < TEMPORARY_TRIES; i++) {
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
      return error_errno(error, "cannot write", r->path, errno);
    snprintf(r->temporary, sizeof r->temporary,
        TEMPORARY_PREFIX "%016" PRIx64 TEMPORARY_SUFFIX, number);
    int fd = openat(r->folder, r->temporary,
        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
      return fd;
    if (errno != EEXIST && errno != EINTR)
      break;
  }
  return error_errno(error, "cannot write", r->path, errno);
}

static int flush(int fd) {
  int result;
  do
    result = fsync(fd);
  while (result != 0 && errno == EINTR);
  return result;
}

/* Content and mode, on disk before anybody can see them; closes `fd`. */
static int fill(int fd, const void *data, size_t size, mode_t mode) {
  int result = fd_write(fd, data, size);
  if (result == 0)
    result = fchmod(fd, mode);
  if (result == 0)
    result = flush(fd);
  int reason = errno;
  /* Linux closes the descriptor whatever close() returns. */
  if (close(fd) != 0 && errno != EINTR && result == 0)
    return -1;
  if (result != 0)
    errno = reason;
  return result;
}

static int fail_rename(
    const struct replacement *r, int reason, struct error *error) {
  if (reason != EBUSY)
    return error_errno(error, "cannot put in place", r->path, reason);
  return error_set(error, "EBUSY", "cannot put in place", r->path,
      "it is a mount of its own, and a mounted file cannot be replaced: "
      "mount the folder it is in instead");
}

/* From here on the temporary exists and is taken away on failure. */
static int put_in_place(struct replacement *r, int fd, const void *data,
    size_t size, mode_t mode, struct error *error) {
  int result = 0;
  if (fill(fd, data, size, mode) != 0)
    result = error_errno(error, "cannot write", r->path, errno);
  else if (renameat(r->folder, r->temporary, r->folder, r->name) != 0)
    result = fail_rename(r, errno, error);
  if (result != 0)
    unlinkat(r->folder, r->temporary, 0); /* or the next sweep does it */
  return result;
}

int file_replace(const char *path, const void *data, size_t size, mode_t mode,
    bool *durable, struct error *error) {
  struct replacement r = {.path = path, .folder = -1};
  *durable = false;
  int result = open_parent(&r, error);
  int fd = result == 0 ? create(&r, error) : -1;
  if (fd < 0)
    result = -1;
  if (result == 0)
    result = put_in_place(&r, fd, data, size, mode, error);
  if (result == 0) {
    *durable = flush(r.folder) == 0;
    if (!*durable)
      error_errno(error, "published, not durable", path, errno);
  }
  if (r.folder >= 0)
    close(r.folder);
  return result;
}

/* Sweeping */

/* Keeps the first of several failures. */
static void note(
    bool *failed, const char *path, int reason, struct error *error) {
  if (!*failed)
    error_errno(error, "cannot sweep", path, reason);
  *failed = true;
}

struct sweep {
  size_t count;
  bool failed;
  struct error *error;
};

static void sweep_folder(
    struct sweep *sweep, int fd, const char *name, int depth);

static void sweep_entry(
    struct sweep *sweep, DIR *folder, const struct dirent *entry, int depth) {
  int fd = dirfd(folder);
  const char *name = entry->d_name;
  enum file_type type = file_type_of_entry(fd, entry->d_name, entry->d_type);
  if (type == FILE_REGULAR && file_is_temporary(name)) {
    if (unlinkat(fd, name, 0) == 0)
      sweep->count++;
    else if (errno != ENOENT)
      note(&sweep->failed, name, errno, sweep->error);
    return;
  }
  if (type != FILE_FOLDER || strcmp(name, ".") == 0 ||
      strcmp(name, "..") == 0 || depth == SWEEP_DEPTH)
    return;
  int inner =
      openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner >= 0)
    sweep_folder(sweep, inner, name, depth + 1);
  else if (errno != ENOENT)
    note(&sweep->failed, name, errno, sweep->error);
}

/* Takes over `fd`. */
static void sweep_folder(
    struct sweep *sweep, int fd, const char *name, int depth) {
  DIR *folder = fdopendir(fd);
  if (folder == NULL) {
    note(&sweep->failed, name, errno, sweep->error);
    close(fd);
    return;
  }
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(folder);
    if (entry == NULL)
      break;
    sweep_entry(sweep, folder, entry, depth);
  }
  if (errno != 0)
    note(&sweep->failed, name, errno, sweep->error);
  closedir(folder);
}

int file_sweep(const char *path, size_t *count, struct error *error) {
  struct sweep sweep = {.error = error};
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    note(&sweep.failed, path, errno, error);
  else
    sweep_folder(&sweep, fd, path, 0);
  *count = sweep.count;
  return sweep.failed ? -1 : 0;
}
