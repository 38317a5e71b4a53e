/*
 * What a text may consist of, for the quick half of checks (bind/shape.c).
 * Each function answers for certain with "yes" only: what it says no to may
 * still be right, with characters that take more looking at.
 */
#ifndef NIGHTJAR_TEXTSHAPE_H
#define NIGHTJAR_TEXTSHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Printable ASCII, and not empty. */
bool textshape_name(const char *text, size_t size);

/* UTF-8 as utf8_length() has it. */
bool textshape_utf8(const char *text, size_t size);

/* Letters, digits, "_", "-" and "~" between single slashes, one of them in
 * front and none at the end: most paths of routes. */
bool textshape_path(const char *text, size_t size);

/* A letter or digit, then these, ".", "_" and "-". */
bool textshape_label(const char *text, size_t size);

/* How many bytes at the beginning JSON has as they are: ASCII but control
 * characters, quotation marks and backslashes. */
size_t textshape_plain(const char *text, size_t size);

#endif
