/* SPDX-License-Identifier: ISC */
/* What the files of role auth share; nothing for other folders. */
#ifndef AUTH_SERVE_H
#define AUTH_SERVE_H

#include <pthread.h>

#include "auth/auth.h"
#include "auth/remember.h"
#include "auth/sasl.h"
#include "base/map.h"
#include "runtime/limits.h"
#include "runtime/pool.h"

struct delay;
struct keys;
struct dkim_keys;

#define AUTH_MAGIC 0xa07400a1u

struct auth {
	unsigned magic;
	uint8_t token_key[32], verifier_key[32], pretend_key[32];
	struct auth_directory directory;
	struct remember *remember;
	struct limits *limits;
	struct delay *delay;
	struct keys *keys;
	struct dkim_keys *dkim_keys;
	struct pool *hashers; /* one thread a core: for Argon2id and nothing else */
	pthread_mutex_t lock; /* of what follows */
	struct map exchanges;
	struct list by_age;
	size_t exchange_count;
	int64_t census_at;
	bool scram_for_all;
};

static inline struct text
key_text(const uint8_t key[32])
{
	return (struct text){ (const char *)key, 32 };
}

/* exchange.c: one sign-in from its first message to its end. */
void serve_mechanisms(struct call_in *in, const void *request, void *context);
void serve_start(struct call_in *in, const void *request, void *context);
void serve_step(struct call_in *in, const void *request, void *context);
void exchanges_free(struct auth *a);

/* verify.c: the verdict on a password or a proof, with the account. */
enum verdict { VERDICT_RIGHT, VERDICT_WRONG, VERDICT_SUSPENDED, VERDICT_LATER, VERDICT_OPEN };
/* What costs little. OPEN: verify_by_hash has the last word, also where there is
 * no such account, and then *real is false. */
enum verdict verify_password(struct auth *a, struct text user, struct text password,
    struct arena *arena, struct auth_account *account, struct verifier *v, bool *real);
/* What takes a core for as long as Argon2id wants: in the pool of hashers. */
enum verdict verify_by_hash(struct auth *a, const struct auth_account *account,
    const struct verifier *v, bool real, struct text password, struct arena *arena);
/* The SCRAM verifier of a user; a made-up one (the same each time) where there
 * is none, and then *real is false. */
enum verdict find_scram(struct auth *a, struct text user, struct arena *arena,
    struct auth_account *account, struct verifier *out, bool *real);

/* delay.c: answers that are late on purpose. */
#define DELAYED_MAX 20000
struct delay *delay_new(void);
void delay_free(struct delay *d); /* answers what is left at once */
/* Runs send(arg) at due (monotonic); at once if too many wait already. */
void delay_until(struct delay *d, int64_t due, void (*send)(void *arg), void *arg);

/* keys.c: TLS private keys. */
struct keys *keys_new(void);
void keys_free(struct keys *k);
enum status keys_set(struct keys *k, const struct role_certificate *at, uint32_t count,
    struct failure *f) MUST_CHECK;
void serve_certificates(struct call_in *in, const void *request, void *context);
void serve_tls_sign(struct call_in *in, const void *request, void *context);

/* dkim.c: DKIM private keys. */
#define DKIM_KEYS_HELD 200 /* loaded, some 10 KiB each */
struct dkim_keys *dkim_keys_new(void);
void dkim_keys_free(struct dkim_keys *k);
size_t dkim_keys_held(struct dkim_keys *k); /* how many are loaded */
void serve_dkim_generate(struct call_in *in, const void *request, void *context);
void serve_dkim_sign(struct call_in *in, const void *request, void *context);

#endif
