/*
 * JSON in C: what the quick fingerprint takes is JSON but for its UTF-8, and
 * has the fingerprint that the thorough one gives.
 */
#include "jsontext.h"
#include "../input.h"
#include "buf.h"
#include "jsonprint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct jsontext_limits most = {
    .depth = JSONTEXT_MAX_DEPTH, .values = SIZE_MAX};

static bool is_utf8(const char *text, size_t size) {
  while (size > 0) {
    size_t used = utf8_length(text, size);
    if (used == 0)
      return false;
    text += used;
    size -= used;
  }
  return true;
}

/* The text with its NULs replaced is JSON that holds none. */
static void check_nuls(
    const char *text, size_t size, const struct jsontext *facts) {
  struct jsontext without;
  struct error error;
  char *copy = malloc(size);
  input_claim(copy != NULL, "there is memory");
  jsontext_replace_nuls(text, size, facts, copy);
  input_claim(jsontext_check(copy, size, most, &without, &error) == 0,
      "a text with its NULs replaced is JSON");
  input_claim(without.nuls == 0, "no NUL is left");
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jsontext facts;
  struct jsonprint quick, thorough;
  struct error error;
  char *text = input_text(data, size);
  bool plain = jsonprint_plain(text, size, &quick);
  bool good = jsontext_check(text, size, most, &facts, &error) == 0;
  if (plain && !good)
    input_claim(!is_utf8(text, size), "what is plain is JSON");
  if (good) {
    input_claim(is_utf8(text, size), "JSON is UTF-8");
    thorough = jsonprint(text, size);
    input_claim(!plain || memcmp(&quick, &thorough, sizeof quick) == 0,
        "both fingerprints are the same");
    if (facts.nuls > 0)
      check_nuls(text, size, &facts);
  }
  free(text);
  return 0;
}
