/*
 * What the two readers of YAML share: yaml.c makes Lua values, yaml_json.c
 * makes JSON text.
 */
#ifndef NIGHTJAR_BIND_YAML_H
#define NIGHTJAR_BIND_YAML_H

#include <lua.h>
#include <stdbool.h>
#include <yaml.h>

/* libyaml's parser and the event it gave last: what a Lua error must not
 * leak. Zeroed means closed. */
struct yaml_source {
  bool open;
  yaml_parser_t parser;
  yaml_event_t event; /* YAML_NO_EVENT: nothing to delete */
};

/* Registers the type of the sources, once for each state. */
void yaml_source_type(lua_State *L);

/* Pushes a source that reads `text`, which must live as long. NULL, with a
 * closed source pushed, for lack of memory. */
struct yaml_source *yaml_source_open(
    lua_State *L, const char *text, size_t size);

/* Frees it now, not when the collector comes by. */
void yaml_source_close(struct yaml_source *source);

/* host.yaml.set_to_json: see lua/meta/host/yaml.lua. */
int yaml_set_to_json(lua_State *L);

#endif
