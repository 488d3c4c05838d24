/* SPDX-License-Identifier: ISC */
/*
 * What a FETCH asks for, parsed (RFC 3501 9 fetch, fetch-att, section,
 * RFC 3516 7).
 */
#ifndef IMAP_FETCH_ITEMS_H
#define IMAP_FETCH_ITEMS_H

#include "imap/grammar.h"
#include "store/calls.h"

enum fetch_item_id {
#define X(id, name, needs, writer) ITEM_##id,
#include "imap/fetch_items.def"
#undef X
	ITEM_SECTION,
	ITEM_BINARY, /* RFC 3516 */
	ITEM_BINARY_SIZE,
	ITEM_COUNT
};

enum section_text {
	SECTION_ALL,	    /* BODY[], BODY[1] */
	SECTION_HEADER,	    /* BODY[HEADER], BODY[1.HEADER] */
	SECTION_FIELDS,	    /* HEADER.FIELDS */
	SECTION_FIELDS_NOT, /* HEADER.FIELDS.NOT */
	SECTION_BODY,	    /* TEXT */
	SECTION_MIME,
};

#define SECTION_DEPTH_MAX 100
#define FETCH_ITEMS_MAX 200

struct section {
	uint32_t *part; /* part numbers */
	uint32_t depth; /* how many; 0: the message */
	enum section_text text;
	struct texts fields; /* as written, and */
	struct texts sorted; /* by text_compare_ci */
};

struct item {
	enum fetch_item_id id;
	/* of ITEM_SECTION, ITEM_BINARY, ITEM_BINARY_SIZE */
	struct section section;
	bool peek; /* leaves \Seen alone */
	bool partial;
	uint64_t from, len;
	struct text label; /* as it stands in the response: "BODY[TEXT]<0>" */
};

struct fetch_items {
	struct item *at;
	uint32_t count;
	unsigned needs; /* enum fetch_item of store/calls.h */
	bool sets_seen;
	bool has_flags, has_uid, has_modseq;
	bool limited; /* it was refused for FETCH_ITEMS_MAX or SECTION_DEPTH_MAX */
};

/* What stands behind the sequence set, without the space. False: out has only
 * `limited`. */
bool imap_fetch_items(struct cursor *c, struct arena *a, struct fetch_items *out);
/* "[...]" of a section. */
bool imap_section(struct cursor *c, struct arena *a, struct section *out);
/* Puts UID in front if it is not asked for: UID FETCH gives it always. */
void imap_fetch_add_uid(struct fetch_items *items);
/* The same with MODSEQ, which CHANGEDSINCE implies (RFC 7162 3.1.4.1). */
void imap_fetch_add_modseq(struct fetch_items *items);

#endif
