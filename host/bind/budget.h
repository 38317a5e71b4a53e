/*
 * What a script may use: memory, and in each turn instructions of the Lua
 * machine and processor time. A turn is one policy or one template: whoever
 * runs them calls begin(true) of the position table first, and begin(false)
 * before work of our own, whose instructions are not counted: looking at each
 * makes it slower by a fifth. Passing a limit ends
 * the *process*, since an error would be no end: pcall() in a loop, a message
 * handler of xpcall() or a __gc function outlive errors. Free of lua.h, for
 * the main of nightjar-plan.
 *
 *   struct budget budget;
 *   budget_init(&budget, bytes, instructions, STDOUT_FILENO);
 *   options.allocate = budget_allocate, options.context = &budget;
 *   state = state_new(&options, &error);
 *   budget_watch(&budget, state, &error);
 *   arguments[1] = state_registry(budget_position(&budget));
 *   state_free(state);
 *   budget_release(&budget);
 *
 * From then on the process may end by itself with status BUDGET_STATUS and one
 * line on `output`, "FILE:LINE: used more than N instructions" or
 * "FILE:LINE: needs more than N MiB", or "FILE:LINE: out of memory: the system
 * gives no more than M of N MiB". FILE:LINE is that of the innermost
 * function of a policy (chunk name "@policies/..."); else what the position
 * table says, {file = "templates/x", line = 3, begin = a function, trim = one
 * that gives free memory back to the system}, whose file and line a renderer
 * keeps up to date; else that of the innermost Lua
 * function.
 *
 * Memory: a refused request makes Lua collect garbage and ask for the same
 * again; when that is refused too, or Lua asks for anything else instead, it
 * was final. (Buffers of the string functions are not asked for twice.) The
 * place is that of the refusal.
 * Instructions are counted in steps of 1,000, in each coroutine apart, so
 * policies must not have coroutines. A single C call (a backtracking pattern)
 * counts as one instruction: the processor limit and the agent's deadline are
 * for those. Processor time is counted in ticks: a signal handler calls
 * budget_tick() every BUDGET_TICK_MS of it.
 */
#ifndef NIGHTJAR_BUDGET_H
#define NIGHTJAR_BUDGET_H

#include "error.h"
#include "pool.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUDGET_STATUS = 3, BUDGET_TICK_MS = 50 };

struct lua_State;

struct budget_place {
  char file[512];
  long long line;
};

struct budget {
  struct pool pool;    /* what the memory is of */
  size_t memory_limit; /* bytes */
  size_t memory_used;
  const void *refused_old; /* the request that was refused last: */
  size_t refused_size;     /* 0 when none is pending */
  bool refused_by_system;  /* not by the limit */
  struct budget_place refused_at;
  long long instruction_limit; /* of one turn */
  long long instructions_used; /* in this turn */
  volatile sig_atomic_t ticks; /* in this turn */
  /* The processor limit that was passed, once one was, and ticks since. */
  volatile long long late_ms;
  volatile sig_atomic_t late_ticks;
  int interval;            /* instructions between two looks */
  int output;              /* descriptor that the last line goes to */
  struct lua_State *state; /* NULL before budget_watch() */
};

void budget_init(struct budget *budget, size_t memory_limit,
    long long instruction_limit, int output);

/* The state must be closed before. */
void budget_release(struct budget *budget);

/* The lua_Alloc; `context` is the struct budget. */
void *budget_allocate(
    void *context, void *old, size_t old_size, size_t new_size);

/* Installs the count hook and makes the position table. */
int budget_watch(
    struct budget *budget, struct lua_State *state, struct error *error);

/* The registry key of the position table, for state_registry(). */
const void *budget_position(void);

/*
 * Says that `limit_ms` of processor time have been used. The process ends with
 * "FILE:LINE: used more than N seconds of processor time" before Lua's next
 * instruction or request for memory, or a few ticks later if there is none of
 * them. For a signal handler.
 */
void budget_late(struct budget *budget, long long limit_ms);

/*
 * Counts one tick of the present turn, and is late when the turn has used
 * `limit_ms`. For a signal handler.
 */
void budget_tick(struct budget *budget, long long limit_ms);

#endif
