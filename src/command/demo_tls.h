/* SPDX-License-Identifier: ISC */
/* The demo's certificate authority and certificate, made at its first start:
 * DIR/tls/ca.pem, cert.pem, key.pem; P-256, valid for ten years. */
#ifndef COMMAND_DEMO_TLS_H
#define COMMAND_DEMO_TLS_H

#include "base/arena.h"

/* Makes the three files unless they are all there. The certificate is for
 * hostname, "localhost", 127.0.0.1 and ::1. */
enum status demo_tls_make(const char *dir, const char *hostname, struct failure *f) MUST_CHECK;

#endif
