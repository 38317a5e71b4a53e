/*
 * SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), computed by OpenSSL 3.
 *
 * All take bytes and fill `out` with DIGEST_SIZE bytes. They return 0, or -1
 * when OpenSSL refuses (no memory, or a configuration without SHA-256), which
 * leaves `out` without meaning. Not for several threads.
 */
#ifndef NIGHTJAR_DIGEST_H
#define NIGHTJAR_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1) /* with the closing NUL */

/* False for ever when OpenSSL could not set itself up; nothing of it, nor of
 * what uses it, may be called then: libcurl does not look. */
bool digest_usable(void);

int digest_sha256(
    const void *data, size_t size, unsigned char out[DIGEST_SIZE]);

int digest_hmac(const void *key, size_t key_size, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]);

/*
 * A key that many texts are to be authenticated with: what depends on the key
 * alone is computed once. All zero it holds none; digest_key_forget() wipes
 * it.
 */
struct digest_key {
  void *context;
};
int digest_key_set(struct digest_key *key, const void *data, size_t size);
int digest_key_hmac(const struct digest_key *key, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]);
void digest_key_forget(struct digest_key *key);

/* Writes the digest as lower-case hexadecimal, closed by a NUL. */
void digest_hex(
    const unsigned char digest[DIGEST_SIZE], char out[DIGEST_HEX_SIZE]);

/* Overwrites a secret in a way that the compiler does not leave out. */
void digest_forget(void *secret, size_t size);

#endif
