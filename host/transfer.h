/*
 * One HTTP request on its way: libcurl's handle set up from a request
 * (transfer_out.c), what has come in, and the response made of it
 * (transfer.c). Used by http.c only.
 *
 * A transfer that is over is used again: most requests differ from one before
 * them in headers and body alone, and setting up a handle costs more than
 * that. What it has carried is wiped first.
 */
#ifndef NIGHTJAR_TRANSFER_H
#define NIGHTJAR_TRANSFER_H

#include "authorities.h"
#include "http.h"

#include <curl/curl.h>

struct transfer {
  struct transfer *next;
  CURL *easy;
  CURLU *parts; /* of the URL that `easy` is set up for, or NULL */
  struct authorities *authorities; /* http.c's; or NULL */
  struct buf made_for;     /* what `easy` is set up for; empty: nothing */
  unsigned uses;           /* since then */
  struct buf lines;        /* the request's headers, NUL behind each */
  struct curl_slist *list; /* the same for libcurl; points into `lines` */
  size_t list_room;        /* entries */
  struct buf body;         /* the request's */
  double limits_set[2];    /* seconds: to connect, and in all */
  size_t max_body_set;     /* bytes; these are libcurl's own limits */
  CURLcode setup;          /* the first option that libcurl refused */
  size_t header_bytes;
  bool too_large;
  bool (*reads)(void *context, struct http_response *response);
  void *context; /* both are the request's */
  bool has_known;
  struct jsonprint known; /* of a body that says nothing new */
  bool by_name;           /* its host is a name that must be looked up */
  uint64_t begins;        /* http.c's: the perform that it begins in */
  int64_t stall_ns;       /* longest time between two bytes; 0: any */
  int64_t last_byte;      /* monotonic time of the last one, or of the start */
  bool heard;             /* one has come since `last_byte` was set */
  char url[sizeof((struct error *)0)->on]; /* no query: it may hold secrets */
  char method[32];
  char detail[CURL_ERROR_SIZE];
  struct http_response response;
};

/* NULL and `error` when the request cannot be made. `spare` is a transfer to
   use again, from now on the new one's, or NULL. `authorities` may be NULL;
   they must outlive the multi handle that the transfer is given to. */
struct transfer *transfer_new(const struct http_request *request,
    struct transfer *spare, struct authorities *authorities,
    struct error *error);
void transfer_free(struct transfer *transfer);

/* Wipes one that is over, and leaves it to be used again. */
void transfer_rest(struct transfer *transfer);

/* Whether its handle is set up for such a request. */
bool transfer_fits(
    const struct transfer *transfer, const struct http_request *request);

/* Sets the handle up, in as few steps as what it was set up for before lets.
   Used by transfer_new() alone. */
int transfer_set_up(struct transfer *transfer,
    const struct http_request *request, struct error *error);
/* Has libcurl give what comes in to the transfer. */
void transfer_set_callbacks(struct transfer *transfer);

/* Makes the response of a transfer that ended with `code`. */
void transfer_finish(struct transfer *transfer, CURLcode code);

/* Makes a failure of it instead. */
void transfer_fail(
    struct transfer *transfer, const char *kind, const char *why);

/* Whether its name look-up was still going on. */
bool transfer_is_looking_up(const struct transfer *transfer);

#endif
