/* SPDX-License-Identifier: ISC */
/* See command/terminal.h. */
#include "command/terminal.h"

#include "base/cursor.h"
#include "codec/utf8.h"

static bool
is_obeyed(int32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0xfffd || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void
terminal_print(struct buffer *out, struct text t, const char *line_end)
{
	struct cursor c = cursor_of(t);

	while (!cursor_done(&c)) {
		int32_t character = utf8_next(&c);

		if (character == '\n')
			buffer_add_string(out, line_end);
		else if (character != '\r')
			utf8_add(out, is_obeyed(character) ? '?' : character);
	}
}
