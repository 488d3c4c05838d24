/* SPDX-License-Identifier: ISC */
/*
 * The messages over which random commands run: the odd shapes of MIME that
 * mail has, small, with CRLF line ends. UIDs have holes: message 3 and the one
 * behind the last are expunged when the mailbox is made.
 */
#ifndef IMAP_TESTING_MAILS_H
#define IMAP_TESTING_MAILS_H

#include "store/calls.h"

struct test_mail {
	uint32_t flags;
	unsigned keywords; /* bits: 1 $Work, 2 $Home */
	const char *date;  /* INTERNALDATE; its day is days since 1970 */
	int64_t day, sent; /* sent: day of the Date field, 0: there is none */
	struct text octets;
};

#define MAIL_DAY(y) ((y)*365 + ((y) + 1) / 4) /* 1 January of 1970 + y */

static const struct test_mail test_mails[] = {
	{ FLAG_SEEN, 0, "17-Jul-1996 09:44:25 +0000", MAIL_DAY(26) + 198, MAIL_DAY(26) + 198,
	    TEXT("From: Terry Gray <gray@cac.example.edu>\r\nTo: imap@cac.example.edu\r\n"
		 "Cc: minutes@reston.example, John Klensin <KLENSIN@mit.example>\r\n"
		 "Subject: IMAP4rev1 WG mtg\r\n summary and minutes\r\n"
		 "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
		 "Message-Id: <B27397-0100000@cac.example.edu>\r\n\r\n"
		 "Minutes of the meeting.\r\nSecond line.\r\n") },
	{ 0, 1, "01-Jan-2020 00:00:00 +0000", MAIL_DAY(50), MAIL_DAY(49) + 364,
	    TEXT("From: =?utf-8?q?=C3=89mile?= <emile@example.org>\r\n"
		 "Subject: =?utf-8?b?w5xiZXI=?= =?iso-8859-1?q?_den_Fl=FCssen?=\r\n"
		 "Date: Tue, 31 Dec 2019 23:59:59 +0000\r\nMIME-Version: 1.0\r\n"
		 "Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\n"
		 "preamble with needle\r\n--b b\r\n"
		 "Content-Type: text/plain; charset=iso-8859-1\r\n"
		 "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		 "caf=E9 au=\r\n lait   \r\n=3D =zz =\r\n"
		 "--b b  \r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n"
		 "--bb\r\n\r\nno header here\r\n--bb\r\n"
		 "Content-Type: text/html; charset=utf-8\r\n"
		 "Content-Transfer-Encoding: BASE64\r\n\r\n"
		 "PHA+\r\nw6l0w6k8L3A+*!DQ==\r\n"
		 "--bb--\r\nepilogue of bb\r\n--b b--\r\nepilogue with needle\r\n") },
	{ FLAG_DELETED, 0, "01-Jan-2020 00:00:00 +0000", MAIL_DAY(50), 0, TEXT("X: gone\r\n\r\n") },
	{ FLAG_FLAGGED, 0, "02-Mar-2021 12:00:00 +0000", MAIL_DAY(51) + 60, 0,
	    TEXT("Subject: outer\r\nX-Twice: one\r\nX-Twice: two\r\n"
		 "Content-Type: multipart/mixed; boundary=o\r\n\r\n"
		 "--o\r\nContent-Type: message/rfc822\r\nContent-Description: m\r\n\r\n"
		 "Subject: Inner Needle\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
		 "--i\r\nX-Part: a\r\n\r\none\r\n--i\r\n"
		 "Content-Type: message/rfc822\r\n\r\nSubject: deepest\r\n\r\nbottom\r\n"
		 "--i--\r\n"
		 "--o\r\nContent-Type: image/png; name=x.png\r\n"
		 "Content-Transfer-Encoding: base64\r\n\r\nAAECAwAA//8=\r\n"
		 "--o--\r\n") },
	{ FLAG_ANSWERED | FLAG_SEEN, 2, "03-Mar-2021 23:30:00 +0000", MAIL_DAY(51) + 61, 0,
	    TEXT("From: fwd@example.org\r\nContent-Type: message/rfc822\r\n\r\n"
		 "From: inner@example.org\r\nSubject: root is a message\r\n\r\n"
		 "text of it\r\n\r\nends here") },
	{ 0, 0, "04-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 62, MAIL_DAY(51) + 62,
	    TEXT("Subject: only a header\r\nX-Empty:\r\nDate: 4 Mar 2021 10:00:00 +1400\r\n") },
	{ FLAG_DRAFT, 3, "05-Mar-2021 06:07:08 +0000", MAIL_DAY(51) + 63, 0,
	    TEXT("Subject:\r\nBcc: hidden@example.org\r\n\r\n") },
	{ FLAG_SEEN | FLAG_FLAGGED, 0, "06-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 64, 0,
	    TEXT("Content-Type: multipart/digest; boundary=d\r\n\r\n"
		 "--d\r\n\r\nSubject: first of digest\r\n\r\nalpha\r\n"
		 "--d\r\nContent-Type: text/plain\r\n\r\nbeta needle\r\n"
		 "--d\r\nX: y\r\n\r\nSubject: third\r\n"
		 "Content-Transfer-Encoding: base64\r\n\r\nZ2FtbWE=\r\n--d--") },
	{ 0, 1, "07-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 65, 0,
	    TEXT("Subject: unclosed\r\nContent-Type: multipart/mixed; boundary=u\r\n\r\n"
		 "--u\r\n\r\n--uu is text\r\n--u \t\r\n"
		 "Content-Transfer-Encoding: x-unknown\r\n\r\ncoded somehow\r\n"
		 "--u\r\n--u\r\n\r\nlast, without an end") },
	{ 0, 0, "08-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 66, 0,
	    TEXT("From: J\xc3\xb6rg <joerg@example.org>\r\nSubject: raw \xc3\x9c"
		 "ber\r\n"
		 "Content-Type: text/plain; charset=utf-8\r\n"
		 "Content-Transfer-Encoding: 8bit\r\n\r\n"
		 "gr\xc3\xbcn und GR\xc3\x9cN\r\n.\r\n..dots\r\n") },
	{ FLAG_DELETED, 0, "09-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 67, 0,
	    TEXT("Content-Transfer-Encoding: base64\r\nSubject: base64 root\r\n\r\n"
		 "bmVlZGxlIGlu\r\nIGEgaGF5c3RhY2s=\r\n") },
	{ FLAG_SEEN, 2, "10-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 68, 0,
	    TEXT("\r\nno header at all\r\n") },
	{ FLAG_DELETED, 0, "11-Mar-2021 00:00:00 +0000", MAIL_DAY(51) + 69, 0,
	    TEXT("X: also gone\r\n\r\n") },
};

#endif
