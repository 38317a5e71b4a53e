/*
 * Small blocks: each keeps what was written into it, whatever comes to others.
 * An input is a list of steps of four bytes. One resizes each
 * so-and-so-manieth block, another trims, a third has the system refuse or
 * give memory.
 */
#include "pool.h"
#include "../input.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* So many blocks of the largest small size are more than a megabyte. */
enum { BLOCKS = 6000, STEP_BYTES = 4, MOST_STEPS = 40, MOST_BYTES = 400 };

struct block {
  unsigned char *data; /* NULL: there is none */
  size_t size;
};

static bool refuses;

/* In the place of the C library's, for the pool. */
void *mmap(void *address, size_t size, int protection, int flags, int fd,
    off_t offset) {
  if (refuses) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  uintptr_t place = (uintptr_t)syscall(
      SYS_mmap, address, size, protection, flags, fd, offset);
  return (void *)place; /* (uintptr_t)-1: errno says why */
}

static unsigned char content(size_t index, size_t at) {
  return (unsigned char)(index * 37 + at * 11 + (index >> 8));
}

static void fill(struct block *block, size_t index, size_t from) {
  for (size_t at = from; at < block->size; at++)
    block->data[at] = content(index, at);
}

static void check(const struct block *block, size_t index) {
  for (size_t at = 0; at < block->size; at++)
    input_claim(block->data[at] == content(index, at),
        "a block has what was written into it");
}

static void resize(
    struct pool *pool, struct block *block, size_t index, size_t size) {
  if (block->data == NULL && size == 0)
    return;
  /* What Lua tells of a new block is its kind. */
  size_t told = block->data != NULL ? block->size : index % 10;
  check(block, index);
  unsigned char *data = pool_resize(pool, block->data, told, size);
  if (data == NULL && size > 0) {
    input_claim(refuses, "there is memory");
    input_claim(size > block->size, "a block can become smaller");
    check(block, index);
    return;
  }
  input_claim((uintptr_t)data % POOL_STEP == 0, "a block is aligned");
  size_t from = block->size;
  *block = (struct block){data, size};
  if (size < from)
    check(block, index);
  else
    fill(block, index, from);
}

static void run_step(
    struct pool *pool, struct block *blocks, const uint8_t *step) {
  size_t size = (step[2] | (size_t)step[3] << 8) % (MOST_BYTES + 1);
  size_t apart = 1 + step[1] / 16;
  if (step[0] % 8 == 0) {
    pool_trim(pool);
  } else if (step[0] % 8 == 1) {
    refuses = step[1] % 2 == 1;
  } else if (step[0] % 8 == 2) {
    size = 0;
  }
  if (step[0] % 8 < 2)
    return;
  for (size_t i = step[1] % 16; i < BLOCKS; i += apart)
    resize(pool, &blocks[i], i, step[0] % 8 < 7 ? size : (size + i) % 300);
}

static void free_all(struct pool *pool, struct block *blocks) {
  refuses = false;
  for (size_t i = 0; i < BLOCKS; i++)
    resize(pool, &blocks[i], i, 0);
  input_claim(pool->strays == 0, "what is freed is counted no more");
  pool_trim(pool);
  input_claim(pool->regions == NULL && pool->free == NULL,
      "all memory goes back to the system");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct block blocks[BLOCKS];
  size_t steps = size / STEP_BYTES;
  struct pool pool;
  pool_init(&pool, false);
  for (size_t i = 0; i < steps && i < MOST_STEPS; i++)
    run_step(&pool, blocks, data + i * STEP_BYTES);
  for (size_t i = 0; i < BLOCKS; i++)
    check(&blocks[i], i);
  if (size % 2 == 0)
    free_all(&pool, blocks);
  refuses = false;
  /* Else the small ones go with the pool. */
  for (size_t i = 0; i < BLOCKS; i++)
    if (blocks[i].size > POOL_LARGEST || pool.strays > 0)
      resize(&pool, &blocks[i], i, 0);
  pool_release(&pool);
  input_claim(pool.regions == NULL, "nothing stays");
  memset(blocks, 0, sizeof blocks);
  return 0;
}
