/*
 * Where the machine gives huge pages to whoever does not ask ("always", the
 * default of Debian's kernels), a heap of two megabytes may be counted as four
 * or six. Both programs do without: what they hold is small, and each of a
 * thousand agents would pay for what it never uses. Programs that the agent
 * starts, Envoy above all, have what they would have without it.
 * Sources: prctl(2), PR_SET_THP_DISABLE, which children inherit, through
 * execve(2) too; the kernel's "Transparent Hugepage Support".
 */
#ifndef NIGHTJAR_HUGEPAGES_H
#define NIGHTJAR_HUGEPAGES_H

/*
 * From now on this process gets none; called before it has a heap. Does
 * nothing where whoever started it has said so already, and where the kernel
 * refuses, which costs memory alone.
 */
void hugepages_refuse(void);

/*
 * What the program that is to take this one's place shall find: as it was
 * before. Makes one system call at most, so it may be called after vfork(2),
 * which changes the parent too: that one refuses anew.
 */
void hugepages_restore(void);

#endif
