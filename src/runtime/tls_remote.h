/* SPDX-License-Identifier: ISC */
/*
 * Keys whose private half is elsewhere: an OpenSSL 3 provider inside this
 * program. libssl takes such a key for an ordinary one; each signature becomes
 * a call of the tls_signer that came with the key. For tls.c alone.
 */
#ifndef RUNTIME_TLS_REMOTE_H
#define RUNTIME_TLS_REMOTE_H

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "runtime/tls.h"

/* The library context in which the default provider and ours are loaded, made
 * at the first call; for SSL_CTX_new_ex. Never freed. */
OSSL_LIB_CTX *tls_library(void);

/* A key for the certificate's public key: EC, RSA or Ed25519; NULL for another
 * kind. The caller frees it. */
EVP_PKEY *tls_remote_key(X509 *leaf, uint64_t key, tls_signer sign, void *arg);

#endif
