/*
 * What each target in C offers, and what it may use to say that something that
 * it holds is not so. libFuzzer calls it, or replay.c with the corpus.
 */
#ifndef NIGHTJAR_FUZZ_INPUT_H
#define NIGHTJAR_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns 0. `data` ends where it ends: no NUL stands behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, as a crash does, unless it holds. */
void input_claim(bool holds, const char *what);

/* The input with a NUL behind it, to be freed. */
char *input_text(const uint8_t *data, size_t size);

#endif
