#include "token.h"

#include <string.h>

bool token_check(const char *text, size_t size) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '-' &&
        (c == '\0' || strchr(marks, c) == NULL))
      return false;
  }
  return size > 0;
}
