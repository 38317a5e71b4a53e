#include "harden.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Keeps the first of several refusals. */
static void note(int *result, const char *what, struct error *error) {
  if (*result == 0)
    *result = error_errno(error, "cannot harden", what, errno);
}

int harden_process(bool dies_with_parent, struct error *error) {
  const struct rlimit none = {0, 0};
  int result = 0;
  if (dies_with_parent &&
      prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) != 0)
    note(&result, "PR_SET_PDEATHSIG", error);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
    note(&result, "PR_SET_NO_NEW_PRIVS", error);
#ifndef __SANITIZE_ADDRESS__
  if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
    note(&result, "PR_SET_DUMPABLE", error);
#endif
  if (setrlimit(RLIMIT_CORE, &none) != 0)
    note(&result, "RLIMIT_CORE", error);
  return result;
}
