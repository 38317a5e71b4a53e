/*
 * A set of Envoy's resources, from YAML to the JSON that json_encode.c would
 * write of what yaml.c reads, without the tables between the two: they would
 * take several times the memory of the text. Members are written as they come
 * and put in the order of their keys when their mapping ends.
 *
 * Only what rendered sets usually are is written here; everything else, and
 * every mistake, is left to the ways through Lua, which say what is wrong.
 */
#include "bind/bind.h"
#include "bind/json.h"
#include "bind/yaml.h"
#include "jsonwrite.h"
#include "yamlscalar.h"

#include <math.h>
#include <string.h>

enum {
  MAX_DEPTH = 64,    /* that of json_encode.c */
  MOST_MEMBERS = 64, /* sorted by insertion */
  INDENT = 2,
  MOST_BYTES = 1 << 30
};

/* Where a value stands, as far as it matters. */
enum place { ELSEWHERE, ROOT, RESOURCES, RESOURCE };

/* A member of a mapping that is not complete: `,`, its line, key and value. */
struct member {
  size_t key, key_size; /* in `keys` */
  size_t start, size;   /* in `out` */
};

struct convert {
  lua_State *L;
  struct yaml_source *source;
  struct buf *out, *keys, *members, *scratch;
  size_t depth;
  bool is_set;        /* there is a list `resources` */
  size_t version_at;  /* where `version_info` belongs in `out` */
  int resources;      /* stack index of the list of what each resource is */
  lua_Integer count;  /* of resources so far */
  struct error error; /* never told: the way through Lua finds it again */
};

static int write_value(struct convert *c, enum place place);

static int next_event(struct convert *c) {
  yaml_event_delete(&c->source->event);
  return yaml_parser_parse(&c->source->parser, &c->source->event) != 0 ? 0
                                                                       : -1;
}

static int write_text(struct convert *c, const char *text, size_t size) {
  size_t bad;
  return jsonwrite_string(c->out, text, size, &bad, &c->error);
}

static int write_word(struct convert *c, const char *word) {
  return buf_add_text(c->out, word, &c->error);
}

static int write_scalar(struct convert *c) {
  const yaml_event_t *event = &c->source->event;
  const char *text = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
    return -1;
  struct yamlscalar scalar = {.kind = YAMLSCALAR_STRING};
  if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    scalar = yamlscalar_resolve(text, size);
  switch (scalar.kind) {
  case YAMLSCALAR_NULL:
    return write_word(c, "null");
  case YAMLSCALAR_BOOLEAN:
    return write_word(c, scalar.boolean ? "true" : "false");
  case YAMLSCALAR_INTEGER:
    return jsonwrite_integer(c->out, scalar.integer, &c->error);
  case YAMLSCALAR_FLOAT:
    if (!isfinite(scalar.number))
      return -1;
    return jsonwrite_float(c->out, scalar.number, &c->error);
  case YAMLSCALAR_STRING:
    break;
  }
  return write_text(c, text, size);
}

static int write_line(struct convert *c) {
  return jsonwrite_line(c->out, INDENT * c->depth, &c->error);
}

static int write_sequence(struct convert *c, enum place place) {
  const yaml_event_t *event = &c->source->event;
  if (event->data.sequence_start.anchor != NULL ||
      event->data.sequence_start.tag != NULL || ++c->depth > MAX_DEPTH)
    return -1;
  enum place inner = place == RESOURCES ? RESOURCE : ELSEWHERE;
  const char *mark = "[";
  for (;; mark = ",") {
    if (next_event(c) != 0)
      return -1;
    if (event->type == YAML_SEQUENCE_END_EVENT)
      break;
    if (write_word(c, mark) != 0 || write_line(c) != 0 ||
        write_value(c, inner) != 0)
      return -1;
  }
  c->depth--;
  if (mark[0] == '[')
    return write_word(c, "[]");
  return write_line(c) != 0 ? -1 : write_word(c, "]");
}

static bool is(const char *text, size_t size, const char *word) {
  return size == strlen(word) && memcmp(text, word, size) == 0;
}

static bool ends_with(const char *text, size_t size, const char *word) {
  size_t length = strlen(word);
  return size >= length && memcmp(text + size - length, word, length) == 0;
}

/* What a member that Lua wants to know of is; -1 for what is unusual. */
static int place_of(
    const char *key, size_t size, enum place around, enum place *place) {
  *place = ELSEWHERE;
  /* Files that Envoy is told to read (render/references.lua). */
  if (ends_with(key, size, "ds_config") ||
      ends_with(key, size, "config_source"))
    return -1;
  if (around == ROOT && is(key, size, "version_info"))
    return -1;
  if (around == ROOT && is(key, size, "resources"))
    *place = RESOURCES;
  if (around == RESOURCE && is(key, size, "resource"))
    return -1;
  if (around == RESOURCE && (is(key, size, "@type") || is(key, size, "name") ||
                                is(key, size, "cluster_name")))
    *place = RESOURCE;
  return 0;
}

/* Keeps what Lua wants to know of a resource: the stack has its table. */
static int keep(struct convert *c, const struct member *member) {
  const yaml_event_t *event = &c->source->event;
  if (event->type != YAML_SCALAR_EVENT)
    return -1;
  const char *text = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
      yamlscalar_resolve(text, size).kind != YAMLSCALAR_STRING)
    return -1;
  lua_pushlstring(c->L, c->keys->data + member->key, member->key_size);
  lua_pushlstring(c->L, text, size);
  lua_rawset(c->L, -3);
  return 0;
}

/* One member, from its key on. */
static int write_member(
    struct convert *c, enum place around, struct member *member) {
  const yaml_event_t *event = &c->source->event;
  if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor != NULL ||
      event->data.scalar.tag != NULL)
    return -1;
  const char *key = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  enum place place;
  if (is(key, size, "<<") || place_of(key, size, around, &place) != 0)
    return -1;
  *member = (struct member){
      .key = c->keys->size, .key_size = size, .start = c->out->size};
  if (buf_add(c->keys, key, size, &c->error) != 0 || write_word(c, ",") != 0 ||
      write_line(c) != 0 || write_text(c, key, size) != 0 ||
      write_word(c, ": ") != 0 || next_event(c) != 0)
    return -1;
  if (place == RESOURCES && event->type != YAML_SEQUENCE_START_EVENT)
    return -1;
  c->is_set = c->is_set || place == RESOURCES;
  if (place == RESOURCE && keep(c, member) != 0)
    return -1;
  if (write_value(c, place == RESOURCE ? ELSEWHERE : place) != 0)
    return -1;
  member->size = c->out->size - member->start;
  return 0;
}

static int compare(
    const char *a, size_t a_size, const char *b, size_t b_size) {
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_members(
    const struct convert *c, const struct member *a, const struct member *b) {
  return compare(c->keys->data + a->key, a->key_size, c->keys->data + b->key,
      b->key_size);
}

/* Returns how many members had to move; -1 when a key is there twice. */
static int sort(
    const struct convert *c, struct member *members, size_t count) {
  int moved = 0;
  for (size_t i = 1; i < count; i++) {
    struct member moving = members[i];
    size_t at = i;
    int order = 1;
    while (at > 0) {
      order = compare_members(c, &members[at - 1], &moving);
      if (order <= 0)
        break;
      members[at] = members[at - 1];
      at--;
    }
    if (order == 0)
      return -1;
    members[at] = moving;
    moved += at != i;
  }
  return moved;
}

/* Writes the members anew, in the order that they are in now. */
static int rearrange(struct convert *c, size_t start,
    const struct member *members, size_t count) {
  buf_clear(c->scratch);
  for (size_t i = 0; i < count; i++)
    if (buf_add(c->scratch, c->out->data + members[i].start, members[i].size,
            &c->error) != 0)
      return -1;
  memcpy(c->out->data + start, c->scratch->data, c->scratch->size);
  return 0;
}

static size_t version_place(const struct convert *c, size_t start,
    const struct member *members, size_t count) {
  static const char version[] = "version_info";
  for (size_t i = 0; i < count; i++) {
    if (compare(c->keys->data + members[i].key, members[i].key_size, version,
            sizeof version - 1) > 0)
      break;
    start += members[i].size;
  }
  return start;
}

static int end_mapping(
    struct convert *c, enum place place, size_t start, size_t base) {
  /* Copied: where the bytes of a buffer stand is not said to be aligned. */
  struct member members[MOST_MEMBERS];
  size_t bytes = c->members->size - base;
  size_t count = bytes / sizeof members[0];
  if (count == 0)
    return write_word(c, "{}");
  memcpy(members, c->members->data + base, bytes);
  int moved = sort(c, members, count);
  if (moved < 0 || (moved > 0 && rearrange(c, start, members, count) != 0))
    return -1;
  c->out->data[start] = '{'; /* in the place of the first comma */
  if (place == ROOT)
    c->version_at = version_place(c, start, members, count);
  return write_line(c) != 0 ? -1 : write_word(c, "}");
}

static int write_members(struct convert *c, enum place place) {
  const yaml_event_t *event = &c->source->event;
  size_t start = c->out->size;
  size_t base = c->members->size, keys = c->keys->size;
  c->depth++;
  for (int count = 0;; count++) {
    struct member member;
    if (next_event(c) != 0)
      return -1;
    if (event->type == YAML_MAPPING_END_EVENT)
      break;
    if (count == MOST_MEMBERS || write_member(c, place, &member) != 0 ||
        buf_add(c->members, &member, sizeof member, &c->error) != 0)
      return -1;
  }
  c->depth--;
  int status = end_mapping(c, place, start, base);
  c->members->size = base;
  c->keys->size = keys;
  return status;
}

static int write_mapping(struct convert *c, enum place place) {
  const yaml_event_t *event = &c->source->event;
  if (event->data.mapping_start.anchor != NULL ||
      event->data.mapping_start.tag != NULL || c->depth >= MAX_DEPTH)
    return -1;
  if (place != RESOURCE)
    return write_members(c, place);
  lua_createtable(c->L, 0, 2);
  int status = write_members(c, place);
  lua_rawseti(c->L, c->resources, ++c->count);
  return status;
}

/* Writes the value that begins with the present event. */
static int write_value(struct convert *c, enum place place) {
  const yaml_event_t *event = &c->source->event;
  if (event->type == YAML_MAPPING_START_EVENT)
    return place == RESOURCES ? -1 : write_mapping(c, place);
  if (place == ROOT || place == RESOURCE)
    return -1;
  if (event->type == YAML_SEQUENCE_START_EVENT)
    return write_sequence(c, place);
  return event->type == YAML_SCALAR_EVENT ? write_scalar(c) : -1;
}

/* The only document of the stream. */
static int write_stream(struct convert *c) {
  const yaml_event_t *event = &c->source->event;
  if (next_event(c) != 0 || next_event(c) != 0 ||
      event->type != YAML_DOCUMENT_START_EVENT || next_event(c) != 0 ||
      write_value(c, ROOT) != 0 || write_word(c, "\n") != 0 ||
      next_event(c) != 0 || next_event(c) != 0)
    return -1;
  return event->type == YAML_STREAM_END_EVENT ? 0 : -1;
}

/* Writes the member `version_info`: the hash of what was written so far. */
static int add_version(struct convert *c, char version[17]) {
  static const char before[] = ",\n  \"version_info\": \"";
  char member[sizeof before + 17];
  json_hash(c->out->data, c->out->size, version);
  memcpy(member, before, sizeof before - 1);
  memcpy(member + sizeof before - 1, version, 16);
  member[sizeof member - 2] = '"';
  size_t size = sizeof member - 1, rest = c->out->size - c->version_at;
  if (buf_reserve(c->out, size, &c->error) != 0)
    return -1;
  char *at = c->out->data + c->version_at;
  memmove(at + size, at, rest + 1);
  memcpy(at, member, size);
  c->out->size += size;
  return 0;
}

int yaml_set_to_json(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_settop(L, 1);
  struct convert c = {.L = L, .resources = 2};
  lua_newtable(L);
  bind_mark_array(L);
  c.out = bind_buf(L, MOST_BYTES);
  c.keys = bind_buf(L, MOST_BYTES);
  c.members = bind_buf(L, MOST_BYTES);
  c.scratch = bind_buf(L, MOST_BYTES);
  c.source = yaml_source_open(L, text, size);
  luaL_checkstack(L, MAX_DEPTH, "YAML");
  char version[17];
  bool done = c.source != NULL && write_stream(&c) == 0 && c.is_set &&
              add_version(&c, version) == 0;
  if (c.source != NULL)
    yaml_source_close(c.source);
  bind_buf_done(c.keys);
  bind_buf_done(c.members);
  bind_buf_done(c.scratch);
  if (done) {
    lua_pushlstring(L, c.out->data, c.out->size);
    lua_pushstring(L, version);
    lua_pushvalue(L, c.resources);
  }
  bind_buf_done(c.out);
  return done ? 3 : 0;
}
