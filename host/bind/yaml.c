/*
 * host.yaml: see lua/meta/host/yaml.lua for what scripts may rely on. libyaml
 * gives events; this file builds one Lua value from those of one document.
 */
#include "bind/yaml.h"

#include "bind/bind.h"
#include "yamlscalar.h"

#include <limits.h>
#include <string.h>

enum {
  DEFAULT_DEPTH = 64,
  MOST_DEPTH = 1000,
  DEFAULT_BYTES = 16 << 20,
  MOST_BYTES = 1 << 30,
  DEFAULT_ALIASES = 100,
  DEFAULT_NODES = 1000000
};

static const char source_type[] = "host.yaml.source";

void yaml_source_close(struct yaml_source *source) {
  if (source->open) {
    yaml_event_delete(&source->event);
    yaml_parser_delete(&source->parser);
    source->open = false;
  }
}

static int source_gc(lua_State *L) {
  yaml_source_close(luaL_checkudata(L, 1, source_type));
  return 0;
}

void yaml_source_type(lua_State *L) {
  bind_type(L, source_type, NULL, source_gc);
}

struct yaml_source *yaml_source_open(
    lua_State *L, const char *text, size_t size) {
  struct yaml_source *source = bind_new(L, source_type, sizeof *source);
  if (yaml_parser_initialize(&source->parser) == 0)
    return NULL;
  source->open = true;
  yaml_parser_set_encoding(&source->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(
      &source->parser, (const unsigned char *)text, size);
  return source;
}

/* What is the same for a whole decoding. */
struct decode {
  lua_State *L;
  struct yaml_source *source;
  int anchors; /* stack index of the table from names to values */
  lua_Integer depth, max_depth;
  lua_Integer aliases, max_aliases;
  lua_Integer nodes, max_nodes;
  struct error *error;
};

/* `name` comes from the text and is shown with control characters escaped. */
static int fail_at(struct decode *d, const yaml_mark_t *mark, const char *code,
    const char *why, const char *name) {
  char on[64];
  struct buf shown;
  struct error full;
  buf_init(&shown, 300);
  if (name != NULL)
    buf_add_escaped(&shown, name, strnlen(name, 60), &full);
  snprintf(
      on, sizeof on, "line %zu, column %zu", mark->line + 1, mark->column + 1);
  error_set(d->error, code, NULL, on, "%s%s", why, shown.data);
  buf_release(&shown);
  return -1;
}

/* Reports at the start of the present event. */
static int fail(struct decode *d, const char *why, const char *name) {
  return fail_at(d, &d->source->event.start_mark, "syntax", why, name);
}

static int fail_limit(struct decode *d, const char *what, lua_Integer most) {
  char why[64];
  snprintf(why, sizeof why, "more than %lld %s", (long long)most, what);
  return fail_at(d, &d->source->event.start_mark, "limit", why, NULL);
}

static int fail_parser(struct decode *d) {
  const yaml_parser_t *parser = &d->source->parser;
  const char *problem = parser->problem ? parser->problem : "not YAML";
  if (parser->error == YAML_MEMORY_ERROR)
    return error_set(d->error, "ENOMEM", NULL, NULL, "out of memory");
  if (parser->error == YAML_READER_ERROR)
    return error_set(d->error, "syntax", NULL, NULL, "byte %zu: %s",
        parser->problem_offset + 1, problem);
  if (parser->context == NULL)
    return fail_at(d, &parser->problem_mark, "syntax", problem, NULL);
  char why[300]; /* all of it is libyaml's own words */
  snprintf(why, sizeof why, "%s, %s that began at line %zu, column %zu",
      problem, parser->context, parser->context_mark.line + 1,
      parser->context_mark.column + 1);
  return fail_at(d, &parser->problem_mark, "syntax", why, NULL);
}

static int next_event(struct decode *d) {
  yaml_event_delete(&d->source->event);
  if (yaml_parser_parse(&d->source->parser, &d->source->event) == 0)
    return fail_parser(d);
  return 0;
}

static int count_node(struct decode *d) {
  if (++d->nodes > d->max_nodes)
    return fail_limit(d, "values, aliases counted", d->max_nodes);
  return 0;
}

static int enter(struct decode *d) {
  if (++d->depth > d->max_depth)
    return fail_limit(d, "levels", d->max_depth);
  luaL_checkstack(d->L, 8, "YAML");
  return 0;
}

/* Takes the tag of a collection, which must be `expected` or not given. */
static int check_tag(
    struct decode *d, const yaml_char_t *tag, const char *expected) {
  const char *text = (const char *)tag;
  if (text == NULL || strcmp(text, expected) == 0)
    return 0;
  return fail(d, "a tag that is not supported here: ", yamlscalar_tag(text));
}

/* Takes the tag of a scalar: changes what it means, or fails. */
static int apply_tag(
    struct decode *d, const yaml_char_t *tag, struct yamlscalar *scalar) {
  const char *text = (const char *)tag;
  switch (yamlscalar_apply_tag(text, scalar)) {
  case YAMLSCALAR_TAG_UNKNOWN:
    return check_tag(d, tag, "");
  case YAMLSCALAR_TAG_MISFIT:
    return fail(d, "this value is no ", yamlscalar_tag(text));
  case YAMLSCALAR_TAG_FITS:
    break;
  }
  return 0;
}

static void push_scalar(lua_State *L, const struct yamlscalar *scalar,
    const char *text, size_t size) {
  switch (scalar->kind) {
  case YAMLSCALAR_NULL:
    bind_push_null(L);
    break;
  case YAMLSCALAR_BOOLEAN:
    lua_pushboolean(L, scalar->boolean);
    break;
  case YAMLSCALAR_INTEGER:
    lua_pushinteger(L, scalar->integer);
    break;
  case YAMLSCALAR_FLOAT:
    lua_pushnumber(L, scalar->number);
    break;
  case YAMLSCALAR_STRING:
    lua_pushlstring(L, text, size);
    break;
  }
}

/* Keeps the value on top of the stack under the anchor at `name`, if any. */
static void keep_anchor(struct decode *d, const yaml_char_t *anchor) {
  if (anchor == NULL)
    return;
  lua_pushvalue(d->L, -1);
  lua_setfield(d->L, d->anchors, (const char *)anchor);
}

static int build_scalar(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  const char *text = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  const yaml_char_t *tag = event->data.scalar.tag;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  struct yamlscalar scalar = {.kind = YAMLSCALAR_STRING};
  if (tag != NULL || plain)
    scalar = yamlscalar_resolve(text, size);
  if (tag != NULL && apply_tag(d, tag, &scalar) != 0)
    return -1;
  push_scalar(d->L, &scalar, text, size);
  keep_anchor(d, event->data.scalar.anchor);
  return 0;
}

static int build(struct decode *d);

/* Pushes the anchor's name, or nil, since the event goes when the first child
 * is read; finish() uses it. */
static void push_anchor(struct decode *d, const yaml_char_t *anchor) {
  if (anchor != NULL)
    lua_pushstring(d->L, (const char *)anchor);
  else
    lua_pushnil(d->L);
}

/* Stack: name, value. An anchor counts from here on: values have no cycles. */
static void finish(struct decode *d) {
  if (!lua_isnil(d->L, -2)) {
    lua_pushvalue(d->L, -2);
    lua_pushvalue(d->L, -2);
    lua_rawset(d->L, d->anchors);
  }
  lua_remove(d->L, -2);
  d->depth--;
}

static int build_sequence(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  const yaml_char_t *tag = event->data.sequence_start.tag;
  if (check_tag(d, tag, YAMLSCALAR_CORE "seq") != 0 || enter(d) != 0)
    return -1;
  push_anchor(d, event->data.sequence_start.anchor);
  lua_newtable(d->L);
  bind_mark_array(d->L);
  for (lua_Integer i = 1;; i++) {
    if (next_event(d) != 0)
      return -1;
    if (event->type == YAML_SEQUENCE_END_EVENT)
      break;
    if (build(d) != 0)
      return -1;
    lua_rawseti(d->L, -2, i);
  }
  finish(d);
  return 0;
}

/* Pushes the key that the present event is; the mapping is on top. */
static int build_key(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  if (event->type != YAML_SCALAR_EVENT)
    return fail(d, "a key must be written out as text", NULL);
  const char *text = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  const yaml_char_t *tag = event->data.scalar.tag;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (plain && tag == NULL && size == 2 && memcmp(text, "<<", 2) == 0)
    return fail(
        d, "merge keys (<<) are not supported: write the keys out", NULL);
  struct yamlscalar scalar = yamlscalar_resolve(text, size);
  if (tag != NULL && apply_tag(d, tag, &scalar) != 0)
    return -1;
  lua_pushlstring(d->L, text, size);
  lua_pushvalue(d->L, -1);
  if (lua_rawget(d->L, -3) != LUA_TNIL)
    return fail(d, "this key is given twice: ", text);
  lua_pop(d->L, 1);
  keep_anchor(d, event->data.scalar.anchor);
  return 0;
}

static int build_mapping(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  const yaml_char_t *tag = event->data.mapping_start.tag;
  if (check_tag(d, tag, YAMLSCALAR_CORE "map") != 0 || enter(d) != 0)
    return -1;
  push_anchor(d, event->data.mapping_start.anchor);
  lua_newtable(d->L);
  for (;;) {
    if (next_event(d) != 0)
      return -1;
    if (event->type == YAML_MAPPING_END_EVENT)
      break;
    if (build_key(d) != 0 || next_event(d) != 0 || build(d) != 0)
      return -1;
    lua_rawset(d->L, -3);
  }
  finish(d);
  return 0;
}

/* Replaces the value on top of the stack by a copy of its own, so that no two
 * places of the result share a table. The copy of each value counts. */
static int copy_value(struct decode *d) {
  lua_State *L = d->L;
  if (count_node(d) != 0)
    return -1;
  if (!lua_istable(L, -1))
    return 0;
  if (enter(d) != 0)
    return -1;
  lua_newtable(L);
  if (bind_is_marked(L, -2))
    bind_mark_array(L);
  lua_pushnil(L);
  while (lua_next(L, -3) != 0) {
    if (copy_value(d) != 0)
      return -1;
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* original, copy, key, key, value */
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
  d->depth--;
  return 0;
}

static int build_alias(struct decode *d) {
  const char *name = (const char *)d->source->event.data.alias.anchor;
  if (++d->aliases > d->max_aliases)
    return fail_limit(d, "aliases", d->max_aliases);
  if (lua_getfield(d->L, d->anchors, name) == LUA_TNIL)
    return fail(d, "no anchor is complete before this alias: *", name);
  return copy_value(d);
}

/* Pushes the value that begins with the present event. After a failure the
 * stack holds left-overs. */
static int build(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  if (event->type == YAML_ALIAS_EVENT)
    return build_alias(d);
  if (count_node(d) != 0)
    return -1;
  if (event->type == YAML_SCALAR_EVENT)
    return build_scalar(d);
  if (event->type == YAML_SEQUENCE_START_EVENT)
    return build_sequence(d);
  return build_mapping(d);
}

/* Pushes the only document of the stream. */
static int build_stream(struct decode *d) {
  const yaml_event_t *event = &d->source->event;
  if (next_event(d) != 0 || next_event(d) != 0)
    return -1; /* the start of the stream, then: */
  if (event->type == YAML_STREAM_END_EVENT) {
    bind_push_null(d->L);
    return 0;
  }
  /* The start of a document is this event. */
  if (next_event(d) != 0 || build(d) != 0 || next_event(d) != 0 ||
      next_event(d) != 0)
    return -1; /* its end was the event before this one */
  if (event->type != YAML_STREAM_END_EVENT)
    return fail(d, "a second document: expected one", NULL);
  return 0;
}

static int f_decode(lua_State *L) {
  static const char *const options[] = {
      "max_depth", "max_bytes", "max_aliases", "max_nodes", NULL};
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  bind_options(L, 2, options);
  struct error error;
  struct decode d = {
      .L = L,
      .max_depth =
          bind_option_integer(L, 2, "max_depth", DEFAULT_DEPTH, 1, MOST_DEPTH),
      .max_aliases = bind_option_integer(
          L, 2, "max_aliases", DEFAULT_ALIASES, 0, INT_MAX),
      .max_nodes =
          bind_option_integer(L, 2, "max_nodes", DEFAULT_NODES, 1, INT_MAX),
      .error = &error,
  };
  lua_Integer max_bytes =
      bind_option_integer(L, 2, "max_bytes", DEFAULT_BYTES, 0, MOST_BYTES);
  if (size > (lua_Unsigned)max_bytes)
    return bind_fail_size(L, size, max_bytes);

  lua_settop(L, 2);
  lua_newtable(L);
  d.anchors = lua_gettop(L);
  d.source = yaml_source_open(L, text, size);
  if (d.source == NULL)
    return bind_fail_text(L, "ENOMEM", "out of memory");
  int status = build_stream(&d);
  yaml_source_close(d.source);
  return status == 0 ? 1 : bind_fail(L, &error);
}

static const luaL_Reg functions[] = {
    {"decode", f_decode},
    {"set_to_json", yaml_set_to_json},
    {NULL, NULL},
};

int luaopen_host_yaml(lua_State *L) {
  yaml_source_type(L);
  luaL_newlib(L, functions);
  bind_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
