#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = _Alignof(max_align_t), LATER_BLOCK = 64 << 10 };

struct arena_block {
  struct arena_block *before;
  size_t used;
  size_t room;
  max_align_t data[];
};

static struct arena_block *add_block(struct arena *arena, size_t size) {
  size_t room = arena->newest == NULL ? arena->expected : LATER_BLOCK;
  if (room < size)
    room = size;
  struct arena_block *block =
      room <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + room) : NULL;
  if (block == NULL)
    return NULL;
  *block = (struct arena_block){.before = arena->newest, .room = room};
  arena->newest = block;
  return block;
}

void *arena_take(struct arena *arena, size_t size) {
  if (size > SIZE_MAX - ALIGNMENT)
    return NULL;
  size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  struct arena_block *block = arena->newest;
  if (block == NULL || block->room - block->used < size)
    block = add_block(arena, size);
  if (block == NULL)
    return NULL;
  void *piece = (char *)block->data + block->used;
  block->used += size;
  return piece;
}

static void drop_newest(struct arena *arena) {
  struct arena_block *before = arena->newest->before;
  free(arena->newest);
  arena->newest = before;
}

void arena_clear(struct arena *arena) {
  while (arena->newest != NULL && arena->newest->before != NULL)
    drop_newest(arena);
  if (arena->newest != NULL)
    arena->newest->used = 0;
}

void arena_release(struct arena *arena) {
  while (arena->newest != NULL)
    drop_newest(arena);
}
