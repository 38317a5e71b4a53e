#include "digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int digest_sha256(
    const void *data, size_t size, unsigned char out[DIGEST_SIZE]) {
  unsigned int written = 0;
  if (EVP_Digest(size ? data : "", size, out, &written, EVP_sha256(), NULL) !=
      1)
    return -1;
  return written == DIGEST_SIZE ? 0 : -1;
}

int digest_hmac(const void *key, size_t key_size, const void *data,
    size_t size, unsigned char out[DIGEST_SIZE]) {
  unsigned int written = 0;
  if (key_size > INT_MAX) /* HMAC() takes the key's length as an int */
    return -1;
  if (!HMAC(EVP_sha256(), key_size ? key : "", (int)key_size,
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
