#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void listing_init(struct listing *listing, size_t limit) {
  *listing = (struct listing){.limit = limit};
}

void listing_release(struct listing *listing) {
  for (size_t i = 0; i < listing->count; i++)
    free(listing->entries[i].name);
  free(listing->entries);
  listing_init(listing, listing->limit);
}

static int grow(struct listing *listing) {
  size_t room = listing->room > 0 ? 2 * listing->room : 32;
  struct listing_entry *entries =
      reallocarray(listing->entries, room, sizeof entries[0]);
  if (entries == NULL)
    return -1;
  listing->entries = entries;
  listing->room = room;
  return 0;
}

int listing_add(struct listing *listing, const char *name, enum file_type type,
    const char *folder, struct error *error) {
  if (listing->count >= listing->limit)
    return error_set(error, "limit", "cannot list", folder,
        "it has more than %zu entries", listing->limit);
  if (listing->count == listing->room && grow(listing) != 0)
    return error_errno(error, "cannot list", folder, ENOMEM);
  char *copy = strdup(name);
  if (copy == NULL)
    return error_errno(error, "cannot list", folder, ENOMEM);
  listing->entries[listing->count++] = (struct listing_entry){copy, type};
  return 0;
}

static int by_name(const void *left, const void *right) {
  const struct listing_entry *a = left;
  const struct listing_entry *b = right;
  return strcmp(a->name, b->name);
}

void listing_sort(struct listing *listing) {
  if (listing->count > 0)
    qsort(
        listing->entries, listing->count, sizeof listing->entries[0], by_name);
}

const char *file_type_name(enum file_type type) {
  static const char *const names[] = {
      "file", "folder", "link", "fifo", "socket", "device", "other"};
  return names[type];
}

enum file_type file_type_of_mode(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return FILE_REGULAR;
  case S_IFDIR:
    return FILE_FOLDER;
  case S_IFLNK:
    return FILE_LINK;
  case S_IFIFO:
    return FILE_FIFO;
  case S_IFSOCK:
    return FILE_SOCKET;
  case S_IFBLK:
  case S_IFCHR:
    return FILE_DEVICE;
  default:
    return FILE_OTHER;
  }
}

enum file_type file_type_of_entry(
    int fd, const char *name, unsigned char type) {
  struct stat status;
  if (type != DT_UNKNOWN)
    return file_type_of_mode(DTTOIF(type));
  /* Some file systems do not tell. One that vanished meanwhile is "other". */
  if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return FILE_OTHER;
  return file_type_of_mode(status.st_mode);
}
