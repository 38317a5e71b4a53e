#include "pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A region begins at a multiple of its size, so that a block's address tells
 * its region and its page. What is known of the pages stands in place of the
 * first two, not in them: one and the same line of the cache would have it of
 * all pages. There is room there for all others but one.
 */
enum {
  REGION_BYTES = 1 << 20,
  PAGE_BYTES = 1 << 12,
  FIRST = 2,
  PAGES = REGION_BYTES / PAGE_BYTES - FIRST - 1
};

struct pool_page {
  void *free; /* its free blocks, each beginning with the next one's address */
  struct pool_page *next, *previous; /* in one of the pool's lists */
  uint16_t size;                     /* of its blocks */
  uint16_t used;                     /* blocks that are not free */
  bool resident;                     /* has the system's memory */
};

struct pool_region {
  struct pool_region *next;
  size_t touched;      /* pages that have been in use; the others follow */
  uint64_t unused[10]; /* so that no page's record is in two cache lines */
  struct pool_page pages[PAGES];
};

_Static_assert(sizeof(struct pool_page) == 32, "two in a cache line");
_Static_assert(sizeof(struct pool_region) == FIRST * PAGE_BYTES,
    "what is known of the pages takes the place of the first ones");

#ifdef __GLIBC__
/* Weak, else a compiler may take it for granted that it is not malloc(). */
void *__libc_malloc(size_t size) __attribute__((weak));
#endif

bool pool_stands_aside(void) {
#ifdef POOL_ASIDE
  return true;
#elif defined __GLIBC__
  return malloc != __libc_malloc;
#else
  return false;
#endif
}

void pool_init(struct pool *pool, bool aside) {
  *pool = (struct pool){.largest = aside ? 0 : POOL_LARGEST};
}

static struct pool_region *region_of(const void *address) {
  return (struct pool_region *)((uintptr_t)address &
                                ~((uintptr_t)REGION_BYTES - 1));
}

static struct pool_page *page_of(const void *block) {
  size_t index = ((uintptr_t)block & (REGION_BYTES - 1)) / PAGE_BYTES;
  return &region_of(block)->pages[index - FIRST];
}

static char *start_of(const struct pool_page *page) {
  struct pool_region *region = region_of(page);
  return (char *)region + (size_t)(page - region->pages + FIRST) * PAGE_BYTES;
}

static size_t size_index(size_t size) {
  return (size - 1) / POOL_STEP;
}

static void link_page(struct pool_page **first, struct pool_page *page) {
  page->previous = NULL;
  page->next = *first;
  if (*first != NULL)
    (*first)->previous = page;
  *first = page;
}

static void unlink_page(struct pool_page **first, struct pool_page *page) {
  if (page->previous != NULL)
    page->previous->next = page->next;
  else
    *first = page->next;
  if (page->next != NULL)
    page->next->previous = page->previous;
}

static void *map(size_t size) {
  void *memory = mmap(
      NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED ? memory : NULL;
}

/* The system mostly gives what lies below the region before, which fits. */
static void *map_region(void) {
  char *memory = map(REGION_BYTES);
  if (memory == NULL || (void *)region_of(memory) == memory)
    return memory;
  munmap(memory, REGION_BYTES);
  memory = map(2 * REGION_BYTES);
  if (memory == NULL)
    return NULL;
  char *aligned = (char *)region_of(memory + REGION_BYTES - 1);
  char *end = aligned + REGION_BYTES;
  if (aligned > memory)
    munmap(memory, (size_t)(aligned - memory));
  munmap(end, (size_t)(memory + REGION_BYTES * 2 - end));
  return aligned;
}

/* A page without blocks, or NULL. */
static struct pool_page *take_page(struct pool *pool) {
  struct pool_page *page = pool->free;
  if (page != NULL) {
    unlink_page(&pool->free, page);
    return page;
  }
  struct pool_region *region = pool->regions;
  if (region == NULL || region->touched == PAGES) {
    region = map_region();
    if (region == NULL)
      return NULL;
    region->next = pool->regions;
    pool->regions = region;
  }
  return &region->pages[region->touched++];
}

/* One with blocks of a size, all of them free, or NULL. */
static struct pool_page *add_page(struct pool *pool, size_t size) {
  struct pool_page *page = take_page(pool);
  if (page == NULL)
    return NULL;
  page->size = (uint16_t)((size + POOL_STEP - 1) / POOL_STEP * POOL_STEP);
  page->used = 0;
  page->resident = true;
  char *block = start_of(page);
  char *last = block + (PAGE_BYTES / page->size - 1) * page->size;
  page->free = block;
  for (; block < last; block += page->size)
    *(void **)(void *)block = block + page->size;
  *(void **)(void *)block = NULL;
  link_page(&pool->room[size_index(size)], page);
  return page;
}

static void *take(struct pool *pool, size_t size) {
  struct pool_page *page = pool->room[size_index(size)];
  if (page == NULL)
    page = add_page(pool, size);
  if (page == NULL)
    return NULL;
  void *block = page->free;
  page->free = *(void **)block;
  page->used++;
  if (page->free == NULL)
    unlink_page(&pool->room[size_index(size)], page);
  return block;
}

/* Whether a block that counts as small is one of malloc()'s. */
static bool is_stray(const struct pool *pool, const void *block) {
  const struct pool_region *region = pool->regions;
  while (region != NULL && region != region_of(block))
    region = region->next;
  return region == NULL;
}

static void give(struct pool *pool, void *block) {
  if (pool->strays > 0 && is_stray(pool, block)) {
    pool->strays--;
    free(block);
    return;
  }
  struct pool_page *page = page_of(block);
  void *next = page->free;
  *(void **)block = next;
  page->free = block;
  page->used--;
  struct pool_page **room = &pool->room[size_index(page->size)];
  if (next == NULL)
    link_page(room, page);
  if (page->used > 0)
    return;
  unlink_page(room, page);
  link_page(&pool->free, page);
}

/* Where one of the two sizes is small, or both are. */
static void *move(struct pool *pool, void *old, size_t old_size, size_t size) {
  bool was_small = old_size <= pool->largest;
  if (was_small && size <= pool->largest &&
      size_index(old_size) == size_index(size))
    return old;
  void *block = size <= pool->largest ? take(pool, size) : malloc(size);
  if (block == NULL && size > old_size)
    return NULL;
  if (block == NULL) { /* a part of it does as well */
    pool->strays += !was_small;
    return old;
  }
  memcpy(block, old, old_size < size ? old_size : size);
  if (was_small)
    give(pool, old);
  else
    free(old);
  return block;
}

static void *resize_large(void *old, size_t old_size, size_t size) {
  void *block = realloc(old, size);
  return block == NULL && size <= old_size ? old : block;
}

void *pool_resize(struct pool *pool, void *old, size_t old_size, size_t size) {
  if (old == NULL) {
    if (size == 0)
      return NULL;
    return size <= pool->largest ? take(pool, size) : malloc(size);
  }
  if (size > 0)
    return old_size > pool->largest && size > pool->largest
               ? resize_large(old, old_size, size)
               : move(pool, old, old_size, size);
  if (old_size <= pool->largest)
    give(pool, old);
  else
    free(old);
  return NULL;
}

/* Whole pages of the system's, which may be larger. That it fails costs
 * memory, and nothing else. */
static void drop(struct pool_region *region, size_t from, size_t to) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)start_of(&region->pages[from]);
  uintptr_t end = (uintptr_t)start_of(&region->pages[to]);
  start = (start + page - 1) / page * page;
  end = end / page * page;
  if (start < end)
    (void)madvise((void *)start, end - start, MADV_DONTNEED);
}

static bool is_empty(const struct pool_region *region) {
  for (size_t i = 0; i < region->touched; i++)
    if (region->pages[i].used > 0)
      return false;
  return true;
}

static void trim_region(struct pool_region *region) {
  struct pool_page *pages = region->pages;
  for (size_t from = 0; from < region->touched; from++) {
    size_t to = from;
    for (; to < region->touched && pages[to].used == 0 && pages[to].resident;
         to++)
      pages[to].resident = false;
    if (to > from)
      drop(region, from, to);
    from = to;
  }
}

static void unmap_region(struct pool *pool, struct pool_region *region) {
  for (size_t i = 0; i < region->touched; i++)
    unlink_page(&pool->free, &region->pages[i]);
  munmap(region, REGION_BYTES);
}

void pool_trim(struct pool *pool) {
  struct pool_region **place = &pool->regions;
  while (*place != NULL) {
    struct pool_region *region = *place;
    if (is_empty(region)) {
      *place = region->next;
      unmap_region(pool, region);
    } else {
      trim_region(region);
      place = &region->next;
    }
  }
}

void pool_release(struct pool *pool) {
  struct pool_region *next;
  for (struct pool_region *region = pool->regions; region != NULL;
       region = next) {
    next = region->next;
    munmap(region, REGION_BYTES);
  }
  *pool = (struct pool){.largest = pool->largest};
}
