/*
 * The two halves of host.json: json_decode.c and json_encode.c.
 */
#ifndef NIGHTJAR_BIND_JSON_H
#define NIGHTJAR_BIND_JSON_H

#include "buf.h"
#include "error.h"
#include "jsontext.h"
#include <lua.h>
#include <stdbool.h>

/* What json_decode() needs in a Lua state, once. */
void json_open_decode(lua_State *L);

/*
 * Pushes the value of `size` bytes of text that jsontext_check() has passed,
 * with a NUL behind them, and what it said of them. Error: on = the path of
 * what no Lua value can be; the stack then holds left-overs. "ENOMEM" for lack
 * of memory; raises for lack of memory in Lua.
 */
int json_decode(lua_State *L, const char *text, size_t size,
    const struct jsontext *facts, struct error *error);

struct json_encoding {
  int indent;    /* blanks for each level; 0: no blanks and no line ends */
  int max_depth; /* tables within tables */
};

/*
 * Adds the value on top of the Lua stack to `out` and pops it. Keys are sorted
 * bytewise, metatables are not looked at. Error: on = the path of what cannot
 * be JSON; `out` then holds left-overs. Raises for lack of memory in Lua.
 */
int json_encode(lua_State *L, const struct json_encoding *encoding,
    struct buf *out, struct error *error);

/* Pushes a value that json_encode() adds as this text, which it has made. */
void json_push_written(lua_State *L, const struct buf *text);

/* Is the table at `index` marked as an array, or a sequence that is not
 * empty and has no other key? */
bool json_is_array(lua_State *L, int index);

/* What host.json.hash gives: 16 digits and a NUL. */
void json_hash(const char *text, size_t size, char digits[17]);

#endif
