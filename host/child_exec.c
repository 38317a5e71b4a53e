#include "child_exec.h"

#include "fd.h"
#include "hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the report pipe stands in the child, the last descriptor kept. */
enum { REPORT_FD = 3, FIRST_UNKNOWN = 4 };

/* Descriptors may have any number, even 0 to 2 when those were closed: first
   all go up out of the way, then each to its place. */
static bool place_descriptors(const struct exec_plan *plan) {
  int from[4] = {
      plan->streams[0], plan->streams[1], plan->streams[2], plan->report};
  for (int i = 0; i < 4; i++) {
    from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_UNKNOWN);
    if (from[i] < 0)
      return false;
  }
  for (int i = 0; i < 3; i++)
    if (dup2(from[i], i) < 0)
      return false;
  if (dup3(from[3], REPORT_FD, O_CLOEXEC) < 0)
    return false;
  fd_close_from(FIRST_UNKNOWN);
  return true;
}

/* Dispositions before the mask: a signal that was pending must not be lost to
   an "ignore" that we had and the program has not. By bare system calls, since
   glibc's functions leave out the two signals that it keeps for itself (32 and
   33), and GNU make starts us with both ignored. Zeros are the kernel's
   SIG_DFL, and more than its structure has on any machine; the calls fail for
   SIGKILL and SIGSTOP. */
static void reset_signals(void) {
  static const unsigned long zeros[16];
  const size_t set_size = (NSIG - 1) / CHAR_BIT;
  for (int number = 1; number < NSIG; number++)
    syscall(SYS_rt_sigaction, number, zeros, NULL, set_size);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, zeros, NULL, set_size);
}

static bool set_death_signal(const struct exec_plan *plan) {
  if (plan->death_signal == 0)
    return true;
  if (prctl(PR_SET_PDEATHSIG, (unsigned long)plan->death_signal, 0UL, 0UL,
          0UL) != 0)
    return false;
  /* The parent may have died before the call; nobody would tell us then. */
  if (getppid() != plan->parent)
    raise(plan->death_signal);
  return true;
}

#if defined __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

/* Makes the program's own prctl(PR_SET_PDEATHSIG) a success without effect.
   A kernel that takes no filter leaves it a program that ends with us, which
   is not worth a failure. SPEC_ALLOW: without it kernels before 5.16 slow a
   filtered program down (Documentation/userspace-api/spec_ctrl.rst). */
static void refuse_death_signals(void) {
#ifdef OUR_ARCH
  enum { ARCH = offsetof(struct seccomp_data, arch) };
  enum { NUMBER = offsetof(struct seccomp_data, nr) };
  /* The low half: both machines are little-endian. */
  enum { OPTION = offsetof(struct seccomp_data, args) };
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARCH),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OPTION),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO), /* errno 0 */
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {
      .len = sizeof filter / sizeof filter[0], .filter = filter};
  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
      &program);
#endif
}

static enum exec_step prepare(const struct exec_plan *plan) {
  if (plan->new_group && setpgid(0, 0) != 0)
    return EXEC_GROUP;
  reset_signals();
  if (!set_death_signal(plan))
    return EXEC_DEATH_SIGNAL;
  if (plan->outlives)
    refuse_death_signals();
  if (plan->directory != NULL && chdir(plan->directory) != 0)
    return EXEC_DIRECTORY;
  return EXEC_PROGRAM;
}

/* execve(2) promises not to change the strings, but its prototype cannot say
   so (POSIX, exec, Rationale). */
static char *const *as_vector(const char *const *list) {
  union {
    const char *const *given;
    char *const *wanted;
  } cast = {.given = list};
  return cast.wanted;
}

_Noreturn void exec_run(const struct exec_plan *plan) {
  int report_fd = plan->report;
  struct exec_report report = {.step = EXEC_DESCRIPTORS};
  if (place_descriptors(plan)) {
    report_fd = REPORT_FD;
    report.step = prepare(plan);
    hugepages_restore();
    if (report.step == EXEC_PROGRAM)
      execve(plan->path, as_vector(plan->argv),
          plan->environment != NULL ? as_vector(plan->environment) : environ);
  }
  report.number = errno;
  /* Smaller than PIPE_BUF, so it is written whole or not at all. */
  ssize_t written = write(report_fd, &report, sizeof report);
  (void)written; /* nobody is left to be told */
  _exit(127);
}

int exec_become(const char *path, const char *const *argv) {
  /* All of ours are marked already; this is for those of libraries. */
  close_range(REPORT_FD, ~0U, CLOSE_RANGE_CLOEXEC);
  hugepages_restore();
  execve(path, as_vector(argv), environ);
  int number = errno;
  hugepages_refuse();
  errno = number;
  return -1;
}

int exec_error(const struct exec_report *report, const struct exec_plan *plan,
    struct error *error) {
  switch (report->step) {
  case EXEC_DESCRIPTORS:
    return error_errno(
        error, "cannot hand descriptors to", plan->path, report->number);
  case EXEC_GROUP:
    return error_errno(
        error, "cannot make a process group for", plan->path, report->number);
  case EXEC_DEATH_SIGNAL:
    return error_errno(
        error, "cannot set a death signal for", plan->path, report->number);
  case EXEC_DIRECTORY:
    return error_errno(
        error, "cannot change into", plan->directory, report->number);
  case EXEC_PROGRAM:
    break;
  }
  return error_errno(error, "cannot start", plan->path, report->number);
}
