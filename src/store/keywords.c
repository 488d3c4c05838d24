/* SPDX-License-Identifier: ISC */
/*
 * Keywords: an account's names for them are a list that only grows; messages
 * hold numbers. Compared without case, spelt as the first user did (RFC 9051
 * 2.3.2).
 */
#include "store/core.h"

static uint32_t
number_of(struct account_txn *t, struct text lower)
{
	uintptr_t at = (uintptr_t)map_get(&t->a->keyword_number, lower);

	if (at == 0)
		at = (uintptr_t)map_get(&t->new_keyword_number, lower);
	return (uint32_t)at;
}

static bool
keyword_valid(struct text name)
{
	static const char bad[] = "(){%*\"\\]";

	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f ||
		    memchr(bad, name.ptr[i], sizeof(bad) - 1) != NULL)
			return false;
	return name.len > 0;
}

/* Number + 1 of a new keyword. */
static uint32_t
keyword_new(struct account_txn *t, struct text name, struct text lower)
{
	struct arena *a = txn_arena(&t->txn);

	if (t->new_keywords == t->new_keyword_cap) {
		uint32_t cap = t->new_keyword_cap == 0 ? 8 : t->new_keyword_cap * 2;
		struct text *more = ARENA_ARRAY(a, struct text, cap);

		if (t->new_keywords > 0)
			memcpy(more, t->new_keyword, t->new_keywords * sizeof(*more));
		t->new_keyword = more;
		t->new_keyword_cap = cap;
	}
	t->new_keyword[t->new_keywords++] = arena_copy(a, name);
	t->head.keywords++;
	t->txn.changes++;
	(void)map_put(&t->new_keyword_number, lower, (void *)(uintptr_t)t->head.keywords);
	return t->head.keywords;
}

/* Keeps out[] ascending. */
static void
insert(uint16_t *out, uint32_t *count, uint16_t number)
{
	uint32_t at = *count;

	for (uint32_t i = 0; i < *count; i++)
		if (out[i] == number)
			return;
	for (; at > 0 && out[at - 1] > number; at--)
		out[at] = out[at - 1];
	out[at] = number;
	++*count;
}

static enum status
check_new(struct account_txn *t, struct op *op, struct text name)
{
	if (name.len > KEYWORD_MAX)
		return op_refuse(op, STATUS_LIMIT, "Keyword too long.", "keyword of %zu", name.len);
	if (!keyword_valid(name))
		return op_refuse(op, STATUS_INVALID, "Not a keyword.", "bad keyword");
	if (t->head.keywords >= KEYWORDS_PER_ACCOUNT)
		return op_refuse(op, STATUS_LIMIT, "Too many keywords in this account.",
		    "%u keywords", t->head.keywords);
	return STATUS_OK;
}

enum status
account_keywords(struct account_txn *t, struct op *op, struct texts names, bool make,
    uint16_t out[KEYWORDS_PER_MESSAGE], uint32_t *count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < names.count; i++) {
		struct text lower = arena_lower(txn_arena(&t->txn), names.at[i]);
		uint32_t number = number_of(t, lower);

		if (number == 0 && !make)
			continue;
		if (number == 0) {
			enum status s = check_new(t, op, names.at[i]);

			if (s != STATUS_OK)
				return s;
			number = keyword_new(t, names.at[i], lower);
		}
		if (n == KEYWORDS_PER_MESSAGE)
			return op_refuse(op, STATUS_LIMIT, "Too many keywords for one message.",
			    "%u keyword names", names.count);
		insert(out, &n, (uint16_t)(number - 1));
	}
	*count = n;
	return STATUS_OK;
}
