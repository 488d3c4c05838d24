/* SPDX-License-Identifier: ISC */
/*
 * What the monitor and a role say to each other over descriptor 3, and the
 * monitor and an operator's command over operator.sock: one packet a message
 * (SOCK_SEQPACKET), fields as in calls, and descriptors beside it. Both sides
 * are our own binary; messages are decoded with the same care all the same.
 */
#ifndef RUNTIME_CONTROL_H
#define RUNTIME_CONTROL_H

#include "runtime/calls.h"
#include "runtime/role.h"

#define CONTROL_FD 3
#define CONTROL_SIZE_MAX (128u << 10)
#define CONTROL_FDS_MAX 64

/* Monitor to role, first of all; descriptors: the listeners', then the notes'
 * and the board's if it has them. listener_flags are enum control_listener; certificates: see
 * control_pack_certificates. */
#define control_START_FIELDS(F, S)    \
	F(S, U64, role)               \
	F(S, U64, instance)           \
	F(S, TEXT, hostname)          \
	F(S, TEXT, dir)               \
	F(S, TEXT, engine)            \
	F(S, TEXT, resolver)          \
	F(S, TEXT, trust_anchor)      \
	F(S, TEXT, ca_file)           \
	F(S, TEXTS, own)              \
	F(S, TEXTS, routes)           \
	F(S, TEXTS, sources)          \
	F(S, U64, uid)                \
	F(S, U64, gid)                \
	F(S, U64, sandbox_off)        \
	F(S, U64, log_format)         \
	F(S, U64, log_level)          \
	F(S, U64, threads)            \
	F(S, TEXTS, secrets)          \
	F(S, PAYLOAD, certificates)   \
	F(S, TEXTS, listeners)        \
	F(S, NUMBERS, listener_tls)   \
	F(S, NUMBERS, listener_flags) \
	F(S, NUMBERS, listener_ports) \
	F(S, TEXTS, proxy_peers) F(S, U64, has_notes) F(S, U64, has_board)
/* A link to a peer; descriptor: its end. To a role, and to an operator. number
 * names it in LOST; 0: not said when it is lost. */
#define control_LINK_FIELDS(F, S) F(S, U64, role) F(S, U64, instance) F(S, U64, number)
/* Certificates were read again. To auth with them, to fronts without. */
#define control_CERTIFICATES_FIELDS(F, S) F(S, PAYLOAD, certificates)
/* Finish within so many microseconds. */
#define control_STOP_FIELDS(F, S) F(S, U64, within)
/* Role to monitor: links may come; begin has returned; certificates that came
 * are in use; this link broke. */
#define control_READY_FIELDS(F, S)
#define control_SERVING_FIELDS(F, S)
#define control_TAKEN_FIELDS(F, S)
#define control_LOST_FIELDS(F, S) F(S, U64, number)
/* To the monitor: this role cannot start. To an operator: refused. */
#define control_FAILED_FIELDS(F, S) F(S, TEXT, words)
/* To an operator: there are no more links. */
#define control_DONE_FIELDS(F, S)

#define CONTROL_TABLE(X) \
	X(START)         \
	X(LINK)          \
	X(CERTIFICATES)  \
	X(STOP)          \
	X(READY)         \
	X(SERVING)       \
	X(TAKEN)         \
	X(LOST)          \
	X(FAILED)        \
	X(DONE)

enum control_type {
#define X(name) CONTROL_##name,
	CONTROL_TABLE(X)
#undef X
	    CONTROL_COUNT
};

#define X(name)                                         \
	struct control_##name {                         \
		uint8_t none_;                          \
		control_##name##_FIELDS(CALL_MEMBER_, ) \
	};
CONTROL_TABLE(X)
#undef X

enum control_listener { CONTROL_PLAIN_AUTH = 1, CONTROL_PROXY = 2 };

struct control_message {
	enum control_type type;
	struct arena arena;
	void *record; /* struct control_..., in the arena */
	int fds[CONTROL_FDS_MAX];
	unsigned fd_count;
	char *packet;
};

/* Never waits: a peer whose socket is full (AGAIN) is not listening any more.
 * LIMIT: too large. CLOSED: the peer has gone. The descriptors stay the caller's. */
enum status control_send(int fd, enum control_type type, const void *record, const int *fds,
    unsigned fd_count) MUST_CHECK;
/* Waits for the next message unless the descriptor is non-blocking (AGAIN).
 * CLOSED: the peer has gone; INVALID: no such message. */
enum status control_receive(int fd, struct control_message *out) MUST_CHECK;
/* Frees it and closes the descriptors that were not taken (set to -1). */
void control_done(struct control_message *m);

/* Certificates as one payload, so that they may be many. */
void control_pack_certificates(struct buffer *b, const struct role_certificate *at, uint32_t count);
enum status control_unpack_certificates(
    struct text packed, struct arena *a, struct role_certificate **at, uint32_t *count) MUST_CHECK;

/* An address of this path, also where it is longer than sun_path: then through
 * the folder, which *folder holds open. INVALID: no such folder. */
struct sockaddr_un;
enum status control_address(const char *path, struct sockaddr_un *out, int *folder) MUST_CHECK;

#endif
