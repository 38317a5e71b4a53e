/*
 * What both programs do first, before they read anything:
 *  - no new privileges by set-user-id programs (PR_SET_NO_NEW_PRIVS);
 *  - not dumpable: Envoy runs as the same user and could otherwise read this
 *    process's memory, and with it the credentials (PR_SET_DUMPABLE 0, no core
 *    files);
 *  - optionally, SIGKILL when the parent dies (PR_SET_PDEATHSIG).
 * Sources: prctl(2), getrlimit(2).
 */
#ifndef NIGHTJAR_HARDEN_H
#define NIGHTJAR_HARDEN_H

#include "error.h"
#include <stdbool.h>

/*
 * `dies_with_parent`: for nightjar-plan, which nobody waits for once the agent
 * is gone; the agent itself may well outlive the shell that started it. The
 * signal follows the *thread* that forked; the agent has one that lasts.
 * Under AddressSanitizer the process stays dumpable: its leak check attaches
 * to the process. Where the kernel refuses a part the others are done all the
 * same; the first refusal is the error.
 */
int harden_process(bool dies_with_parent, struct error *error);

#endif
