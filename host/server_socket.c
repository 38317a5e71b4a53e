#include "server_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 16, TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };

static int fail(const struct server_socket *socket, struct error *error) {
  return error_errno(error, "cannot listen", socket->name, errno);
}

static int fail_and_close(struct server_socket *socket, struct error *error) {
  fail(socket, error);
  close(socket->fd);
  return -1;
}

/* ---- a port of loopback ---- */

static int bind_tcp(struct server_socket *socket_, int family,
    const struct sockaddr *address, socklen_t size, struct error *error) {
  int yes = 1;
  socket_->fd = socket(family, TYPE, 0);
  if (socket_->fd < 0)
    return fail(socket_, error);
  /* Connections of the agent before us may linger on the port. */
  if (setsockopt(socket_->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) !=
          0 ||
      bind(socket_->fd, address, size) != 0 ||
      listen(socket_->fd, BACKLOG) != 0)
    return fail_and_close(socket_, error);
  return 0;
}

static int open_tcp(struct server_socket *socket,
    const struct server_options *options, struct error *error) {
  struct sockaddr_in v4 = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
  struct sockaddr_in6 v6 = {
      .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)options->port)};
  const char *host =
      strcmp(options->host, "localhost") == 0 ? "127.0.0.1" : options->host;
  snprintf(socket->name, sizeof socket->name, "%s:%u", host, options->port);
  if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
    return bind_tcp(socket, AF_INET, (struct sockaddr *)&v4, sizeof v4, error);
  if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
    return bind_tcp(
        socket, AF_INET6, (struct sockaddr *)&v6, sizeof v6, error);
  errno = EINVAL;
  return fail(socket, error);
}

/* ---- a file ---- */

/* Whether nobody listens on the socket that has the name. */
static bool is_abandoned(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, TYPE, 0);
  if (fd < 0)
    return false;
  bool refused =
      connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
      errno == ECONNREFUSED;
  close(fd);
  return refused;
}

/* A name that is taken by a socket without a listener is free again; whatever
   else has it stays. */
static int bind_file(int fd, const struct sockaddr_un *address) {
  struct stat status;
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) == 0)
    return 0;
  if (errno != EADDRINUSE)
    return -1;
  if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode) ||
      !is_abandoned(address) || unlink(address->sun_path) != 0) {
    errno = EADDRINUSE;
    return -1;
  }
  return bind(fd, (const struct sockaddr *)address, sizeof *address);
}

static int open_file(struct server_socket *socket_,
    const struct server_options *options, struct error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat status;
  snprintf(socket_->name, sizeof socket_->name, "%s", options->path);
  if (strlen(options->path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return fail(socket_, error);
  }
  memcpy(address.sun_path, options->path, strlen(options->path));
  socket_->fd = socket(AF_UNIX, TYPE, 0);
  if (socket_->fd < 0)
    return fail(socket_, error);
  /* Nobody may connect before listen(), by when the mode is what it is to be.
   */
  mode_t before = umask(0117);
  int bound = bind_file(socket_->fd, &address);
  umask(before);
  if (bound != 0 || lstat(address.sun_path, &status) != 0)
    return fail_and_close(socket_, error);
  socket_->is_file = true;
  socket_->device = status.st_dev;
  socket_->inode = status.st_ino;
  if (listen(socket_->fd, BACKLOG) != 0) {
    fail_and_close(socket_, error);
    server_socket_remove(socket_);
    return -1;
  }
  return 0;
}

int server_socket_open(struct server_socket *socket,
    const struct server_options *options, struct error *error) {
  *socket = (struct server_socket){.fd = -1};
  return options->path != NULL ? open_file(socket, options, error)
                               : open_tcp(socket, options, error);
}

void server_socket_remove(const struct server_socket *socket) {
  struct stat status;
  if (socket->is_file && lstat(socket->name, &status) == 0 &&
      status.st_dev == socket->device && status.st_ino == socket->inode)
    unlink(socket->name);
}
