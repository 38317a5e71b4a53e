/*
 * What a request is aimed at: a URL taken apart and checked before libcurl
 * sees it. No I/O here.
 */
#ifndef NIGHTJAR_TARGET_H
#define NIGHTJAR_TARGET_H

#include "error.h"

#include <stdbool.h>

/*
 * Checks a URL: http or https, with a host, without a user name, no control
 * characters or spaces. Sets `local` to whether the host is this machine or
 * its link: localhost, 127.0.0.0/8, ::1, 0.0.0.0, 169.254.0.0/16, fe80::/10
 * and fd00:ec2::/32. Those are where credentials come from (the container
 * endpoint 169.254.170.2, instance metadata 169.254.169.254 and
 * fd00:ec2::254, EKS's 169.254.170.23 and fd00:ec2::23) and where Envoy's
 * admin listens; a proxy must never see them. Any spelling of an IPv4
 * address that libcurl takes for one is recognised (127.1, 0x7f000001).
 */
int target_check(const char *url, bool *local, struct error *error);

/* Whether a host, as in a URL ("[::1]" with brackets), is such an address. */
bool target_is_local(const char *host);

#endif
