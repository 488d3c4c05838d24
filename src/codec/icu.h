/* SPDX-License-Identifier: ISC */
/*
 * The door to ICU. Call icu_begin before anything of ICU: it forbids it to
 * look for data files, since roles that parse may open none and a charset's
 * name comes from strangers. The data that Debian links in is all we use.
 */
#ifndef CODEC_ICU_H
#define CODEC_ICU_H

/* Any number of times, from any thread. */
void icu_begin(void);

#endif
