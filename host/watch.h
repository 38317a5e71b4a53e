/*
 * Learning from the kernel that a name in a folder has come, or has gone,
 * instead of looking again and again: inotify(7), one instance for all names.
 *
 *   struct watcher watcher;
 *   watcher_init(&watcher);
 *   watcher_add(&watcher, "/tmp/stop.txt", false, &id, &error);
 *   ... look whether it is there already: what comes from now on is told ...
 *   ... watcher.fd is readable ...
 *   watcher_read(&watcher, &error);
 *   while ((watch = watcher_news(&watcher)) != NULL)
 *     ... look at what watch->id stands for; watch->news = false ...
 *   watcher_remove(&watcher, id);
 *   watcher_release(&watcher);
 *
 * News is a reason to look, no more: a queue that has overflowed is news of
 * all names, and the folder's own end, move or unmounting is news of those in
 * it, which are `lost` from then on: watch them anew. The kernel tells of no
 * change that another host makes in a network file system, nor that a folder
 * above was moved, or covered by a mount, or that a symbolic link on the way
 * leads elsewhere: look from time to time all the same.
 *
 * Instances are scarce (inotify.h). There is one while a name is watched, and
 * none before and after; it is closed in execve(2).
 */
#ifndef NIGHTJAR_WATCH_H
#define NIGHTJAR_WATCH_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

enum { WATCH_MOST = 16 }; /* names at a time */

struct watch {
  struct watch *next;
  uint64_t id;  /* never used twice by a watcher */
  int folder;   /* inotify's number of it */
  bool removal; /* tells when the name goes, too */
  bool news;    /* look at it */
  bool lost;    /* nothing more will be told */
  char name[];  /* within the folder */
};

struct watcher {
  int fd; /* the instance; -1 while nothing is watched */
  struct watch *list;
  uint64_t last_id;
};

void watcher_init(struct watcher *watcher);
void watcher_release(struct watcher *watcher);

/*
 * Watches the last part of a path, whether it exists or not; the folder has to
 * ("ENOENT", "ENOTDIR"), and must be readable ("EACCES"). Other codes:
 * "EMFILE" for the host's limit of instances or this process's of descriptors,
 * "ENOSPC" for the host's limit of watches, "limit" beyond WATCH_MOST,
 * "EINVAL" for a path without a last part.
 */
int watcher_add(struct watcher *watcher, const char *path, bool removal,
    uint64_t *id, struct error *error);

/* Ends a watch; nothing if it is none, or is over. */
void watcher_remove(struct watcher *watcher, uint64_t id);

/* Takes in what the kernel has to tell, without waiting for more. */
int watcher_read(struct watcher *watcher, struct error *error);

/* A watch with news; NULL when there is none. */
struct watch *watcher_news(const struct watcher *watcher);

#endif
