/* SPDX-License-Identifier: ISC */
/*
 * Reading what store/fresh.h may have. A row that it does not have is read with
 * those behind it, of the same kind, in one scan: that costs as much as two or
 * three reads of one row each.
 */
#include "store/fresh.h"
#include "store/keys.h"

/* An error is for who reads the row itself. */
static void
read_ahead(struct fresh *f, struct engine *engine, struct entity e, struct text key, uint32_t most)
{
	struct key behind = key_behind(key_of((enum key_kind)key.ptr[0]));
	uint64_t moment = fresh_moment(f);
	struct engine_scan *scan;
	struct text at, value;

	if (engine_scan_open(engine, e, key, key_text(&behind), &scan) != STATUS_OK)
		return;
	for (uint32_t n = 0; n < most && engine_scan_next(scan, &at, &value) == STATUS_OK; n++)
		fresh_learn(f, moment, at, value, !text_equal(at, key));
	engine_scan_close(scan);
}

enum status
fresh_read(struct fresh *f, struct engine *engine, struct entity e, struct text key,
    struct arena *a, struct text *value)
{
	uint64_t moment;
	uint32_t most;
	enum status how;

	if (fresh_get(f, key, a, value))
		return STATUS_OK;
	most = fresh_ahead(f, key);
	if (most > 1) {
		read_ahead(f, engine, e, key, most);
		if (fresh_get(f, key, a, value))
			return STATUS_OK;
	}
	moment = fresh_moment(f);
	how = engine_get(engine, e, key, a, value);
	if (how == STATUS_OK)
		fresh_learn(f, moment, key, *value, false);
	return how;
}
