#include "server.h"

#include "server_socket.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One request on a connection, from its first line to the end of its answer.
 */
struct exchange {
  struct exchange *next; /* in the order in which they came */
  struct server *server;
  struct MHD_Connection *connection;
  struct server_request request;
  bool complete; /* all of it has come: it waits to be told, or answered */
  bool told;
  bool failed; /* nothing can be answered: its connection is to end */
  struct MHD_Response *response;
  unsigned status;
};

struct server {
  struct MHD_Daemon *daemon;
  struct server_socket socket;
  struct exchange *first;
  uint64_t last_id;
  int epoll_fd;
};

/* ---- exchanges ---- */

enum { MOST = SERVER_MEMORY };

static struct exchange *exchange_new(
    struct server *server, struct MHD_Connection *connection) {
  struct exchange *one = calloc(1, sizeof *one);
  if (one == NULL)
    return NULL;
  one->server = server;
  one->connection = connection;
  one->request.id = ++server->last_id;
  buf_init(&one->request.method, MOST);
  buf_init(&one->request.path, MOST);
  buf_init(&one->request.query, MOST);
  buf_init(&one->request.headers, MOST);
  struct exchange **at = &server->first;
  while (*at != NULL)
    at = &(*at)->next;
  *at = one;
  return one;
}

static void exchange_free(struct exchange *one) {
  struct exchange **at = &one->server->first;
  while (*at != one)
    at = &(*at)->next;
  *at = one->next;
  if (one->response != NULL)
    MHD_destroy_response(one->response);
  buf_release(&one->request.method);
  buf_release(&one->request.path);
  buf_release(&one->request.query);
  buf_release(&one->request.headers);
  free(one);
}

/* ---- what comes in ---- */

/* A text of C: what follows a NUL in it is left out. */
static int add_text(struct buf *to, const char *text) {
  struct error error;
  return buf_add(to, text != NULL ? text : "",
      text != NULL ? strlen(text) + 1 : 1, &error);
}

static enum MHD_Result add_value(void *context, enum MHD_ValueKind kind,
    const char *key, const char *value) {
  struct server_request *request = context;
  struct buf *to =
      kind == MHD_HEADER_KIND ? &request->headers : &request->query;
  size_t from = to->size;
  if (add_text(to, key) != 0 || add_text(to, value) != 0)
    return MHD_NO;
  if (kind == MHD_HEADER_KIND)
    for (char *at = to->data + from; *at != '\0'; at++)
      if (*at >= 'A' && *at <= 'Z')
        *at = (char)(*at - 'A' + 'a');
  return MHD_YES;
}

static bool fill(struct exchange *one, const char *method, const char *path) {
  const unsigned kinds[] = {MHD_HEADER_KIND, MHD_GET_ARGUMENT_KIND};
  struct error error;
  if (buf_add_text(&one->request.method, method, &error) != 0 ||
      buf_add_text(&one->request.path, path, &error) != 0)
    return false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    int all = MHD_get_connection_values(
        one->connection, (enum MHD_ValueKind)kinds[i], NULL, NULL);
    if (MHD_get_connection_values(one->connection,
            (enum MHD_ValueKind)kinds[i], add_value, &one->request) != all)
      return false;
  }
  return true;
}

/* An answer of our own to what is not handed over; the connection ends. */
static enum MHD_Result refuse(
    struct MHD_Connection *connection, unsigned status) {
  static char none[] = "";
  struct MHD_Response *response =
      MHD_create_response_from_buffer(0, none, MHD_RESPMEM_PERSISTENT);
  if (response == NULL)
    return MHD_NO;
  MHD_add_response_header(response, "Connection", "close");
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static bool has_body(struct MHD_Connection *connection) {
  const char *length = MHD_lookup_connection_value(
      connection, MHD_HEADER_KIND, "Content-Length");
  return (length != NULL && strcmp(length, "0") != 0) ||
         MHD_lookup_connection_value(
             connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

/* MHD_AccessHandlerCallback: once for the headers, then at the end of the
   request, and once more when its connection is resumed with an answer. */
static enum MHD_Result on_request(void *context,
    struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *data, size_t *size, void **state) {
  struct exchange *one = *state;
  (void)version;
  (void)data;
  if (one == NULL) {
    if (has_body(connection))
      return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
    *state = exchange_new(context, connection);
    return *state != NULL ? MHD_YES : MHD_NO;
  }
  if (*size > 0 || one->failed)
    return MHD_NO;
  if (one->response != NULL)
    return MHD_queue_response(connection, one->status, one->response);
  if (!fill(one, method, path))
    return MHD_NO;
  one->complete = true;
  MHD_suspend_connection(connection);
  return MHD_YES;
}

/* MHD_RequestCompletedCallback: however it ended. */
static void on_completed(void *context, struct MHD_Connection *connection,
    void **state, enum MHD_RequestTerminationCode how) {
  (void)context;
  (void)connection;
  (void)how;
  if (*state != NULL)
    exchange_free(*state);
  *state = NULL;
}

/* ---- made and unmade ---- */

struct server *server_new(
    const struct server_options *options, struct error *error) {
  struct server *server = calloc(1, sizeof *server);
  if (server == NULL) {
    error_errno(error, "cannot serve", "", ENOMEM);
    return NULL;
  }
  if (server_socket_open(&server->socket, options, error) != 0) {
    free(server);
    return NULL;
  }
  errno = 0;
  server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
      0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET,
      server->socket.fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_MEMORY,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      server->daemon != NULL
          ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
          : NULL;
  if (info != NULL) {
    server->epoll_fd = info->epoll_fd;
    return server;
  }
  if (errno != 0)
    error_errno(error, "cannot serve", server->socket.name, errno);
  else
    error_set(error, NULL, "cannot serve", server->socket.name,
        "libmicrohttpd refuses");
  server_free(server);
  return NULL;
}

void server_free(struct server *server) {
  if (server == NULL)
    return;
  /* Those that wait for an answer must go on to be ended. */
  for (struct exchange *one = server->first; one != NULL; one = one->next)
    if (one->complete && one->response == NULL) {
      one->failed = true;
      MHD_resume_connection(one->connection);
    }
  if (server->daemon != NULL)
    MHD_stop_daemon(server->daemon); /* closes the socket too */
  else
    close(server->socket.fd);
  server_socket_remove(&server->socket);
  free(server);
}

/* ---- run ---- */

unsigned server_port(const struct server *server) {
  const union MHD_DaemonInfo *info =
      MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info != NULL && !server->socket.is_file ? info->port : 0;
}

int server_fd(const struct server *server) {
  return server->epoll_fd;
}

int server_patience(struct server *server) {
  MHD_UNSIGNED_LONG_LONG milliseconds = 0;
  if (MHD_get_timeout(server->daemon, &milliseconds) != MHD_YES)
    return -1;
  /* Rounded up: too early would be once more. */
  return milliseconds < INT32_MAX ? (int)milliseconds + 1 : INT32_MAX;
}

void server_run(struct server *server) {
  MHD_run(server->daemon);
}

static struct exchange *untold(struct server *server) {
  struct exchange *one = server->first;
  while (one != NULL && (!one->complete || one->told))
    one = one->next;
  return one;
}

const struct server_request *server_request(struct server *server) {
  struct exchange *one = untold(server);
  return one != NULL ? &one->request : NULL;
}

void server_request_told(struct server *server) {
  untold(server)->told = true;
}

static bool add_headers(
    struct MHD_Response *response, const struct buf *headers) {
  const char *at = headers != NULL ? headers->data : "";
  const char *end = headers != NULL ? at + headers->size : at;
  while (at < end) {
    const char *value = at + strlen(at) + 1;
    if (MHD_add_response_header(response, at, value) != MHD_YES)
      return false;
    at = value + strlen(value) + 1;
  }
  return true;
}

bool server_answer(
    struct server *server, uint64_t id, const struct server_answer *answer) {
  static char none[] = "";
  struct exchange *one = server->first;
  while (one != NULL && one->request.id != id)
    one = one->next;
  if (one == NULL || !one->told || one->response != NULL)
    return false;
  /* MHD_RESPMEM_MUST_COPY only reads, but its prototype cannot say so. */
  union {
    const char *given;
    void *wanted;
  } body = {.given = answer->size > 0 ? answer->body : none};
  one->response = MHD_create_response_from_buffer(
      answer->size, body.wanted, MHD_RESPMEM_MUST_COPY);
  one->status = answer->status;
  if (one->response != NULL && !add_headers(one->response, answer->headers)) {
    MHD_destroy_response(one->response);
    one->response = NULL;
  }
  one->failed = one->response == NULL;
  MHD_resume_connection(one->connection);
  return one->response != NULL;
}
