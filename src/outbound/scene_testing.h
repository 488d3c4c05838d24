/* SPDX-License-Identifier: ISC */
/*
 * The scene of most tests of outbound: a house, two servers, and domains that
 * lead to them. For *_test.c files only.
 */
#ifndef OUTBOUND_SCENE_TESTING_H
#define OUTBOUND_SCENE_TESTING_H

#include "outbound/house_testing.h"

#define MX 15
#define A 1
#define ADDRESS(last)              \
	{                          \
		"\x7f\0\0" last, 4 \
	}

static const struct script_record scene_records[] = {
	{ "one.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test") },
	{ "mx.one.test", A, .rdata = ADDRESS("\x0b") },
	{ "other.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\5other\4test") },
	{ "mx.other.test", A, .rdata = ADDRESS("\x0c") },
	{ "two.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test") },
	{ "two.test", MX, .rdata = SCRIPT_MX("\24", "\2mx\5other\4test") },
	{ "null.test", MX, .rdata = SCRIPT_MX("\0", "") },
	{ "broken.test", 0, .outcome = LOOKUP_TEMPORARY },
};

struct scene {
	struct rig *rig;
	struct sink one, other; /* 127.0.0.11, 127.0.0.12 */
};

UNUSED static int
setup(void **state)
{
	struct scene *s = MEM_NEW(struct scene);

	s->rig = rig_new(scene_records, ARRAY_LEN(scene_records), NULL);
	*state = s;
	return 0;
}

/* The servers as the test has described them. */
UNUSED static void
begin(struct scene *s)
{
	sink_start(&s->one, "127.0.0.11", 0);
	sink_start(&s->other, "127.0.0.12", s->one.port);
	rig_port(s->one.port);
	rig_outbound(s->rig);
}

UNUSED static int
teardown(void **state)
{
	struct scene *s = *state;

	if (!s->rig->stopped)
		rig_stop(s->rig, CLOCK_MINUTE);
	sink_end(&s->one);
	sink_end(&s->other);
	rig_free(s->rig);
	mem_free(s);
	return 0;
}

UNUSED static enum outgoing_state
state_of(struct scene *s, uint64_t message, uint32_t number)
{
	return rig_recipient(s->rig, message, 0, number).state;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
