/* SPDX-License-Identifier: ISC */
/*
 * TXT records of a version and fields "name=value", each behind ";", as MTA-STS
 * (RFC 8461 3.1) and TLSRPT (RFC 8460 3) have them. Unlike tag lists
 * (mailauth/tags.h) they may have empty fields and names more than once, and
 * what a reader does not know is passed over. Views into what is read.
 */
#ifndef MAILAUTH_FIELDS_H
#define MAILAUTH_FIELDS_H

#include "base/text.h"

/* Whether a record begins with "v=" and so on, white space or none, and ";";
 * rest: its fields. */
bool fields_begin(struct text txt, struct text version, struct text *rest) MUST_CHECK;
/* The next field that is not empty, taken off rest; spaces around it do not
 * count. NOT_FOUND: there is none left. INVALID: it has no "=", or no name. */
enum status fields_next(struct text *rest, struct text *name, struct text *value) MUST_CHECK;
/* The one record of that version, or NULL where none is or more than one, which
 * is as good as none (RFC 8461 3.1, RFC 8460 3). */
const struct text *fields_only(
    const struct text *txts, size_t count, struct text version) MUST_CHECK;

#endif
