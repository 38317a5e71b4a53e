#include "digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* OpenSSL sets itself up at its first use, once for a process. Where it runs
   out of memory in that, 3.0 goes on with locks that are NULL, and crashes at
   the next call; only this one tells (OSSL_LIB_CTX(3)). */
bool digest_usable(void) {
  return OSSL_LIB_CTX_get0_global_default() != NULL;
}

/* Fetched once, and one context for all digests: OpenSSL looks for an
   algorithm at each use otherwise (crypto(7), "Performance"). They are kept
   for the life of the process. */
static EVP_MD_CTX *sha256(void) {
  static EVP_MD_CTX *context;
  static EVP_MD *fetched;
  if (fetched == NULL && digest_usable())
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
  if (context == NULL && fetched != NULL)
    context = EVP_MD_CTX_new();
  if (fetched == NULL || context == NULL ||
      EVP_DigestInit_ex2(context, fetched, NULL) != 1)
    return NULL;
  return context;
}

int digest_sha256(
    const void *data, size_t size, unsigned char out[DIGEST_SIZE]) {
  unsigned int written = 0;
  EVP_MD_CTX *context = sha256();
  if (context == NULL ||
      EVP_DigestUpdate(context, size ? data : "", size) != 1 ||
      EVP_DigestFinal_ex(context, out, &written) != 1)
    return -1;
  return written == DIGEST_SIZE ? 0 : -1;
}

static EVP_MAC *hmac(void) {
  static EVP_MAC *fetched;
  if (fetched == NULL && digest_usable())
    fetched = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
  return fetched;
}

int digest_key_set(struct digest_key *key, const void *data, size_t size) {
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
      OSSL_PARAM_construct_end()};
  EVP_MAC *algorithm = hmac();
  digest_key_forget(key);
  if (algorithm == NULL)
    return -1;
  key->context = EVP_MAC_CTX_new(algorithm);
  /* A key without a byte is one too: NULL would mean the one before. */
  if (key->context != NULL &&
      EVP_MAC_init(key->context, size ? data : "", size, parameters) == 1)
    return 0;
  digest_key_forget(key);
  return -1;
}

/* EVP_MAC(3): without a key it starts anew with the one that was given. */
int digest_key_hmac(const struct digest_key *key, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]) {
  size_t written = 0;
  EVP_MAC_CTX *context = key->context;
  if (context == NULL || EVP_MAC_init(context, NULL, 0, NULL) != 1 ||
      EVP_MAC_update(context, size ? data : (const void *)"", size) != 1 ||
      EVP_MAC_final(context, out, &written, DIGEST_SIZE) != 1)
    return -1;
  return written == DIGEST_SIZE ? 0 : -1;
}

void digest_key_forget(struct digest_key *key) {
  EVP_MAC_CTX_free(key->context);
  key->context = NULL;
}

int digest_hmac(const void *key, size_t key_size, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]) {
  struct digest_key once = {NULL};
  int result = digest_key_set(&once, key, key_size);
  if (result == 0)
    result = digest_key_hmac(&once, data, size, out);
  digest_key_forget(&once);
  return result;
}

void digest_hex(
    const unsigned char digest[DIGEST_SIZE], char out[DIGEST_HEX_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < DIGEST_SIZE; i++) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
  out[2 * DIGEST_SIZE] = '\0';
}

void digest_forget(void *secret, size_t size) {
  OPENSSL_cleanse(secret, size);
}
