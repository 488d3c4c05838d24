/* SPDX-License-Identifier: ISC */
/*
 * STARTTLS (RFC 3207). Two rules keep a man in the middle out: octets that
 * came behind the command in plain text end the session and are never read as
 * commands inside TLS, and everything that was said before is forgotten
 * (RFC 3207 4.2, 6).
 */
#include "base/log.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "runtime/tls.h"
#include "smtp/session.h"

#include "base/clock.h"

static struct tls_context *
context(const struct smtp_session *x)
{
	return x->session.service == NULL ? NULL : service_tls(x->session.service);
}

static enum next
handshake(struct smtp_session *x, struct tls_context *tls)
{
	struct stream *s = &x->session.stream;
	struct failure f;
	enum status got;

	smtp_say(x, REPLY_TLS_GO);
	(void)stream_flush(s);
	stream_set_deadline(s, clock_mono() + setting(SET_SMTP_DATA_TIMEOUT));
	got = stream_start_tls(s, tls, &f);
	stream_set_deadline(s, 0);
	if (got != STATUS_OK) {
		char peer[64];

		LOG_INFO("smtp.tls-failed",
		    FIELD_TEXT("peer", session_peer_text(&x->session, peer)),
		    FIELD_STRING("why", f.log));
		return NEXT_CLOSE;
	}
	x->session.tls = true;
	smtp_session_reset(x);
	return NEXT_PARK;
}

enum next
smtp_cmd_starttls(struct smtp_session *x, struct text argument)
{
	struct tls_context *tls;
	enum next next;

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
	tls = context(x);
	if (tls == NULL) {
		smtp_say(x, REPLY_NO_TLS_NOW);
		return NEXT_PARK;
	}
	next = handshake(x, tls);
	tls_context_unref(tls);
	return next;
}
