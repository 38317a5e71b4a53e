#include "clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

/* CLOCK_REALTIME and CLOCK_MONOTONIC exist wherever Linux does, so that
 * clock_gettime has no failure to report here. */
int64_t clock_now_ms(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ns(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_deadline(double seconds) {
  const double most = 1e9; /* 31 years; "for ever" from there on */
  if (!(seconds < most))
    return INT64_MAX;
  return clock_monotonic_ns() + (int64_t)((seconds > 0 ? seconds : 0) * 1e9);
}

int clock_milliseconds_until(int64_t deadline) {
  if (deadline == INT64_MAX)
    return INT_MAX;
  int64_t left = deadline - clock_monotonic_ns();
  if (left <= 0)
    return 0;
  int64_t milliseconds = (left + 999999) / 1000000;
  return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

/* The calendar of a moment, or -1 outside the four-digit years. */
static int calendar(int64_t unix_seconds, struct tm *out) {
  time_t moment = (time_t)unix_seconds;
  if (!gmtime_r(&moment, out))
    return -1;
  return out->tm_year >= -1900 && out->tm_year <= 9999 - 1900 ? 0 : -1;
}

int clock_rfc3339(int64_t unix_ms, char out[CLOCK_RFC3339_SIZE]) {
  struct tm tm;
  int64_t seconds = unix_ms / 1000;
  int64_t rest = unix_ms % 1000;
  if (rest < 0) { /* before 1970 C rounds towards zero: round down instead */
    rest += 1000;
    seconds -= 1;
  }
  if (calendar(seconds, &tm))
    return -1;
  /* The remainders tell the compiler how many digits there can be. */
  snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
      (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
      (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
      (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100,
      (unsigned)rest % 1000);
  return 0;
}

static char *put_digits(char *to, int number, int count) {
  for (int i = count - 1; i >= 0; i--) {
    to[i] = (char)('0' + number % 10);
    number /= 10;
  }
  return to + count;
}

/* Each signature has one: printf() takes twenty times as long. */
int clock_compact(int64_t unix_seconds, char out[CLOCK_COMPACT_SIZE]) {
  struct tm tm;
  if (calendar(unix_seconds, &tm))
    return -1;
  char *at = put_digits(out, tm.tm_year + 1900, 4);
  at = put_digits(at, tm.tm_mon + 1, 2);
  at = put_digits(at, tm.tm_mday, 2);
  *at++ = 'T';
  at = put_digits(at, tm.tm_hour, 2);
  at = put_digits(at, tm.tm_min, 2);
  at = put_digits(at, tm.tm_sec, 2);
  *at++ = 'Z';
  *at = '\0';
  return 0;
}
