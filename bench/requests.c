/* Raw requests over kept connections: see limits.h. */
#include "limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MOST = 64, READ_SIZE = 64 << 10 };

/* One connection and the exchange that it is about. */
struct line {
  int fd;
  struct exchange *now;
  struct buf input;
};

struct work {
  struct line lines[CONNECTIONS_MOST];
  int connections, epoll;
  struct exchange *next, *end;
  size_t waiting; /* exchanges that are sent and not yet answered */
};

static int open_line(
    struct line *line, const char *address, int port, struct error *error) {
  int one = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  buf_init(&line->input, LIMITS_SIZE);
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
    return error_set(error, "EINVAL", "cannot connect", address,
        "expected a numeric address");
  line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line->fd < 0 ||
      connect(line->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
      setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    return error_errno(error, "cannot connect", address, errno);
  return 0;
}

/* A request is far smaller than a socket's buffer: it goes in one call. */
static int send_next(
    struct work *work, struct line *line, struct error *error) {
  line->now = NULL;
  if (work->next == work->end)
    return 0;
  line->now = work->next++;
  ssize_t sent = send(line->fd, line->now->request.data,
      line->now->request.size, MSG_NOSIGNAL);
  if (sent != (ssize_t)line->now->request.size)
    return error_errno(error, "cannot send", "request", errno);
  work->waiting++;
  return 0;
}

/* Where the body begins and how long it is; 0: the head is not all there. */
static size_t head_of(const struct buf *input, size_t *length) {
  const char *end = strstr(input->data, "\r\n\r\n");
  const char *field = strcasestr(input->data, "\r\nContent-Length:");
  if (end == NULL || field == NULL || field > end)
    return 0;
  *length = strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
  return (size_t)(end + strlen("\r\n\r\n") - input->data);
}

/* Takes what has arrived; the answer that is complete makes way for more. */
static int take(struct work *work, struct line *line, struct error *error) {
  static const char fine[] = "HTTP/1.1 200 ";
  size_t length = 0;
  if (buf_reserve(&line->input, READ_SIZE, error) != 0)
    return -1;
  ssize_t got = read(line->fd, line->input.data + line->input.size, READ_SIZE);
  if (got <= 0)
    return error_set(error, NULL, "cannot read", "answer",
        got < 0 ? "%s" : "the connection was closed", strerror(errno));
  line->input.size += (size_t)got;
  line->input.data[line->input.size] = '\0';
  size_t head = head_of(&line->input, &length);
  if (head == 0 || line->input.size < head + length)
    return 0;
  if (line->now == NULL ||
      strncmp(line->input.data, fine, sizeof fine - 1) != 0)
    return error_set(error, NULL, "cannot read", "answer",
        "expected status 200, got %.40s", line->input.data);
  if (buf_add(&line->now->answer, line->input.data + head, length, error) != 0)
    return -1;
  buf_clear(&line->input);
  work->waiting--;
  return send_next(work, line, error);
}

static int exchange_all(struct work *work, struct error *error) {
  struct epoll_event events[CONNECTIONS_MOST];
  for (int i = 0; i < work->connections; i++)
    if (send_next(work, &work->lines[i], error) != 0)
      return -1;
  while (work->waiting > 0) {
    int ready = epoll_wait(work->epoll, events, CONNECTIONS_MOST, -1);
    if (ready < 0)
      return error_errno(error, "cannot wait", "epoll", errno);
    for (int i = 0; i < ready; i++)
      if (take(work, events[i].data.ptr, error) != 0)
        return -1;
  }
  return 0;
}

static int connect_all(
    struct work *work, const char *address, int port, struct error *error) {
  for (int i = 0; i < work->connections; i++) {
    struct line *line = &work->lines[i];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    if (open_line(line, address, port, error) != 0)
      return -1;
    if (epoll_ctl(work->epoll, EPOLL_CTL_ADD, line->fd, &event) != 0)
      return error_errno(error, "cannot watch", "connection", errno);
  }
  return 0;
}

int limits_requests(struct exchange *exchanges, size_t count,
    const char *address, int port, int connections, void (*measured)(void *),
    void *data, struct error *error) {
  struct work work = {.next = exchanges, .end = exchanges + count};
  int status = -1;
  if (connections < 1 || connections > CONNECTIONS_MOST)
    return error_set(error, "EINVAL", "cannot connect", address,
        "expected 1 to %d connections", CONNECTIONS_MOST);
  work.connections = connections;
  for (int i = 0; i < connections; i++)
    work.lines[i].fd = -1;
  work.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (work.epoll < 0)
    return error_errno(error, "cannot wait", "epoll", errno);
  if (connect_all(&work, address, port, error) == 0) {
    measured(data);
    status = exchange_all(&work, error);
  }
  for (int i = 0; i < connections; i++) {
    if (work.lines[i].fd >= 0)
      close(work.lines[i].fd);
    buf_release(&work.lines[i].input);
  }
  close(work.epoll);
  return status;
}
