/* SPDX-License-Identifier: ISC */
/* Walking over committed rows; see store/scan.h. */
#include "store/scan.h"

#include "store/core.h"

enum status
scan_rows(
    struct store *s, struct entity e, struct text from, struct text until, txn_row_fn fn, void *arg)
{
	struct engine_scan *scan;
	struct text key, value;
	enum status how = engine_scan_open(s->engine, e, from, until, &scan);

	if (how != STATUS_OK)
		return how;
	while ((how = engine_scan_next(scan, &key, &value)) == STATUS_OK)
		if ((how = fn(arg, key, value)) != STATUS_OK)
			break;
	engine_scan_close(scan);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

enum status
scan_kind(struct store *s, struct entity e, enum key_kind kind, txn_row_fn fn, void *arg)
{
	struct key from = key_of(kind), until = key_behind(from);

	return scan_rows(s, e, key_text(&from), key_text(&until), fn, arg);
}
