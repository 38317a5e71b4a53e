/*
 * The words that HTTP is made of.
 */
#ifndef NIGHTJAR_TOKEN_H
#define NIGHTJAR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this is a token (RFC 9110, 5.6.2), as the name of a header is. */
bool token_check(const char *text, size_t size);

#endif
