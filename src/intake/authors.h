/* SPDX-License-Identifier: ISC */
/*
 * Fields that say who wrote a message, before anybody signs for them: readers
 * are lenient in different ways, so what is checked here has to be what each of
 * them shows (RFC 5322 3.4, without the obsolete forms of RFC 5322 4.4).
 */
#ifndef INTAKE_AUTHORS_H
#define INTAKE_AUTHORS_H

#include "base/text.h"

/* Whether the list can be read in one way: comments, quotes and angles that end,
 * nothing behind an angle, no route, and addresses in one stretch. That they are
 * addresses it does not say. */
bool authors_are_clear(struct text list) MUST_CHECK;

#endif
