/*
 * What the same work costs without a program around it: the limits that the
 * bench compares with. Each prints its CPU and wall seconds as JSON.
 *
 *   limits requests ADDRESS PORT CONNECTIONS REQUESTS ANSWERS
 *     sends the requests (lines "Operation<TAB>body") over kept connections
 *     and writes the bodies of the answers to ANSWERS, one a line
 *   limits parse ANSWERS
 *     parses them with cJSON
 *   limits write FOLDER FILE...
 *     writes copies of the files as a careful program does: beside their
 *     place, made durable, renamed
 */
#include "limits.h"

#include "clock.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REQUESTS_MOST = 1 << 20 };

/* Memory for `count` things; a bench without it has nothing to tell. */
static void *zeroed(size_t count, size_t size) {
  void *made = calloc(count, size);
  if (made == NULL)
    abort();
  return made;
}

/* A stopwatch of both clocks. */
struct spent {
  double cpu, wall;
};

static struct spent now(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (struct spent){
      .cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
      .wall = (double)clock_monotonic_ns() / 1e9};
}

static void start(void *data) {
  *(struct spent *)data = now();
}

static int report(struct spent began, size_t count, size_t bytes) {
  struct spent ended = now();
  printf("{\"cpu\":%.6f,\"wall\":%.6f,\"count\":%zu,\"bytes\":%zu}\n",
      ended.cpu - began.cpu, ended.wall - began.wall, count, bytes);
  return 0;
}

static int read_whole(const char *path, struct buf *to, struct error *error) {
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return error_errno(error, "cannot read", path, errno);
  int status = 0;
  char piece[64 << 10];
  for (size_t got; status == 0 && (got = fread(piece, 1, sizeof piece, file));)
    status = buf_add(to, piece, got, error);
  fclose(file);
  return status;
}

/* The lines of a text, each ended by a NUL in place of its newline. */
static size_t lines_of(struct buf *text, char **lines, size_t most) {
  size_t count = 0;
  char *rest = text->data;
  for (char *end; count < most && (end = strchr(rest, '\n')) != NULL;
       rest = end + 1) {
    *end = '\0';
    lines[count++] = rest;
  }
  return count;
}

/* As large as what an SDK sends: the signature is one in form only. */
static int make_request(char *line, const char *address, int port,
    struct exchange *to, struct error *error) {
  static const char digits[] =
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  char *tab = strchr(line, '\t');
  buf_init(&to->request, 1 << 20);
  buf_init(&to->answer, LIMITS_SIZE);
  if (tab == NULL)
    return error_set(error, NULL, "cannot use", line, "expected a tab");
  return buf_add_format(&to->request, error,
      "POST / HTTP/1.1\r\nHost: %s:%d\r\nAccept: */*\r\n"
      "Content-Type: application/x-amz-json-1.1\r\n"
      "X-Amz-Target: Route53AutoNaming_v20170314.%.*s\r\n"
      "X-Amz-Date: 20260101T000000Z\r\n"
      "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/"
      "eu-central-1/servicediscovery/aws4_request, SignedHeaders="
      "content-type;host;x-amz-date;x-amz-target, Signature=%s\r\n"
      "Content-Length: %zu\r\n\r\n%s",
      address, port, (int)(tab - line), line, digits, strlen(tab + 1),
      tab + 1);
}

static int save_answers(const char *path, const struct exchange *exchanges,
    size_t count, struct error *error) {
  FILE *file = fopen(path, "we");
  if (file == NULL)
    return error_errno(error, "cannot write", path, errno);
  for (size_t i = 0; i < count; i++)
    fprintf(file, "%s\n", exchanges[i].answer.data);
  return fclose(file) == 0 ? 0
                           : error_errno(error, "cannot write", path, errno);
}

static int requests(char **arguments, struct error *error) {
  const char *address = arguments[0];
  int port = atoi(arguments[1]), status = -1;
  struct spent began = {0};
  struct buf text;
  size_t bytes = 0, count = 0;
  buf_init(&text, LIMITS_SIZE);
  char **lines = zeroed(REQUESTS_MOST, sizeof *lines);
  struct exchange *exchanges = NULL;
  if (read_whole(arguments[3], &text, error) != 0)
    goto out;
  size_t wanted = lines_of(&text, lines, REQUESTS_MOST);
  exchanges = zeroed(wanted + 1, sizeof *exchanges);
  for (; count < wanted; count++)
    if (make_request(lines[count], address, port, &exchanges[count], error))
      goto out;
  if (limits_requests(exchanges, count, address, port, atoi(arguments[2]),
          start, &began, error) != 0)
    goto out;
  for (size_t i = 0; i < count; i++)
    bytes += exchanges[i].answer.size;
  report(began, count, bytes);
  status = save_answers(arguments[4], exchanges, count, error);
out:
  for (size_t i = 0; i < count; i++) {
    buf_release(&exchanges[i].request);
    buf_release(&exchanges[i].answer);
  }
  free(exchanges);
  free(lines);
  buf_release(&text);
  return status;
}

static int parse(const char *path, struct error *error) {
  int status = -1;
  size_t count = 0;
  struct buf text;
  buf_init(&text, LIMITS_SIZE);
  char **lines = zeroed(REQUESTS_MOST, sizeof *lines);
  if (read_whole(path, &text, error) != 0)
    goto out;
  count = lines_of(&text, lines, REQUESTS_MOST);
  struct spent began = now();
  for (size_t i = 0; i < count; i++) {
    cJSON *tree = cJSON_Parse(lines[i]);
    if (tree == NULL) {
      error_set(error, "syntax", "cannot parse", path, "answer %zu", i + 1);
      goto out;
    }
    cJSON_Delete(tree);
  }
  status = report(began, count, text.size);
out:
  free(lines);
  buf_release(&text);
  return status;
}

/* Beside its place, durable, renamed, and the folder durable. */
static int write_one(const char *folder, size_t number, const struct buf *text,
    struct error *error) {
  char path[PATH_MAX], beside[PATH_MAX];
  snprintf(path, sizeof path, "%s/%zu", folder, number);
  snprintf(beside, sizeof beside, "%s/%zu.new", folder, number);
  int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    return error_errno(error, "cannot write", beside, errno);
  int failed = write(fd, text->data, text->size) != (ssize_t)text->size ||
               fsync(fd) != 0;
  if (close(fd) != 0 || failed || rename(beside, path) != 0)
    return error_errno(error, "cannot write", path, errno);
  int parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  failed = parent < 0 || fsync(parent) != 0;
  if (parent >= 0)
    close(parent);
  return failed ? error_errno(error, "cannot write", folder, errno) : 0;
}

static int write_files(
    const char *folder, char **paths, size_t count, struct error *error) {
  int status = -1;
  size_t bytes = 0;
  struct buf *texts = zeroed(count + 1, sizeof *texts);
  for (size_t i = 0; i < count; i++) {
    buf_init(&texts[i], LIMITS_SIZE);
    if (read_whole(paths[i], &texts[i], error) != 0)
      goto out;
    bytes += texts[i].size;
  }
  struct spent began = now();
  for (size_t i = 0; i < count; i++)
    if (write_one(folder, i, &texts[i], error) != 0)
      goto out;
  status = report(began, count, bytes);
out:
  for (size_t i = 0; i < count; i++)
    buf_release(&texts[i]);
  free(texts);
  return status;
}

int main(int count, char **arguments) {
  struct error error = {0};
  char text[ERROR_TEXT_SIZE];
  int status = -1;
  const char *what = count > 1 ? arguments[1] : "";
  if (strcmp(what, "requests") == 0 && count == 7)
    status = requests(arguments + 2, &error);
  else if (strcmp(what, "parse") == 0 && count == 3)
    status = parse(arguments[2], &error);
  else if (strcmp(what, "write") == 0 && count > 3)
    status =
        write_files(arguments[2], arguments + 3, (size_t)count - 3, &error);
  else
    error_set(&error, NULL, "limits", what,
        "expected requests, parse or write and what they take");
  if (status != 0)
    fprintf(stderr, "limits: %s\n", error_text(&error, text, sizeof text));
  return status == 0 ? 0 : 1;
}
