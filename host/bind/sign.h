/*
 * What host.http and host.sigv4 share: headers as scripts give them, and who
 * signs.
 */
#ifndef NIGHTJAR_BIND_SIGN_H
#define NIGHTJAR_BIND_SIGN_H

#include "bind/bind.h"
#include "sigv4.h"

/* The signer at `index`; raises when it is something else. */
struct sigv4_signer *bind_signer(lua_State *L, int index);

/*
 * Fills `headers` (SIGV4_MAX_HEADERS of them) from {{name, value}, ...} or
 * {name = value, ...} at `index`, which keeps the texts; nil has none. Returns
 * their number; raises about what is neither, and about more.
 */
size_t bind_headers(lua_State *L, int index, struct header *headers);

/*
 * Fills path and query of a request from its URL, and adds the Host that goes
 * with it where there is none among `headers`.
 */
int bind_sign_url(lua_State *L, struct text url, struct sigv4_request *request,
    struct header *headers, struct error *error);

#endif
