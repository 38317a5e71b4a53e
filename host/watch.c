#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { BATCH = 4096 }; /* bytes of events read in one go */

/* The folder's own end, move or unmounting: the watch is worth nothing. */
static const uint32_t over =
    IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
static const uint32_t goes = IN_DELETE | IN_MOVED_FROM;

void watcher_init(struct watcher *watcher) {
  memset(watcher, 0, sizeof *watcher);
  watcher->fd = -1;
}

static void close_instance(struct watcher *watcher) {
  if (watcher->fd >= 0)
    close(watcher->fd);
  watcher->fd = -1;
}

void watcher_release(struct watcher *watcher) {
  while (watcher->list != NULL) {
    struct watch *watch = watcher->list;
    watcher->list = watch->next;
    free(watch);
  }
  close_instance(watcher);
}

/* Parts "folder/name" in its place. Slashes at the end mean nothing. */
static const char *split(char *path, const char **name) {
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/')
    path[--size] = '\0';
  char *slash = strrchr(path, '/');
  *name = slash == NULL ? path : slash + 1;
  if (slash == NULL)
    return ".";
  if (slash == path)
    return "/";
  *slash = '\0';
  return path;
}

static struct watch *new_watch(struct watcher *watcher, const char *name) {
  size_t size = strlen(name) + 1;
  struct watch *watch = calloc(1, sizeof *watch + size);
  if (watch == NULL)
    return NULL;
  memcpy(watch->name, name, size);
  watch->id = ++watcher->last_id;
  return watch;
}

/* The kernel's watch of a folder, which several of ours may share. */
static int watch_folder(
    struct watcher *watcher, const char *folder, bool removal) {
  if (watcher->fd < 0)
    watcher->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watcher->fd < 0)
    return -1;
  return inotify_add_watch(watcher->fd, folder,
      IN_ONLYDIR | IN_MASK_ADD | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF |
          IN_MOVE_SELF | (removal ? goes : 0));
}

static size_t count(const struct watcher *watcher) {
  size_t number = 0;
  for (const struct watch *watch = watcher->list; watch; watch = watch->next)
    number++;
  return number;
}

static int add(struct watcher *watcher, char *path, bool removal, uint64_t *id,
    struct error *error, const char *whole) {
  const char *name = NULL;
  const char *folder = split(path, &name);
  if (*name == '\0')
    return error_errno(error, "cannot watch", whole, EINVAL);
  struct watch *watch = new_watch(watcher, name);
  if (watch == NULL)
    return error_errno(error, "cannot watch", whole, ENOMEM);
  watch->removal = removal;
  watch->folder = watch_folder(watcher, folder, removal);
  if (watch->folder < 0) {
    int number = errno;
    free(watch);
    if (watcher->list == NULL)
      close_instance(watcher);
    return error_errno(error, "cannot watch", whole, number);
  }
  watch->next = watcher->list;
  watcher->list = watch;
  *id = watch->id;
  return 0;
}

int watcher_add(struct watcher *watcher, const char *path, bool removal,
    uint64_t *id, struct error *error) {
  if (count(watcher) >= WATCH_MOST)
    return error_set(error, "limit", "cannot watch", path,
        "expected at most %d names", WATCH_MOST);
  char *copy = strdup(path);
  if (copy == NULL)
    return error_errno(error, "cannot watch", path, ENOMEM);
  int result = add(watcher, copy, removal, id, error, path);
  free(copy);
  return result;
}

static bool is_watched(const struct watcher *watcher, int folder) {
  for (const struct watch *watch = watcher->list; watch; watch = watch->next)
    if (watch->folder == folder)
      return true;
  return false;
}

void watcher_remove(struct watcher *watcher, uint64_t id) {
  struct watch **at = &watcher->list;
  while (*at != NULL && (*at)->id != id)
    at = &(*at)->next;
  struct watch *watch = *at;
  if (watch == NULL)
    return;
  *at = watch->next;
  if (watcher->list == NULL)
    close_instance(watcher);
  else if (!is_watched(watcher, watch->folder))
    /* Fails only for a folder that has just ended of itself. */
    inotify_rm_watch(watcher->fd, watch->folder);
  free(watch);
}

static bool concerns(
    const struct watch *watch, const struct inotify_event *event) {
  if ((event->mask & IN_Q_OVERFLOW) != 0)
    return true;
  if (watch->folder != event->wd || watch->lost)
    return false;
  if ((event->mask & over) != 0)
    return true;
  return event->len > 0 && strcmp(event->name, watch->name) == 0 &&
         ((event->mask & goes) == 0 || watch->removal);
}

static void take(struct watcher *watcher, const struct inotify_event *event) {
  for (struct watch *watch = watcher->list; watch; watch = watch->next)
    if (concerns(watch, event)) {
      watch->news = true;
      watch->lost = watch->lost || (event->mask & over) != 0;
    }
}

int watcher_read(struct watcher *watcher, struct error *error) {
  /* Alone in the queue as its largest event may be, it fits (inotify(7)). */
  _Static_assert(
      BATCH >= sizeof(struct inotify_event) + NAME_MAX + 1, "one event fits");
  _Alignas(struct inotify_event) char batch[BATCH];
  if (watcher->fd < 0)
    return 0;
  ssize_t size = read(watcher->fd, batch, sizeof batch);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (size < 0)
    return error_errno(error, "cannot watch", "inotify", errno);
  for (const char *at = batch; at < batch + size;) {
    const struct inotify_event *event = (const void *)at;
    take(watcher, event);
    at += sizeof *event + event->len;
  }
  return 0;
}

struct watch *watcher_news(const struct watcher *watcher) {
  for (struct watch *watch = watcher->list; watch; watch = watch->next)
    if (watch->news)
      return watch;
  return NULL;
}
