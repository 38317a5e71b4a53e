/*
 * In place of libFuzzer: gives each file that is named to the target, once.
 * The last line counts them.
 */
#include "buf.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 };

/* Memory of the file's very size, so that a byte too far is seen. */
static int replay(const char *path) {
  struct buf content;
  struct error error;
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) {
    perror(path);
    return -1;
  }
  buf_init(&content, MOST_BYTES);
  int status = buf_reserve(&content, MOST_BYTES, &error);
  if (status == 0) {
    size_t size = fread(content.data, 1, MOST_BYTES, stream);
    uint8_t *exact = malloc(size > 0 ? size : 1);
    input_claim(exact != NULL, "there is memory");
    memcpy(exact, content.data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  buf_release(&content);
  fclose(stream);
  return status;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (replay(argv[i]) != 0)
      return 1;
  printf("%d inputs\n", argc - 1);
  return 0;
}
