/* SPDX-License-Identifier: ISC */
/* Role auth through its calls, with a directory of the test's own: sign-in by
 * every mechanism, what is remembered, what is refused and how. */
#include "auth/auth.h"

#include <poll.h>
#include <unistd.h>

#include "auth/prep.h"
#include "auth/seal.h"
#include "auth/serve.h"
#include "auth/token.h"
#include "auth/verifier.h"
#include "base/clock.h"
#include "base/testing.h"
#include "codec/base64.h"
#include "runtime/call_links.h"
#include "runtime/call_permission_test_helper.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define KEY TEXT("0123456789abcdef0123456789abcdef")

/* alice has a whole verifier, bob one that was brought along, carol is
 * suspended; the password of each is "secret". */
struct world {
	struct arena arena;
	struct auth *auth;
	struct call_pair *pair;
	struct calls *calls;
	struct auth_account alice, bob, carol;
	unsigned upgrades;
	const char *service; /* NULL: imap */
	bool away;
	int64_t lookup_takes; /* on a clock that the test has set */
};

static struct text
sealed(struct arena *a, const struct verifier *v)
{
	struct buffer plain = BUFFER_INIT, out = BUFFER_INIT;
	struct text t;

	verifier_pack(v, &plain);
	seal_close(KEY, buffer_text(&plain), &out);
	t = arena_copy(a, buffer_text(&out));
	buffer_done(&plain);
	buffer_done(&out);
	return t;
}

static enum status
lookup(void *arg, struct text address, struct arena *a, struct auth_account *out)
{
	struct world *w = arg;

	if (w->away)
		return STATUS_UNAVAILABLE;
	if (w->lookup_takes != 0)
		clock_set_for_test(clock_wall(), clock_mono() + w->lookup_takes);
	if (text_equal_ci(address, w->alice.canonical))
		*out = w->alice;
	else if (text_equal_ci(address, w->bob.canonical))
		*out = w->bob;
	else if (text_equal_ci(address, w->carol.canonical))
		*out = w->carol;
	else
		return STATUS_NOT_FOUND;
	return STATUS_OK;
}

static enum status
upgrade(void *arg, uint64_t account, struct text old, struct text verifier, bool has_scram)
{
	struct world *w = arg;

	assert_int_equal(account, w->bob.account);
	assert_true(text_equal(old, w->bob.verifier));
	assert_true(has_scram);
	w->bob.verifier = arena_copy(&w->arena, verifier);
	w->upgrades++;
	return STATUS_OK;
}

static enum status
census(void *arg, uint64_t *accounts, uint64_t *without_scram)
{
	*accounts = 3;
	*without_scram = 0;
	return STATUS_OK;
}

static int
set_up(void **state)
{
	struct world *w = MEM_NEW(struct world);
	struct auth_config config = {
		.token_key = KEY,
		.verifier_key = KEY,
		.directory = { .arg = w, .lookup = lookup, .upgrade = upgrade, .census = census },
	};
	struct call_server_config server = { .threads = 0 };
	struct verifier v;

	assert_ok(setting_apply(SET_AUTH_DELAY_MAX, TEXT("0")));
	assert_ok(verifier_of_password(TEXT("secret"), &w->arena, &v, NULL));
	w->alice = (struct auth_account){ .account = 7,
		.canonical = TEXT("alice@demo.test"),
		.verifier = sealed(&w->arena, &v),
		.generation = 3 };
	w->carol = (struct auth_account){ .account = 9,
		.canonical = TEXT("carol@demo.test"),
		.verifier = sealed(&w->arena, &v),
		.generation = 1,
		.suspended = true };
	v.hash = TEXT_EMPTY;
	w->bob = (struct auth_account){ .account = 8,
		.canonical = TEXT("bob@demo.test"),
		.verifier = sealed(&w->arena, &v),
		.generation = 1 };
	w->auth = auth_new(&config);
	auth_serve(w->auth, &server);
	w->pair = call_pair_new(ROLE_ACCESS, &server, ROLE_AUTH, &w->calls);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT_EMPTY));
	call_pair_free(w->pair);
	auth_free(w->auth);
	arena_done(&w->arena);
	mem_free(w);
	return 0;
}

static void
start(struct world *w, const char *mechanism, struct text initial, uint64_t flags,
    struct auth_start_reply *out)
{
	struct auth_start_request q = {
		.mechanism = text_of(mechanism),
		.has_initial = initial.ptr != NULL,
		.initial = initial,
		.service = w->service != NULL ? text_of(w->service) : TEXT("imap"),
		.remote = TEXT("192.0.2.7"),
		.flags = flags,
		.binding_exporter = TEXT("0123456789abcdef0123456789abcdef"),
	};

	assert_ok(auth_start(w->calls, &q, &w->arena, out, NULL));
}

static void
step(struct world *w, uint64_t exchange, struct text response, struct auth_start_reply *out)
{
	struct auth_step_request q = { .exchange = exchange, .response = response };
	struct auth_step_reply r;

	assert_ok(auth_step(w->calls, &q, &w->arena, &r, NULL));
	*out = (struct auth_start_reply){ .state = r.state,
		.exchange = r.exchange,
		.challenge = r.challenge,
		.token = r.token,
		.account = r.account,
		.address = r.address,
		.code = r.code,
		.text = r.text };
}

static void
plain_gives_a_token(void **state)
{
	struct world *w = *state;
	struct auth_start_reply r;
	struct token t;

	start(w, "PLAIN", TEXT("\0Alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_DONE);
	assert_text(r.address, "alice@demo.test");
	assert_ok(token_check(KEY, r.token, clock_wall() / CLOCK_SECOND, &t));
	assert_int_equal(t.account, 7);
	assert_int_equal(t.generation, 3);
}

static void
a_right_password_is_remembered(void **state)
{
	struct world *w = *state;
	int64_t before = metric_get(METRIC_SIGN_INS_REMEMBERED);
	struct auth_start_reply r;

	for (int i = 0; i < 3; i++) {
		start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
		assert_int_equal(r.state, AUTH_DONE);
	}
	assert_int_equal(metric_get(METRIC_SIGN_INS_REMEMBERED) - before, 2);
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secreT"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_NO);
}

/* Wrong password, no such account: not one octet of difference. */
static void
refusals_tell_nothing(void **state)
{
	struct world *w = *state;
	struct auth_start_reply wrong, absent;

	start(w, "PLAIN", TEXT("\0alice@demo.test\0wrong"), AUTH_MAY_PLAIN, &wrong);
	start(w, "PLAIN", TEXT("\0nobody@demo.test\0wrong"), AUTH_MAY_PLAIN, &absent);
	assert_int_equal(wrong.state, AUTH_NO);
	assert_int_equal(wrong.code, AUTH_BAD_CREDENTIALS);
	assert_int_equal(absent.code, wrong.code);
	assert_true(text_equal(wrong.text, absent.text));
	assert_int_equal(wrong.token.len, 0);
	start(w, "PLAIN", TEXT("\0carol@demo.test\0wrong"), AUTH_MAY_PLAIN, &wrong);
	assert_int_equal(wrong.code, AUTH_BAD_CREDENTIALS);
	start(w, "PLAIN", TEXT("\0carol@demo.test\0secret"), AUTH_MAY_PLAIN, &wrong);
	assert_int_equal(wrong.code, AUTH_SUSPENDED);
	w->away = true;
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &wrong);
	assert_int_equal(wrong.code, AUTH_UNAVAILABLE);
}

/* Only who knows the password hears that sending is stopped, and why; reading goes on. */
static void
who_may_not_send_is_told(void **state)
{
	struct world *w = *state;
	struct auth_start_reply r;

	w->alice.stopped = TEXT("Sending is stopped");
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_DONE);
	w->service = "smtp";
	start(w, "PLAIN", TEXT("\0alice@demo.test\0wrong"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_NO);
	assert_int_equal(r.code, AUTH_STOPPED);
	assert_true(text_equal(r.text, w->alice.stopped));
	assert_int_equal(r.token.len, 0);
}

static void
plain_text_needs_leave(void **state)
{
	struct world *w = *state;
	struct auth_mechanisms_request q = { .flags = 0 };
	struct auth_mechanisms_reply m;
	struct auth_start_reply r;

	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), 0, &r);
	assert_int_equal(r.code, AUTH_NEEDS_TLS);
	start(w, "CRAM-MD5", TEXT(""), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.code, AUTH_BAD_MECHANISM);
	assert_ok(auth_mechanisms(w->calls, &q, &w->arena, &m, NULL));
	assert_int_equal(m.names.count, 1);
	assert_text(m.names.at[0], "SCRAM-SHA-256");
	q.flags = AUTH_MAY_PLAIN | AUTH_OVER_TLS;
	assert_ok(auth_mechanisms(w->calls, &q, &w->arena, &m, NULL));
	assert_int_equal(m.names.count, 3);
	assert_text(m.names.at[0], "SCRAM-SHA-256");
	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT("on")));
	assert_ok(auth_mechanisms(w->calls, &q, &w->arena, &m, NULL));
	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT("")));
	assert_int_equal(m.names.count, 4);
	assert_text(m.names.at[0], "SCRAM-SHA-256-PLUS");
}

static void
login_takes_three_messages(void **state)
{
	struct world *w = *state;
	struct auth_start_reply r;

	start(w, "LOGIN", (struct text){ NULL, 0 }, AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_MORE);
	assert_text(r.challenge, "Username:");
	step(w, r.exchange, TEXT("alice@demo.test"), &r);
	assert_text(r.challenge, "Password:");
	step(w, r.exchange, TEXT("secret"), &r);
	assert_int_equal(r.state, AUTH_DONE);
	step(w, r.exchange, TEXT("secret"), &r);
	assert_int_equal(r.code, AUTH_UNAVAILABLE);
}

static void
an_old_verifier_is_made_new(void **state)
{
	struct world *w = *state;
	struct auth_start_reply r;

	start(w, "PLAIN", TEXT("\0bob@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_DONE);
	assert_int_equal(w->upgrades, 1);
	start(w, "PLAIN", TEXT("\0bob@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_DONE);
	assert_int_equal(w->upgrades, 1);
}

/* A client of SCRAM-SHA-256 (RFC 5802 5) from its first message to its last. */
static void
scram(struct world *w, const char *mechanism, const char *gs2, struct text binding,
    const char *user, const char *password, struct auth_start_reply *out)
{
	struct buffer m = BUFFER_INIT, salt = BUFFER_INIT, cbind = BUFFER_INIT, final = BUFFER_INIT;
	uint8_t salted[SCRAM_KEY], client[SCRAM_KEY], stored[SCRAM_KEY], sign[SCRAM_KEY];
	struct text rest, r = TEXT_EMPTY, s = TEXT_EMPTY, bare;
	uint32_t iterations;

	buffer_addf(&m, "%sn=%s,r=clientnonce", gs2, user);
	start(w, mechanism, buffer_text(&m), AUTH_OVER_TLS, out);
	if (out->state != AUTH_MORE)
		goto out;
	bare = text_part(buffer_text(&m), strlen(gs2), m.len);
	rest = out->challenge;
	assert_true(text_split(&rest, ',', &r) && text_split(&rest, ',', &s));
	assert_true(text_starts(r, TEXT("r=clientnonce")) && r.len > 20);
	assert_ok(base64_decode(&salt, text_part(s, 2, s.len)));
	assert_ok(text_to_u32(text_part(rest, 2, rest.len), &iterations));
	buffer_add_string(&cbind, gs2);
	buffer_add_text(&cbind, binding);
	buffer_add_string(&final, "c=");
	base64_encode(&final, buffer_text(&cbind));
	buffer_addf(&final, ",%.*s", TEXT_ARG(r));
	scram_salted_password(text_of(password), buffer_text(&salt), iterations, salted);
	scram_hmac(salted, TEXT("Client Key"), client);
	scram_hash(client, stored);
	bare = arena_printf(&w->arena, "%.*s,%.*s,%.*s", TEXT_ARG(bare), TEXT_ARG(out->challenge),
	    TEXT_ARG(buffer_text(&final)));
	scram_hmac(stored, bare, sign);
	for (size_t i = 0; i < SCRAM_KEY; i++)
		client[i] ^= sign[i];
	buffer_add_string(&final, ",p=");
	base64_encode(&final, (struct text){ (const char *)client, SCRAM_KEY });
	step(w, out->exchange, buffer_text(&final), out);
out:
	buffer_done(&m);
	buffer_done(&salt);
	buffer_done(&cbind);
	buffer_done(&final);
}

static void
scram_from_end_to_end(void **state)
{
	struct text exporter = TEXT("0123456789abcdef0123456789abcdef");
	struct world *w = *state;
	struct auth_start_reply r;

	scram(w, "SCRAM-SHA-256", "n,,", TEXT_EMPTY, "alice@demo.test", "secret", &r);
	assert_int_equal(r.state, AUTH_DONE);
	assert_true(text_starts(r.challenge, TEXT("v=")));
	assert_int_equal(r.account, 7);
	scram(w, "SCRAM-SHA-256", "n,,", TEXT_EMPTY, "alice@demo.test", "wrong", &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	scram(w, "SCRAM-SHA-256", "n,,", TEXT_EMPTY, "nobody@demo.test", "secret", &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	scram(w, "SCRAM-SHA-256", "n,,", TEXT_EMPTY, "carol@demo.test", "secret", &r);
	assert_int_equal(r.code, AUTH_SUSPENDED);
	/* Where nothing bound is offered, a client may say that it could have. */
	scram(w, "SCRAM-SHA-256", "y,,", TEXT_EMPTY, "alice@demo.test", "secret", &r);
	assert_int_equal(r.state, AUTH_DONE);
	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT("on")));
	scram(
	    w, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", exporter, "alice@demo.test", "secret", &r);
	assert_int_equal(r.state, AUTH_DONE);
	/* Somebody in between, with another connection. */
	scram(w, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", TEXT("other"), "alice@demo.test",
	    "secret", &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	/* And who made the client believe that there is no -PLUS. */
	scram(w, "SCRAM-SHA-256", "y,,", TEXT_EMPTY, "alice@demo.test", "secret", &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT("")));
}

/* The salt of a name that does not exist is the same each time, as a real one. */
static void
made_up_salts_stay(void **state)
{
	struct world *w = *state;
	struct auth_start_reply one, two;
	struct text salt[2], rest, skip;

	start(w, "SCRAM-SHA-256", TEXT("n,,n=nobody@demo.test,r=x"), 0, &one);
	start(w, "SCRAM-SHA-256", TEXT("n,,n=Nobody@demo.test,r=x"), 0, &two);
	rest = one.challenge;
	assert_true(text_split(&rest, ',', &skip) && text_split(&rest, ',', &salt[0]));
	rest = two.challenge;
	assert_true(text_split(&rest, ',', &skip) && text_split(&rest, ',', &salt[1]));
	assert_true(text_equal(salt[0], salt[1]));
}

static struct text
salt_of(struct world *w, const char *user)
{
	struct auth_start_reply r;
	struct text rest, nonce, salt = TEXT_EMPTY;

	start(w, "SCRAM-SHA-256", arena_printf(&w->arena, "n,,n=%s,r=x", user), 0, &r);
	assert_int_equal(r.state, AUTH_MORE);
	rest = r.challenge;
	assert_true(text_split(&rest, ',', &nonce) && text_split(&rest, ',', &salt));
	return salt;
}

static uint64_t
hashes_for(struct world *w, struct text initial)
{
	uint64_t before = (uint64_t)metric_get(METRIC_PASSWORDS_HASHED);
	struct auth_start_reply r;

	start(w, "PLAIN", initial, AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
	return (uint64_t)metric_get(METRIC_PASSWORDS_HASHED) - before;
}

/* Passwords that can be told to be wrong at once, or are tried in two forms:
 * the work is the same whether there is such an account. */
static void
work_tells_nothing(void **state)
{
	struct world *w = *state;
	char filler[1101] = { 0 };
	struct text forms = TEXT("\xc2\xaa");

	assert_int_equal(hashes_for(w, TEXT("\0alice@demo.test\0")), 1);
	assert_int_equal(hashes_for(w, TEXT("\0nobody@demo.test\0")), 1);
	memset(filler, 'x', sizeof(filler) - 1);
	for (unsigned i = 0; i < 2; i++) {
		struct text who =
		    i == 0 ? TEXT("\0alice@demo.test\0") : TEXT("\0nobody@demo.test\0");

		assert_int_equal(hashes_for(w, arena_join(&w->arena, who, text_of(filler))), 1);
		assert_int_equal(hashes_for(w, arena_join(&w->arena, who, forms)), 2);
	}
}

/* The answer to a failure is due at a time that is counted from the question:
 * how long it took to find out is not told. */
static void
time_tells_nothing(void **state)
{
	static const struct auth_start_request q = {
		.mechanism = { "PLAIN", 5 },
		.has_initial = true,
		.initial = { "\0nobody@demo.test\0wrong", 23 },
		.remote = { "192.0.2.9", 9 },
		.flags = AUTH_MAY_PLAIN,
	};
	struct world *w = *state;
	int64_t began = clock_mono(), failures = metric_get(METRIC_SIGN_IN_FAILURES);
	struct auth_start_reply r;
	struct call_ahead *ahead;

	assert_ok(setting_apply(SET_AUTH_DELAY_MAX, TEXT("15s")));
	calls_be_patient(w->calls, 10 * CLOCK_SECOND);
	clock_set_for_test(clock_wall(), began);
	w->lookup_takes = 300 * CLOCK_MS;
	ahead = call_begin(w->calls, &auth_start_call, &q);
	while (metric_get(METRIC_SIGN_IN_FAILURES) == failures)
		(void)poll(NULL, 0, 1);
	clock_set_for_test(clock_wall(), began + CLOCK_SECOND);
	assert_ok(call_finish(ahead, &q, &w->arena, &r, NULL));
	clock_set_for_test(-1, -1);
	assert_int_equal(r.code, AUTH_BAD_CREDENTIALS);
}

/* Late answers of one address and what they keep waiting. */
struct waiting {
	struct call_ahead *at[5000];
	unsigned count;
};

/* Fails at once, without a hash: a binding that does not fit. */
static void
fail_from(struct world *w, struct waiting *all, const char *remote)
{
	const struct auth_start_request q = {
		.mechanism = TEXT("SCRAM-SHA-256"),
		.has_initial = true,
		.initial = TEXT("y,,n=alice@demo.test,r=x"),
		.remote = text_of(remote),
		.flags = AUTH_OVER_TLS,
	};

	assert_ok(setting_apply(SET_AUTH_CHANNEL_BINDING, TEXT("on")));
	assert_true(all->count < ARRAY_LEN(all->at));
	all->at[all->count++] = call_begin(w->calls, &auth_start_call, &q);
}

static void
await_failures(int64_t count)
{
	while (metric_get(METRIC_SIGN_IN_FAILURES) < count)
		(void)poll(NULL, 0, 1);
}

static void
abandon(struct waiting *all)
{
	for (unsigned i = 0; i < all->count; i++)
		call_abandon(all->at[i]);
}

/* The delay cannot be had in parallel: an address for which so many answers
 * wait is not told whether its next guess is right. */
static void
delays_cannot_be_had_at_once(void **state)
{
	struct world *w = *state;
	int64_t before = metric_get(METRIC_SIGN_IN_FAILURES);
	struct waiting *all = ARENA_NEW(&w->arena, struct waiting);
	struct auth_start_reply r;

	assert_ok(setting_apply(SET_AUTH_DELAY_MAX, TEXT("15s")));
	clock_set_for_test(clock_wall(), clock_mono());
	for (unsigned i = 0; i < 20; i++)
		fail_from(w, all, "192.0.2.7");
	await_failures(before + 20);
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.code, AUTH_TOO_MANY);
	assert_int_equal(metric_get(METRIC_SIGN_IN_FAILURES), before + 20);
	clock_set_for_test(-1, -1);
	abandon(all);
}

/* However many wait for a late answer, who comes in between is served. */
static void
late_answers_hold_up_nobody(void **state)
{
	struct world *w = *state;
	int64_t before = metric_get(METRIC_SIGN_IN_FAILURES);
	struct waiting *all = ARENA_NEW(&w->arena, struct waiting);
	struct auth_certificates_reply certificates;

	assert_ok(setting_apply(SET_AUTH_DELAY_MAX, TEXT("15s")));
	calls_be_patient(w->calls, 20 * CLOCK_SECOND);
	clock_set_for_test(clock_wall(), clock_mono());
	for (unsigned i = 0; i < ARRAY_LEN(all->at); i++) {
		struct text remote = arena_printf(&w->arena, "198.18.%u.1", i / 20);

		fail_from(w, all, remote.ptr);
	}
	assert_ok(auth_certificates(
	    w->calls, &(struct auth_certificates_request){ 0 }, &w->arena, &certificates, NULL));
	await_failures(before + (int64_t)all->count);
	clock_set_for_test(-1, -1);
	abandon(all);
}

/* The directory knows an account by any of its spellings, and gives one salt
 * for them: so must it be for one that does not exist. */
static void
spellings_tell_nothing(void **state)
{
	struct world *w = *state;
	struct text salt = salt_of(w, "nobody@xn--bcher-kva.test");

	assert_true(text_equal(salt, salt_of(w, "nobody@b\xc3\xbc"
						"cher.test")));
	assert_true(text_equal(salt, salt_of(w, "\"no\\body\"@XN--bcher-kva.test")));
	assert_false(text_equal(salt, salt_of(w, "nobody2@xn--bcher-kva.test")));
}

/* Who spells an account in a new way each time is slowed down all the same. */
static void
spellings_count_as_one(void **state)
{
	struct world *w = *state;
	struct text key = prep_user(TEXT("alice@demo.test"), &w->arena);
	struct auth_start_reply r;

	start(w, "PLAIN", TEXT("\0\"al\\ice\"@demo.test\0wrong"), AUTH_MAY_PLAIN, &r);
	start(w, "PLAIN", TEXT("\0ALICE@demo.test\0wrong"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(
	    limits_delay(w->auth->limits, text_hash_ci(key) | 1, CLOCK_MINUTE), 2 * CLOCK_SECOND);
}

/* Who has the key of a ticket can read the connection that it began (TLS 1.2):
 * a role that fell must not read those of another. */
static void
each_role_has_tickets_of_its_own(void **state)
{
	const struct auth_certificates_request q = { 0 };
	struct auth_certificates_reply access, again, mx;
	struct call_server_config server = { .threads = 1 };
	struct world *w = *state;
	struct call_pair *pair;
	struct calls *calls;

	auth_serve(w->auth, &server);
	pair = call_pair_new(ROLE_MX, &server, ROLE_AUTH, &calls);
	assert_ok(auth_certificates(w->calls, &q, &w->arena, &access, NULL));
	assert_ok(auth_certificates(w->calls, &q, &w->arena, &again, NULL));
	assert_ok(auth_certificates(calls, &q, &w->arena, &mx, NULL));
	assert_int_equal(access.ticket_key.len, 80);
	assert_int_equal(mx.ticket_key.len, 80);
	assert_true(text_equal(access.ticket_key, again.ticket_key));
	for (size_t i = 0; i < 80; i += 16)
		assert_false(text_equal(
		    text_part(access.ticket_key, i, i + 16), text_part(mx.ticket_key, i, i + 16)));
	call_pair_free(pair);
}

static void
the_table_is_kept(void **state)
{
	call_permissions_hold(auth_call_list, auth_call_count, ROLE_AUTH);
}

/* ---- many at once ---- */

struct guess {
	struct world *w;
	unsigned number;
	pthread_t thread;
};

static _Atomic unsigned guesses_answered;

static void *
guess(void *arg)
{
	struct guess *g = arg;
	struct arena a = ARENA_INIT;
	struct auth_start_request q = {
		.mechanism = TEXT("PLAIN"),
		.has_initial = true,
		.service = TEXT("imap"),
		.flags = AUTH_MAY_PLAIN,
	};
	struct auth_start_reply r;

	q.initial = arena_printf(&a, "%cnobody%u@demo.test%cguess", 0, g->number, 0);
	q.remote = arena_printf(&a, "198.51.100.%u", g->number);
	assert_ok(auth_start(g->w->calls, &q, &a, &r, NULL));
	assert_int_equal(r.state, AUTH_NO);
	guesses_answered++;
	arena_done(&a);
	return NULL;
}

/* Who guesses passwords, from however many addresses, keeps nobody from a TLS
 * handshake or from a sign-in that needs no Argon2id. */
static void
guesses_hold_up_nobody(void **state)
{
	struct world *w = *state;
	unsigned count = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) * 8 + 32;
	struct guess *guesses = ARENA_ARRAY(&w->arena, struct guess, count);
	struct auth_certificates_reply certificates;
	struct auth_start_reply r;
	struct pool_facts facts;

	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	for (unsigned i = 0; i < count; i++) {
		guesses[i] = (struct guess){ .w = w, .number = i };
		assert_int_equal(pthread_create(&guesses[i].thread, NULL, guess, &guesses[i]), 0);
	}
	do {
		(void)poll(NULL, 0, 1);
		pool_facts_of(w->auth->hashers, &facts);
	} while (facts.queued < count / 2 && guesses_answered < count / 2);
	assert_ok(auth_certificates(
	    w->calls, &(struct auth_certificates_request){ 0 }, &w->arena, &certificates, NULL));
	start(w, "PLAIN", TEXT("\0alice@demo.test\0secret"), AUTH_MAY_PLAIN, &r);
	assert_int_equal(r.state, AUTH_DONE);
	start(w, "SCRAM-SHA-256", TEXT("n,,n=alice@demo.test,r=nonce"), 0, &r);
	assert_int_equal(r.state, AUTH_MORE);
	assert_true(guesses_answered < count - 10);
	for (unsigned i = 0; i < count; i++)
		(void)pthread_join(guesses[i].thread, NULL);
	assert_int_equal(guesses_answered, count);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_gives_a_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_right_password_is_remembered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals_tell_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_may_not_send_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(plain_text_needs_leave, set_up, tear_down),
		cmocka_unit_test_setup_teardown(login_takes_three_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_old_verifier_is_made_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scram_from_end_to_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(made_up_salts_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(guesses_hold_up_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(work_tells_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(time_tells_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(delays_cannot_be_had_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(late_answers_hold_up_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(spellings_tell_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(spellings_count_as_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    each_role_has_tickets_of_its_own, set_up, tear_down),
		cmocka_unit_test(the_table_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
