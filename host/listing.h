/*
 * Names of files with their types: what reading a folder gives.
 *
 *   struct listing listing;
 *   listing_init(&listing, 10000);
 *   listing_add(&listing, "cds.json", FILE_REGULAR, "the folder", &error)
 *   listing_sort(&listing);
 *   listing_release(&listing);
 */
#ifndef NIGHTJAR_LISTING_H
#define NIGHTJAR_LISTING_H

#include "error.h"
#include <stddef.h>
#include <sys/types.h>

enum file_type {
  FILE_REGULAR,
  FILE_FOLDER,
  FILE_LINK,
  FILE_FIFO,
  FILE_SOCKET,
  FILE_DEVICE,
  FILE_OTHER,
};

struct listing_entry {
  char *name; /* owned by the listing */
  enum file_type type;
};

struct listing {
  struct listing_entry *entries;
  size_t count;
  size_t room;  /* entries allocated */
  size_t limit; /* most entries */
};

/* An empty listing of at most `limit` entries. Allocates nothing. */
void listing_init(struct listing *listing, size_t limit);
void listing_release(struct listing *listing);

/*
 * Adds a copy of `name`. Returns -1 without memory, and above the limit with
 * code "limit"; `folder` is what the message names.
 */
int listing_add(struct listing *listing, const char *name, enum file_type type,
    const char *folder, struct error *error);

/* Sorts by name, as bytes. */
void listing_sort(struct listing *listing);

/*
 * The type in words ("file", "folder", "link", "fifo", "socket", "device",
 * "other"), for values and for messages.
 */
const char *file_type_name(enum file_type type);
enum file_type file_type_of_mode(mode_t mode);

/* The type of an entry of the folder `fd`; `type` is the `d_type` that
   readdir(3) or getdents64(2) gave for it. */
enum file_type file_type_of_entry(
    int fd, const char *name, unsigned char type);

#endif
