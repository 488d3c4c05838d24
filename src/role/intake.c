/* SPDX-License-Identifier: ISC */
/*
 * Role intake: the one path of a message. It holds the messages that are
 * entering, and no files, no keys, and of the store's mail nothing that was
 * not just handed to it.
 */
#include "intake/intake.h"

#include "codec/charset.h"
#include "intake/prepared.h"
#include "intake/sign_keys.h"
#include "role/front.h"
#include "role/roles.h"

struct intake_role {
	const struct role_start *start;
	struct intake intake;
};

static enum status
intake_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct intake_role *r = MEM_NEW(struct intake_role);

	(void)f;
	(void)charset_known(TEXT("iso-8859-1")); /* ICU opens its tables */
	r->start = start;
	*context = r;
	return STATUS_OK;
}

static enum status
intake_role_serve(void *context, struct call_server_config *config, struct failure *f)
{
	struct intake_role *r = context;

	(void)f;
	r->intake.notes = notes_new(r->start->notes);
	r->intake.hostname = r->start->hostname;
	r->intake.keys = sign_keys_new();
	config->threads = r->start->threads;
	intake_serve(&r->intake, config);
	return STATUS_OK;
}

static enum status
intake_begin(void *context, struct calls *calls, struct failure *f)
{
	struct intake_role *r = context;
	enum status s;

	r->intake.calls = calls;
	s = prepared_tend(f);
	return s == STATUS_OK ? front_settings(calls, f) : s;
}

static void
intake_stop(void *context, int64_t deadline)
{
	struct intake_role *r = context;

	(void)deadline;
	prepared_end();
	if (r->intake.notes != NULL)
		notes_free(r->intake.notes);
	if (r->intake.keys != NULL)
		sign_keys_free(r->intake.keys);
	mem_free(r);
}

const struct role_ops role_intake_ops = {
	.role = ROLE_INTAKE,
	.prepare = intake_prepare,
	.serve = intake_role_serve,
	.begin = intake_begin,
	.stop = intake_stop,
};
