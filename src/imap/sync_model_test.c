/* SPDX-License-Identifier: ISC */
/*
 * Clients that do what RFC 7162 6 says, and nothing more: each keeps a list of
 * UIDs with flags and one modseq, goes away at any moment, and comes back by
 * QRESYNC with what it kept. Whatever the others did meanwhile, its list must
 * then be what the mailbox holds. Deterministic by seed.
 */
#include "imap/sync_testing.h"

#define CLIENTS 5
#define MESSAGES_MAX 4000

enum { SEEN = 1, ANSWERED = 2, FLAGGED = 4, DELETED = 8, DRAFT = 16, WORK = 32 };
static const char *const flag_names[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted",
	"\\Draft", "$Work" };

struct client {
	struct talk t;
	bool there;
	uint32_t uids[MESSAGES_MAX]; /* by number; 0: not asked for yet */
	unsigned flags[MESSAGES_MAX];
	unsigned count;
	uint64_t kept;	/* HIGHESTMODSEQ, as RFC 7162 6 has it */
	uint64_t shown; /* by MODSEQ, since the last tagged reply */
	uint64_t said;	/* by the response code, since then */
	/* of the silent STORE in hand */
	char sign;
	unsigned stored;
};

static uint64_t state_of_chance;
static uint32_t uidvalidity;
static struct talk truth;

static unsigned
chance(unsigned n)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return (unsigned)(state_of_chance >> 33) % n;
}

/* ---- what a client understands ---- */

static unsigned
flags_of(const char *list)
{
	char all[300];
	const char *end = strchr(list, ')');
	unsigned flags = 0;

	assert_non_null(end);
	(void)snprintf(all, sizeof(all), "%.*s", (int)(end - list), list);
	for (unsigned i = 0; i < ARRAY_LEN(flag_names); i++)
		if (strstr(all, flag_names[i]) != NULL)
			flags |= 1u << i;
	return flags;
}

static void
lose(struct client *c, unsigned at)
{
	assert_true(at < c->count);
	memmove(&c->uids[at], &c->uids[at + 1], (c->count - at - 1) * sizeof(c->uids[0]));
	memmove(&c->flags[at], &c->flags[at + 1], (c->count - at - 1) * sizeof(c->flags[0]));
	c->count--;
}

static int
find(const struct client *c, uint32_t uid)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->uids[i] == uid)
			return (int)i;
	return -1;
}

/* "3:5,7"; without EARLIER each is one that the client counts. */
static void
vanished(struct client *c, const char *set, bool earlier)
{
	while (*set >= '0' && *set <= '9') {
		uint32_t first = (uint32_t)strtoul(set, (char **)&set, 10), last = first;

		if (*set == ':')
			last = (uint32_t)strtoul(set + 1, (char **)&set, 10);
		for (uint32_t uid = first; uid <= last; uid++) {
			int at = find(c, uid);

			if (at < 0 && !earlier) /* announced, and its UID not asked for */
				at = find(c, 0);
			if (at < 0 && !earlier)
				fail_msg("VANISHED %u that was never announced", uid);
			if (at >= 0)
				lose(c, (unsigned)at);
		}
		if (*set == ',')
			set++;
	}
}

static void
fetched(struct client *c, unsigned number, const char *line)
{
	const char *uid = strstr(line, "UID "), *flags = strstr(line, "FLAGS (");
	const char *modseq = strstr(line, "MODSEQ (");
	unsigned at = number - 1;

	if (number < 1 || number > c->count)
		fail_msg("FETCH of number %u of %u", number, c->count);
	if (uid != NULL) {
		uint32_t n = (uint32_t)strtoul(uid + 4, NULL, 10);

		if (c->uids[at] != 0 && c->uids[at] != n)
			fail_msg("number %u is UID %u, was %u", number, n, c->uids[at]);
		c->uids[at] = n;
	}
	if (flags != NULL)
		c->flags[at] = flags_of(flags + 7);
	else if (c->sign == '+')
		c->flags[at] |= c->stored;
	else if (c->sign == '-')
		c->flags[at] &= ~c->stored;
	else if (c->sign == '=')
		c->flags[at] = c->stored;
	if (modseq != NULL && strtoull(modseq + 8, NULL, 10) > c->shown)
		c->shown = strtoull(modseq + 8, NULL, 10);
}

static void
take_line(struct client *c, const char *line)
{
	const char *code = strstr(line, "[HIGHESTMODSEQ ");
	unsigned number;
	char verb[20];

	if (code != NULL)
		c->said = strtoull(code + 15, NULL, 10);
	if (strncmp(line, "* VANISHED (EARLIER) ", 21) == 0) {
		vanished(c, line + 21, true);
	} else if (strncmp(line, "* VANISHED ", 11) == 0) {
		vanished(c, line + 11, false);
	} else if (sscanf(line, "* %u %19s", &number, verb) == 2) {
		if (strcmp(verb, "FETCH") == 0) {
			fetched(c, number, line);
		} else if (strcmp(verb, "EXISTS") == 0) {
			assert_true(number >= c->count && number < MESSAGES_MAX);
			for (; c->count < number; c->count++) {
				c->uids[c->count] = 0;
				c->flags[c->count] = 0;
			}
		} else {
			fail_msg("%s", line);
		}
	} else if (strncmp(line, "t ", 2) == 0) {
		assert_true(strncmp(line, "t OK", 4) == 0 || strncmp(line, "t NO", 4) == 0);
		if (c->said != 0)
			c->kept = c->said;
		else if (c->shown > c->kept)
			c->kept = c->shown;
		c->said = c->shown = 0;
	}
}

static void
take(struct client *c, const char *got)
{
	while (*got != '\0') {
		const char *end = strstr(got, "\r\n");
		char line[20000];

		assert_non_null(end);
		if (end - got > 3 && strncmp(end - 3, "{1}", 3) == 0)
			end = strstr(end + 2, "\r\n"); /* a literal within the line */
		assert_non_null(end);
		assert_true((size_t)(end - got) < sizeof(line));
		memcpy(line, got, (size_t)(end - got));
		line[end - got] = '\0';
		take_line(c, line);
		got = end + 2;
	}
}

static void say(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void
say(struct client *c, const char *fmt, ...)
{
	struct buffer b = BUFFER_INIT;
	va_list ap;

	va_start(ap, fmt);
	buffer_addv(&b, fmt, ap);
	va_end(ap);
	take(c, talk_say(&c->t, buffer_string(&b)));
	buffer_done(&b);
}

/* ---- coming, and coming back ---- */

/* In the order of numbers, which is that of UIDs, all are known. */
static bool
knows_all(const struct client *c)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->uids[i] == 0)
			return false;
	return true;
}

static void
learn_new(struct client *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (c->uids[i] == 0) {
			say(c, "t FETCH %u:%u (UID FLAGS%s)\r\n", i + 1, c->count,
			    chance(2) == 0 ? " MODSEQ" : "");
			return;
		}
	}
}

/* What it kept, less what it never asked for. */
static void
forget_unknown(struct client *c)
{
	for (unsigned i = c->count; i-- > 0;)
		if (c->uids[i] == 0)
			lose(c, i);
}

static void
known(struct client *c, struct buffer *b)
{
	struct runs r = RUNS_INIT;

	for (unsigned i = 0; i < c->count; i++)
		runs_add(&r, c->uids[i], c->uids[i]);
	runs_print(b, &r);
	runs_done(&r);
}

/* SELECT, of which EXISTS comes before VANISHED: the client takes them the
 * other way round. */
static void
resynchronise(struct client *c)
{
	struct buffer b = BUFFER_INIT, got = BUFFER_INIT;
	uint32_t next = c->count > 0 ? c->uids[c->count - 1] + 1 : 1;
	const char *p;

	buffer_addf(
	    &b, "t SELECT Model (QRESYNC (%u %llu", uidvalidity, (unsigned long long)c->kept);
	if (c->count > 0 && chance(2) == 0) {
		buffer_add_byte(&b, ' ');
		known(c, &b);
	}
	if (c->count > 0 && chance(2) == 0) {
		unsigned at = chance(c->count);

		buffer_addf(&b, " (%u %u)", at + 1, c->uids[at]);
	}
	buffer_add_string(&b, "))\r\n");
	buffer_add_string(&got, talk_say(&c->t, buffer_string(&b)));
	for (p = buffer_string(&got); (p = strstr(p, "* VANISHED (EARLIER) ")) != NULL; p++)
		vanished(c, p + 21, true);
	take(c, buffer_string(&got));
	say(c, "t UID FETCH %u:* (FLAGS)\r\n", next);
	if (!knows_all(c))
		fail_msg("not all are known after\n%s", buffer_string(&got));
	buffer_done(&b);
	buffer_done(&got);
}

static void
come(struct client *c)
{
	sign_in(&c->t);
	HAS(&c->t, "e ENABLE QRESYNC IMAP4rev2\r\n", "e OK");
	c->there = true;
	forget_unknown(c);
	c->said = c->shown = 0;
	if (c->kept == 0) {
		say(c, "t SELECT Model\r\n");
		learn_new(c);
	} else {
		resynchronise(c);
	}
}

static void
go(struct client *c)
{
	talk_end(&c->t);
	c->there = false;
}

/* ---- what they do ---- */

static void
silent_store(struct client *c, const char *which, unsigned flag)
{
	static const char signs[] = "+-=";
	char sign = signs[chance(3)];

	c->sign = sign;
	c->stored = 1u << flag;
	say(c, "t %s %sFLAGS.SILENT (%s)\r\n", which,
	    sign == '+'	  ? "+"
	    : sign == '-' ? "-"
			  : "",
	    flag_names[flag]);
	c->sign = '\0';
}

static void
act(struct client *c)
{
	unsigned a = 1 + chance(c->count), b = a + chance(4), flag = chance(ARRAY_LEN(flag_names));
	uint32_t uid = c->uids[a - 1];
	char which[100];

	b = b > c->count ? c->count : b;
	switch (chance(14)) {
	case 0:
		say(c, "t NOOP\r\n");
		break;
	case 1:
		say(c, "t STORE %u:%u +FLAGS (%s)\r\n", a, b, flag_names[flag]);
		break;
	case 2:
		say(c, "t UID STORE %u:%u -FLAGS (%s)\r\n", uid, uid + chance(5), flag_names[flag]);
		break;
	case 3:
		(void)snprintf(which, sizeof(which), "STORE %u:%u", a, b);
		silent_store(c, which, flag);
		break;
	case 4:
		(void)snprintf(which, sizeof(which), "STORE %u:%u (UNCHANGEDSINCE %llu)", a, b,
		    (unsigned long long)c->kept + chance(8) - 4);
		silent_store(c, which, flag);
		break;
	case 5:
		say(c, "t STORE %u:%u +FLAGS.SILENT (\\Deleted)\r\nt NOOP\r\n", a, a);
		say(c, "t UID FETCH 1:* (FLAGS)\r\n");
		break;
	case 6:
		say(c, "t EXPUNGE\r\n");
		break;
	case 7:
		say(c, "t UID EXPUNGE %u:%u\r\n", uid, uid + 10);
		break;
	case 8:
		say(c, "t UID COPY %u:%u Model\r\n", uid, uid + chance(3));
		break;
	case 9:
		say(c, "t FETCH %u:%u (FLAGS MODSEQ)\r\n", a, b);
		break;
	case 10:
		say(c, "t UID FETCH 1:* (FLAGS) (CHANGEDSINCE %llu)\r\n",
		    (unsigned long long)c->kept);
		break;
	case 11:
		(void)talk_say(&c->t, "t SEARCH RETURN (COUNT) MODSEQ 1\r\n");
		take(c, strstr(buffer_string(&c->t.out), "\r\n") + 2);
		break;
	case 12:
		say(c, "t UID FETCH %u (BODY[]<0.1>)\r\n", uid);
		break;
	default:
		(void)talk_say(&c->t, "t UID MOVE 1:3 Elsewhere\r\n");
		take(c, buffer_string(&c->t.out));
		break;
	}
}

/* ---- what must hold ---- */

static void
check(struct client *c)
{
	static struct client now;

	now.count = 0;
	take(&now, talk_say(&truth, "t EXAMINE Model\r\n"));
	take(&now, talk_say(&truth, "t UID FETCH 1:* (FLAGS)\r\n"));
	assert_int_equal(c->count, now.count);
	for (unsigned i = 0; i < now.count; i++) {
		assert_int_equal(c->uids[i], now.uids[i]);
		if (c->flags[i] != now.flags[i])
			fail_msg("UID %u has flags %x, the client thinks %x", now.uids[i],
			    now.flags[i], c->flags[i]);
	}
}

static void
step(struct client *c)
{
	if (!c->there) {
		come(c);
		check(c);
		return;
	}
	switch (chance(12)) {
	case 0:
		go(c);
		break;
	case 1:
		append_to(&truth, "Model", chance(2) ? "" : "(\\Deleted) ", MAIL_B);
		say(c, "t NOOP\r\n");
		if (chance(2) == 0) { /* it knows the new one, and no modseq of it */
			learn_new(c);
			go(c);
		}
		break;
	case 2:
		HAS(&c->t, "t IDLE\r\n", "+ idling\r\n");
		take(c, strstr(buffer_string(&c->t.out), "\r\n") + 2);
		append_to(&truth, "Model", "", MAIL_B);
		take(c, talk_run(&c->t, TEXT_EMPTY, WAKE_EVENT));
		if (chance(4) == 0)
			go(c);
		else
			say(c, "DONE\r\n");
		break;
	case 3:
		say(c, "t NOOP\r\n");
		if (!knows_all(c))
			learn_new(c);
		say(c, "t NOOP\r\n");
		if (knows_all(c))
			check(c);
		break;
	default:
		if (!knows_all(c))
			learn_new(c);
		else if (c->count > 0)
			act(c);
		break;
	}
}

static void
trim(const char *keep)
{
	struct arena a = ARENA_INIT;
	const struct store_setting_set_request set = { .name = TEXT("store.log_keep"),
		.value = text_of(keep) };
	struct store_setting_set_reply none;

	assert_ok(store_setting_set(house.admin, &set, &a, &none, NULL));
	arena_done(&a);
}

static void
run(uint64_t seed, unsigned steps)
{
	struct arena a = ARENA_INIT;
	struct client *clients = ARENA_ARRAY(&a, struct client, CLIENTS);

	state_of_chance = seed * 0x9e3779b97f4a7c15u + 1;
	for (unsigned i = 0; i < steps; i++)
		step(&clients[chance(CLIENTS)]);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].there)
			go(&clients[i]);
	arena_done(&a);
}

/* House and truth are those of the group, so that modseqs grow on. */
static void
nobody_misses_anything(void **state)
{
	const char *more = getenv("SYNC_MODEL_STEPS");
	unsigned steps = more != NULL ? (unsigned)strtoul(more, NULL, 10) : 500;

	sign_in(&truth);
	HAS(&truth, "t ENABLE IMAP4rev2\r\n", "t OK");
	HAS(&truth, "t CREATE Model\r\n", "t OK");
	HAS(&truth, "t CREATE Elsewhere\r\n", "t OK");
	for (int i = 0; i < 10; i++)
		append_to(&truth, "Model", "", MAIL_A);
	uidvalidity =
	    (uint32_t)number_behind(talk_say(&truth, "t EXAMINE Model\r\n"), "[UIDVALIDITY ");
	for (uint64_t seed = 1; seed <= 6; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		trim(seed % 2 == 0 ? "100" : "");
		run(seed, steps);
	}
	trim("");
	talk_end(&truth);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_misses_anything),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
