/*
 * What the running program knows of itself: where it stands and where its
 * data is. Both functions add to a buffer and return 0, or -1 and an error.
 */
#ifndef NIGHTJAR_PROGRAM_H
#define NIGHTJAR_PROGRAM_H

#include "buf.h"

/* The folder of the executable, links resolved (/proc/self/exe). */
int program_directory(struct buf *to, struct error *error);

/*
 * The folder in which policies/, templates/ and examples/ stand. In a build
 * tree that is the first folder above the executable, of at most three, that
 * holds policies/init.lua ("build/nightjar", "build/asan/nightjar"); installed
 * it is "../share/nightjar" beside the executable's folder.
 */
int program_data_directory(struct buf *to, struct error *error);

#endif
