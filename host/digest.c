#include "digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Fetched once: EVP_sha256() has OpenSSL look for the algorithm at each use
   (crypto(7), "Performance"). It is kept for the life of the process. */
static const EVP_MD *sha256(void) {
  static EVP_MD *fetched;
  if (fetched == NULL)
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
  return fetched;
}

int digest_sha256(
    const void *data, size_t size, unsigned char out[DIGEST_SIZE]) {
  unsigned int written = 0;
  const EVP_MD *algorithm = sha256();
  if (algorithm == NULL ||
      EVP_Digest(size ? data : "", size, out, &written, algorithm, NULL) != 1)
    return -1;
  return written == DIGEST_SIZE ? 0 : -1;
}

int digest_hmac(const void *key, size_t key_size, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]) {
  unsigned int written = 0;
  const EVP_MD *algorithm = sha256();
  /* HMAC() takes the key's length as an int. */
  if (key_size > INT_MAX || algorithm == NULL)
    return -1;
  if (!HMAC(algorithm, key_size ? key : "", (int)key_size,
          size ? data : (const void *)"", size, out, &written))
    return -1;
  return written == DIGEST_SIZE ? 0 : -1;
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
