/* SPDX-License-Identifier: ISC */
/* What is dangerous in a configuration file, though it is good. */
#include "command/config.h"
#include "runtime/network.h"

void
config_problem(struct config_problems *p, struct arena *a, uint32_t line, const char *words)
{
	if (p->count < CONFIG_PROBLEMS_MAX)
		p->at[p->count++] = arena_printf(a, "line %u: %s", line, words);
}

/* Of this machine: nobody else hears what is said to it. */
static bool
is_here(struct text host)
{
	struct sockaddr_storage a;

	return network_address(host, &a) == STATUS_OK && network_loopback(&a);
}

/* A smarthost that is told a password without having proved who it is. */
static void
check_route(const struct config_route *t, struct arena *a, struct config_problems *warnings)
{
	static const struct {
		const char *tls, *danger;
	} rows[] = {
		{ "none", "goes to it in clear" },
		{ "may", "goes to it in clear where it offers no TLS, and to whoever answers in "
			 "its place" },
		{ "must", "goes to whoever answers in its place, since its certificate is not "
			  "verified" },
	};

	for (size_t i = 0; t->password.len > 0 && !is_here(t->host) && i < ARRAY_LEN(rows); i++)
		if (text_equal(t->tls, text_of(rows[i].tls)))
			config_problem(warnings, a, t->line,
			    arena_string(a, arena_printf(a,
						"warning: with tls = %s the password for %.*s %s; "
						"use verify, dane or implicit",
						rows[i].tls, TEXT_ARG(t->host), rows[i].danger)));
}

void
config_warnings(const struct config *c, struct arena *a, struct config_problems *warnings)
{
	for (uint32_t i = 0; i < c->route_count; i++)
		check_route(&c->routes[i], a, warnings);
}
