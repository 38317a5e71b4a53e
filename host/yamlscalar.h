/*
 * What a plain scalar means: the core schema of YAML 1.2.2, section 10.3.2.
 * `yes`, `on`, `0777` and dates are what they look like (a string, a string,
 * 777, a string), not what YAML 1.1 made of them.
 */
#ifndef NIGHTJAR_YAMLSCALAR_H
#define NIGHTJAR_YAMLSCALAR_H

#include <stdbool.h>
#include <stddef.h>

enum yamlscalar_kind {
  YAMLSCALAR_NULL,
  YAMLSCALAR_BOOLEAN,
  YAMLSCALAR_INTEGER,
  YAMLSCALAR_FLOAT,
  YAMLSCALAR_STRING
};

struct yamlscalar {
  enum yamlscalar_kind kind;
  bool boolean;
  long long integer;
  double number;
};

/*
 * Resolves `size` bytes of text, which has a NUL behind it. An integer that
 * does not fit 64 bits becomes a float.
 */
struct yamlscalar yamlscalar_resolve(const char *text, size_t size);

/* What `!!` stands for in a tag. */
#define YAMLSCALAR_CORE "tag:yaml.org,2002:"

enum yamlscalar_fit {
  YAMLSCALAR_TAG_FITS,
  YAMLSCALAR_TAG_MISFIT, /* the text is none of that type */
  YAMLSCALAR_TAG_UNKNOWN /* not one of the core schema's scalars */
};

/*
 * Makes a resolved scalar what its tag says: `!!str` and `!` a string,
 * `!!float` a float of an integer; for the others it must be that already.
 */
enum yamlscalar_fit yamlscalar_apply_tag(
    const char *tag, struct yamlscalar *scalar);

/* The tag as people write it, without the long prefix: "binary" for
 * `!!binary`, "!mine" for `!mine`. Points into `tag`. */
const char *yamlscalar_tag(const char *tag);

#endif
