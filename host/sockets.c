#include "sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

int sockets_open(struct sockets *sockets) {
  *sockets = (struct sockets){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
  return sockets->epoll_fd < 0 ? -1 : 0;
}

void sockets_close(struct sockets *sockets) {
  if (sockets->epoll_fd >= 0)
    close(sockets->epoll_fd);
  *sockets = (struct sockets){.epoll_fd = -1};
}

static struct socket *find(struct sockets *sockets, int fd) {
  for (size_t i = 0; i < sockets->count; i++)
    if (sockets->kept[i].fd == fd)
      return &sockets->kept[i];
  return NULL;
}

/* CURLOPT_SOCKOPTFUNCTION(3): a connection has got its socket. */
static int on_open(void *context, curl_socket_t fd, curlsocktype purpose) {
  struct sockets *sockets = context;
  (void)purpose;
  sockets->changes++;
  struct socket *socket = find(sockets, fd);
  if (socket == NULL && sockets->count < SOCKETS_KEPT)
    socket = &sockets->kept[sockets->count++];
  if (socket != NULL)
    *socket = (struct socket){.fd = fd};
  return CURL_SOCKOPT_OK;
}

static void take_back(struct sockets *sockets, int fd) {
  epoll_ctl(sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* CURLOPT_CLOSESOCKETFUNCTION(3). */
static int on_close(void *context, curl_socket_t fd) {
  struct sockets *sockets = context;
  sockets->changes++;
  struct socket *socket = find(sockets, fd);
  if (socket != NULL && socket->events != 0)
    take_back(sockets, fd);
  if (socket != NULL)
    *socket = sockets->kept[--sockets->count];
  return close(fd);
}

/* A number may have come to be another socket without a word. */
static int tell(struct sockets *sockets, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data = {.fd = fd}};
  int result = epoll_ctl(sockets->epoll_fd, EPOLL_CTL_ADD, fd, &event);
  if (result != 0 && errno == EEXIST)
    result = epoll_ctl(sockets->epoll_fd, EPOLL_CTL_MOD, fd, &event);
  return result;
}

static int want(struct sockets *sockets, int fd, uint32_t events) {
  struct socket *socket = find(sockets, fd);
  if (socket == NULL)
    return tell(sockets, fd, events);
  if (socket->events != events && tell(sockets, fd, events) != 0)
    return -1;
  socket->events = events;
  socket->is_wanted = true;
  return 0;
}

static void leave(struct sockets *sockets, int fd) {
  struct socket *socket = find(sockets, fd);
  if (socket != NULL)
    socket->is_wanted = false;
  else
    take_back(sockets, fd);
}

/* CURLMOPT_SOCKETFUNCTION(3). What epoll cannot watch is no regular socket;
   the transfer then ends by its time limit. */
static int on_socket(
    CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
  (void)easy;
  (void)known;
  if (what == CURL_POLL_REMOVE) {
    leave(context, fd);
    return 0;
  }
  return want(context, fd,
      (what & CURL_POLL_IN ? EPOLLIN : 0u) |
          (what & CURL_POLL_OUT ? EPOLLOUT : 0u));
}

void sockets_of_multi(struct sockets *sockets, CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
}

void sockets_of_easy(struct sockets *sockets, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, sockets);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_open);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
}

bool sockets_is_wanted(struct sockets *sockets, int fd) {
  struct socket *socket = find(sockets, fd);
  if (socket == NULL || socket->is_wanted)
    return true;
  take_back(sockets, fd);
  socket->events = 0;
  return false;
}
