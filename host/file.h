/*
 * Files as the agent uses them: read whole within a limit, replaced whole or
 * not at all. Folders of the operator, whose content is not trusted, are read
 * through folder.h instead.
 *
 * Errors carry the errno name as their code ("ENOENT"), the path, and for the
 * cases that puzzle people what to do about it. A process that writes files
 * must ignore SIGXFSZ (a size limit then is EFBIG) and SIGPIPE; the main does.
 */
#ifndef NIGHTJAR_FILE_H
#define NIGHTJAR_FILE_H

#include "buf.h"
#include "listing.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Adds the content of a regular file to `to`. Anything else, a FIFO or a
 * device say, is refused without waiting for it; more than `max` bytes are
 * "EFBIG".
 */
int file_read(
    const char *path, size_t max, struct buf *to, struct error *error);

/*
 * The same for an open descriptor, which stays open. `name` is what the file
 * is called in messages.
 */
int file_read_descriptor(
    int fd, const char *name, size_t max, struct buf *to, struct error *error);

/*
 * Puts a file in place, the only way in which nightjar writes one: a new file
 * in the same folder gets the content and `mode` (whatever the umask), is
 * flushed to disk, and takes the place of `path` by rename(2); then the folder
 * is flushed. A reader, a crash or a full disk sees the old file or the new
 * one, whole. A link at `path` is replaced itself, not followed.
 *
 * Returns 0 when the new file is in place. If only the last step failed, the
 * file is there but might be the old one again after a power cut: then
 * `durable` is false and `error` says so. Returns -1 when the old state stands
 * unchanged; the temporary is removed, unless the process is killed: see
 * file_sweep().
 */
int file_replace(const char *path, const void *data, size_t size, mode_t mode,
    bool *durable, struct error *error);

/*
 * Removes the temporaries that killed writers left in a folder and, level by
 * level, in its folders (links are not followed), and counts them. Only names
 * that file_replace() makes are touched. Call it at start, when no writer is
 * at work there. Goes on after a failure and reports the first one.
 */
int file_sweep(const char *path, size_t *count, struct error *error);

/* Whether file_replace() names its temporaries so. */
bool file_is_temporary(const char *name);

/* Makes a folder and those above it. One that is there already is fine. */
int file_make_folder(const char *path, mode_t mode, struct error *error);

/* Removes a file, a link or an empty folder. */
int file_remove(const char *path, struct error *error);

/*
 * Locks a file for this process against others, without waiting, and makes it
 * (mode 0600, empty) where there is none; what it holds is not touched. The
 * lock lasts as long as the descriptor, which is the result; whatever ends the
 * process frees it, and no program that it starts or becomes has it. Where
 * another one has it the code is "EAGAIN"; "ENOLCK", "EOPNOTSUPP" or "EBADF"
 * is said of a file system that has no such locks.
 */
int file_lock(const char *path, struct error *error);

struct file_stat {
  enum file_type type;
  int64_t size;
  int64_t modified_ns; /* since 1970 */
  mode_t mode;         /* permission bits */
  uint64_t inode;
};

/* What stands at a path, links followed. */
int file_stat(const char *path, struct file_stat *out, struct error *error);

/* The entries of a folder with their types, sorted by name as bytes. */
int file_list(const char *path, struct listing *to, struct error *error);

#endif
