/* SPDX-License-Identifier: ISC */
/* mailstead account: add, list, show, passwd, suspend, resume, quota, forward, remove.
 * Adding from a file is in cmd_account_batch.c, forwards are in
 * cmd_account_forward.c, sending is in cmd_account_sending.c. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/calls.h"
#include "base/random.h"
#include "codec/date.h"
#include "command/account.h"
#include "runtime/settings.h"
#include "store/calls.h"

#define PASSWORD_MAX 1024

/* One line of standard input, without its end; asked for at a terminal. */
static int
read_password(struct buffer *out)
{
	char line[PASSWORD_MAX + 2];

	if (isatty(STDIN_FILENO))
		fputs("Password: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return refused("no password on standard input");
	line[strcspn(line, "\r\n")] = '\0';
	buffer_add_string(out, line);
	secret_wipe(line, sizeof(line));
	return out->len > 0 ? EXIT_DONE : refused("the password is empty");
}

enum status
account_verifier(struct calls *calls, struct text password, struct text hash, struct arena *a,
    struct auth_verifier_reply *out, struct failure *f)
{
	struct auth_verifier_request q = { .password = password, .hash = hash };

	return auth_verifier(calls, &q, a, out, f);
}

static int
verifier_of_options(struct instance *i, const struct options *o, struct auth_verifier_reply *out)
{
	struct buffer password = BUFFER_INIT;
	int code = EXIT_DONE;
	enum status s;

	if (o->hash == NULL)
		code = read_password(&password);
	if (code == EXIT_DONE) {
		s = account_verifier(i->calls, buffer_text(&password), text_of(o->hash), &i->arena,
		    out, &i->failure);
		if (s != STATUS_OK)
			code = refused_by(s, &i->failure);
	}
	buffer_done_secret(&password);
	return code;
}

static int
quota_of(const char *word, uint64_t *out)
{
	struct failure f = { 0 };
	int64_t octets = 0;

	if (word != NULL && setting_parse(SET_STORE_QUOTA, text_of(word), &octets, &f) != STATUS_OK)
		return refused("%s", f.client);
	*out = (uint64_t)octets;
	return EXIT_DONE;
}

static int
add(struct instance *i, const struct options *o)
{
	struct store_account_add_request q = { .address = text_of(o->args[1]),
		.admin = o->admin != NULL };
	struct store_account_add_reply r;
	struct auth_verifier_reply v;
	enum status s;
	int code = quota_of(o->quota, &q.quota);

	if (code == EXIT_DONE)
		code = verifier_of_options(i, o, &v);
	if (code != EXIT_DONE)
		return code;
	q.verifier = v.verifier;
	q.has_scram = v.has_scram;
	s = store_account_add(i->calls, &q, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	return output_done(o, "added", o->args[1]);
}

static int
change(struct instance *i, const struct options *o, struct store_account_set_request *q,
    const char *done)
{
	struct store_account_set_reply r;
	enum status s;

	q->address = text_of(o->args[1]);
	s = store_account_set(i->calls, q, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	return output_done(o, done, o->args[1]);
}

static int
passwd(struct instance *i, const struct options *o)
{
	struct store_account_set_request q = { .change = ACCOUNT_VERIFIER };
	struct auth_verifier_reply v;
	int code = verifier_of_options(i, o, &v);

	if (code != EXIT_DONE)
		return code;
	q.verifier = v.verifier;
	q.has_scram = v.has_scram;
	return change(i, o, &q, "password changed for");
}

static int
suspend(struct instance *i, const struct options *o)
{
	struct store_account_set_request q = { .change = ACCOUNT_SUSPENDED, .value = 1 };

	return change(i, o, &q, "suspended");
}

static int
resume(struct instance *i, const struct options *o)
{
	struct store_account_set_request q = { .change = ACCOUNT_SUSPENDED, .value = 0 };
	struct store_account_request who = { .address = text_of(o->args[1]) };
	struct store_account_reply r;
	bool stopped;
	int code = account_unfreeze(i, o, &stopped);
	enum status s;

	if (code != EXIT_DONE)
		return code;
	s = store_account(i->calls, &who, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	/* To lift a suspension ends sessions, which need not be for sending alone. */
	if (stopped && !r.suspended)
		return output_done(o, "resumed", o->args[1]);
	return change(i, o, &q, "resumed");
}

static int
quota(struct instance *i, const struct options *o)
{
	struct store_account_set_request q = { .change = ACCOUNT_QUOTA };
	int code = quota_of(o->args[2], &q.value);

	return code == EXIT_DONE ? change(i, o, &q, "quota set for") : code;
}

static int
drop(struct instance *i, const struct options *o)
{
	struct store_account_remove_request q = { .address = text_of(o->args[1]) };
	struct store_account_remove_reply r;
	enum status s = store_account_remove(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	return output_done(o, "removed", o->args[1]);
}

static void
show_text(struct output *out, const struct store_account_reply *r)
{
	struct buffer *b = &out->text;

	buffer_addf(b, "address    %.*s\n", TEXT_ARG(r->address));
	buffer_addf(b, "state      %s%s\n", r->suspended ? "suspended" : "active",
	    r->admin ? ", admin" : "");
	buffer_addf(b, "messages   %llu in %llu mailboxes\n", (unsigned long long)r->messages,
	    (unsigned long long)r->mailboxes);
	buffer_addf(b, "octets     %llu", (unsigned long long)r->octets);
	if (r->quota > 0)
		buffer_addf(b, " of %llu", (unsigned long long)r->quota);
	buffer_add_string(b, "\n");
	account_forward_text(b, r);
	buffer_addf(b, "SCRAM      %s\ncreated    ",
	    r->has_scram ? "yes" : "no: the password was not seen yet");
	date_print_rfc3339(b, r->created);
	buffer_addf(b, "\nnumber     %llu\n", (unsigned long long)r->account);
}

static void
show_json(struct output *out, const struct store_account_reply *r)
{
	struct json *j = &out->json;
	struct buffer created = BUFFER_INIT;

	date_print_rfc3339(&created, r->created);
	json_object(j);
	json_key(j, "address");
	json_text(j, r->address);
	json_key(j, "suspended");
	json_bool(j, r->suspended);
	json_key(j, "admin");
	json_bool(j, r->admin);
	json_key(j, "messages");
	json_u64(j, r->messages);
	json_key(j, "mailboxes");
	json_u64(j, r->mailboxes);
	json_key(j, "octets");
	json_u64(j, r->octets);
	json_key(j, "quota");
	json_u64(j, r->quota);
	account_forward_json(j, r);
	json_key(j, "scram");
	json_bool(j, r->has_scram);
	json_key(j, "created");
	json_text(j, buffer_text(&created));
	json_key(j, "number");
	json_u64(j, r->account);
	buffer_done(&created);
}

static int
show(struct instance *i, const struct options *o)
{
	struct store_account_request q = { .address = text_of(o->args[1]) };
	struct output out = output_of(o);
	struct store_account_reply r;
	enum status s = store_account(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	out.json = json_to(&out.text);
	if (out.as_json)
		show_json(&out, &r);
	else
		show_text(&out, &r);
	return account_show_sending(i, r.address, &out);
}

static int
list(struct instance *i, const struct options *o)
{
	struct store_accounts_request q = { .domain = text_of(o->args[1]) };
	struct output out = output_of(o);
	struct store_accounts_reply r;
	enum status s;

	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	do {
		s = store_accounts(i->calls, &q, &i->arena, &r, &i->failure);
		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
		}
		for (uint32_t k = 0; k < r.addresses.count && k < r.suspended.count; k++) {
			if (!out.as_json) {
				buffer_addf(&out.text, "%.*s%s\n", TEXT_ARG(r.addresses.at[k]),
				    r.suspended.at[k] ? "\tsuspended" : "");
				continue;
			}
			json_object(&out.json);
			json_key(&out.json, "address");
			json_text(&out.json, r.addresses.at[k]);
			json_key(&out.json, "suspended");
			json_bool(&out.json, r.suspended.at[k] != 0);
			json_object_end(&out.json);
		}
		q.after = r.resume;
	} while (r.resume.len > 0);
	if (out.as_json)
		json_array_end(&out.json);
	return output_write(&out);
}

#define SECRET (OPT(PASSWORD_STDIN) | OPT(HASH))

static const struct verb verbs[] = {
	{ "add", 0, 0, OPT(BATCH), account_add_batch },
	{ "add", 1, 1, SECRET, add },
	{ "list", 0, 1, 0, list },
	{ "show", 1, 1, 0, show },
	{ "passwd", 1, 1, SECRET, passwd },
	{ "suspend", 1, 1, 0, suspend },
	{ "resume", 1, 1, 0, resume },
	{ "freeze", 1, 1, 0, account_freeze },
	{ "limit", 3, 3, 0, account_limit },
	{ "quota", 2, 2, 0, quota },
	{ "forward", 2, INT_MAX, 0, account_forward },
	{ "forward", 1, 1, OPT(OFF), account_forward_off },
	{ "remove", 1, 1, 0, drop },
};

int
command_account(const struct command *c, const struct options *o)
{
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
