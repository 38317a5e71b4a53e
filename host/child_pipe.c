/* The pipes of a child: what is queued, written and read. See child.h. */
#include "child.h"

#include <errno.h>
#include <unistd.h>

static void close_stream(struct child_stream *stream) {
  if (stream->fd >= 0)
    close(stream->fd);
  stream->fd = -1;
}

int child_write(
    struct child *child, const char *data, size_t size, struct error *error) {
  if (child->streams[0].fd < 0 || child->close_when_sent)
    return error_errno(error, "cannot write", "standard input", EPIPE);
  /* Written bytes are dropped half a queue at a time, or when the room is
     needed: moving the rest after each write() would cost the square of the
     size. */
  bool needed = size > child->input.limit - child->input.size;
  if (child->sent > (needed ? 0 : child->input.size / 2)) {
    buf_drop(&child->input, child->sent);
    child->sent = 0;
  }
  return buf_add(&child->input, data, size, error);
}

bool child_has_input(const struct child *child) {
  return child->sent < child->input.size;
}

void child_close_input(struct child *child) {
  child->close_when_sent = true;
  if (!child_has_input(child))
    close_stream(&child->streams[0]);
}

void child_pause(struct child *child, int number, bool paused) {
  child->streams[number].paused = paused;
}

static void input_done(struct child *child, int number) {
  buf_release(&child->input);
  child->sent = 0;
  child->input_error = number;
  child->input_told = false;
  if (number != 0 || child->close_when_sent)
    close_stream(&child->streams[0]);
}

void child_flush(struct child *child) {
  while (child->streams[0].fd >= 0 && child_has_input(child)) {
    ssize_t size = write(child->streams[0].fd, child->input.data + child->sent,
        child->input.size - child->sent);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return;
    if (size < 0) {
      input_done(child, errno);
      return;
    }
    child->sent += (size_t)size;
    if (!child_has_input(child))
      input_done(child, 0);
  }
}

int child_read(struct child_stream *stream, struct error *error) {
  struct buf *chunk = &stream->chunk;
  if (stream->fd < 0 || chunk->size > 0)
    return 0;
  if (buf_reserve(chunk, CHILD_CHUNK, error) != 0)
    return -1;
  ssize_t size;
  do
    size = read(stream->fd, chunk->data, CHILD_CHUNK);
  while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return 0;
  if (size > 0) {
    chunk->size = (size_t)size;
    return 0;
  }
  /* A pipe has no other errors; were there one, no more data would come. */
  close_stream(stream);
  stream->ended = true;
  return 0;
}
