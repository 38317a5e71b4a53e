#include "sandbox.h"

#include "fd.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void sandbox_add_layer(struct sandbox_layers *layers, const char *name) {
  if (layers->count < SANDBOX_LAYERS)
    layers->names[layers->count++] = name;
}

static bool limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0)
    return false;
  /* A hard limit that is lower already stays: raising it needs privileges. */
  struct rlimit wanted = {soft < now.rlim_max ? soft : now.rlim_max,
      hard < now.rlim_max ? hard : now.rlim_max};
  return setrlimit(resource, &wanted) == 0;
}

static bool is_regular_file(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static void set_limits(
    const struct sandbox_limits *limits, struct sandbox_layers *layers) {
  if (limit(RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 2))
    sandbox_add_layer(layers, "cpu_limit");
  /* A person may well send the answer to a file: then it has to fit. */
  if (!is_regular_file(STDOUT_FILENO) && limit(RLIMIT_FSIZE, 0, 0))
    sandbox_add_layer(layers, "no_file_writes");
#ifndef __SANITIZE_ADDRESS__
  if (limit(RLIMIT_AS, limits->address_space, limits->address_space))
    sandbox_add_layer(layers, "address_space_limit");
  if (limit(RLIMIT_NOFILE, 0, 0))
    sandbox_add_layer(layers, "no_new_descriptors");
#endif
}

#ifndef __SANITIZE_ADDRESS__
/*
 * Not asynchronous: the signal comes from the very instruction that asked for
 * the call, in a process with one thread, so no lock is held that resolving a
 * name could need.
 */
static void on_forbidden(int number, siginfo_t *info, void *context) {
  char line[100];
  (void)number;
  (void)context;
  char *name =
      seccomp_syscall_resolve_num_arch(info->si_arch, info->si_syscall);
  int length =
      name != NULL
          ? snprintf(line, sizeof line, "forbidden system call %.60s\n", name)
          : snprintf(line, sizeof line, "forbidden system call %d\n",
                info->si_syscall);
  fd_write(STDOUT_FILENO, line, (size_t)length);
  _exit(SANDBOX_STATUS);
}

static bool add_rules(scmp_filter_ctx filter) {
  static const int allowed[] = {SCMP_SYS(brk), SCMP_SYS(munmap),
      SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(exit_group),
      SCMP_SYS(exit), SCMP_SYS(rt_sigreturn), SCMP_SYS(clock_gettime)};
  for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) != 0)
      return false;
  /* Memory, but none to execute; writing, but to the two pipes only. */
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
             SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
             SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0)) == 0;
}

static bool filter_calls(void) {
  struct sigaction action = {
      .sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  bool in_force = filter != NULL && sigaction(SIGSYS, &action, NULL) == 0 &&
                  seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                      SCMP_ACT_KILL_PROCESS) == 0 &&
                  add_rules(filter) && seccomp_load(filter) == 0;
  if (filter != NULL)
    seccomp_release(filter);
  return in_force;
}
#endif

void sandbox_enter(
    const struct sandbox_limits *limits, struct sandbox_layers *layers) {
  close(STDIN_FILENO);
  fd_close_from(STDERR_FILENO + 1);
  sandbox_add_layer(layers, "closed_descriptors");
  set_limits(limits, layers);
#ifndef __SANITIZE_ADDRESS__
  if (filter_calls())
    sandbox_add_layer(layers, "seccomp");
#endif
}
