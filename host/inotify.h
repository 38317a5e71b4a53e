/*
 * How many inotify instances may still be opened. Linux limits them for each
 * user and host (fs.inotify.max_user_instances), and a user namespace may have
 * a lower limit of its own (user.max_inotify_instances); no file says how many
 * are in use, and those of other containers count too. So this tries:
 *
 *   size_t free;
 *   if (inotify_free(6, &free, &error) == 0 && free < 6)
 *     ... a program that needs six would not get them
 *
 * They are closed again at once. The trial takes no more than its caller is
 * about to need, and for microseconds: where it is in somebody's way, the
 * program that it is made for would be in that way for good.
 */
#ifndef NIGHTJAR_INOTIFY_H
#define NIGHTJAR_INOTIFY_H

#include "error.h"

#include <stddef.h>

enum { INOTIFY_MOST = 1024 }; /* instances to try for */

/*
 * Opens up to `count` instances, INOTIFY_MOST at most, closes them and says
 * how many there were. EMFILE of inotify_init1(2) stands for that limit, or
 * for the process's own limit of descriptors: the latter is an error here,
 * with code "EMFILE", since it tells nothing about other processes. So is
 * everything else: "ENFILE" (the system's table of files is full), "ENOMEM",
 * "ENOSYS".
 */
int inotify_free(size_t count, size_t *free, struct error *error);

#endif
