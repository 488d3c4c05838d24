/* SPDX-License-Identifier: ISC */
/*
 * What status codes mean to a person (RFC 3463 3, RFC 7505 4.2, RFC 7372 3):
 * a sentence of what happened and one of what can be done, without jargon.
 */
#include <string.h>

#include "mime/dsn.h"

static const struct {
	const char *code; /* ".1.1": of any class */
	struct dsn_meaning meaning;
} meanings[] = {
	{ ".1.1",
	    { "There is no such address at that domain.",
		"Check how the address is spelled, or ask the person for it in another way." } },
	{ ".1.2", { "There is no such domain, or it has no mail server.",
		      "Check how the part behind the @ is spelled." } },
	{ ".1.3", { "The address is not written as an address has to be.",
		      "Check how the address is spelled." } },
	{ ".1.6", { "The person has moved, and the address is not used any more.",
		      "Ask the person for the new address." } },
	{ ".1.8", { "The other side does not accept your own address as a sender.",
		      "Tell the operator of your mail service." } },
	{ ".1.10", { "That domain does not accept any mail.",
		       "Check how the part behind the @ is spelled." } },
	{ ".2.1",
	    { "The mailbox is closed and takes no mail.", "Ask the person for another address." } },
	{ ".2.2", { "The mailbox is full.",
		      "Tell the person in another way, and send it again later." } },
	{ ".2.3", { "The message is too large for this mailbox.",
		      "Send a smaller one, or share large files in another way." } },
	{ ".3.4", { "The message is too large for the other side.",
		      "Send a smaller one, or share large files in another way." } },
	{ ".4.1", { "The other mail server did not answer.",
		      "Check the part behind the @, or try again later." } },
	{ ".4.2", { "The connection to the other mail server broke.", "Try again later." } },
	{ ".4.3", { "The domain could not be looked up.", "Try again later." } },
	{ ".4.4", { "There is no way to a mail server of that domain.",
		      "Check how the part behind the @ is spelled." } },
	{ ".4.6", { "The message went round in a circle and was stopped.",
		      "Tell the operator of the address: its forwarding points back to itself." } },
	{ ".4.7", { "The message could not be delivered in the time that it had.",
		      "Send it again later." } },
	{ ".6.7", { "The other side cannot take addresses with letters outside ASCII.",
		      "Ask the person for an address in plain letters." } },
	{ ".6.3", { "The other side cannot take the message in the form that it has.",
		      "Send it as plain text, or without the attachment." } },
	{ ".7.4", { "The other side cannot keep up the protection that you asked for.",
		      "Send it without requiring encryption, if that is acceptable." } },
	{ ".7.10", { "Encryption was required and could not be had.",
		       "Tell the operator of the other side; nothing was sent in clear." } },
	{ ".7.23", { "The other side says that our server may not send for your domain (SPF).",
		       "Tell the operator of your mail service: its DNS records need care." } },
	{ ".7.26", { "The other side could not verify that the message is from your domain.",
		       "Tell the operator of your mail service: its DNS records need care." } },
	{ ".7.1",
	    { "The other side refused the message by a rule of its own.",
		"Read its words below; if they do not help, ask the person in another way." } },
	{ "5.3", { "The other mail server cannot take the message.", "Read its words below." } },
	{ "5.5", { "The two mail servers did not understand each other.",
		     "Tell the operator of your mail service." } },
	{ "5.6", { "The other side did not accept the content.", "Read its words below." } },
	{ "5.7",
	    { "The other side refused the message by a rule of its own.",
		"Read its words below; if they do not help, ask the person in another way." } },
	{ "4",
	    { "The other side could not take the message at the time.", "Send it again later." } },
	{ "5", { "The message was refused for good.", "Read the words below." } },
};

static bool
matches(const char *code, struct text status)
{
	struct text want = text_of(code);

	if (*code == '.')
		return text_equal(
		    text_part(status, text_find_byte(status, '.', 0), status.len), want);
	return text_starts(status, want) && (status.len == want.len || status.ptr[want.len] == '.');
}

struct dsn_meaning
dsn_meaning(struct text status, enum dsn_action action)
{
	struct dsn_meaning good = { "The message arrived.", "" };

	if (action == DSN_DELAYED) {
		struct dsn_meaning m = dsn_meaning(status, DSN_FAILED);

		m.todo = "";
		return m;
	}
	if (action == DSN_RELAYED)
		good.what =
		    "The message was handed to a server that does not report when it arrives.";
	if (action == DSN_EXPANDED)
		good.what = "The message was handed on to all who are behind this address.";
	if (action != DSN_FAILED)
		return good;
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (matches(meanings[i].code, status))
			return meanings[i].meaning;
	return (
	    struct dsn_meaning){ "The message could not be delivered.", "Read the words below." };
}
