/*
 * Descriptors: what several parts do with them and must do right. Both
 * functions make system calls only, so that a signal handler, and a process
 * between fork() and exec, may call them.
 */
#ifndef NIGHTJAR_FD_H
#define NIGHTJAR_FD_H

#include <stddef.h>

/*
 * Writes all of it, however often write(2) takes a part or is interrupted.
 * Returns 0, or -1 with errno set: EIO when the system takes nothing and gives
 * no reason, so that nobody tries for ever.
 */
int fd_write(int fd, const void *data, size_t size);

/*
 * Closes all descriptors from `first` on. Before Linux 5.9, which has no
 * close_range(2), only those below 65,536.
 */
void fd_close_from(int first);

#endif
