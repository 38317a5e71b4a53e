/*
 * Loaded before nightjar-plan, where valgrind counts what it does: valgrind
 * itself needs files, memory and system calls that the sandbox denies, and a
 * profiling timer would make two runs differ. Nothing else is changed; that
 * the sandbox holds is the matter of other specs.
 */
struct rlimit;
struct itimerval;

int setrlimit(int resource, const struct rlimit *limit);
int setitimer(int which, const struct itimerval *value, struct itimerval *old);
int seccomp_load(const void *filter);

int setrlimit(int resource, const struct rlimit *limit) {
  (void)resource;
  (void)limit;
  return 0;
}

int setitimer(
    int which, const struct itimerval *value, struct itimerval *old) {
  (void)which;
  (void)value;
  (void)old;
  return 0;
}

int seccomp_load(const void *filter) {
  (void)filter;
  return 0;
}
