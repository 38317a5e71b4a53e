/*
 * The sockets that libcurl waits for, as epoll(7) knows them. Used by http.c
 * only.
 *
 * libcurl asks for a socket when a transfer on it waits, and takes that back
 * when the transfer is over; the next one on the same connection asks for the
 * same again. So epoll keeps what it was told of a connection until that is
 * closed, is asked for something else, or wakes somebody while nobody waits
 * for it: two system calls less for each transfer. That needs to be told when
 * a connection opens and closes, for its number will be another socket's; the
 * sockets of which nobody tells that, libcurl's own, are taken back at once.
 */
#ifndef NIGHTJAR_SOCKETS_H
#define NIGHTJAR_SOCKETS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKETS_KEPT = 64 }; /* of more, the others are taken back at once */

struct sockets {
  int epoll_fd;
  struct socket {
    int fd;
    uint32_t events; /* what epoll was told; 0: nothing */
    bool is_wanted;  /* by libcurl, at the moment */
  } kept[SOCKETS_KEPT];
  size_t count;
  uint64_t changes; /* connections that have opened or closed so far */
};

/* 0, or -1 with errno. */
int sockets_open(struct sockets *sockets);
void sockets_close(struct sockets *sockets);

/* Has libcurl tell what it waits for, and when a connection that is made for
   `easy` opens and closes. Both borrow `sockets`, which must outlive them. */
void sockets_of_multi(struct sockets *sockets, CURLM *multi);
void sockets_of_easy(struct sockets *sockets, CURL *easy);

/* Whether somebody waits for `fd`, which epoll says is ready; if nobody does,
   epoll is told so. */
bool sockets_is_wanted(struct sockets *sockets, int fd);

#endif
