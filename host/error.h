/*
 * What went wrong: what was tried, on what, and why.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL) and takes a
 * `struct error *` of its caller, which it fills before it returns -1:
 *
 *   struct error error;
 *   if (file_write(path, data, size, &error) != 0)
 *     fprintf(stderr, "nightjar: %s\n", error_text(&error, text, sizeof
 * text));
 *
 *   int file_write(..., struct error *error) {
 *     int fd = open(path, O_WRONLY | O_CLOEXEC);
 *     if (fd < 0)
 *       return error_errno(error, "cannot write", path, errno);
 *
 * gives "cannot write: /run/x.yaml: Permission denied", code "EACCES". The
 * struct owns its text: nothing needs to be freed, and no pointer that was
 * given is kept. Text that does not fit is cut and ends in "...".
 */
#ifndef NIGHTJAR_ERROR_H
#define NIGHTJAR_ERROR_H

#include <stddef.h>

enum { ERROR_TEXT_SIZE = 64 + 512 + 512 + 8 };

struct error {
  char what[64]; /* what was tried: "cannot write" */
  char on[512];  /* on what: a path, a URL, a name; may be "" */
  char why[512]; /* the reason, and what was expected instead */
  char code[24]; /* for programs: an errno name ("ENOENT") or one word of the
                    subsystem ("limit", "syntax"); may be "" */
};

/*
 * Fills `error` and returns -1, so that a caller can `return error_set(...)`.
 * `code` and `on` may be NULL; `format` makes the reason, as in printf().
 */
int error_set(struct error *error, const char *code, const char *what,
    const char *on, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/*
 * The same with the reason and the code of an errno value: "No such file or
 * directory", "ENOENT". Saves and restores errno.
 */
int error_errno(
    struct error *error, const char *what, const char *on, int number);

/*
 * Writes "what: on what: why" to `to`, without the parts that are empty, and
 * returns `to`. ERROR_TEXT_SIZE bytes always suffice.
 */
const char *error_text(const struct error *error, char *to, size_t size);

#endif
