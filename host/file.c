#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 << 10 };

/* Reading */

static int refuse_type(
    const char *name, enum file_type type, struct error *error) {
  return error_set(error, type == FILE_FOLDER ? "EISDIR" : "EINVAL",
      "cannot read", name, "expected a file, found a %s",
      file_type_name(type));
}

static int too_big(const char *name, size_t max, struct error *error) {
  return error_set(
      error, "EFBIG", "cannot read", name, "it is larger than %zu bytes", max);
}

/* Reads one byte more than allowed, so as to notice that there is more. `step`
 * is the first read's: one byte more than the file has leaves room to see its
 * end without a larger buffer. */
static int read_to_end(int fd, const char *name, size_t max, size_t step,
    struct buf *to, struct error *error) {
  size_t start = to->size;
  for (;;) {
    size_t left = max - (to->size - start);
    if (step > left)
      step = left + 1;
    if (buf_reserve(to, step, error) != 0)
      return -1;
    ssize_t got = read(fd, to->data + to->size, step);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return error_errno(error, "cannot read", name, errno);
    if ((size_t)got > left)
      return too_big(name, max, error);
    to->size += (size_t)got;
    to->data[to->size] = '\0';
    if (got == 0)
      return 0;
    step = (size_t)got < step ? step - (size_t)got : READ_STEP;
  }
}

int file_read_descriptor(int fd, const char *name, size_t max, struct buf *to,
    struct error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return error_errno(error, "cannot read", name, errno);
  if (!S_ISREG(status.st_mode))
    return refuse_type(name, file_type_of_mode(status.st_mode), error);
  if (status.st_size > 0 && (uint64_t)status.st_size > max)
    return too_big(name, max, error);
  /* The kernel's own files (`/proc`) have no size before they are read. */
  size_t step = status.st_size > 0 ? (size_t)status.st_size + 1 : READ_STEP;
  return read_to_end(fd, name, max, step, to, error);
}

int file_read(
    const char *path, size_t max, struct buf *to, struct error *error) {
  /* O_NONBLOCK: opening a FIFO would wait for a writer. */
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 && errno == ENXIO) /* what the kernel says of a socket */
    return refuse_type(path, FILE_SOCKET, error);
  if (fd < 0)
    return error_errno(error, "cannot read", path, errno);
  int result = file_read_descriptor(fd, path, max, to, error);
  close(fd); /* nothing was written: there is nothing to lose */
  return result;
}

/* Small things */

/* Makes the folder that the first `size` bytes of `path` name. */
static int make_one(
    const char *path, size_t size, mode_t mode, struct error *error) {
  char folder[PATH_MAX];
  struct stat status;
  memcpy(folder, path, size);
  folder[size] = '\0';
  if (mkdir(folder, mode) == 0)
    return 0;
  int reason = errno;
  /* EEXIST, but also EROFS or EACCES on a way that is there already. */
  int looked = stat(folder, &status);
  if (looked == 0 && S_ISDIR(status.st_mode))
    return 0;
  if (looked != 0 && errno != ENOENT) /* it does not tell what is there */
    return error_errno(error, "cannot make folder", folder, errno);
  if (reason == EEXIST)
    return error_set(error, "ENOTDIR", "cannot make folder", folder,
        "something else is there that is no folder");
  return error_errno(error, "cannot make folder", folder, reason);
}

int file_make_folder(const char *path, mode_t mode, struct error *error) {
  size_t size = strlen(path);
  if (size == 0)
    return error_errno(error, "cannot make folder", path, ENOENT);
  if (size >= PATH_MAX)
    return error_errno(error, "cannot make folder", path, ENAMETOOLONG);
  for (size_t i = 1; i < size; i++)
    if (path[i] == '/' && path[i - 1] != '/' &&
        make_one(path, i, mode, error) != 0)
      return -1;
  return make_one(path, size, mode, error);
}

int file_remove(const char *path, struct error *error) {
  if (remove(path) != 0)
    return error_errno(error, "cannot remove", path, errno);
  return 0;
}

/* Locks what was opened: a regular file, or it might be anybody's. */
static int lock(int fd, const char *path, struct error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return error_errno(error, "cannot lock", path, errno);
  if (!S_ISREG(status.st_mode))
    return error_set(error, "EINVAL", "cannot lock", path,
        "expected a file, found a %s",
        file_type_name(file_type_of_mode(status.st_mode)));
  int result;
  do
    result = flock(fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK)
    return error_set(
        error, "EAGAIN", "cannot lock", path, "another process has it");
  if (result != 0)
    return error_errno(error, "cannot lock", path, errno);
  return 0;
}

int file_lock(const char *path, struct error *error) {
  /* Not for writing, though NFS gives no lock then (flock(2)): such a file
     would keep its file system from being made read-only. */
  int fd = open(path,
      O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
      0600);
  if (fd < 0)
    return error_errno(error, "cannot lock", path, errno);
  if (lock(fd, path, error) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

int file_stat(const char *path, struct file_stat *out, struct error *error) {
  struct stat status;
  if (stat(path, &status) != 0)
    return error_errno(error, "cannot look at", path, errno);
  *out = (struct file_stat){
      .type = file_type_of_mode(status.st_mode),
      .size = status.st_size,
      .modified_ns =
          (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
      .mode = status.st_mode & 07777,
      .inode = status.st_ino,
  };
  return 0;
}

int file_list(const char *path, struct listing *to, struct error *error) {
  DIR *folder = opendir(path);
  if (folder == NULL)
    return error_errno(error, "cannot list", path, errno);
  int result = 0;
  while (result == 0) {
    errno = 0; /* only so can the end be told from a failure */
    const struct dirent *entry = readdir(folder);
    if (entry == NULL) {
      if (errno != 0)
        result = error_errno(error, "cannot list", path, errno);
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    enum file_type type =
        file_type_of_entry(dirfd(folder), entry->d_name, entry->d_type);
    result = listing_add(to, entry->d_name, type, path, error);
  }
  closedir(folder);
  listing_sort(to);
  return result;
}
