/* SPDX-License-Identifier: ISC */
/*
 * The algorithm of RFC 8621 4.1.4, which sorts the parts of a message into
 * text, HTML and attachments. It recurses over multiparts only, whose depth
 * the parser bounds.
 */
#include "mime/bodies.h"

#include "mime/params.h"

/* text and html are NULL once an alternative has ruled that list out. */
struct sorting {
	struct arena *arena;
	struct mime_part_list *text, *html, *attachments;
};

static void
add(struct sorting *s, struct mime_part_list *list, const struct mime_part *part)
{
	if (list->count == list->cap) {
		uint32_t cap = list->cap == 0 ? 4 : list->cap * 2;
		const struct mime_part **at = ARENA_ARRAY(s->arena, const struct mime_part *, cap);

		for (uint32_t i = 0; i < list->count; i++)
			at[i] = list->at[i];
		list->at = at;
		list->cap = cap;
	}
	list->at[list->count++] = part;
}

static void
add_from(
    struct sorting *s, struct mime_part_list *to, const struct mime_part_list *from, uint32_t i)
{
	for (; i < from->count; i++)
		add(s, to, from->at[i]);
}

bool
mime_part_is(const struct mime_part *part, struct text type, struct text subtype)
{
	return text_equal(part->type, type) && text_equal(part->subtype, subtype);
}

struct text
mime_part_file_name(const struct mime_part *part)
{
	struct text name = TEXT_EMPTY;

	if (!mime_param_get(&part->disposition_params, TEXT("filename"), &name))
		(void)mime_param_get(&part->params, TEXT("name"), &name);
	return name;
}

static bool
is_media(const struct mime_part *part)
{
	return text_equal(part->type, TEXT("image")) || text_equal(part->type, TEXT("audio")) ||
	       text_equal(part->type, TEXT("video"));
}

/* Whether a part is shown in its place among its siblings. */
static bool
is_inline(const struct mime_part *part, bool first, bool related)
{
	bool text = mime_part_is(part, TEXT("text"), TEXT("plain")) ||
		    mime_part_is(part, TEXT("text"), TEXT("html"));

	if (text_equal(part->disposition, TEXT("attachment")) || (!text && !is_media(part)))
		return false;
	if (first)
		return true;
	return !related && (is_media(part) || mime_part_file_name(part).len == 0);
}

static void
add_inline(struct sorting *s, const struct mime_part *part, bool alternative, bool inside)
{
	bool plain = mime_part_is(part, TEXT("text"), TEXT("plain"));
	bool html = mime_part_is(part, TEXT("text"), TEXT("html"));

	if (alternative) {
		struct mime_part_list *list = plain ? s->text : html ? s->html : s->attachments;

		if (list != NULL)
			add(s, list, part);
		return;
	}
	if (inside && plain)
		s->html = NULL;
	if (inside && html)
		s->text = NULL;
	if (s->text != NULL)
		add(s, s->text, part);
	if (s->html != NULL)
		add(s, s->html, part);
	if ((s->text == NULL || s->html == NULL) && is_media(part))
		add(s, s->attachments, part);
}

/* The children of one multipart; inside: of an alternative, at any depth. */
static void
sort_parts(struct sorting *outer, const struct mime_part *first, struct text kind, bool inside)
{
	bool alternative = text_equal(kind, TEXT("alternative"));
	bool related = text_equal(kind, TEXT("related"));
	struct sorting s = *outer;
	uint32_t texts = s.text != NULL ? s.text->count : 0;
	uint32_t htmls = s.html != NULL ? s.html->count : 0;

	for (const struct mime_part *part = first; part != NULL; part = part->next) {
		if (text_equal(part->type, TEXT("multipart")))
			sort_parts(&s, part->child, part->subtype,
			    inside || text_equal(part->subtype, TEXT("alternative")));
		else if (is_inline(part, part == first, related))
			add_inline(&s, part, alternative, inside);
		else
			add(&s, s.attachments, part);
	}
	if (!alternative || s.text == NULL || s.html == NULL)
		return;
	/* Only one of the two kinds was there: it serves for both. */
	if (s.text->count == texts && s.html->count != htmls)
		add_from(&s, s.text, s.html, htmls);
	else if (s.html->count == htmls && s.text->count != texts)
		add_from(&s, s.html, s.text, texts);
}

void
mime_bodies_find(const struct mime_part *root, struct arena *a, struct mime_bodies *out)
{
	struct sorting s = { a, &out->text, &out->html, &out->attachments };

	*out = (struct mime_bodies){ 0 };
	if (text_equal(root->type, TEXT("multipart"))) {
		sort_parts(
		    &s, root->child, root->subtype, text_equal(root->subtype, TEXT("alternative")));
		return;
	}
	if (is_inline(root, true, false))
		add_inline(&s, root, false, false);
	else
		add(&s, s.attachments, root);
}
