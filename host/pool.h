/*
 * Memory in small blocks, of which a Lua state has some hundred thousand. They
 * have nothing beside them, since who frees one tells its size: each page has
 * blocks of one size. A page whose blocks are all free is there for any size,
 * and pool_trim() gives it back to the system. Larger blocks are malloc()'s.
 *
 *   struct pool pool;
 *   pool_init(&pool, pool_stands_aside());
 *   void *block = pool_resize(&pool, NULL, 0, 24);
 *   void *larger = pool_resize(&pool, block, 24, 40);
 *   pool_resize(&pool, larger, 40, 0);
 *   pool_release(&pool);
 *
 * It is for one thread.
 */
#ifndef NIGHTJAR_POOL_H
#define NIGHTJAR_POOL_H

#include <stdbool.h>
#include <stddef.h>

enum {
  POOL_STEP = 8, /* bytes between two sizes; blocks are aligned to it */
  POOL_LARGEST = 256,
  POOL_SIZES = POOL_LARGEST / POOL_STEP
};

struct pool_page;
struct pool_region;

struct pool {
  size_t largest;                     /* of a small block; 0: there are none */
  size_t strays;                      /* malloc()'s that count as small */
  struct pool_region *regions;        /* the first may have unused pages */
  struct pool_page *free;             /* pages that have been used */
  struct pool_page *room[POOL_SIZES]; /* those with free blocks, by size */
};

/*
 * Whether someone wants to see each block: malloc() is not the C library's (a
 * sanitizer, or a library that was loaded before), or the program was built
 * with POOL_ASIDE, for valgrind.
 */
bool pool_stands_aside(void);

/* An empty pool. `aside`: it makes all blocks by malloc(). */
void pool_init(struct pool *pool, bool aside);

/*
 * As realloc() does, and with `size` 0 as free(): returns a block of `size`
 * bytes that begins with what `old` had, or NULL for lack of memory, which
 * leaves `old` as it is. Never fails where a block is to be no larger. `old`
 * is one of this pool's, made with `old_size` (not 0); or NULL, and `old_size`
 * means nothing. Each block is to be freed, or, a small one, goes with the
 * pool.
 */
void *pool_resize(struct pool *pool, void *old, size_t old_size, size_t size);

/* Free pages go back to the system, neighbours in one call. */
void pool_trim(struct pool *pool);

/* Frees all small blocks, and leaves an empty pool. */
void pool_release(struct pool *pool);

#endif
