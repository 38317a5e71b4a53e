#include "target.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static bool is_local_ipv4(const unsigned char address[4]) {
  static const unsigned char any[4] = {0, 0, 0, 0};
  return address[0] == 127 || (address[0] == 169 && address[1] == 254) ||
         memcmp(address, any, sizeof any) == 0;
}

static bool is_local_ipv6(const unsigned char address[16]) {
  static const unsigned char zeros[16];
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  static const unsigned char metadata[4] = {0xfd, 0x00, 0x0e, 0xc2};
  if (memcmp(address, mapped, sizeof mapped) == 0)
    return is_local_ipv4(address + 12);
  if (memcmp(address, zeros, 15) == 0 && address[15] <= 1)
    return true; /* :: and ::1 */
  return (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) ||
         memcmp(address, metadata, sizeof metadata) == 0;
}

static bool is_local_name(const char *host) {
  static const char name[] = "localhost";
  size_t length = strlen(host);
  if (length > 0 && host[length - 1] == '.')
    length--;
  size_t size = sizeof name - 1;
  if (length < size || strncasecmp(host + length - size, name, size) != 0)
    return false;
  /* RFC 6761, 6.3: every name below localhost is this machine too. */
  return length == size || host[length - size - 1] == '.';
}

static struct target of_ipv6(const char *host) {
  unsigned char address[16];
  char text[INET6_ADDRSTRLEN];
  struct target target = {.local = false, .numeric = true};
  size_t size = strcspn(host + 1, "]%"); /* a zone follows the % */
  if (size >= sizeof text)
    return target;
  memcpy(text, host + 1, size);
  text[size] = '\0';
  target.local =
      inet_pton(AF_INET6, text, address) == 1 && is_local_ipv6(address);
  return target;
}

struct target target_of_host(const char *host) {
  unsigned char address[4];
  struct target target = {.local = false, .numeric = true};
  if (host[0] == '[')
    return of_ipv6(host);
  if (inet_pton(AF_INET, host, address) == 1) {
    target.local = is_local_ipv4(address);
    return target;
  }
  target.local = is_local_name(host);
  target.numeric = false;
  return target;
}

static int refuse(struct error *error, const char *url, const char *why) {
  return error_set(error, "url", "cannot request", url, "%s", why);
}

/* libcurl's refusal; it is no matter of the URL when memory has run out. */
static int refuse_code(struct error *error, const char *url, CURLUcode code) {
  return error_set(error, code == CURLUE_OUT_OF_MEMORY ? "ENOMEM" : "url",
      "cannot request", url, "%s", curl_url_strerror(code));
}

static int check_scheme(CURLU *parts, const char *url, struct error *error) {
  char *scheme = NULL;
  CURLUcode code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
  if (code != CURLUE_OK)
    return refuse_code(error, url, code);
  bool good = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
  curl_free(scheme);
  return good ? 0 : refuse(error, url, "expected http:// or https://");
}

static int check_parts(CURLU *parts, const char *url, struct target *target,
    struct error *error) {
  CURLUcode code = curl_url_set(parts, CURLUPART_URL, url,
      CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
  if (code != CURLUE_OK)
    return refuse_code(error, url, code);
  if (check_scheme(parts, url, error) != 0)
    return -1;
  char *host = NULL;
  code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
  if (code != CURLUE_OK)
    return refuse_code(error, url, code);
  *target = target_of_host(host);
  curl_free(host);
  return 0;
}

CURLU *target_parse(
    const char *url, struct target *target, struct error *error) {
  for (const char *p = url; *p != '\0'; p++)
    if ((unsigned char)*p <= ' ' || *p == 0x7f) {
      refuse(error, url, "there is a space or control character in it");
      return NULL;
    }
  CURLU *parts = curl_url();
  if (parts == NULL)
    refuse_code(error, url, CURLUE_OUT_OF_MEMORY);
  else if (check_parts(parts, url, target, error) == 0)
    return parts;
  curl_url_cleanup(parts);
  return NULL;
}
