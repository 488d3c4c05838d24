/* SPDX-License-Identifier: ISC */
/*
 * Control messages as packets: type, number of payload descriptors, fields.
 * The payloads' descriptors come first, then those of the message itself.
 */
#include "runtime/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/random.h"
#include "runtime/call_frame.h"

#define HEAD 2

#define X(name)                                                                   \
	static const struct call_field name##_fields[] = { { NULL, CALL_U64, 0 }, \
		control_##name##_FIELDS(CALL_FIELD_, control_##name) };
CONTROL_TABLE(X)
#undef X

static const struct {
	const struct call_field *fields;
	size_t count, size;
} messages[CONTROL_COUNT] = {
#define X(name) { name##_fields + 1, ARRAY_LEN(name##_fields) - 1, sizeof(struct control_##name) },
	CONTROL_TABLE(X)
#undef X
};

union control_space {
	char space[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
	struct cmsghdr align;
};

static enum status
send_packet(int fd, struct text packet, const int *fds, unsigned fd_count)
{
	struct iovec iov = { (void *)(uintptr_t)packet.ptr, packet.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control_space control = { { 0 } };
	ssize_t n;

	if (fd_count > 0) {
		struct cmsghdr *c;

		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return STATUS_OK;
	if (errno == EAGAIN)
		return STATUS_AGAIN;
	return errno == EMSGSIZE ? STATUS_LIMIT : STATUS_CLOSED;
}

enum status
control_send(int fd, enum control_type type, const void *record, const int *fds, unsigned fd_count)
{
	struct buffer b = BUFFER_INIT;
	int all[CALL_FDS_MAX + CONTROL_FDS_MAX];
	unsigned payloads = 0;
	enum status st;

	pack_u8(&b, (uint8_t)type);
	pack_u8(&b, 0);
	st = call_encode(messages[type].fields, messages[type].count, record, &b, all, &payloads);
	if (st != STATUS_OK) {
		buffer_done(&b);
		return st;
	}
	b.ptr[1] = (char)payloads;
	if (b.len > CONTROL_SIZE_MAX || payloads + fd_count > CONTROL_FDS_MAX) {
		st = STATUS_LIMIT;
	} else {
		if (fd_count > 0)
			memcpy(all + payloads, fds, fd_count * sizeof(*fds));
		st = send_packet(fd, buffer_text(&b), all, payloads + fd_count);
	}
	call_close_fds(all, payloads);
	buffer_done_secret(&b);
	return st;
}

static enum status
receive_packet(int fd, struct control_message *out, size_t *len)
{
	struct iovec iov = { out->packet, CONTROL_SIZE_MAX };
	union control_space control;
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? STATUS_AGAIN : STATUS_CLOSED;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			out->fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(out->fds, CMSG_DATA(c), out->fd_count * sizeof(int));
		}
	if (n == 0 && out->fd_count == 0)
		return STATUS_CLOSED;
	*len = (size_t)n;
	return (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? STATUS_INVALID : STATUS_OK;
}

static enum status
decode(struct control_message *out, size_t len)
{
	unsigned type, payloads;
	enum status st;

	if (len < HEAD)
		return STATUS_INVALID;
	type = (unsigned char)out->packet[0];
	payloads = (unsigned char)out->packet[1];
	if (type >= CONTROL_COUNT || payloads > CALL_FDS_MAX || payloads > out->fd_count)
		return STATUS_INVALID;
	out->type = (enum control_type)type;
	out->record = arena_alloc(&out->arena, messages[type].size);
	st = call_decode(messages[type].fields, messages[type].count, messages[type].size,
	    (struct text){ out->packet + HEAD, len - HEAD }, out->fds, payloads, &out->arena,
	    out->record);
	out->fd_count -= payloads;
	memmove(out->fds, out->fds + payloads, out->fd_count * sizeof(out->fds[0]));
	return st;
}

enum status
control_receive(int fd, struct control_message *out)
{
	struct control_message m = { .packet = mem_new(CONTROL_SIZE_MAX) };
	size_t len = 0;
	enum status st = receive_packet(fd, &m, &len);

	if (st == STATUS_OK)
		st = decode(&m, len);
	if (st == STATUS_OK)
		*out = m;
	else
		control_done(&m);
	return st;
}

void
control_done(struct control_message *m)
{
	for (unsigned i = 0; i < m->fd_count; i++)
		if (m->fds[i] >= 0)
			(void)close(m->fds[i]);
	arena_done(&m->arena);
	mem_free(m->packet);
	*m = (struct control_message){ 0 };
}

void
control_pack_certificates(struct buffer *b, const struct role_certificate *at, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pack_text(b, at[i].chain);
		pack_text(b, at[i].key);
	}
}

enum status
control_unpack_certificates(
    struct text packed, struct arena *a, struct role_certificate **at, uint32_t *count)
{
	struct role_certificate *list;
	struct unpack u = unpack_of(packed);
	uint32_t n = 0;

	for (; !unpack_end(&u); n++) {
		(void)unpack_text(&u);
		(void)unpack_text(&u);
		if (!unpack_ok(&u))
			return STATUS_INVALID;
	}
	list = n == 0 ? NULL : ARENA_ARRAY(a, struct role_certificate, n);
	u = unpack_of(packed);
	for (uint32_t i = 0; i < n; i++) {
		list[i].chain = unpack_text(&u);
		list[i].key = unpack_text(&u);
	}
	*at = list;
	*count = n;
	return STATUS_OK;
}

enum status
control_address(const char *path, struct sockaddr_un *out, int *folder)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct text whole = text_of(path);
	size_t slash = text_find_last(whole, '/');
	char name[4096];
	int fd;

	if (whole.len < sizeof(a.sun_path)) {
		memcpy(a.sun_path, path, whole.len);
		*folder = -1;
		*out = a;
		return STATUS_OK;
	}
	if (slash == whole.len ||
	    text_to_string(text_part(whole, 0, slash), name, sizeof(name)) != STATUS_OK)
		return STATUS_INVALID;
	fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return STATUS_INVALID;
	if (snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d%s", fd, path + slash) >=
	    (int)sizeof(a.sun_path)) {
		(void)close(fd);
		return STATUS_INVALID;
	}
	*folder = fd;
	*out = a;
	return STATUS_OK;
}
