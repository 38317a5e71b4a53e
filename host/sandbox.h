/*
 * What nightjar-plan gives up before it runs a script: files, network,
 * processes, descriptors. Every layer stands for itself: where a kernel or a
 * container's profile refuses one, the process goes on with the others, and
 * the list of those in force tells.
 *
 * Sources: getrlimit(2), close_range(2), seccomp(2), libseccomp's
 * seccomp_rule_add(3). Under AddressSanitizer the layers that it cannot live
 * with are left out: RLIMIT_AS, RLIMIT_NOFILE, seccomp.
 */
#ifndef NIGHTJAR_SANDBOX_H
#define NIGHTJAR_SANDBOX_H

#include <stddef.h>

enum { SANDBOX_STATUS = 3, SANDBOX_LAYERS = 12 };

struct sandbox_limits {
  size_t address_space; /* bytes of RLIMIT_AS */
  unsigned cpu_seconds; /* RLIMIT_CPU: SIGXCPU after it, SIGKILL 2 s later */
};

/* Names of the layers in force; `names` ends with NULL. */
struct sandbox_layers {
  const char *names[SANDBOX_LAYERS + 1];
  size_t count;
};

void sandbox_add_layer(struct sandbox_layers *layers, const char *name);

/*
 * Closes all descriptors but 1 and 2, sets the resource limits and installs
 * the system call filter: memory calls, write to 1 and 2, and exit are left.
 * Any other call writes "forbidden system call NAME" to descriptor 1 and ends
 * the process with SANDBOX_STATUS. Adds what came into force to `layers`.
 */
void sandbox_enter(
    const struct sandbox_limits *limits, struct sandbox_layers *layers);

#endif
