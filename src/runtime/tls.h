/* SPDX-License-Identifier: ISC */
/*
 * TLS by OpenSSL 3 for the front roles, which hold no private key: the key in
 * their certificates is a stand-in whose signatures are made by role auth
 * through tls_signer. New certificates make a new context; sessions keep the
 * one they began with until they end. TLS 1.2 and 1.3 only.
 */
#ifndef RUNTIME_TLS_H
#define RUNTIME_TLS_H

#include "base/arena.h"
#include "runtime/stream.h"

/* Sets up OpenSSL without its configuration file, and does now whatever it
 * would open files or devices for later: early in main, before the sandbox
 * closes. The functions below do it by themselves if need be. */
void tls_prepare(void);

/* Signs for key number key: scheme is the TLS SignatureScheme (RFC 8446
 * 4.2.3), input is the digest to sign (for ed25519 the whole message). The
 * result goes into the arena. Any thread. */
typedef enum status (*tls_signer)(void *arg, uint64_t key, uint16_t scheme, struct text input,
    struct arena *a, struct text *signature);

struct tls_certificate {
	uint64_t key;	   /* number given to the signer */
	struct text chain; /* PEM, leaf first */
	struct text names; /* space-separated DNS names for SNI, "*.example.org" too */
};

/* Whoever asks for no name, or for an unknown one, gets the first certificate.
 * An RSA and an EC one may both be there for the same names: write these the
 * same way, then the client's abilities decide. */
struct tls_config {
	const struct tls_certificate *certificates;
	size_t count;
	struct text ticket_key; /* 80 octets shared by all front processes, or empty */
	tls_signer sign;
	void *sign_arg;
};

/* Referenced: new gives one reference. INVALID with words if a PEM is bad. */
enum status tls_context_new(
    const struct tls_config *config, struct tls_context **out, struct failure *f) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

/* Facts of a connection, valid while the stream lives. */
struct tls_facts {
	const char *version; /* "TLSv1.3" */
	const char *cipher;
	struct text sni;
};
void tls_facts_of(const struct stream *s, struct tls_facts *out);
/* Channel bindings; NOT_FOUND also for streams without TLS. */
/* tls-exporter (RFC 9266 2) for TLS 1.3: 32 octets; NOT_FOUND before 1.3. */
enum status tls_binding_exporter(const struct stream *s, uint8_t out[32]) MUST_CHECK;
/* tls-server-end-point (RFC 5929 4): hash of our leaf certificate; NOT_FOUND
 * if its signature has no hash (Ed25519). */
enum status tls_binding_end_point(
    const struct stream *s, struct arena *a, struct text *out) MUST_CHECK;
/* tls-unique (RFC 5929 3), TLS 1.2 with extended master secret only. */
enum status tls_binding_unique(
    const struct stream *s, struct arena *a, struct text *out) MUST_CHECK;

/* For role auth: loads a PEM key, and signs as tls_signer describes. */
struct tls_key;
enum status tls_key_load(struct text pem, struct tls_key **out, struct failure *f) MUST_CHECK;
void tls_key_free(struct tls_key *k);
enum status tls_key_sign(struct tls_key *k, uint16_t scheme, struct text input, struct arena *a,
    struct text *signature) MUST_CHECK;
/* INVALID unless the key fits the first certificate of the chain. */
enum status tls_key_matches(struct tls_key *k, struct text chain) MUST_CHECK;

#endif
