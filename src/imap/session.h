/* SPDX-License-Identifier: ISC */
/*
 * Inside an IMAP session: the session's struct, the command in hand, and what
 * command handlers share. Handlers stand one in a file (cmd_*.c) and in one
 * row of commands.def; they parse their arguments, act, write untagged
 * responses with imap_line(), and end by one of the reply functions. The loop
 * in session.c sends pending changes of the selected mailbox and then the
 * tagged reply.
 */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "auth/client.h"
#include "auth/token.h"
#include "base/buffer.h"
#include "base/cursor.h"
#include "imap/imap.h"
#include "imap/keywords.h"
#include "imap/view.h"
#include "runtime/limits.h"

#define IMAP_MAGIC 0x1ea9e501u

/* States of RFC 3501 3, as bits for the command table. */
enum imap_state {
	IMAP_UNKNOWN = 1, /* not authenticated */
	IMAP_SIGNED_IN = 2,
	IMAP_SELECTED = 4,
};

/* What ENABLE, or a command that implies it, switched on (RFC 5161), as bits. */
enum imap_enabled {
	ENABLED_CONDSTORE = 1, /* RFC 7162 3.1: FETCH of flags has MODSEQ */
	ENABLED_QRESYNC = 2,   /* RFC 7162 3.2: VANISHED for EXPUNGE; implies CONDSTORE */
	ENABLED_REV2 = 4,      /* RFC 9051: UTF-8 names, ESEARCH, no \Recent */
};

/* What a handler leaves behind. */
enum outcome {
	IMAP_DONE, /* the tagged reply is ready */
	IMAP_MORE, /* lines follow: im->more takes them (imap_expect) */
	/* Everything was said: */
	IMAP_START_TLS, /* the handshake follows */
	IMAP_CLOSE,	/* the session is over */
};

struct imap_watch;
struct command;

struct imap_server {
	struct calls *calls;
	const struct board *board; /* or NULL */
	char *hostname;
	struct keyword_cache keywords;
	struct uid_cache uids;
	struct auth_offer offer;
	struct limits *limits;
	struct imap_watch *watch;
};

struct imap {
	struct session session; /* first */
	unsigned magic;
	enum imap_state state;
	struct imap_server *server;
	/* signed in */
	uint64_t account;
	uint64_t limit_key;
	struct text token;   /* owned */
	struct token rights; /* what it says */
	struct keywords *keywords;
	bool watching;	  /* counted in server->watch */
	unsigned enabled; /* enum imap_enabled */
	/* selected */
	struct view *view; /* owned, NULL unless selected */
	/* a command that goes on line by line: IDLE, AUTHENTICATE */
	enum outcome (*more)(struct command *c, struct text line);
	const struct command_row *more_row;
	char *more_tag;		  /* owned */
	struct auth_client *auth; /* owned, NULL unless in AUTHENTICATE */
	/* input: see assemble.c */
	size_t whole;	    /* octets in front of the line in hand: earlier lines and literals */
	size_t scanned;	    /* up to here there is no line end */
	uint64_t skip;	    /* octets of a literal to throw away */
	uint64_t discarded; /* by the command that is thrown away */
	bool discard;
	bool told_bye;
	unsigned errors; /* bad commands in a row */
	unsigned failed_sign_ins;
	int64_t sign_in_by;  /* monotonic */
	int64_t quiet_until; /* monotonic: when the client has been silent too long */
	int64_t ask_again;   /* monotonic: for news that could not be had; 0: none */
};

/* One row of commands.def. */
enum command_flag {
	COMMAND_UID = 1,    /* has a form with UID in front */
	COMMAND_HOLDS = 2,  /* no EXPUNGE while it is answered (RFC 3501 7.4.1), unless with UID */
	COMMAND_SECRET = 4, /* its text is wiped */
	COMMAND_POLLS = 8,  /* asks the store for changes when a mailbox is selected */
	COMMAND_LITERAL = 16,  /* its last literal is read by the handler: APPEND */
	COMMAND_UID_ARGS = 32, /* takes arguments only in its form with UID: EXPUNGE */
};
struct command_row {
	struct text name;
	unsigned states;
	unsigned flags;
	enum outcome (*run)(struct command *c);
};
const struct command_row *imap_command_find(struct text name);

/* Flags of these messages were told as they were at the modseq; or (exact),
 * the change of this modseq was the command's own and silent. */
struct told {
	const struct runs *uids; /* lives with the command's arena */
	uint64_t modseq;
	bool exact;
};

struct command {
	struct imap *im;
	const struct command_row *row; /* NULL: no such command */
	struct arena arena;
	struct text line; /* the whole command, a copy */
	struct text tag;
	struct cursor args; /* behind the name */
	bool uid;
	bool has_literal; /* COMMAND_LITERAL: the octets follow in the stream */
	struct literal_mark literal;
	struct buffer out; /* responses that the stream has not got yet */
	/* the tagged reply */
	const char *word;
	struct text code, words;
	struct text behind; /* sent behind it: answers of commands that were done with this one */
	bool denied;	    /* the store said no: perhaps to the token */
	/* changes */
	bool poll;	/* ask the store for changes at the end, */
	uint64_t reach; /* up to this modseq at least */
	bool numbers;	/* it named messages by number: no EXPUNGE in its answer */
	/* Changes that the client need not hear of again. */
	struct told told[2];
	unsigned told_count;
};

/* ---- assemble.c: commands out of the stream ---- */

/* The next whole command into c (copied to its arena, consumed). AGAIN: more
 * input is needed; LIMIT: too long, the tag is in c and the rest is thrown
 * away by itself; INVALID: the connection must end. */
enum status imap_assemble(struct imap *im, struct command *c) MUST_CHECK;
/* The next line for im->more, copied. AGAIN, LIMIT. */
enum status imap_assemble_line(
    struct imap *im, struct arena *a, size_t limit, struct text *line) MUST_CHECK;
/* The next command up to its first message, if it is an APPEND that has come
 * whole, and fits() says so. AGAIN: more of it must come; NOT_FOUND: it is
 * something else, or its client waits. Nothing is consumed then. */
enum status imap_assemble_append(struct imap *im, struct command *c,
    bool (*fits)(void *arg, const struct command *c), void *arg) MUST_CHECK;
/* Whether these arguments of APPEND are all that stands in front of the
 * message, so that the literal that follows is the message. */
bool imap_append_is_ready(struct cursor args);
/* What is left of this line, literals included, is thrown away. */
void imap_discard_line(struct imap *im);
/* Waits for more input. Answers to earlier commands leave before. */
enum status imap_await(struct imap *im) MUST_CHECK;
/* Reads n octets of a literal within the command in hand: sink gets them in
 * pieces (NULL: thrown away). Waits for the client by the rules of the stream. */
enum status imap_read_literal(struct imap *im, uint64_t n,
    enum status (*sink)(void *arg, struct text part), void *arg) MUST_CHECK;

/* ---- reply.c: what is said ---- */

enum outcome imap_ok(struct command *c, const char *words);
enum outcome imap_no(struct command *c, const char *code, const char *words);
enum outcome imap_bad(struct command *c, const char *words);
/* A call that failed: NO with the response code of RFC 5530 that fits. */
enum outcome imap_failed(struct command *c, enum status st, const struct failure *f);
/* The code of the OK that follows, "APPENDUID 1 2", without brackets. */
void imap_code(struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "* " ... line end, into c->out; hands on to the stream when much is there. */
void imap_line(struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* c->out to the stream. */
void imap_push(struct command *c);
/* The same when much is there. */
void imap_push_some(struct command *c);
/* The tagged reply, appended to out; and to the stream, with all before it. */
void imap_write_tagged(const struct command *c, struct buffer *out);
void imap_finish(struct command *c);
/* "* BYE words", once. */
enum outcome imap_bye(struct imap *im, const char *words);
/* Expects lines: im->more gets them; prompt is what stands behind "+ ". */
enum outcome imap_expect(struct command *c, struct text prompt,
    enum outcome (*more)(struct command *c, struct text line));
/* The client reads no more: what is written goes nowhere. */
bool imap_gone(const struct imap *im);
/* The rule of waiting for a slow client, renewed at each transfer. */
void imap_transfer_begins(struct imap *im);

/* ---- session.c, capability.c ---- */

/* Capabilities of now, with a space between them. */
void imap_capabilities(struct imap *im, struct arena *a, struct buffer *out);
void imap_signed_in(struct imap *im, const struct auth_outcome *who);
/* Leaves the selected mailbox, if there is one. */
void imap_deselect(struct imap *im);
/* Switches on enum imap_enabled, with what they imply. CONDSTORE, the first
 * time in a selected mailbox, tells its HIGHESTMODSEQ (RFC 7162 3.1). */
void imap_enable(struct command *c, unsigned bits);

/* ---- changes.c: news of the selected mailbox ---- */

/* Asks the store what happened since, and writes it. NOT_FOUND: the mailbox is
 * gone. */
enum status imap_changes(
    struct imap *im, struct arena *a, bool expunges, struct buffer *out) MUST_CHECK;
/* The same at the end of a command, with what it knows. */
enum status imap_changes_after(struct command *c, bool expunges) MUST_CHECK;
/* What the view has to tell, without asking. */
void imap_tell_view(struct imap *im, bool expunges, struct buffer *out);
/* A reply told the account's modseq, or a message's: is there news? */
void imap_saw_modseq(struct command *c, uint64_t modseq);
/* At the end of a command: HIGHESTMODSEQ where it has to be said. */
void imap_tell_highest(struct command *c);
/* HIGHESTMODSEQ, in the tagged reply if that is OK and has room for it. */
void imap_write_highest(struct command *c);
/* Keyword names that rows of a reply need. */
enum status imap_need_keywords(struct imap *im, struct arena *a, uint64_t total) MUST_CHECK;
/* The same, told in FLAGS when they are new; names: all, if there are more
 * than in it. */
enum status imap_take_keywords(struct command *c, uint64_t total, struct texts *names) MUST_CHECK;
/* "* FLAGS (...)", and PERMANENTFLAGS if wanted. */
void imap_write_mailbox_flags(struct imap *im, struct arena *a, bool permanent, struct buffer *out);

/* ---- news.c: what is told of messages that the client knows ---- */

/* "* n FETCH (...)" about a message of the view, of these parts; MODSEQ never
 * stands alone. */
enum news_part { NEWS_UID = 1, NEWS_FLAGS = 2, NEWS_MODSEQ = 4 };
void imap_write_news(struct imap *im, const struct store_row *row, unsigned parts,
    struct texts names, struct buffer *out);
/* The same about all messages of a span that the view has; handed on to the
 * stream when much is there. */
void imap_write_news_span(
    struct command *c, const struct store_span *span, unsigned parts, struct texts names);
/* The parts that news of flags has in this session. */
unsigned imap_news_parts(const struct imap *im, bool uid);
/* "MODSEQ (12)", noted as shown. Whoever shows one calls imap_saw_modseq. */
void imap_write_modseq(struct imap *im, uint64_t modseq, struct buffer *out);

/* ---- watch.c: which accounts this process is told of ---- */

struct imap_watch *imap_watch_new(void);
void imap_watch_free(struct imap_watch *w);
/* Counts the session in; asks the store again if the link was lost since. */
enum status imap_watch_enter(struct imap *im, struct arena *a) MUST_CHECK;
void imap_watch_leave(struct imap *im);
void imap_watch_forget(struct imap_watch *w);

/* ---- what several commands parse ---- */

/* SP mailbox in the store's spelling; false with the reply made. */
bool imap_arg_mailbox(struct command *c, struct text *name);
/* The same, and the name as the client wrote it. */
bool imap_arg_mailbox_as(struct command *c, struct text *name, struct text *wire);
/* Names of mailboxes are UTF-8 in this session. */
static inline bool
imap_utf8(const struct imap *im)
{
	return (im->enabled & ENABLED_REV2) != 0;
}
/* Whether a client of IMAP4rev2 wrote another name than the mailbox has; and
 * tells it so, in an untagged LIST with these attributes (RFC 9051 6.3.9.7). */
bool imap_name_differs(const struct command *c, struct text name, struct text wire);
void imap_tell_name(struct command *c, const char *attributes, struct text name, struct text wire);
/* " ("OLDNAME" ("wire"))", where that is another name in such a session. */
bool imap_write_oldname(struct command *c, struct text name, struct text wire);
/* SP sequence-set resolved to UIDs of the view; false with the reply made.
 * uids is a view of what the arena frees, not to be changed. */
bool imap_arg_set(struct command *c, struct runs *uids);
/* The end of the command; false with the reply made. */
bool imap_arg_end(struct command *c);
/* A random op for a write. */
uint64_t imap_op(void);

#define X(name, states, flags, run) enum outcome imap_cmd_##run(struct command *c);
#include "imap/commands.def"
#undef X

#endif
