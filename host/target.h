/*
 * What a request is aimed at: a URL taken apart and checked before libcurl
 * sees it. No I/O here.
 */
#ifndef NIGHTJAR_TARGET_H
#define NIGHTJAR_TARGET_H

#include "error.h"

#include <curl/curl.h>
#include <stdbool.h>

struct target {
  bool local;   /* this machine or its link */
  bool numeric; /* an address, no name that must be looked up */
};

/*
 * Takes a URL apart and checks it: http or https, with a host, without a user
 * name, no control characters or spaces. The path stays as it is: a signature
 * covers it. The parts are the caller's, for curl_url_cleanup().
 *
 * `local` is true for localhost, 127.0.0.0/8, ::1, 0.0.0.0, 169.254.0.0/16,
 * fe80::/10 and fd00:ec2::/32. Those are where credentials come from (the
 * container endpoint 169.254.170.2, instance metadata 169.254.169.254 and
 * fd00:ec2::254, EKS's 169.254.170.23 and fd00:ec2::23) and where Envoy's
 * admin listens; a proxy must never see them.
 * Any spelling of an IPv4 address that libcurl takes for one is recognised
 * (127.1, 0x7f000001).
 */
CURLU *target_parse(
    const char *url, struct target *target, struct error *error);

/* The same for a host as it stands in a URL ("[::1]" with brackets). */
struct target target_of_host(const char *host);

#endif
