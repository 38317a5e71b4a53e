/*
 * Memory that is taken piece by piece and given back all at once: for a tree
 * that lives as long as its root. Nothing is asked of malloc() for each piece,
 * and nothing given back to it in pieces, which leaves it lists to search.
 *
 *   struct arena arena = {0};
 *   void *piece = arena_take(&arena, 64);
 *   arena_release(&arena);
 */
#ifndef NIGHTJAR_ARENA_H
#define NIGHTJAR_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
  struct arena_block *newest; /* NULL: nothing has been taken yet */
  size_t expected;            /* bytes that the first block holds */
};

/*
 * `size` bytes for any type, of unknown content, that stay until
 * arena_release(). NULL: there is no memory.
 */
void *arena_take(struct arena *arena, size_t size);

/* Frees all that was taken, but keeps the first block for what comes next. */
void arena_clear(struct arena *arena);

/* Frees all that was taken and leaves the arena empty. */
void arena_release(struct arena *arena);

#endif
