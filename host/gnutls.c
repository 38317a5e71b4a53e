/*
 * GnuTLS is set up when somebody asks for it after the start, and not at the
 * start. Nobody asks here: libcurl speaks TLS by OpenSSL, and the status
 * server speaks none. But libcurl's libraries for RTMP and LDAP, and
 * libmicrohttpd, bring GnuTLS along, and setting it up takes 0.9 MiB of
 * resident memory for good, 0.15 of it anonymous, and a twentieth of the CPU
 * of a start (measured with GnuTLS 3.7.9).
 *
 * The functions below stand before GnuTLS's own of the same name, because the
 * dynamic linker looks into a program first (ld.so(8)), and the program is
 * linked with --export-dynamic. Where no library brings GnuTLS, nobody calls
 * them.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#define GNUTLS_E_INTERNAL_ERROR (-59)

static bool started;

/* A program's constructors run after those of its libraries. */
__attribute__((constructor)) static void libraries_are_set_up(void) {
  started = true;
}

/*
 * Asked by GnuTLS's own constructor and destructor. Returns 1: leave it.
 * Source: GnuTLS's manual, "Initialization", GNUTLS_SKIP_GLOBAL_INIT, whose
 * macro defines the same.
 */
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void) {
  return 1;
}

/*
 * In place of GnuTLS's: does nothing in the constructor of another library
 * (libmicrohttpd's MHD_init() calls it), and GnuTLS's own later, for a libcurl
 * that is built upon GnuTLS. Returns 0, or an error of GnuTLS's, below 0.
 */
int gnutls_global_init(void);
int gnutls_global_init(void) {
  if (!started)
    return 0;
  int (*real)(void) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "gnutls_global_init");
  return real != NULL ? real() : GNUTLS_E_INTERNAL_ERROR;
}
