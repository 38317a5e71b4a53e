/*
 * What the running program knows of itself: where it stands, where its data
 * is, and what the kernel lets it do. The functions that add to a buffer
 * return 0, or -1 and an error.
 */
#ifndef NIGHTJAR_PROGRAM_H
#define NIGHTJAR_PROGRAM_H

#include "buf.h"

#include <stdbool.h>

/* The folder of the executable, links resolved (/proc/self/exe). */
int program_directory(struct buf *to, struct error *error);

/*
 * The folder in which policies/, templates/ and examples/ stand: the first
 * that holds policies/init.lua of "../share/nightjar" beside the executable's
 * folder, where they are installed, and the three folders above the
 * executable, for a build tree ("build/nightjar", "build/asan/nightjar"). The
 * former comes first, so that an installed program never takes the policies
 * of a folder it happens to stand below. Where none does it is the former.
 */
int program_data_directory(struct buf *to, struct error *error);

/*
 * Whether there are IPv6 sockets: a kernel may be without (ipv6.disable=1), or
 * keep them from this process and those it starts. True where that cannot be
 * told.
 */
bool program_has_ipv6(void);

#endif
