/*
 * A batch: signed requests that differ in their bodies alone, of whose answers
 * most say what is known already. Those are looked at here, and nothing else
 * is made of them; so a pass in which nothing has changed costs its caller one
 * event instead of one for each service.
 *
 * What says something new is a response like any other (`batch` and `item`
 * say whose). One that is none, or of another status than 200, is the last
 * thing that a batch begins with: what was not started by then is left to the
 * caller, who knows what to do about trouble.
 *
 * Once nothing more begins, a batch needs fewer and fewer requests at a time,
 * and says so: a slow answer is no reason to keep others from theirs.
 *
 *   struct batches batches = {.http = http};
 *   batch_start(&batches, &options, &error);
 *   batches_run(&batches);                        before each http_poll()
 *   while ((batch = batches_news(&batches)) != NULL)
 *     ... batch_is_over(batch) ? batch->started : batch->active ...
 *     batches_told(&batches, batch->id);
 *   batches_release(&batches);
 */
#ifndef NIGHTJAR_BATCH_H
#define NIGHTJAR_BATCH_H

#include "http.h"
#include "sigv4.h"

enum { BATCH_ITEMS = 1000, BATCH_COUNTED = 128 /* bytes */ };

struct batch_item {
  struct text body;
  struct text payload_hash; /* see struct sigv4_request */
  struct jsonprint known;   /* of the answer that says nothing new */
};

struct batch_options {
  /* Body, headers and `known` are the items'. */
  struct http_request request;
  struct sigv4_signer *signer;  /* outlives the batch */
  struct sigv4_request signing; /* likewise; `time` is the time now, and what
                                   is signed later says a later one */
  size_t sent;                  /* so many of its headers are sent; what
                                   follows, libcurl sends of its own accord */
  size_t counted;               /* position of the one whose value ends in */
  uint64_t first;               /* this number, one more for each item, as
                                   twelve hexadecimal digits */
  unsigned limit;               /* so many at a time, at least 1; less when
                                   it has said that it needs less */
  int64_t deadline_ns;          /* monotonic; nothing begins after it */
  const struct batch_item *items;
  size_t count; /* 1 to BATCH_ITEMS */
};

struct batch {
  struct batch *next_batch;
  struct http *http;
  uint64_t id;
  struct batch_options options; /* all texts are in `texts` */
  char *texts;
  struct header *headers;
  struct batch_item *items;
  struct buf lines; /* the headers of what is being started */
  char counted[BATCH_COUNTED];
  int64_t begun_ns;
  size_t started; /* items */
  unsigned active;
  bool stopped;
  bool cancelled;
  struct {
    uint64_t id; /* of the request; 0: none */
    size_t item;
  } under_way[HTTP_TRANSFERS];
};

struct batches {
  struct http *http;
  struct batch *first;
  uint64_t last_id; /* the next batch has the one after it */
};

/* Gives all up. */
void batches_release(struct batches *batches);

/*
 * Begins a batch, whose first requests start at the next batches_run(). Keeps
 * nothing of `options` but the signer. Codes: "limit", "ENOMEM".
 */
int batch_start(struct batches *batches, const struct batch_options *options,
    struct error *error);

/* Lets a batch send one request more at a time; nothing where there is none
   of this id. */
void batch_widen(struct batches *batches, uint64_t id);

/* Ends a batch. Of what is under way nobody hears. Its first `*started` items
   were sent, if that is no NULL; false: there is none. */
bool batch_cancel(struct batches *batches, uint64_t id, size_t *started);

/* Starts what may start now. */
void batches_run(struct batches *batches);

/* One that is over, or needs no more than `active` requests at a time and has
   not said so, or NULL. batches_told() ends it, or says that this is known. */
const struct batch *batches_news(const struct batches *batches);
void batches_told(struct batches *batches, uint64_t id);

/* Nothing is under way, and nothing will be: its first `started` items were
   sent. */
bool batch_is_over(const struct batch *batch);

#endif
