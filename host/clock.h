/*
 * The two clocks of the machine and the two ways a moment is written.
 *
 * Wall-clock time is for stamps that leave the program (logs, signatures,
 * `since`); it may jump. Monotonic time is for durations and deadlines; its
 * zero means nothing and it never goes back.
 */
#ifndef NIGHTJAR_CLOCK_H
#define NIGHTJAR_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_RFC3339_SIZE 25 /* "2026-11-24T03:36:00.123Z" and a NUL */
#define CLOCK_COMPACT_SIZE 17 /* "20261124T033600Z" and a NUL */

/* Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted. */
int64_t clock_now_ms(void);

/* Nanoseconds since some moment in the past (CLOCK_MONOTONIC). */
int64_t clock_monotonic_ns(void);

/*
 * A moment so many seconds (0 or more, may be infinite) from now, as of
 * clock_monotonic_ns(), and the milliseconds until then: INT64_MAX and INT_MAX
 * for ever. They are rounded up: waking before a deadline would mean waiting
 * once more.
 */
int64_t clock_deadline(double seconds);
int clock_milliseconds_until(int64_t deadline);

/*
 * Write a moment in UTC: with milliseconds after RFC 3339, or in whole
 * seconds after ISO 8601's basic form, as AWS's signatures want it. Both
 * return 0, or -1 for a year outside 0 to 9999, which neither form can hold.
 */
int clock_rfc3339(int64_t unix_ms, char out[CLOCK_RFC3339_SIZE]);
int clock_compact(int64_t unix_seconds, char out[CLOCK_COMPACT_SIZE]);

#endif
