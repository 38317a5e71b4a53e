/* The parts of a URL that a signature covers (sigv4.h). */
#include "sigv4.h"

#include <string.h>
#include <strings.h>

static int bad_url(struct error *error) {
  return error_set(error, "syntax", "cannot sign", "the URL",
      "expected http:// or https://, a host, perhaps a port, a path");
}

/* Takes off a prefix, whatever its case. */
static bool cut_prefix(struct text *text, const char *prefix) {
  size_t size = strlen(prefix);
  if (text->size < size || strncasecmp(text->data, prefix, size) != 0)
    return false;
  text->data += size;
  text->size -= size;
  return true;
}

/* Cuts what stands before the first of `stops` and leaves the rest. */
static struct text cut_until(struct text *text, const char *stops) {
  struct text head = {text->data, 0};
  while (head.size < text->size && !strchr(stops, head.data[head.size]))
    head.size++;
  text->data += head.size;
  text->size -= head.size;
  return head;
}

/* The port that goes without saying is not sent. */
static void drop_port(struct text *host, const char *port) {
  size_t size = strlen(port);
  if (host->size > size &&
      memcmp(host->data + host->size - size, port, size) == 0)
    host->size -= size;
}

/* Printable ASCII without a user's name. */
static bool is_host(struct text host) {
  for (size_t i = 0; i < host.size; i++)
    if (host.data[i] <= ' ' || host.data[i] > '~' || host.data[i] == '@')
      return false;
  return host.size > 0;
}

int sigv4_split_url(
    struct text url, struct sigv4_url *out, struct error *error) {
  const char *port = ":443";
  if (!cut_prefix(&url, "https://")) {
    if (!cut_prefix(&url, "http://"))
      return bad_url(error);
    port = ":80";
  }
  out->host = cut_until(&url, "/?#");
  drop_port(&out->host, port);
  out->path = cut_until(&url, "?#");
  cut_prefix(&url, "?");
  out->query = cut_until(&url, "#");
  return is_host(out->host) ? 0 : bad_url(error);
}
