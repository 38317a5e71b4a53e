/*
 * Linked into both programs by `make coverage` alone: counts which lines of C
 * and of Lua are run, in whatever way a process ends. gcc's own way, to write
 * at exit(), would miss what is killed, leaves by _exit() or lives behind the
 * filter of nightjar-plan, where nothing can be opened. So a file takes the
 * place of gcc's counters in memory before main(), and all processes of a
 * program add to it together (-fprofile-update=atomic). Lines of Lua, which a
 * hook sees, stand behind the counters in the same file.
 *
 * COVERAGE_FOLDER, of the build, holds NAME.counters for a program that is
 * named NAME; without that file nothing is counted. A program that is started
 * with COVERAGE_DUMP=FOLDER writes what has been counted: for gcov below that
 * folder, FILE:LINE of Lua on standard output.
 */
#include <fcntl.h>
#include <gcov.h>
#include <limits.h>
#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHUNKS = 1024, NAME_SIZE = 112, LINES = 912 };

/* The lines of one file that were run. */
struct chunk {
  atomic_int state; /* 0 free, 1 being named, 2 named */
  char name[NAME_SIZE];
  atomic_uchar lines[LINES];
};

extern char coverage_start[], coverage_end[];
extern const struct gcov_info *const __start_gcov_info[];
extern const struct gcov_info *const __stop_gcov_info[];

lua_State *__real_lua_newstate(lua_Alloc allocate, void *context);
void __real_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);
lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *context);
void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);

static struct chunk *chunks; /* NULL: nothing is counted */
static lua_Hook wanted;      /* the program's own hook */

static size_t counters_size(void) {
  return (size_t)(coverage_end - coverage_start);
}

static bool is_ours(const char *source) {
  return strncmp(source, "@lua/", 5) == 0 ||
         strncmp(source, "@policies/", 10) == 0;
}

static unsigned hash(const char *text) {
  unsigned value = 5381;
  for (; *text != '\0'; text++)
    value = value * 33 + (unsigned char)*text;
  return value % CHUNKS;
}

/* Other processes name chunks at the same time. */
static struct chunk *find(const char *name) {
  unsigned at = hash(name);
  for (int i = 0; i < CHUNKS; i++, at = (at + 1) % CHUNKS) {
    struct chunk *one = &chunks[at];
    int expected = 0;
    if (atomic_compare_exchange_strong(&one->state, &expected, 1)) {
      snprintf(one->name, sizeof one->name, "%s", name);
      atomic_store(&one->state, 2);
    }
    while (atomic_load(&one->state) != 2)
      ;
    if (strcmp(one->name, name) == 0)
      return one;
  }
  return NULL;
}

static void on_line(lua_State *L, lua_Debug *event) {
  static const char *last_source;
  static struct chunk *last;
  lua_getinfo(L, "Sl", event);
  if (!is_ours(event->source) || strlen(event->source) > NAME_SIZE)
    return;
  /* The address alone would not do: it may be another text's by now. */
  if (event->source != last_source || last == NULL ||
      strcmp(last->name, event->source + 1) != 0) {
    last_source = event->source;
    last = find(event->source + 1);
  }
  if (last != NULL && event->currentline > 0 && event->currentline < LINES)
    atomic_store_explicit(
        &last->lines[event->currentline], 1, memory_order_relaxed);
}

static void on_event(lua_State *L, lua_Debug *event) {
  if (event->event == LUA_HOOKLINE)
    on_line(L, event);
  else if (wanted != NULL)
    wanted(L, event);
}

void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count) {
  if (chunks == NULL) {
    __real_lua_sethook(L, hook, mask, count);
    return;
  }
  wanted = mask != 0 ? hook : NULL;
  __real_lua_sethook(L, on_event, mask | LUA_MASKLINE, count);
}

lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *context) {
  lua_State *L = __real_lua_newstate(allocate, context);
  if (L != NULL)
    __wrap_lua_sethook(L, NULL, 0, 0);
  return L;
}

/* What was counted */

static FILE *output;

static void open_output(const char *name, void *folder) {
  char path[PATH_MAX];
  const char *below = strstr(name, "/obj/");
  snprintf(path, sizeof path, "%s/%s", (const char *)folder,
      below != NULL ? below + 5 : name);
  output = fopen(path, "w");
  if (output == NULL) {
    perror(path);
    exit(1);
  }
}

static void add_output(const void *data, unsigned size, void *folder) {
  (void)folder;
  fwrite(data, 1, size, output);
}

static void *allocate(unsigned size, void *folder) {
  (void)folder;
  return malloc(size);
}

static void dump(char *folder) {
  for (const struct gcov_info *const *one = __start_gcov_info;
       one != __stop_gcov_info; one++) {
    const struct gcov_info *info = *one;
    /* Hidden from the compiler, which would take the list for empty. */
    __asm__("" : "+r"(info));
    __gcov_info_to_gcda(info, open_output, add_output, allocate, folder);
    fclose(output);
  }
  for (int i = 0; i < CHUNKS; i++)
    for (int line = 0; line < LINES; line++)
      if (chunks[i].lines[line])
        printf("%s:%d\n", chunks[i].name, line);
}

/* By unusual system calls, so that those which specs let fail are not ours. */
static int open_counters(void) {
  char program[PATH_MAX], path[PATH_MAX + 100];
  ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  if (size < 0)
    return -1;
  program[size] = '\0';
  snprintf(path, sizeof path, "%s/%s.counters", COVERAGE_FOLDER,
      strrchr(program, '/') + 1);
#ifdef SYS_open
  return (int)syscall(SYS_open, path, O_RDWR | O_CLOEXEC);
#else
  return open(path, O_RDWR | O_CLOEXEC);
#endif
}

__attribute__((constructor)) static void begin(void) {
  size_t more = CHUNKS * sizeof *chunks;
  struct stat status;
  int fd = open_counters();
  if (fd < 0)
    return;
  if (fstat(fd, &status) == 0 &&
      (size_t)status.st_size >= counters_size() + more) {
    void *lines = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
        (off_t)counters_size());
    if (lines != MAP_FAILED &&
        mmap(coverage_start, counters_size(), PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_FIXED, fd, 0) == coverage_start)
      chunks = lines;
  }
  close_range((unsigned)fd, (unsigned)fd, 0);
  char *folder = getenv("COVERAGE_DUMP");
  if (folder == NULL)
    return;
  dump(folder);
  exit(0);
}
