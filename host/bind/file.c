/* host.file: see lua/meta/host/file.lua. */
#include "file.h"

#include "bind/bind.h"
#include "folder.h"

#include <string.h>
#include <unistd.h>

enum {
  DEFAULT_MAX = 64 << 20,  /* bytes of a file */
  DEFAULT_ENTRIES = 10000, /* of a folder */
  DEFAULT_DEPTH = 16,      /* folders within folders */
};

static const char folder_type[] = "host.folder";
static const char listing_type[] = "host.listing";
static const char lock_type[] = "host.lock";

/* A path: a NUL in it would cut it short for the system. */
static const char *check_path(lua_State *L, int index) {
  size_t size = 0;
  const char *path = luaL_checklstring(L, index, &size);
  luaL_argcheck(L, strlen(path) == size, index, "contains a NUL");
  return path;
}

static size_t check_max(lua_State *L, int index) {
  lua_Integer max = luaL_optinteger(L, index, DEFAULT_MAX);
  luaL_argcheck(L, max >= 0 && max <= INT32_MAX, index,
      "expected a number of bytes from 0 to 2147483647");
  return (size_t)max;
}

static mode_t check_mode(lua_State *L, int index, lua_Integer otherwise) {
  lua_Integer mode = luaL_optinteger(L, index, otherwise);
  luaL_argcheck(L, mode >= 0 && mode <= 0777, index,
      "expected permission bits from 0 to 511 (octal 777)");
  return (mode_t)mode;
}

/* true, or nil and the error. */
static int push_result(lua_State *L, int result, const struct error *error) {
  if (result != 0)
    return bind_fail(L, error);
  lua_pushboolean(L, true);
  return 1;
}

/* The content, or nil and the error; frees the buffer at once. */
static int push_content(
    lua_State *L, int result, struct buf *content, const struct error *error) {
  if (result == 0)
    lua_pushlstring(L, content->data, content->size);
  bind_buf_done(content);
  return result == 0 ? 1 : bind_fail(L, error);
}

static int f_read(lua_State *L) {
  const char *path = check_path(L, 1);
  size_t max = check_max(L, 2);
  struct error error;
  struct buf *content = bind_buf(L, max + 1); /* one to notice more by */
  return push_content(
      L, file_read(path, max, content, &error), content, &error);
}

static int f_write(lua_State *L) {
  static const char *const names[] = {"mode", NULL};
  size_t size = 0;
  const char *path = check_path(L, 1);
  const char *text = luaL_checklstring(L, 2, &size);
  struct error error;
  bool durable = false;
  bind_options(L, 3, names);
  lua_Integer mode = bind_option_integer(L, 3, "mode", 0644, 0, 0777);
  if (file_replace(path, text, size, (mode_t)mode, &durable, &error) != 0)
    return bind_fail(L, &error);
  lua_pushboolean(L, true);
  if (durable)
    return 1;
  char message[ERROR_TEXT_SIZE];
  lua_pushstring(L, error_text(&error, message, sizeof message));
  return 2;
}

static int f_mkdir(lua_State *L) {
  const char *path = check_path(L, 1);
  mode_t mode = check_mode(L, 2, 0755);
  struct error error;
  return push_result(L, file_make_folder(path, mode, &error), &error);
}

static int f_remove(lua_State *L) {
  struct error error;
  return push_result(L, file_remove(check_path(L, 1), &error), &error);
}

static int f_sweep(lua_State *L) {
  struct error error;
  size_t count = 0;
  if (file_sweep(check_path(L, 1), &count, &error) != 0)
    return bind_fail(L, &error);
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}

static int f_stat(lua_State *L) {
  struct error error;
  struct file_stat status;
  if (file_stat(check_path(L, 1), &status, &error) != 0)
    return bind_fail(L, &error);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, file_type_name(status.type));
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, (lua_Integer)status.size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)status.modified_ns / 1e9);
  lua_setfield(L, -2, "mtime");
  lua_pushinteger(L, (lua_Integer)status.mode);
  lua_setfield(L, -2, "mode");
  lua_pushinteger(L, (lua_Integer)status.inode);
  lua_setfield(L, -2, "inode");
  return 1;
}

/* Listings */

static int listing_gc(lua_State *L) {
  listing_release(luaL_checkudata(L, 1, listing_type));
  return 0;
}

static struct listing *new_listing(lua_State *L, size_t limit) {
  bind_type(L, listing_type, NULL, listing_gc);
  struct listing *listing = bind_new(L, listing_type, sizeof *listing);
  listing_init(listing, limit);
  return listing;
}

static int f_list(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error error;
  struct listing *listing = new_listing(L, DEFAULT_ENTRIES);
  if (file_list(path, listing, &error) != 0)
    return bind_fail(L, &error);
  lua_createtable(L, (int)listing->count, 0);
  for (size_t i = 0; i < listing->count; i++) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, listing->entries[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, file_type_name(listing->entries[i].type));
    lua_setfield(L, -2, "type");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  listing_release(listing);
  return 1;
}

/* Folders: a userdata whose memory, all zero, is a closed one */

struct folder_handle {
  bool is_open;
  struct folder folder;
};

static int folder_gc(lua_State *L) {
  struct folder_handle *handle = luaL_checkudata(L, 1, folder_type);
  if (handle->is_open)
    folder_close(&handle->folder);
  handle->is_open = false;
  return 0;
}

static struct folder *check_folder(lua_State *L) {
  struct folder_handle *handle = luaL_checkudata(L, 1, folder_type);
  luaL_argcheck(L, handle->is_open, 1, "the folder is closed");
  return &handle->folder;
}

/* How much of a folder is looked at: options at index 2. */
static void check_limits(lua_State *L, size_t *files, size_t *depth) {
  static const char *const names[] = {"max_files", "max_depth", NULL};
  bind_options(L, 2, names);
  *files = (size_t)bind_option_integer(
      L, 2, "max_files", DEFAULT_ENTRIES, 0, 1000000);
  *depth =
      (size_t)bind_option_integer(L, 2, "max_depth", DEFAULT_DEPTH, 0, 64);
}

static int m_list(lua_State *L) {
  const struct folder *folder = check_folder(L);
  struct error error;
  size_t files, depth;
  check_limits(L, &files, &depth);
  struct listing *listing = new_listing(L, files);
  if (folder_list(folder, depth, listing, &error) != 0)
    return bind_fail(L, &error);
  lua_createtable(L, (int)listing->count, 0);
  for (size_t i = 0; i < listing->count; i++) {
    lua_pushstring(L, listing->entries[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  listing_release(listing);
  return 1;
}

static int m_stamp(lua_State *L) {
  const struct folder *folder = check_folder(L);
  struct error error;
  struct folder_stamp stamp;
  size_t files, depth;
  check_limits(L, &files, &depth);
  if (folder_stamp(folder, depth, files, &stamp, &error) != 0)
    return bind_fail(L, &error);
  lua_pushlstring(L, (const char *)stamp.digest, sizeof stamp.digest);
  lua_pushnumber(L, (lua_Number)stamp.changed_ns / 1e9);
  return 2;
}

static int m_read(lua_State *L) {
  const struct folder *folder = check_folder(L);
  const char *name = check_path(L, 2);
  size_t max = check_max(L, 3);
  struct error error;
  struct buf *content = bind_buf(L, max + 1);
  return push_content(
      L, folder_read(folder, name, max, content, &error), content, &error);
}

static const luaL_Reg folder_methods[] = {
    {"close", folder_gc},
    {"list", m_list},
    {"read", m_read},
    {"stamp", m_stamp},
    {NULL, NULL},
};

static int f_folder(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error error;
  bind_type(L, folder_type, folder_methods, folder_gc);
  struct folder_handle *handle = bind_new(L, folder_type, sizeof *handle);
  if (folder_open(&handle->folder, path, &error) != 0)
    return bind_fail(L, &error);
  handle->is_open = true;
  return 1;
}

/* Locks: a userdata whose memory, all zero, is one that was given up */

struct lock_handle {
  bool is_held;
  int fd;
};

static int lock_gc(lua_State *L) {
  struct lock_handle *handle = luaL_checkudata(L, 1, lock_type);
  if (handle->is_held)
    close(handle->fd);
  handle->is_held = false;
  return 0;
}

static const luaL_Reg lock_methods[] = {
    {"close", lock_gc},
    {NULL, NULL},
};

static int f_lock(lua_State *L) {
  const char *path = check_path(L, 1);
  struct error error;
  bind_type(L, lock_type, lock_methods, lock_gc);
  struct lock_handle *handle = bind_new(L, lock_type, sizeof *handle);
  handle->fd = file_lock(path, &error);
  if (handle->fd < 0)
    return bind_fail(L, &error);
  handle->is_held = true;
  return 1;
}

static const luaL_Reg functions[] = {
    {"folder", f_folder},
    {"list", f_list},
    {"lock", f_lock},
    {"mkdir", f_mkdir},
    {"read", f_read},
    {"remove", f_remove},
    {"stat", f_stat},
    {"sweep", f_sweep},
    {"write", f_write},
    {NULL, NULL},
};

int luaopen_host_file(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
