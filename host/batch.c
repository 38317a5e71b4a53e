#include "batch.h"

#include "clock.h"
#include "http_signed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the number that a header ends in. */
enum { DIGITS = 12 };

/* ---- what it keeps ---- */

/* Where texts are copied to; while `data` is NULL they are only counted. */
struct store {
  char *data;
  size_t size;
};

static struct text keep(struct store *store, struct text text) {
  struct text kept = {NULL, text.size};
  if (store->data != NULL) {
    char *at = store->data + store->size;
    kept.data = at;
    at = mempcpy(at, text.data != NULL ? text.data : "", text.size);
    *at = '\0';
  }
  store->size += text.size + 1;
  return kept;
}

static const char *keep_string(struct store *store, const char *string) {
  return string == NULL
             ? NULL
             : keep(store, (struct text){string, strlen(string)}).data;
}

static void keep_all(
    struct store *store, const struct batch_options *from, struct batch *to) {
  struct batch_options *options = &to->options;
  *options = *from;
  options->request.method = keep_string(store, from->request.method);
  options->request.url = keep_string(store, from->request.url);
  options->request.ca_file = keep_string(store, from->request.ca_file);
  options->request.proxy = keep_string(store, from->request.proxy);
  options->request.unix_socket = keep_string(store, from->request.unix_socket);
  options->signing.method = keep(store, from->signing.method);
  options->signing.path = keep(store, from->signing.path);
  options->signing.query = keep(store, from->signing.query);
  for (size_t i = 0; i < from->signing.header_count; i++)
    to->headers[i] =
        (struct header){keep(store, from->signing.headers[i].name),
            keep(store, from->signing.headers[i].value)};
  for (size_t i = 0; i < from->count; i++)
    to->items[i] = (struct batch_item){keep(store, from->items[i].body),
        keep(store, from->items[i].payload_hash), from->items[i].known};
}

static bool on_response(void *context, struct http_response *response);

static int fill(struct batch *batch, const struct batch_options *options) {
  struct store store = {NULL, 0};
  batch->headers =
      calloc(options->signing.header_count + 1, sizeof batch->headers[0]);
  batch->items = calloc(options->count, sizeof batch->items[0]);
  if (batch->headers == NULL || batch->items == NULL)
    return -1;
  keep_all(&store, options, batch);
  batch->texts = malloc(store.size);
  if (batch->texts == NULL)
    return -1;
  store = (struct store){batch->texts, 0};
  keep_all(&store, options, batch);
  batch->options.signing.headers = batch->headers;
  batch->options.items = batch->items;
  batch->options.request.headers = &batch->lines;
  batch->options.request.reads = on_response;
  batch->options.request.context = batch;
  return 0;
}

static void discard(struct batch *batch) {
  batch->cancelled = true;
  for (size_t i = 0; batch->active > 0 && i < HTTP_TRANSFERS; i++)
    if (batch->under_way[i].id != 0)
      http_cancel(batch->http, batch->under_way[i].id);
  buf_release(&batch->lines);
  free(batch->headers);
  free(batch->items);
  free(batch->texts);
  free(batch);
}

static bool is_usable(const struct batch_options *options) {
  const struct sigv4_request *signing = &options->signing;
  return options->count >= 1 && options->count <= BATCH_ITEMS &&
         options->counted < options->sent &&
         signing->headers[options->counted].value.size + DIGITS <
             BATCH_COUNTED;
}

int batch_start(struct batches *batches, const struct batch_options *options,
    struct error *error) {
  const char *url = options->request.url;
  if (!is_usable(options))
    return error_set(error, "limit", "cannot request", url,
        "a batch has 1 to %d items, and a header of at most %d bytes counts "
        "them",
        BATCH_ITEMS, BATCH_COUNTED - 1);
  struct batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL)
    return error_errno(error, "cannot request", url, ENOMEM);
  buf_init(&batch->lines, CANONICAL_MAX_HEADER_BYTES);
  if (fill(batch, options) != 0) {
    discard(batch);
    return error_errno(error, "cannot request", url, ENOMEM);
  }
  batch->http = batches->http;
  batch->id = ++batches->last_id;
  batch->begun_ns = clock_monotonic_ns();
  batch->next_batch = batches->first;
  batches->first = batch;
  return 0;
}

/* ---- under way ---- */

/* http.h's `reads`. */
static bool on_response(void *context, struct http_response *response) {
  struct batch *batch = context;
  size_t at = 0;
  while (batch->under_way[at].id != response->id)
    at++;
  batch->under_way[at].id = 0;
  batch->active--;
  if (batch->cancelled || response->known)
    return true;
  if (response->kind != NULL || response->status != 200)
    batch->stopped = true;
  response->batch = batch->id;
  response->item = batch->under_way[at].item;
  return false;
}

/* The value of the header that counts. */
static void count(struct batch *batch, size_t item) {
  const struct batch_options *options = &batch->options;
  const uint64_t digits = UINT64_C(0xffffffffffff);
  struct text *value = &batch->headers[options->counted].value;
  if (value->data != batch->counted) {
    memcpy(batch->counted, value->data, value->size);
    *value = (struct text){batch->counted, value->size + DIGITS};
  }
  snprintf(batch->counted + value->size - DIGITS, DIGITS + 1, "%012llx",
      (unsigned long long)((options->first + item) & digits));
}

static int start(struct batch *batch, size_t item, struct error *error) {
  const struct batch_item *what = &batch->items[item];
  struct batch_options *options = &batch->options;
  struct http_request request = options->request;
  struct sigv4_request signing = options->signing;
  size_t at = 0;
  while (at < HTTP_TRANSFERS && batch->under_way[at].id != 0)
    at++;
  if (at == HTTP_TRANSFERS)
    return -1;
  count(batch, item);
  request.body = what->body.data;
  request.body_size = what->body.size;
  request.known = &what->known;
  signing.body = what->body;
  signing.payload_hash = what->payload_hash;
  signing.time += (clock_monotonic_ns() - batch->begun_ns) / 1000000000;
  if (http_start_signed(batch->http, &request, options->signer, &signing,
          options->sent, &batch->lines, &batch->under_way[at].id, error) != 0)
    return -1;
  batch->under_way[at].item = item;
  return 0;
}

static void run(struct batch *batch) {
  const struct batch_options *options = &batch->options;
  struct error error; /* who asks for the rest will meet it again */
  while (!batch->stopped && batch->started < options->count &&
         batch->active < options->limit) {
    if (clock_monotonic_ns() >= options->deadline_ns ||
        start(batch, batch->started, &error) != 0) {
      batch->stopped = true;
    } else {
      batch->started++;
      batch->active++;
    }
  }
}

/* ---- all of them ---- */

void batches_run(struct batches *batches) {
  for (struct batch *batch = batches->first; batch; batch = batch->next_batch)
    run(batch);
}

/* Nothing more begins. */
static bool is_through(const struct batch *batch) {
  return batch->stopped || batch->started == batch->options.count;
}

bool batch_is_over(const struct batch *batch) {
  return is_through(batch) && batch->active == 0;
}

const struct batch *batches_news(const struct batches *batches) {
  const struct batch *batch = batches->first;
  while (batch != NULL && !batch_is_over(batch) &&
         !(is_through(batch) && batch->active < batch->options.limit))
    batch = batch->next_batch;
  return batch;
}

void batches_release(struct batches *batches) {
  while (batches->first != NULL)
    batch_cancel(batches, batches->first->id, NULL);
}

/* Where the pointer to a batch stands, or the NULL at the end. */
static struct batch **find(struct batches *batches, uint64_t id) {
  struct batch **at = &batches->first;
  while (*at != NULL && (*at)->id != id)
    at = &(*at)->next_batch;
  return at;
}

void batch_widen(struct batches *batches, uint64_t id) {
  struct batch *batch = *find(batches, id);
  if (batch != NULL)
    batch->options.limit++;
}

void batches_told(struct batches *batches, uint64_t id) {
  struct batch *batch = *find(batches, id);
  if (batch != NULL && !batch_is_over(batch))
    batch->options.limit = batch->active;
  else
    batch_cancel(batches, id, NULL);
}

bool batch_cancel(struct batches *batches, uint64_t id, size_t *started) {
  struct batch **at = find(batches, id);
  struct batch *batch = *at;
  if (batch == NULL)
    return false;
  if (started != NULL)
    *started = batch->started;
  *at = batch->next_batch;
  discard(batch);
  return true;
}
