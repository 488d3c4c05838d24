/* SPDX-License-Identifier: ISC */
/* DKIM keys through auth's calls, with a store of the test's own: made, sealed
 * to their place, fetched when they are wanted, bounded in memory. */
#include "base/testing.h"

#include "auth/auth.h"
#include "auth/serve.h"
#include "mailauth/key.h"
#include "runtime/call_links.h"

#define KEY TEXT("0123456789abcdef0123456789abcdef")
#define KEYS_MAX (DKIM_KEYS_HELD + 10)

struct kept {
	uint64_t number;
	struct text domain, selector, sealed, record;
};

struct world {
	struct arena arena;
	struct auth *auth;
	struct call_pair *admin_pair, *intake_pair;
	struct calls *admin, *intake;
	struct kept keys[KEYS_MAX];
	uint32_t count;
	_Atomic unsigned asked; /* by several threads */
	bool away;
};

static enum status
dkim_key(void *arg, struct text domain, uint64_t number, struct arena *a, struct auth_dkim_key *out)
{
	struct world *w = arg;

	w->asked++;
	if (w->away)
		return STATUS_UNAVAILABLE;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->keys[i].number == number && text_equal(w->keys[i].domain, domain)) {
			*out = (struct auth_dkim_key){ w->keys[i].selector, w->keys[i].sealed };
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}

static int
set_up(void **state)
{
	struct world *w = MEM_NEW(struct world);
	const struct auth_config config = {
		.token_key = KEY,
		.verifier_key = KEY,
		.directory = { .arg = w, .dkim_key = dkim_key },
	};
	struct call_server_config server = { .threads = 0 };

	w->auth = auth_new(&config);
	auth_serve(w->auth, &server);
	w->admin_pair = call_pair_new(ROLE_ADMIN, &server, ROLE_AUTH, &w->admin);
	w->intake_pair = call_pair_new(ROLE_INTAKE, &server, ROLE_AUTH, &w->intake);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	call_pair_free(w->admin_pair);
	call_pair_free(w->intake_pair);
	auth_free(w->auth);
	arena_done(&w->arena);
	mem_free(w);
	return 0;
}

static enum status
generate(struct world *w, enum dkim_algorithm algorithm, const char *domain, const char *selector)
{
	const struct auth_dkim_generate_request q = {
		.algorithm = algorithm, .domain = text_of(domain), .selector = text_of(selector)
	};
	struct auth_dkim_generate_reply r;
	enum status s = auth_dkim_generate(w->admin, &q, &w->arena, &r, NULL);

	assert_true(w->count < KEYS_MAX);
	if (s == STATUS_OK)
		w->keys[w->count++] =
		    (struct kept){ r.number, r.domain, q.selector, r.sealed, r.record };
	return s;
}

static enum status
sign(struct world *w, const struct kept *k, struct text digest, struct text *out)
{
	const struct auth_dkim_sign_request q = {
		.domain = k->domain, .number = k->number, .digest = digest
	};
	struct auth_dkim_sign_reply r;
	enum status s = auth_dkim_sign(w->intake, &q, &w->arena, &r, NULL);

	if (s == STATUS_OK)
		*out = r.signature;
	return s;
}

static const struct text digest = { "0123456789abcdef0123456789abcdef", DIGEST_LENGTH };

static void
assert_signs(struct world *w, const struct kept *k)
{
	struct dkim_public public;
	struct text signature;
	const char *why;

	assert_ok(sign(w, k, digest, &signature));
	assert_ok(dkim_record_parse(k->record, &w->arena, &public, &why));
	assert_true(dkim_public_verify(&public, (const uint8_t *)digest.ptr, signature));
}

static void
made_and_used(void **state)
{
	struct world *w = *state;

	assert_ok(generate(w, DKIM_RSA_SHA256, "Example.ORG", "r1"));
	assert_ok(generate(w, DKIM_ED25519_SHA256, "example.org", "e1"));
	assert_text(w->keys[0].domain, "example.org");
	assert_true(text_starts(w->keys[0].record, TEXT("v=DKIM1; k=rsa; p=")));
	assert_true(w->keys[0].number != w->keys[1].number);
	for (int round = 0; round < 2; round++) {
		assert_signs(w, &w->keys[0]);
		assert_signs(w, &w->keys[1]);
	}
	assert_int_equal(w->asked, 2); /* each once */
}

static void
refused(void **state)
{
	struct world *w = *state;
	struct text signature = TEXT_EMPTY;
	struct kept none = { .number = 1, .domain = TEXT("example.org") };

	assert_int_equal(generate(w, (enum dkim_algorithm)2, "example.org", "x"), STATUS_INVALID);
	assert_int_equal(generate(w, DKIM_ED25519_SHA256, "not a domain", "x"), STATUS_INVALID);
	assert_int_equal(generate(w, DKIM_ED25519_SHA256, "example.org", ""), STATUS_INVALID);
	assert_int_equal(generate(w, DKIM_ED25519_SHA256, "example.org", "a.b"), STATUS_INVALID);
	assert_int_equal(generate(w, DKIM_ED25519_SHA256, "example.org", "-a"), STATUS_INVALID);
	assert_int_equal(sign(w, &none, digest, &signature), STATUS_NOT_FOUND);
	assert_int_equal(sign(w, &none, TEXT("short"), &signature), STATUS_INVALID);
	w->away = true;
	assert_int_equal(sign(w, &none, digest, &signature), STATUS_UNAVAILABLE);
	assert_int_equal(signature.len, 0);
}

/* A sealed key opens for its domain and selector alone. */
static void
sealed_to_its_place(void **state)
{
	struct world *w = *state;
	struct text signature;
	struct kept k;

	assert_ok(generate(w, DKIM_ED25519_SHA256, "example.org", "e1"));
	k = w->keys[0];
	w->keys[0].selector = TEXT("e2");
	assert_int_equal(sign(w, &k, digest, &signature), STATUS_CORRUPT);
	w->keys[0] = k;
	w->keys[0].domain = k.domain = TEXT("example.com");
	assert_int_equal(sign(w, &k, digest, &signature), STATUS_CORRUPT);
	k.domain = w->keys[0].domain = TEXT("example.org");
	assert_signs(w, &k);
}

static void
bounded(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < KEYS_MAX; i++) {
		assert_ok(generate(w, DKIM_ED25519_SHA256, "example.org", "e"));
		assert_signs(w, &w->keys[i]);
	}
	assert_int_equal(dkim_keys_held(w->auth->dkim_keys), DKIM_KEYS_HELD);
	w->asked = 0;
	assert_signs(w, &w->keys[KEYS_MAX - 1]);
	assert_int_equal(w->asked, 0);
	assert_signs(w, &w->keys[0]); /* was let go, and comes again */
	assert_int_equal(w->asked, 1);
	assert_int_equal(dkim_keys_held(w->auth->dkim_keys), DKIM_KEYS_HELD);
}

/* Many at once, with fewer places than keys. */
static void *
sign_many(void *arg)
{
	struct world *w = arg;
	struct arena a = ARENA_INIT;

	for (uint32_t i = 0; i < 3 * KEYS_MAX; i++) {
		const struct kept *k = &w->keys[(i * 11) % KEYS_MAX];
		const struct auth_dkim_sign_request q = {
			.domain = k->domain, .number = k->number, .digest = digest
		};
		struct auth_dkim_sign_reply r;

		if (auth_dkim_sign(w->intake, &q, &a, &r, NULL) != STATUS_OK)
			return NULL;
		arena_reset(&a);
	}
	arena_done(&a);
	return w;
}

static void
at_once(void **state)
{
	struct world *w = *state;
	pthread_t threads[4];
	void *good;

	for (uint32_t i = 0; i < KEYS_MAX; i++)
		assert_ok(generate(w, DKIM_ED25519_SHA256, "example.org", "e"));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, w), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_ptr_equal(good, w);
	}
	assert_int_equal(dkim_keys_held(w->auth->dkim_keys), DKIM_KEYS_HELD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_and_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sealed_to_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
