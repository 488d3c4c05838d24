/* SPDX-License-Identifier: ISC */
/*
 * Questions before an account sends, or a client of a network that may (RFC 6409
 * 6): may it write under a name, can a recipient be reached. Who is elsewhere can be said of nobody
 * here; only that the address is one.
 */
#include "store/submission.h"

#include "codec/date.h"
#include "runtime/network.h"
#include "runtime/settings.h"
#include "store/reach.h"
#include "store/serve.h"
#include "store/suppression.h"

/* The front is believed whose address it is, not that it may send. */
static enum status
network_of(struct text address, struct arena *a, struct submitter *out, struct failure *f)
{
	char networks[NETWORK_LIST_MAX + 1];
	struct sockaddr_storage sa;
	struct text which;

	setting_text(SET_SUBMISSION_RELAY_NETWORKS, networks, sizeof(networks));
	if (network_address(address, &sa) != STATUS_OK ||
	    !network_list_has(text_of(networks), &sa, &which))
		return fail(f, STATUS_DENIED, "You may not send mail without signing in.",
		    "%.*s: in no network that may", TEXT_ARG(address));
	*out = (struct submitter){ .address = address, .network = arena_copy(a, which) };
	return STATUS_OK;
}

static enum status
signed_in(struct store *s, struct call_in *in, struct text token, struct submitter *out,
    struct failure *f)
{
	struct token t;
	struct account *account;
	bool good;
	enum status how = serve_token(s, token, SCOPE_SEND, &t, f);

	if (how != STATUS_OK)
		return how;
	if (serve_steps_aside(s, t.account, in))
		return STATUS_AGAIN;
	account = account_get(s, t.account);
	how = owner_wait_loaded(&account->owner);
	pthread_mutex_lock(&account->owner.lock);
	good = account->owner.loaded && !account->missing && !account->facts.suspended &&
	       account->facts.generation == t.generation;
	if (good)
		*out = (struct submitter){ .account = t.account,
			.address = arena_copy(call_arena(in), account->facts.address) };
	pthread_mutex_unlock(&account->owner.lock);
	account_put(account);
	if (how != STATUS_OK && how != STATUS_NOT_FOUND)
		return fail(f, STATUS_UNAVAILABLE, "The server cannot read now; try again later.",
		    "account %llu: %s", (unsigned long long)t.account, status_word(how));
	if (!good)
		return fail(f, STATUS_DENIED, "Please sign in again.",
		    "account %llu: token outdated", (unsigned long long)t.account);
	return STATUS_OK;
}

enum status
submitter_of(struct store *s, struct call_in *in, struct text token, struct text network,
    struct submitter *out, struct failure *f)
{
	if (token.len > 0 && network.len > 0)
		return fail(f, STATUS_DENIED, "Please sign in again.", "a token and a network");
	if (network.len > 0)
		return network_of(network, call_arena(in), out, f);
	return signed_in(s, in, token, out, f);
}

/* A printer writes as an address that nobody has; its domain must be ours. */
static bool
is_of_this_site(struct store *s, struct text address, struct arena *a)
{
	struct text spelling, domain;

	return address_elsewhere(address, a, &spelling, &domain) == STATUS_OK &&
	       directory_has_domain(s, domain);
}

static enum status
names(struct store *s, const struct submitter *who, struct text address, struct arena *a, bool *yes)
{
	if (who->network.len == 0)
		return directory_names(s, address, who->account, a, yes);
	*yes = is_of_this_site(s, address, a);
	return STATUS_OK;
}

enum status
submitter_may_write(struct store *s, const struct submitter *who, struct text address,
    struct arena *a, enum submission_verdict *verdict, struct text *words)
{
	bool yes = address.len == 0;
	enum status how = yes ? STATUS_OK : names(s, who, address, a, &yes);

	*verdict = yes ? SUBMISSION_OK : SUBMISSION_NOT_YOURS;
	*words = TEXT_EMPTY;
	if (!yes && who->network.len > 0)
		*words = arena_printf(a,
		    "Who has not signed in may write as addresses of this "
		    "site alone, not as %.*s.",
		    TEXT_ARG(address));
	else if (!yes)
		*words = arena_printf(a, "You are signed in as %.*s and may not write as %.*s.",
		    TEXT_ARG(who->address), TEXT_ARG(address));
	return how;
}

static void
refuse(struct call_in *in, enum status how, const struct failure *f)
{
	if (f->client[0] != 0)
		call_fail(in, how, f);
	else
		call_refuse(in, STATUS_UNAVAILABLE, "The directory cannot be read now.",
		    "submission: %s", status_word(how));
}

static enum status
may_begin(struct store *s, const struct submitter *who, struct arena *a,
    struct submission_sender_reply *reply)
{
	struct sending_who sends = submitter_sends(who);
	struct sending_answer answer;
	enum status how = sending_may_begin(s, &sends, a, &answer);

	if (how == STATUS_OK) {
		reply->verdict = answer.verdict;
		reply->words = answer.words;
		reply->calm = answer.calm && who->account != 0;
	}
	return how;
}

void
serve_submission_sender(struct call_in *in, const void *request, void *context)
{
	const struct submission_sender_request *r = request;
	struct submission_sender_reply reply = { .none_ = 0 };
	enum submission_verdict verdict = SUBMISSION_OK;
	struct failure f = { .client = "" };
	struct submitter who = { .account = 0 };
	enum status how = submitter_of(context, in, r->token, r->network, &who, &f);

	if (how == STATUS_AGAIN)
		return;
	if (how == STATUS_OK)
		how = submitter_may_write(
		    context, &who, r->address, call_arena(in), &verdict, &reply.words);
	reply.verdict = verdict;
	if (how == STATUS_OK && verdict == SUBMISSION_OK)
		how = may_begin(context, &who, call_arena(in), &reply);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		refuse(in, how, &f);
}

/* ---- RCPT ---- */

static void
is_elsewhere(
    struct store *s, struct call_in *in, struct text address, struct submission_rcpt_reply *reply)
{
	struct text domain;
	struct suppressed x;

	if (address_elsewhere(address, call_arena(in), &reply->canonical, &domain) != STATUS_OK) {
		reply->verdict = SUBMISSION_BAD_ADDRESS;
		reply->words = TEXT("This is not a mail address.");
	} else if (suppression_find(s, address, call_arena(in), &x) == STATUS_OK) {
		reply->verdict = SUBMISSION_SUPPRESSED;
		reply->words = suppression_words(&x, "", reply->canonical, call_arena(in));
	} else {
		reply->calm = !suppression_has_domain(s, domain);
	}
}

/* What reach_room() found. */
static void
is_ours(const struct reach *to, struct submission_rcpt_reply *reply)
{
	reply->local = 1;
	reply->canonical = to->to[0].canonical;
	if (to->verdict[0] == STATUS_QUOTA) {
		reply->verdict = SUBMISSION_FULL;
		reply->words = TEXT("The mailbox of this recipient is full.");
	} else if (to->verdict[0] == STATUS_UNAVAILABLE) {
		reply->verdict = SUBMISSION_SUSPENDED;
		reply->words = TEXT("The account of this recipient is suspended.");
	} else if (to->verdict[0] == STATUS_NOT_FOUND) {
		reply->verdict = SUBMISSION_NO_SUCH_USER;
		reply->words = TEXT("There is no such address here.");
	}
}

static bool
is_address(struct text address, struct arena *a)
{
	struct address_key k;

	return text_equal_ci(address, TEXT("postmaster")) ||
	       address_key(address, a, &k) == STATUS_OK;
}

static enum status
may_address(struct store *s, const struct submitter *who, const struct submission_rcpt_request *r,
    struct arena *a, struct submission_rcpt_reply *reply)
{
	struct sending_who sends = submitter_sends(who);
	struct sending_answer answer;
	enum status how = sending_may_address(s, &sends, reply->canonical, r->before, a, &answer);

	if (how == STATUS_OK) {
		reply->verdict = answer.verdict;
		reply->words = answer.words;
	}
	return how;
}

void
serve_submission_rcpt(struct call_in *in, const void *request, void *context)
{
	const struct submission_rcpt_request *r = request;
	struct submission_rcpt_reply reply = { .verdict = SUBMISSION_OK };
	struct texts one = { (struct text *)(uintptr_t)&r->address, 1 };
	struct reach to = {
		.store = context, .arena = call_arena(in), .recipients = &one, .size = r->size
	};
	struct failure f = { .client = "" };
	struct submitter who = { .account = 0 };
	enum status how = submitter_of(context, in, r->token, r->network, &who, &f);

	if (how == STATUS_AGAIN)
		return;
	if (how == STATUS_OK) {
		reach_all(&to);
		if (to.count > 0 && call_step_aside(in)) { /* accounts may have to be loaded */
			reach_done(&to);
			return;
		}
		how = reach_room(&to);
	}
	if (how == STATUS_OK && to.unsure)
		how = STATUS_UNAVAILABLE;
	reach_done(&to);
	if (how != STATUS_OK) {
		refuse(in, how, &f);
		return;
	}
	if (to.verdict[0] == STATUS_DENIED || !is_address(r->address, call_arena(in)))
		is_elsewhere(context, in, r->address, &reply);
	else
		is_ours(&to, &reply);
	if (reply.verdict == SUBMISSION_OK)
		how = may_address(context, &who, r, call_arena(in), &reply);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		refuse(in, how, &f);
}
