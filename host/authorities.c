#include "authorities.h"

#include <curl/curl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct authority {
  unsigned long name; /* its subject's hash */
  int offset;         /* bytes, in the file */
  X509 *certificate;  /* NULL until it is asked for */
};

struct authorities {
  X509_LOOKUP_METHOD *method;
  char *file;     /* NULL until the first one is asked for */
  struct stat is; /* when it was read */
  struct authority *list;
  size_t count;
  size_t room;
};

/* ---- the file ---- */

/* The subject of a certificate that is not decoded otherwise: its key alone
   would take nine tenths of the time (OpenSSL 3.0). The caller's; NULL: not
   understood. */
static X509_NAME *subject_of(const unsigned char *der, long size) {
  const unsigned char *at = der;
  const unsigned char *end = der + size;
  int tag, class;
  long length;
  for (int depth = 0; depth < 2; depth++) { /* Certificate, tbsCertificate */
    if (ASN1_get_object(&at, &length, &tag, &class, end - at) !=
            V_ASN1_CONSTRUCTED ||
        class != V_ASN1_UNIVERSAL || tag != V_ASN1_SEQUENCE)
      return NULL;
    end = at + length;
  }
  /* [0] version, or none; serialNumber, signature, issuer, validity */
  for (int passed = 0; passed < 4; at += length) {
    int how = ASN1_get_object(&at, &length, &tag, &class, end - at);
    if ((how & ~V_ASN1_CONSTRUCTED) != 0) /* an error, or no length */
      return NULL;
    if (class != V_ASN1_CONTEXT_SPECIFIC)
      passed++;
  }
  return d2i_X509_NAME(NULL, &at, end - at);
}

/* Whether the one at `offset` is noted. */
static bool note(
    struct authorities *all, int offset, const unsigned char *der, long size) {
  int hashed = 0;
  X509_NAME *name = subject_of(der, size);
  unsigned long hash =
      name != NULL ? X509_NAME_hash_ex(name, NULL, NULL, &hashed) : 0;
  X509_NAME_free(name);
  if (!hashed)
    return false;
  if (all->count == all->room) {
    size_t room = all->room > 0 ? all->room * 2 : 16;
    struct authority *list = reallocarray(all->list, room, sizeof list[0]);
    if (list == NULL)
      return false;
    all->list = list;
    all->room = room;
  }
  all->list[all->count++] = (struct authority){hash, offset, NULL};
  return true;
}

static bool is_certificate(const char *what) {
  return strcmp(what, PEM_STRING_X509) == 0 ||
         strcmp(what, PEM_STRING_X509_OLD) == 0 ||
         strcmp(what, PEM_STRING_X509_TRUSTED) == 0;
}

/* Passes what is next in the file, and notes it if it is a certificate. False
   with `over` at the file's end, and without it at what is none. */
static bool note_next(struct authorities *all, BIO *file, bool *over) {
  char *what = NULL;
  char *header = NULL; /* of PEM: encrypted, if there is one */
  unsigned char *der = NULL;
  long size = 0;
  int offset = BIO_tell(file);
  bool noted = false;
  if (offset >= 0 && PEM_read_bio(file, &what, &header, &der, &size) == 1) {
    noted = !is_certificate(what) ||
            (header[0] == '\0' && note(all, offset, der, size));
  } else {
    *over = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  }
  OPENSSL_free(what);
  OPENSSL_free(header);
  OPENSSL_free(der);
  return noted;
}

static void forget(struct authorities *all) {
  for (size_t i = 0; i < all->count; i++)
    X509_free(all->list[i].certificate);
  free(all->list);
  all->list = NULL;
  all->count = all->room = 0;
}

static void read_all(struct authorities *all) {
  bool over = false;
  ERR_set_mark();
  BIO *file = BIO_new_file(all->file, "re");
  while (file != NULL && note_next(all, file, &over))
    ;
  BIO_free(file);
  ERR_pop_to_mark();
  if (!over) { /* next time there may be a descriptor, or memory */
    forget(all);
    memset(&all->is, 0, sizeof all->is);
  }
}

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
         a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool authorities_of(struct authorities *all, const char *file) {
  struct stat is;
  if (all == NULL || file == NULL ||
      (all->file != NULL && strcmp(all->file, file) != 0) ||
      stat(file, &is) != 0 || !S_ISREG(is.st_mode))
    return false;
  if (all->file == NULL)
    all->file = strdup(file);
  if (all->file != NULL && !is_same(&all->is, &is)) {
    /* Of before it is read: a change in between is seen next time. */
    all->is = is;
    forget(all);
    read_all(all);
  }
  return all->count > 0;
}

/* ---- what OpenSSL asks for ---- */

static X509 *certificate_of(
    const struct authorities *all, struct authority *authority) {
  char password[] = ""; /* or OpenSSL would ask for one at the terminal */
  if (authority->certificate != NULL)
    return authority->certificate;
  BIO *file = BIO_new_file(all->file, "re");
  if (file != NULL && BIO_seek(file, authority->offset) == 0)
    authority->certificate = PEM_read_bio_X509_AUX(file, NULL, NULL, password);
  BIO_free(file);
  return authority->certificate;
}

/* X509_LOOKUP_meth_set_get_by_subject(3): all that are found go into the
   store; the first of them is the answer, whose reference is to be given back
   once, since both X509_OBJECT_set1_X509() and its caller take one. */
static int find(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type,
    const X509_NAME *name, X509_OBJECT *found) {
  struct authorities *all = X509_LOOKUP_get_method_data(lookup);
  X509_STORE *store = X509_LOOKUP_get_store(lookup);
  int hashed = 0;
  bool given = false;
  if (type != X509_LU_X509)
    return 0;
  ERR_set_mark();
  unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &hashed);
  for (size_t i = 0; hashed && i < all->count; i++) {
    if (all->list[i].name != hash)
      continue;
    X509 *certificate = certificate_of(all, &all->list[i]);
    if (certificate == NULL ||
        X509_NAME_cmp(X509_get_subject_name(certificate), name) != 0 ||
        X509_STORE_add_cert(store, certificate) != 1)
      continue;
    if (!given && X509_OBJECT_set1_X509(found, certificate) == 1) {
      X509_free(certificate);
      given = true;
    }
  }
  ERR_pop_to_mark();
  return given;
}

bool authorities_give(struct authorities *all, SSL_CTX *context) {
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP *lookup =
      store != NULL ? X509_STORE_add_lookup(store, all->method) : NULL;
  return lookup != NULL && X509_LOOKUP_set_method_data(lookup, all) == 1;
}

/* ---- made and unmade ---- */

/* An SSL_CTX of another library would be something else. */
static bool is_ours(void) {
  const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
  return name != NULL && strncmp(name, "OpenSSL/3.", 10) == 0;
}

struct authorities *authorities_new(void) {
  struct authorities *all = is_ours() ? calloc(1, sizeof *all) : NULL;
  if (all == NULL)
    return NULL;
  all->method = X509_LOOKUP_meth_new("authorities of a file");
  if (all->method == NULL ||
      X509_LOOKUP_meth_set_get_by_subject(all->method, find) != 1) {
    authorities_free(all);
    return NULL;
  }
  return all;
}

void authorities_free(struct authorities *all) {
  if (all == NULL)
    return;
  forget(all);
  free(all->file);
  X509_LOOKUP_meth_free(all->method);
  free(all);
}
