/* SPDX-License-Identifier: ISC */
/* Random SEARCH commands (RFC 3501 6.4.4, RFC 4731, RFC 5182) and their
 * answers; see testing_random.h. */
#ifndef IMAP_TESTING_RANDOM_SEARCH_H
#define IMAP_TESTING_RANDOM_SEARCH_H

#include "imap/testing_random.h"

/* Words that stand somewhere, in some case of letters, and some that do not. */
static const char *const random_words[] = { "", "needle", "NEEDLE", "minutes", "example",
	"\xc3\xa9", "\xc3\x89mile", "\303\234ber", "gr\xc3\xbcn", "fl\xc3\xbcssen", "caf",
	"no header", "fwd", "inner", "Inner Needle", "one", "alpha", "GAMMA", "zz", "au lait",
	"text of it", "deepest", "bottom", "x-part", "xyzzy", "hidden", "png", "\xc3\xa9t\xc3\xa9",
	"uu is", "coded", "two", "klensin", "a haystack" };

/* Says a word, and gives it folded. */
UNUSED static void
random_word(struct random_talk *r, struct buffer *folded)
{
	const char *word = random_words[random_pick(r, ARRAY_LEN(random_words))];

	if (random_pick(r, 4) == 3)
		buffer_addf(&r->say, " {%zu+}\r\n%s", strlen(word), word);
	else
		buffer_addf(&r->say, " \"%s\"", word);
	naive_fold(TEXT("utf-8"), text_of(word), folded);
}

/* Each kind of key: says it, and tells which messages it finds. */
typedef void (*random_key_fn)(struct random_talk *r, bool *out);

UNUSED static void
random_flag_key(struct random_talk *r, bool *out)
{
	static const struct {
		const char *name;
		uint32_t flag;
		bool has;
	} keys[] = { { "ALL", 0, false }, { "RECENT", 0, false }, { "OLD", 0, true },
		{ "SEEN", FLAG_SEEN, true }, { "UNSEEN", FLAG_SEEN, false },
		{ "NEW", FLAG_SEEN, false }, { "Answered", FLAG_ANSWERED, true },
		{ "UNANSWERED", FLAG_ANSWERED, false }, { "DELETED", FLAG_DELETED, true },
		{ "undeleted", FLAG_DELETED, false }, { "FLAGGED", FLAG_FLAGGED, true },
		{ "UNFLAGGED", FLAG_FLAGGED, false }, { "DRAFT", FLAG_DRAFT, true },
		{ "UNDRAFT", FLAG_DRAFT, false } };
	uint32_t k = random_pick(r, ARRAY_LEN(keys));

	buffer_add_string(&r->say, keys[k].name);
	for (uint32_t i = 0; i < r->count; i++)
		out[i] = ((r->at[i].flags & keys[k].flag) != 0) == keys[k].has;
}

UNUSED static void
random_keyword_key(struct random_talk *r, bool *out)
{
	static const char *const names[] = { "$nobody", "$work", "$HOME" };
	bool un = random_pick(r, 2) == 1;
	uint32_t k = random_pick(r, 3);

	buffer_addf(&r->say, "%sKEYWORD %s", un ? "UN" : "", names[k]);
	for (uint32_t i = 0; i < r->count; i++)
		out[i] = ((r->at[i].mail->keywords & k) != 0) != un;
}

UNUSED static void
random_date_key(struct random_talk *r, bool *out)
{
	static const struct {
		const char *date;
		int64_t day;
	} dates[] = { { "17-Jul-1996", MAIL_DAY(26) + 198 }, { "1-Jan-2020", MAIL_DAY(50) },
		{ "\"31-Dec-2019\"", MAIL_DAY(49) + 364 }, { "03-Mar-2021", MAIL_DAY(51) + 61 },
		{ "4-mar-2021", MAIL_DAY(51) + 62 }, { "29-Feb-2020", MAIL_DAY(50) + 59 } };
	static const char *const names[] = { "BEFORE", "ON", "SINCE" };
	uint32_t d = random_pick(r, ARRAY_LEN(dates)), how = random_pick(r, 3);
	bool sent = random_pick(r, 2) == 1;

	buffer_addf(&r->say, "%s%s %s", sent ? "SENT" : "", names[how], dates[d].date);
	for (uint32_t i = 0; i < r->count; i++) {
		int64_t day = sent ? r->at[i].mail->sent : r->at[i].mail->day;

		out[i] = (!sent || day != 0) && (how == 0      ? day < dates[d].day
						    : how == 1 ? day == dates[d].day
							       : day >= dates[d].day);
	}
}

UNUSED static void
random_size_key(struct random_talk *r, bool *out)
{
	size_t n = r->at[random_pick(r, r->count)].mail->octets.len + random_pick(r, 3) - 1;
	bool larger = random_pick(r, 2) == 1;

	buffer_addf(&r->say, "%s %zu", larger ? "LARGER" : "SMALLER", n);
	for (uint32_t i = 0; i < r->count; i++)
		out[i] = larger ? r->at[i].mail->octets.len > n : r->at[i].mail->octets.len < n;
}

UNUSED static void
random_set_key(struct random_talk *r, bool *out)
{
	bool uid = random_pick(r, 2) == 1;

	buffer_add_string(&r->say, uid ? "UID " : "");
	random_set(r, uid, true, out);
}

UNUSED static void
random_header_key(struct random_talk *r, bool *out)
{
	static const char *const names[] = { "Subject", "From", "To", "Cc", "Bcc", "X-Twice",
		"X-Empty", "Content-Type", "X-None", "message-id" };
	uint32_t k = random_pick(r, 5 + ARRAY_LEN(names));
	const char *name = k < 5 ? names[k] : names[k - 5];
	struct buffer word = BUFFER_INIT;

	buffer_addf(&r->say, "%s%s", k < 5 ? "" : "HEADER ", name);
	random_word(r, &word);
	for (uint32_t i = 0; i < r->count; i++)
		out[i] = naive_in_header(random_root(&r->at[i]).header, name, buffer_text(&word));
	buffer_done(&word);
}

UNUSED static void
random_text_key(struct random_talk *r, bool *out)
{
	bool text = random_pick(r, 2) == 1;
	struct buffer word = BUFFER_INIT;

	buffer_add_string(&r->say, text ? "TEXT" : "BODY");
	random_word(r, &word);
	for (uint32_t i = 0; i < r->count; i++) {
		struct naive root = random_root(&r->at[i]);

		out[i] = word.len == 0 ||
			 (text && naive_in_header(root.header, NULL, buffer_text(&word))) ||
			 naive_in_body(&root, buffer_text(&word), text);
	}
	buffer_done(&word);
}

UNUSED static void random_key(struct random_talk *r, unsigned depth, bool *out);

/* NOT, OR, or several in parentheses. */
UNUSED static void
random_logic_key(struct random_talk *r, unsigned depth, bool *out)
{
	uint32_t how = random_pick(r, 3), n = how == 0 ? 1 : how == 1 ? 2 : 1 + random_pick(r, 3);
	bool one[MAILS];

	buffer_add_string(&r->say, how == 0 ? "NOT" : how == 1 ? "OR" : "(");
	for (uint32_t i = 0; i < r->count; i++)
		out[i] = how == 2;
	for (uint32_t k = 0; k < n; k++) {
		if (how != 2 || k > 0)
			buffer_add_byte(&r->say, ' ');
		random_key(r, depth + 1, one);
		for (uint32_t i = 0; i < r->count; i++)
			out[i] = how == 0   ? !one[i]
				 : how == 1 ? out[i] || one[i]
					    : out[i] && one[i];
	}
	buffer_add_string(&r->say, how == 2 ? ")" : "");
}

UNUSED static void
random_key(struct random_talk *r, unsigned depth, bool *out)
{
	static const random_key_fn keys[] = { random_flag_key, random_flag_key, random_keyword_key,
		random_date_key, random_size_key, random_set_key, random_header_key,
		random_header_key, random_text_key };
	uint32_t k = random_pick(r, ARRAY_LEN(keys) + 3);

	if (k < ARRAY_LEN(keys))
		keys[k](r, out);
	else if (depth < 5)
		random_logic_key(r, depth, out);
	else
		random_flag_key(r, out);
}

/* ---- what is wanted ---- */

UNUSED static uint32_t
random_number(const struct random_talk *r, uint32_t i)
{
	return r->uid ? r->at[i].uid : i + 1;
}

UNUSED static void
random_want_plain(struct random_talk *r, const bool *found)
{
	buffer_add_string(&r->want, "* SEARCH");
	for (uint32_t i = 0; i < r->count; i++)
		if (found[i])
			buffer_addf(&r->want, " %u", random_number(r, i));
	buffer_add_string(&r->want, "\r\n");
}

/* "1:3,5" */
UNUSED static void
random_want_all(struct random_talk *r, const bool *found)
{
	uint32_t last = 0, first = 0;

	for (uint32_t i = 0; i <= r->count; i++) {
		uint32_t n = i < r->count && found[i] ? random_number(r, i) : 0;

		if (i < r->count && n == 0)
			continue;
		if (n != 0 && n == last + 1 && last != 0) {
			last = n;
			continue;
		}
		if (last > first)
			buffer_addf(&r->want, ":%u", last);
		if (n != 0)
			buffer_addf(&r->want, "%s%u", first != 0 ? "," : "", n);
		first = last = n;
	}
}

UNUSED static void
random_want_extended(struct random_talk *r, const bool *found, unsigned options)
{
	uint32_t count = 0, least = 0, greatest = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		if (!found[i])
			continue;
		greatest = random_number(r, i);
		least = count++ == 0 ? greatest : least;
	}
	buffer_addf(&r->want, "* ESEARCH (TAG \"t\")%s", r->uid ? " UID" : "");
	if (count > 0 && (options & 1) != 0)
		buffer_addf(&r->want, " MIN %u", least);
	if (count > 0 && (options & 2) != 0)
		buffer_addf(&r->want, " MAX %u", greatest);
	if (count > 0 && (options & 4) != 0) {
		buffer_add_string(&r->want, " ALL ");
		random_want_all(r, found);
	}
	if ((options & 8) != 0)
		buffer_addf(&r->want, " COUNT %u", count);
	buffer_add_string(&r->want, "\r\n");
}

/* RFC 5182 2.4 */
UNUSED static void
random_save(struct random_talk *r, const bool *found, unsigned options)
{
	bool ends = (options & 3) != 0 && (options & 12) == 0;
	uint32_t least = UINT32_MAX, greatest = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		r->at[i].saved = found[i] && !ends;
		if (!found[i])
			continue;
		greatest = i;
		least = least == UINT32_MAX ? i : least;
	}
	if (ends && least != UINT32_MAX && (options & 1) != 0)
		r->at[least].saved = true;
	if (ends && least != UINT32_MAX && (options & 2) != 0)
		r->at[greatest].saved = true;
}

/* RETURN (...): bits of MIN, MAX, ALL, COUNT, SAVE; 0: it is not there. */
UNUSED static unsigned
random_options(struct random_talk *r)
{
	static const char *const names[] = { "MIN", "MAX", "ALL", "COUNT", "SAVE" };
	unsigned options = random_pick(r, 64);
	const char *gap = "";

	if (options >= 32)
		return 0;
	buffer_add_string(&r->say, "RETURN (");
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if ((options & 1u << i) == 0)
			continue;
		buffer_addf(&r->say, "%s%s", gap, names[i]);
		gap = " ";
	}
	buffer_add_string(&r->say, ") ");
	return options != 0 ? options : 4;
}

UNUSED static void
random_search(struct random_talk *r)
{
	bool found[MAILS], one[MAILS];
	unsigned options;
	uint32_t keys;

	random_tag(r, "SEARCH");
	options = random_options(r);
	if (random_pick(r, 4) == 3)
		buffer_add_string(&r->say, "CHARSET UTF-8 ");
	keys = 1 + random_pick(r, 5) / 3;
	for (uint32_t i = 0; i < r->count; i++)
		found[i] = true;
	for (uint32_t k = 0; k < keys; k++) {
		if (k > 0)
			buffer_add_byte(&r->say, ' ');
		random_key(r, 0, one);
		for (uint32_t i = 0; i < r->count; i++)
			found[i] = found[i] && one[i];
	}
	if (options == 0 && !r->rev2)
		random_want_plain(r, found);
	else if (options != 16)
		random_want_extended(r, found, options != 0 ? options : 4);
	if ((options & 16) != 0)
		random_save(r, found, options);
	random_done(r, "SEARCH");
}

#endif
