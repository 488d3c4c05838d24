/* SPDX-License-Identifier: ISC */
/*
 * Networks that may relay by their address (submission.relay_networks), as
 * senders: a name is a word of the setting, a number is made of its hash. Of one
 * that is not in the setting any more the rule still has the name.
 */
#include "runtime/network.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/sending.h"

struct sending_key
sending_network(struct text name)
{
	return (struct sending_key){ SENDING_NETWORK, text_hash_stable(name) };
}

static struct text
listed(struct arena *a)
{
	char networks[NETWORK_LIST_MAX + 1];

	setting_text(SET_SUBMISSION_RELAY_NETWORKS, networks, sizeof(networks));
	return arena_copy(a, text_of(networks));
}

struct text
sending_network_name(uint64_t sender, struct arena *a)
{
	struct text list = listed(a), one;

	while (text_split(&list, ' ', &one))
		if (one.len > 0 && sending_number(sending_network(one)) == sender)
			return one;
	return TEXT_EMPTY;
}

struct text
sending_network_of(struct store *s, uint64_t sender, struct arena *a)
{
	struct sending_rule r;
	struct text name;

	if (!sending_is_network(sender))
		return TEXT_EMPTY;
	name = sending_network_name(sender, a);
	if (name.len == 0) {
		sending_rule(s, sender, a, &r);
		name = r.name;
	}
	return name.len > 0 ? name : TEXT("one that may not relay any more");
}

/* Of one that has a rule. */
static struct text
name_by_rule(struct store *s, struct text word, struct arena *a)
{
	struct sending_rule r;

	sending_rule(s, sending_number(sending_network(word)), a, &r);
	return r.name;
}

struct text
sending_network_find(struct store *s, struct text word, struct arena *a)
{
	struct text name = word.len == 0
			       ? TEXT_EMPTY
			       : sending_network_name(sending_number(sending_network(word)), a);
	struct sockaddr_storage address;

	if (name.len == 0)
		name = name_by_rule(s, word, a);
	if (name.len == 0 && network_address(word, &address) == STATUS_OK &&
	    !network_list_has(listed(a), &address, &name))
		name = TEXT_EMPTY;
	return name;
}

/* ---- for the operator ---- */

static void
add(struct limits_networks_reply *r, struct text name, const struct sending_rule *rule)
{
	r->names.at[r->names.count++] = name;
	r->numbers.at[r->numbers.count++] = sending_number(sending_network(name));
	r->since.at[r->since.count++] = (uint64_t)rule->since;
	r->whys.at[r->whys.count++] = rule->why;
}

static void
make_room(struct limits_networks_reply *r, size_t most, struct arena *a)
{
	r->names = (struct texts){ ARENA_ARRAY(a, struct text, most), 0 };
	r->whys = (struct texts){ ARENA_ARRAY(a, struct text, most), 0 };
	r->numbers = (struct numbers){ ARENA_ARRAY(a, uint64_t, most), 0 };
	r->since = (struct numbers){ ARENA_ARRAY(a, uint64_t, most), 0 };
	r->accounts = (struct texts){ ARENA_ARRAY(a, struct text, most), 0 };
}

void
serve_limits_networks(struct call_in *in, const void *request, void *context)
{
	struct store *s = context;
	struct arena *a = call_arena(in);
	struct text list = listed(a), one;
	struct limits_networks_reply reply = { .none_ = 0 };
	struct numbers ruled = sending_all_stopped(s, a);
	struct sending_rule rule;

	(void)request;
	make_room(&reply, list.len + ruled.count + 1, a);
	while (text_split(&list, ' ', &one)) {
		if (one.len == 0)
			continue;
		sending_rule(s, sending_number(sending_network(one)), a, &rule);
		add(&reply, one, &rule);
	}
	reply.listed = reply.names.count;
	for (uint32_t i = 0; i < ruled.count; i++) {
		sending_rule(s, ruled.at[i], a, &rule);
		if (rule.since == 0)
			continue; /* meanwhile */
		if (!sending_is_network(ruled.at[i]))
			reply.accounts.at[reply.accounts.count++] = rule.name;
		else if (sending_network_name(ruled.at[i], a).len == 0)
			add(&reply, rule.name, &rule);
	}
	call_reply(in, &reply);
}
