/*
 * The socket that a server listens on. Used by server.c only.
 */
#ifndef NIGHTJAR_SERVER_SOCKET_H
#define NIGHTJAR_SERVER_SOCKET_H

#include "server.h"

#include <sys/types.h>
#include <sys/un.h>

struct server_socket {
  int fd;
  char name[sizeof((struct sockaddr_un *)0)->sun_path]; /* for messages */
  bool is_file;                                         /* `name` is it */
  dev_t device;                                         /* of the file */
  ino_t inode;
};

/* Listens. Returns 0, or -1 and fills `error`. */
int server_socket_open(struct server_socket *socket,
    const struct server_options *options, struct error *error);

/* Removes the file, unless somebody else's has taken its place. The descriptor
   is not closed: that is the server's. */
void server_socket_remove(const struct server_socket *socket);

#endif
