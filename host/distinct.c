#include "distinct.h"

#include <stdint.h>
#include <stdlib.h>

/* Where to look for an address first, of 2 to the power of `bits` places: the
 * upper bits of a product (Knuth, The Art of Computer Programming, 6.4). */
static size_t first_place(const void *address, int bits) {
  uint64_t product = (uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(product >> (64 - bits));
}

/* Half of the places stay free, so that each search is short. */
bool distinct(const void *const *addresses, size_t count) {
  int bits = 1;
  while ((size_t)1 << bits < 2 * count)
    bits++;
  size_t last = ((size_t)1 << bits) - 1;
  const void **taken = calloc(last + 1, sizeof *taken);
  bool differ = taken != NULL;
  for (size_t i = 0; differ && i < count; i++) {
    size_t place = first_place(addresses[i], bits);
    while (taken[place] != NULL && taken[place] != addresses[i])
      place = (place + 1) & last;
    differ = taken[place] == NULL;
    taken[place] = addresses[i];
  }
  free(taken);
  return differ;
}
