/* SPDX-License-Identifier: ISC */
/*
 * A store with a queue, a lookup that answers from a script, and an outbound
 * between them. For *_test.c files only.
 */
#ifndef OUTBOUND_HOUSE_TESTING_H
#define OUTBOUND_HOUSE_TESTING_H

#include "lookup/lookup_testing.h"
#include "outbound/outbound.h"
#include "outbound/sink_testing.h"
#include "runtime/settings.h"
#include "store/outgoing.h"
#include "store/queue.h"
#include "store/store_test_helper.h"

struct rig {
	struct world *w;
	struct script script;
	struct dns_source dns;
	struct https_source https;
	struct lookup *lookup;
	struct tls_trust *trust;
	struct outbound_config config; /* a test may have filled in some of it */
	struct outbound *o;
	bool stopped;
	const char *sender;
	uint64_t needs, body;
	const char *prefix;
	struct parcel p;
};

UNUSED static void
rig_outbound(struct rig *r)
{
	r->config.calls = r->w->outbound;
	r->config.hostname = TEXT("mail.here.test");
	r->config.trust = r->trust;
	r->o = outbound_new(&r->config);
	assert_ok(outbound_start(r->o));
}

/* Records as they are in the script, at the time; trust: owned from here on. */
UNUSED static struct rig *
rig_new(const struct script_record *records, size_t count, struct tls_trust *trust)
{
	struct call_server_config config = { .threads = 2 };
	struct rig *r = MEM_NEW(struct rig);

	r->w = world_new(world_memory());
	r->script.records = records;
	r->script.record_count = count;
	r->dns = script_dns(&r->script);
	r->https = script_https(&r->script);
	r->lookup = lookup_new(&r->dns, &r->https);
	lookup_serve(r->lookup, &config);
	(void)call_pair_add(r->w->pair[4], &config, ROLE_LOOKUP);
	r->trust = trust;
	if (trust == NULL)
		assert_ok(tls_trust_new(TEXT_EMPTY, TEXT_EMPTY, &r->trust, NULL));
	r->sender = "alice@here.test";
	r->prefix = "";
	r->p = world_message(r->w, "m", "out", "");
	assert_ok(setting_apply(SET_OUTBOUND_LOOPBACK, TEXT("on")));
	return r;
}

UNUSED static void
rig_port(uint16_t port)
{
	char word[16];

	(void)snprintf(word, sizeof(word), "%u", port);
	assert_ok(setting_apply(SET_OUTBOUND_PORT, text_of(word)));
}

/* How long it waits for what is under way, when it ends. */
UNUSED static void
rig_stop(struct rig *r, int64_t patience)
{
	assert_true(outbound_stop(r->o, clock_mono() + patience));
	r->stopped = true;
}

UNUSED static void
rig_free(struct rig *r)
{
	if (!r->stopped)
		rig_stop(r, CLOCK_MINUTE);
	world_check(r->w, 0);
	world_free(r->w); /* the feed ends with its link */
	outbound_free(r->o);
	lookup_free(r->lookup);
	tls_trust_free(r->trust);
	mem_free(r);
	assert_ok(setting_apply(SET_OUTBOUND_PORT, TEXT_EMPTY));
}

/* to: addresses, apart by spaces. Gives the message's number. */
UNUSED static uint64_t
rig_submit(struct rig *r, const char *to)
{
	struct text rest = text_of(to), one, address[100], orcpt[100];
	struct submission_commit_reply reply = { .message = 0 };
	uint64_t notify[100] = { 0 };
	uint32_t n = 0;

	while (text_split(&rest, ' ', &one)) {
		address[n] = one;
		orcpt[n++] = TEXT_EMPTY;
	}
	assert_ok(
	    ASK(r->w, intake, submission_commit, &reply, .token = world_writer(r->w, r->sender),
		.op = random_u64(), .id = TEXT("ID1"), .sender = text_of(r->sender),
		.needs = r->needs, .body = r->body, .received = clock_wall() / CLOCK_SECOND,
		.prefix = text_of(r->prefix), .size = r->p.raw.len + strlen(r->prefix),
		.summary = r->p.summary, .recipients = { address, n }, .orcpts = { orcpt, n },
		.notify = { notify, n }, .content = PAYLOAD_OF(r->p.content)));
	return reply.message;
}

/* Until nothing is due. */
UNUSED static void
rig_run(struct rig *r)
{
	outbound_relinked(r->o);
	outbound_settle(r->o);
}

/* What the queue knows of a recipient; state OUTGOING_STATES: nothing any more. */
UNUSED static struct outgoing_recipient
rig_recipient(struct rig *r, uint64_t message, uint32_t first, uint32_t number)
{
	struct outgoing_message m;
	struct outgoing_run run;

	if (outgoing_find(r->w->store, message, &r->w->arena, &m) != STATUS_OK)
		return (struct outgoing_recipient){ .state = OUTGOING_STATES };
	assert_ok(outgoing_find_run(r->w->store, message, first, &m, &r->w->arena, &run));
	assert_true(number < run.count);
	return run.at[number];
}

#define assert_starts(t, words)                                                              \
	do {                                                                                 \
		if (!text_starts((t), text_of(words)))                                       \
			fail_msg("\"%.*s\" does not begin with \"%s\"", TEXT_ARG(t), words); \
	} while (0)

#endif
