/*
 * Reading beneath a folder whose content others provide: templates, policies.
 * Nothing outside of it can be reached, whatever names and links say.
 *
 *   struct folder folder;
 *   if (folder_open(&folder, "/etc/nightjar/templates", &error) != 0) ...
 *   folder_list(&folder, 16, &listing, &error);
 *   folder_read(&folder, "static/error.html", 1 << 20, &content, &error);
 *   folder_close(&folder);
 *
 * Where the kernel has openat2(2) (Linux 5.6) a link is followed as long as
 * each step stays beneath the folder, and refused with code "EXDEV" where it
 * leads out. Elsewhere, or where a container's profile forbids the call, names
 * are opened component by component and any link is refused with code "ELOOP".
 * FIFOs, sockets and devices are refused without waiting for them.
 */
#ifndef NIGHTJAR_FOLDER_H
#define NIGHTJAR_FOLDER_H

#include "buf.h"
#include "digest.h"
#include "listing.h"
#include <stdint.h>

struct folder {
  int fd;     /* -1: closed */
  char *path; /* as it was opened, for messages */
};

/* On failure the folder is closed; folder_close() is allowed all the same. */
int folder_open(struct folder *folder, const char *path, struct error *error);
void folder_close(struct folder *folder);

/*
 * Adds everything that is no folder, at any depth, as a path relative to the
 * folder, sorted as bytes. Links, FIFOs and so on are listed too, so that
 * reading them can say what is wrong with them; links to folders are not
 * entered. Left out are names that begin with ".." (the book-keeping of
 * volumes that are switched by a link) and temporaries of file_replace().
 * The listing's limit bounds the number; more levels than `depth` are an error
 * with code "limit".
 */
int folder_list(const struct folder *folder, size_t depth, struct listing *to,
    struct error *error);

/*
 * What tells whether anything in the folder has changed since it was last
 * asked, without reading it: a digest of each name that folder_list() gives
 * with the device, inode, size and times of what stands there, links followed.
 *
 * A file system's clock has ticks: what is written twice within one may look
 * the same after both. So a stamp is worth something only when `changed_ns`,
 * the latest change of all, lies well before the time at which it was taken.
 */
struct folder_stamp {
  unsigned char digest[DIGEST_SIZE];
  int64_t changed_ns; /* since 1970, st_ctime; 0 for an empty folder */
};
int folder_stamp(const struct folder *folder, size_t depth, size_t files,
    struct folder_stamp *out, struct error *error);

/*
 * Adds the content of the regular file `name`, a relative path, to `to`; more
 * than `max` bytes are "EFBIG".
 */
int folder_read(const struct folder *folder, const char *name, size_t max,
    struct buf *to, struct error *error);

#endif
