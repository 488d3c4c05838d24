/* SPDX-License-Identifier: ISC */
/*
 * From a user's name and what they showed to a verdict. Whether the account
 * exists must not be told by the answer or by its time: an unknown name costs
 * the same Argon2id, and gets a made-up SCRAM salt that is the same each time.
 */
#include "auth/prep.h"
#include "auth/seal.h"
#include "auth/serve.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

static enum verdict
look_up(struct auth *a, struct text user, struct arena *arena, struct auth_account *account,
    struct verifier *v)
{
	struct buffer plain = BUFFER_INIT;
	enum status s;

	s = a->directory.lookup(a->directory.arg, user, arena, account);
	if (s == STATUS_NOT_FOUND || s == STATUS_INVALID)
		return VERDICT_WRONG;
	if (s != STATUS_OK)
		return VERDICT_LATER;
	s = seal_open(key_text(a->verifier_key), account->verifier, &plain);
	if (s == STATUS_OK)
		s = verifier_unpack(buffer_text(&plain), arena, v);
	buffer_done_secret(&plain);
	if (s != STATUS_OK) {
		LOG_ALARM("auth.verifier-unreadable", FIELD_TEXT("account", account->canonical),
		    FIELD_STATUS(s));
		return VERDICT_LATER;
	}
	return VERDICT_RIGHT;
}

/* A verifier from elsewhere, or with yesterday's cost, is made anew now that
 * the password is seen. Failing is harmless: the next sign-in tries again. */
static void
upgrade(
    struct auth *a, const struct auth_account *account, struct text password, struct arena *arena)
{
	struct buffer plain = BUFFER_INIT, sealed = BUFFER_INIT;
	struct verifier fresh;
	enum status s;

	if (verifier_of_password(password, arena, &fresh, NULL) != STATUS_OK)
		return;
	verifier_pack(&fresh, &plain);
	seal_close(key_text(a->verifier_key), buffer_text(&plain), &sealed);
	s = a->directory.upgrade(
	    a->directory.arg, account->account, account->verifier, buffer_text(&sealed), true);
	LOG_INFO(
	    "auth.verifier-upgraded", FIELD_TEXT("account", account->canonical), FIELD_STATUS(s));
	buffer_done_secret(&plain);
	buffer_done(&sealed);
}

enum verdict
verify_password(struct auth *a, struct text user, struct text password, struct arena *arena,
    struct auth_account *account, struct verifier *v, bool *real)
{
	enum verdict verdict = look_up(a, user, arena, account, v);

	if (verdict == VERDICT_LATER)
		return verdict;
	*real = verdict == VERDICT_RIGHT;
	if (!*real || setting(SET_AUTH_REMEMBER) <= 0 ||
	    !remember_knows(
		a->remember, account->account, account->verifier, password, clock_mono()))
		return VERDICT_OPEN;
	metric_add(METRIC_SIGN_INS_REMEMBERED, 1);
	return account->suspended ? VERDICT_SUSPENDED : VERDICT_RIGHT;
}

enum verdict
verify_by_hash(struct auth *a, const struct auth_account *account, const struct verifier *v,
    bool real, struct text password, struct arena *arena)
{
	int64_t remember = setting(SET_AUTH_REMEMBER);

	if (!real) {
		verifier_pretend(password);
		return VERDICT_WRONG;
	}
	if (!verifier_matches(v, password))
		return VERDICT_WRONG;
	if (account->suspended)
		return VERDICT_SUSPENDED;
	if (remember > 0)
		remember_add(a->remember, account->account, account->verifier, password,
		    clock_mono() + remember);
	if (verifier_is_old(v))
		upgrade(a, account, password, arena);
	return VERDICT_RIGHT;
}

static void
made_up(struct auth *a, struct text user, struct arena *arena, struct verifier *out)
{
	uint8_t salt[SCRAM_KEY];

	scram_hmac(a->pretend_key, prep_user(user, arena), salt);
	out->has_scram = true;
	out->iterations = SCRAM_ITERATIONS;
	out->salt = arena_copy(arena, (struct text){ (const char *)salt, 16 });
	random_bytes(out->stored_key, SCRAM_KEY);
	random_bytes(out->server_key, SCRAM_KEY);
}

enum verdict
find_scram(struct auth *a, struct text user, struct arena *arena, struct auth_account *account,
    struct verifier *out, bool *real)
{
	struct verifier v = { 0 };
	enum verdict verdict;

	verdict = look_up(a, user, arena, account, &v);
	if (verdict == VERDICT_LATER)
		return verdict;
	*real = verdict == VERDICT_RIGHT && v.has_scram;
	if (!*real)
		made_up(a, user, arena, &v);
	*out = v;
	return VERDICT_RIGHT;
}
