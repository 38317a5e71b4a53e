/*
 * The certificate authorities of a PEM file, read one by one as they are asked
 * for.
 *
 * libcurl reads the file as a whole: of Debian's 140 authorities each becomes
 * an object of OpenSSL's, which takes 25 ms of CPU and 0.9 MiB. Where a folder
 * of authorities is set too, as Debian's default is, it does so for each new
 * connection (7.88: Curl_ssl_setup_x509_store()). A server's certificate needs
 * one of them.
 *
 *   struct authorities *all = authorities_new();          NULL: not possible
 *   if (authorities_of(all, "/etc/ssl/certs/ca-certificates.crt"))
 *     ... the file needs not be given to libcurl; for each SSL_CTX of its:
 *     authorities_give(all, context)
 *   authorities_free(all);         after the last SSL_CTX that was given to
 *
 * What is kept is where in the file each one stands, and the hash of its
 * subject, as in the names of c_rehash(1). Who is trusted does not change:
 * all certificates of one name are offered, names are compared as OpenSSL
 * does, and it is OpenSSL that builds and verifies the chain.
 *
 * Sources: X509_LOOKUP_meth_new(3), CURLOPT_SSL_CTX_FUNCTION(3); RFC 5280, 4.1
 * for where the subject is, RFC 7468 for PEM.
 */
#ifndef NIGHTJAR_AUTHORITIES_H
#define NIGHTJAR_AUTHORITIES_H

#include <openssl/types.h>
#include <stdbool.h>

struct authorities;

/* NULL where libcurl does not use this OpenSSL, or no memory is left: then
   libcurl reads the files. */
struct authorities *authorities_new(void);

/* NULL is allowed. */
void authorities_free(struct authorities *all);

/*
 * Whether the authorities of `file` can be given; reads the file anew if it
 * has changed. False leaves it to libcurl, which says what is wrong: the file
 * is missing, holds no certificate or a spoilt one. False for any other file
 * than the first that was asked for, too: libcurl keeps the connections of one
 * file and of another apart, but can't do so here. `all` and `file` may be
 * NULL: false.
 */
bool authorities_of(struct authorities *all, const char *file);

/* Has `context` ask for the authorities of the file, beside what it knows.
   False: no memory. */
bool authorities_give(struct authorities *all, SSL_CTX *context);

#endif
