#include "hugepages.h"

#include <stdbool.h>
#include <sys/prctl.h>

/* It was this program that refused them, not the one that started it. */
static bool refused;

void hugepages_refuse(void) {
  if (refused || prctl(PR_GET_THP_DISABLE, 0UL, 0UL, 0UL, 0UL) == 0)
    refused = prctl(PR_SET_THP_DISABLE, 1UL, 0UL, 0UL, 0UL) == 0;
}

void hugepages_restore(void) {
  if (refused)
    prctl(PR_SET_THP_DISABLE, 0UL, 0UL, 0UL, 0UL);
}
