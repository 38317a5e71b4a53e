/* What targets in C share (input.h). */
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void input_claim(bool holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "fuzz: this does not hold: %s\n", what);
  abort();
}

char *input_text(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  input_claim(text != NULL, "there is memory");
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  return text;
}
