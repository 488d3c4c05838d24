/* SPDX-License-Identifier: ISC */
/* A date taken apart: what the two readers of codec/date.h share. */
#ifndef CODEC_DATE_PARTS_H
#define CODEC_DATE_PARTS_H

#include "codec/date.h"

struct date_parts {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second;
	int zone; /* minutes east */
};

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
int64_t date_days(int year, int month, int day);
/* 1..12 by the first three letters whatever their case, or 0. */
int date_month(struct text name);
bool date_is_week_day(struct text name);
/* INVALID for a day or time that is none. */
enum status date_join(const struct date_parts *p, struct date *out) MUST_CHECK;

#endif
