#include "harden.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int harden_process(bool dies_with_parent, struct error *error) {
  if (dies_with_parent &&
      prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) != 0)
    return error_errno(error, "cannot harden", "PR_SET_PDEATHSIG", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
    return error_errno(error, "cannot harden", "PR_SET_NO_NEW_PRIVS", errno);
#ifndef __SANITIZE_ADDRESS__
  if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
    return error_errno(error, "cannot harden", "PR_SET_DUMPABLE", errno);
#endif
  struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0)
    return error_errno(error, "cannot harden", "RLIMIT_CORE", errno);
  return 0;
}
