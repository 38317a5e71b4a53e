#include "token.h"

#include <stdint.h>

/* A bit for each byte: letters, digits and !#$%&'*+-.^_`|~ */
static const uint64_t allowed[4] = {
    UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe), 0, 0};

bool token_check(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((allowed[c / 64] >> (c % 64) & 1) == 0)
      return false;
  }
  return size > 0;
}
