/* SPDX-License-Identifier: ISC */
/*
 * LANG (RFC 6856 3.2): the languages of our words, of which there is one.
 */
#include "pop3/session.h"

/* Lookup (RFC 4647 3.4): a range that names a kind of English gives English. */
static bool
is_english(struct text range)
{
	struct text first;

	(void)text_split(&range, '-', &first);
	return text_equal_ci(first, TEXT("en"));
}

enum pop3_next
pop3_cmd_lang(struct command *c)
{
	struct text range = cursor_until(&c->args, ' ');

	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	if (range.len == 0) {
		(void)pop3_ok(c, "Languages follow");
		stream_print(&c->p->session.stream, "en English\r\n.\r\n");
		return POP3_GO_ON;
	}
	if (!text_equal(range, TEXT("*")) && !is_english(range))
		return pop3_err(c, "There is English only");
	return pop3_ok(c, "en English it is");
}
