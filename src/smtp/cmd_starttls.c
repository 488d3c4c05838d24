/* SPDX-License-Identifier: ISC */
/*
 * STARTTLS (RFC 3207). Two rules keep a man in the middle out: octets that
 * came behind the command in plain text end the session and are never read as
 * commands inside TLS, and everything that was said before is forgotten
 * (RFC 3207 4.2, 6).
 */
#include "runtime/tls.h"
#include "smtp/session.h"

/* There is a certificate now. */
static bool
ready(const struct smtp_session *x)
{
	struct tls_context *tls =
	    x->session.service == NULL ? NULL : service_tls(x->session.service);

	if (tls != NULL)
		tls_context_unref(tls);
	return tls != NULL;
}

enum next
smtp_cmd_starttls(struct smtp_session *x, struct text argument)
{
	if (x->session.tls) {
		smtp_say(x, REPLY_TLS_ALREADY);
		return NEXT_PARK;
	}
	if (!smtp_tls_offered(x)) {
		smtp_say_detail(x, REPLY_NOT_OFFERED, TEXT("STARTTLS"));
		return NEXT_PARK;
	}
	if (stream_buffered(&x->session.stream).len > 0)
		return smtp_say_and_close(x, REPLY_TLS_INJECTION);
	if (!ready(x)) {
		smtp_say(x, REPLY_NO_TLS_NOW);
		return NEXT_PARK;
	}
	smtp_say(x, REPLY_TLS_GO);
	smtp_session_reset(x);
	return NEXT_START_TLS; /* the runtime shakes hands */
}
