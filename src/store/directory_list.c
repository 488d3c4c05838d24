/* SPDX-License-Identifier: ISC */
/* Lists of accounts and aliases, in order of domain and address, by pages. */
#include "store/core.h"
#include "store/directory_op.h"

/* A page in the making. */
struct page {
	struct store *store;
	struct arena *arena;
	enum address_kind kind;
	uint32_t count;
	struct text address[DIRECTORY_PAGE];
	struct address row[DIRECTORY_PAGE];
	bool full;
};

static enum status
page_row(struct page *p, struct text domain, struct text key, struct text value)
{
	struct address *d = &p->row[p->count];
	struct text local = text_part(key, 1 + domain.len + 1, key.len);
	enum status s = address_unpack(arena_copy(p->arena, value), p->arena, d);

	if (s != STATUS_OK || d->kind != p->kind)
		return s;
	if (p->count + 1 == DIRECTORY_PAGE)
		p->full = true;
	p->address[p->count++] =
	    arena_printf(p->arena, "%.*s@%.*s", TEXT_ARG(local), TEXT_ARG(domain));
	return STATUS_OK;
}

/* Rows of one domain whose local part is greater than after. */
static enum status
page_domain(struct page *p, struct text domain, struct text after)
{
	struct address_key k = { .domain = domain, .local = after };
	struct key from = address_row(&k), until;
	struct engine_scan *scan;
	struct text key, value;
	enum status s;

	until = key_named(KEY_D_ADDRESS, domain);
	key_add(&until, 1, 1);
	if (after.len > 0 && from.len < KEY_MAX)
		key_add(&from, 0, 1); /* the key just behind it */
	s = engine_scan_open(p->store->engine,
	    directory_shard(&p->store->directory, domain)->owner.entity, key_text(&from),
	    key_text(&until), &scan);
	if (s != STATUS_OK)
		return s;
	while (!p->full && (s = engine_scan_next(scan, &key, &value)) == STATUS_OK) {
		s = page_row(p, domain, key, value);
		if (s != STATUS_OK)
			break;
	}
	engine_scan_close(scan);
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

/* The domains to go through: from that of `after` on, or just one. */
static enum status
page_fill(struct page *p, struct text only, struct text after)
{
	size_t at = text_find_last(after, '@'), count = 0;
	struct text local = TEXT_EMPTY, from = TEXT_EMPTY;
	struct domain *d = NULL;
	enum status s;

	if (after.len > 0) {
		local = text_part(after, 0, at);
		from = text_part(after, at + 1, after.len);
		if (local.len + from.len + 2 > KEY_MAX)
			return STATUS_INVALID;
	}
	if (only.len > 0) {
		s = domain_key(only, p->arena, &only);
		return s == STATUS_OK ? page_domain(p, only, local) : s;
	}
	s = directory_domains(p->store, TEXT_EMPTY, p->arena, &d, &count);
	for (size_t i = 0; s == STATUS_OK && i < count && !p->full; i++) {
		int order = text_compare(d[i].name, from);

		if (order >= 0)
			s = page_domain(p, d[i].name, order == 0 ? local : TEXT_EMPTY);
	}
	return s;
}

static struct page *
page_new(struct store *s, struct call_in *in, enum address_kind kind, struct text only,
    struct text after)
{
	struct page *p = ARENA_NEW(call_arena(in), struct page);
	enum status how;

	p->store = s;
	p->arena = call_arena(in);
	p->kind = kind;
	how = page_fill(p, only, after);
	if (how == STATUS_OK)
		return p;
	call_refuse(in, how,
	    how == STATUS_INVALID ? "Not a domain name." : "The directory cannot be read now.",
	    "list: %s", status_word(how));
	return NULL;
}

void
serve_store_accounts(struct call_in *in, const void *request, void *context)
{
	const struct store_accounts_request *r = request;
	struct page *p = page_new(context, in, ADDRESS_ACCOUNT, r->domain, r->after);
	struct store_accounts_reply reply = { .resume = TEXT_EMPTY };

	if (p == NULL)
		return;
	reply.addresses = (struct texts){ p->address, p->count };
	reply.accounts = (struct numbers){ ARENA_ARRAY(p->arena, uint64_t, p->count), p->count };
	reply.suspended = (struct numbers){ ARENA_ARRAY(p->arena, uint64_t, p->count), p->count };
	for (uint32_t i = 0; i < p->count; i++) {
		reply.accounts.at[i] = p->row[i].account;
		reply.suspended.at[i] = p->row[i].suspended;
	}
	if (p->full)
		reply.resume = p->address[p->count - 1];
	call_reply(in, &reply);
}

void
serve_store_aliases(struct call_in *in, const void *request, void *context)
{
	const struct store_aliases_request *r = request;
	struct page *p = page_new(context, in, ADDRESS_ALIAS, r->domain, r->after);
	struct store_aliases_reply reply = { .resume = TEXT_EMPTY };
	struct buffer words = BUFFER_INIT;

	if (p == NULL)
		return;
	reply.addresses = (struct texts){ p->address, p->count };
	reply.targets = (struct texts){ ARENA_ARRAY(p->arena, struct text, p->count), p->count };
	for (uint32_t i = 0; i < p->count; i++) {
		buffer_clear(&words);
		for (uint32_t k = 0; k < p->row[i].targets.count; k++) {
			if (k > 0)
				buffer_add_byte(&words, ' ');
			buffer_add_text(&words, p->row[i].targets.at[k]);
		}
		reply.targets.at[i] = arena_copy(p->arena, buffer_text(&words));
	}
	buffer_done(&words);
	if (p->full)
		reply.resume = p->address[p->count - 1];
	call_reply(in, &reply);
}
