/*
 * The Lua library that a program carries inside itself. `make` writes one
 * table for each program from the files below lua/ (see host/embed.lua); the
 * searcher in bind/state.c looks modules up in it.
 */
#ifndef NIGHTJAR_EMBEDDED_H
#define NIGHTJAR_EMBEDDED_H

#include <stddef.h>

struct embedded_module {
  const char *name;  /* "nightjar.plan.model"; NULL ends the table */
  const char *chunk; /* "@lua/nightjar/plan/model.lua", for messages */
  const char *code;  /* bytecode, with names and lines */
  size_t size;       /* bytes of code */
};

extern const struct embedded_module embedded_modules[];

#endif
