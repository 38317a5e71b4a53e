/*
 * One HTTP request on its way: libcurl's handle set up from a request, what
 * has come in, and the response made of it. Used by http.c only.
 */
#ifndef NIGHTJAR_TRANSFER_H
#define NIGHTJAR_TRANSFER_H

#include "http.h"

#include <curl/curl.h>

struct transfer {
  struct transfer *next;
  CURL *easy;
  struct curl_slist *headers;
  CURLcode setup; /* the first option that libcurl refused */
  size_t header_bytes;
  bool too_large;
  bool by_name;      /* its host is a name that must be looked up */
  uint64_t begins;   /* http.c's: the perform that it begins in */
  int64_t stall_ns;  /* longest time between two bytes; 0: any */
  int64_t last_byte; /* monotonic time of the last one, or of the start */
  char url[sizeof((struct error *)0)->on]; /* no query: it may hold secrets */
  char method[32];
  char detail[CURL_ERROR_SIZE];
  struct http_response response;
};

/* NULL and `error` when the request cannot be made. `easy` is a handle to use
   again, from now on the transfer's, or NULL. */
struct transfer *transfer_new(
    const struct http_request *request, CURL *easy, struct error *error);
void transfer_free(struct transfer *transfer);

/* Makes the response of a transfer that ended with `code`. */
void transfer_finish(struct transfer *transfer, CURLcode code);

/* Makes a failure of it instead. */
void transfer_fail(
    struct transfer *transfer, const char *kind, const char *why);

/* Whether its name look-up was still going on. */
bool transfer_is_looking_up(const struct transfer *transfer);

#endif
