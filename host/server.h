/*
 * An HTTP server for a few readers on this host: it hands requests over and
 * takes answers whenever they are ready. libmicrohttpd speaks HTTP; it has no
 * thread of its own and is run by whoever waits for its descriptor.
 *
 *   struct server_options options = {.host = "127.0.0.1", .port = 9902};
 *   struct server *server = server_new(&options, &error);
 *   wait for server_fd(server), at most server_patience(server) ms; then
 *   server_run(server);
 *   while ((request = server_request(server)) != NULL) {
 *     ... request->id, method, path, query, headers ...
 *     server_request_told(server);
 *   }
 *   server_answer(server, id, &answer, &error);
 *   server_free(server);
 *
 * Only what has no body is taken; at most SERVER_CONNECTIONS at a time, each
 * for SERVER_IDLE seconds without a byte, with SERVER_MEMORY bytes for a
 * request's first line and headers. What breaks these rules is answered by
 * libmicrohttpd, or dropped.
 *
 * A TCP address is of loopback only (the caller's business); a socket's file
 * is for owner and group (0660). One that nobody listens on any more is
 * replaced.
 *
 * Sources: libmicrohttpd's manual ("External epoll", MHD_suspend_connection),
 * unix(7).
 */
#ifndef NIGHTJAR_SERVER_H
#define NIGHTJAR_SERVER_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SERVER_CONNECTIONS = 16,
  SERVER_IDLE = 10, /* seconds */
  SERVER_MEMORY = 16 << 10
};

struct server;

struct server_options {
  const char *host; /* an address, or "localhost": 127.0.0.1 */
  unsigned port;
  const char *path; /* instead: of a socket */
};

struct server_request {
  uint64_t id;
  struct buf method;
  struct buf path;    /* decoded, without the query */
  struct buf query;   /* name NUL value NUL ..., decoded, as they came */
  struct buf headers; /* the same; names in lower case */
};

struct server_answer {
  unsigned status;
  const struct buf *headers; /* name NUL value NUL ...; NULL: none */
  const char *body;          /* copied */
  size_t size;
};

/* NULL and `error`, with errno's code: "EADDRINUSE" where another one listens.
 */
struct server *server_new(
    const struct server_options *options, struct error *error);

/* Ends all connections, answered or not, and removes its socket's file. */
void server_free(struct server *server);

/* The port that it listens on; 0 of a socket. */
unsigned server_port(const struct server *server);

/* Readable when server_run() has something to do. */
int server_fd(const struct server *server);

/* Milliseconds until server_run() has something to do anyway; -1: never. */
int server_patience(struct server *server);

/* Does what can be done without waiting. */
void server_run(struct server *server);

/* The oldest request that was not told yet, or NULL; valid until it is. */
const struct server_request *server_request(struct server *server);
void server_request_told(struct server *server);

/*
 * Answers a request that was told. False, and nothing happens, where its
 * client has gone; -1 of memory is a connection that ends.
 */
bool server_answer(
    struct server *server, uint64_t id, const struct server_answer *answer);

#endif
