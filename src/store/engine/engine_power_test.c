/* SPDX-License-Identifier: ISC */
/*
 * Loss of power, as far as a guest can have it: an ext4 of its own on a loop
 * device is shut down under load, which drops everything that was not synced,
 * mounted again (its journal is replayed) and looked at. Killing a process
 * never shows a missing sync; this does. Needs root and a loop device.
 */
#include <errno.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "base/random.h"
#include "store/engine/engine_senders.h"

#define ROUNDS 4
#define IMAGE_SIZE ((off_t)1 << 30)
#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_LOG_FLUSH 2

struct power {
	char mounted[80], image[80], device[64];
	int loop;
	char base[64];
	struct place place;
};

static bool
says(const char *what)
{
	print_message("%s: %s: no loss of power here\n", what, strerror(errno));
	return false;
}

static bool
make_ext4(const char *path)
{
	char name[] = "mkfs.ext4", quiet[] = "-q", force[] = "-F", image[80];
	char *const args[] = { name, quiet, force, image, NULL };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), ended;
	pid_t child;

	(void)snprintf(image, sizeof(image), "%s", path);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) != 0 || close(fd) != 0)
		return says("image");
	if ((errno = posix_spawnp(&child, args[0], NULL, NULL, args, environ)) != 0 ||
	    waitpid(child, &ended, 0) != child)
		return says("mkfs.ext4");
	return ended == 0 || says("mkfs.ext4");
}

/* The device goes when its last user does, however this test ends. */
static bool
attach_loop(struct power *p)
{
	struct loop_config how = { .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(p->image, O_RDWR | O_CLOEXEC), number = -1;

	p->loop = -1;
	if (control >= 0 && file >= 0)
		number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number >= 0) {
		(void)snprintf(p->device, sizeof(p->device), "/dev/loop%d", number);
		p->loop = open(p->device, O_RDWR | O_CLOEXEC);
	}
	how.fd = (uint32_t)file;
	if (p->loop >= 0 && ioctl(p->loop, LOOP_CONFIGURE, &how) != 0) {
		(void)close(p->loop);
		p->loop = -1;
	}
	(void)close(control);
	(void)close(file);
	return p->loop >= 0 || says("loop device");
}

static bool
power_on(struct power *p)
{
	return mount(p->device, p->mounted, "ext4", 0, NULL) == 0 || says("mount");
}

static bool
power_init(struct power *p)
{
	make_dir(p->base);
	(void)snprintf(p->image, sizeof(p->image), "%s/image", p->base);
	(void)snprintf(p->mounted, sizeof(p->mounted), "%s/m", p->base);
	(void)snprintf(p->place.dir, sizeof(p->place.dir), "%s/m/s", p->base);
	/* Mounts of this process alone, which go with it. */
	if (mkdir(p->mounted, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return says("mounts of its own");
	return make_ext4(p->image) && attach_loop(p) && power_on(p);
}

static void
power_off(struct power *p)
{
	uint32_t how = WITHOUT_LOG_FLUSH;
	int fd = open(p->mounted, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, EXT4_SHUTDOWN, &how), 0);
	assert_int_equal(close(fd), 0);
}

/* Takes one acknowledgement; false at the end, or, where it may not wait, when
 * there is none now. */
static bool
take_ack(struct power *p, int in, bool wait, bool late)
{
	struct pollfd now = { in, POLLIN, 0 };
	struct ack ack;

	if (!wait && poll(&now, 1, 0) != 1)
		return false;
	if (read(in, &ack, sizeof(ack)) != sizeof(ack))
		return false;
	assert_true(ack.sender < SENDERS);
	assert_true(ack.n == p->place.acked[ack.sender] + p->place.late[ack.sender] + 1);
	if (late)
		p->place.late[ack.sender]++;
	else
		p->place.acked[ack.sender]++;
	return true;
}

/* What is in the pipe when the power goes was acknowledged before. What comes
 * after that counts for nothing: a machine without power says nothing, and the
 * kernel may let an fsync that is under way end well while it gives up its
 * journal. */
static void
lose_power_after(struct power *p, int in, pid_t child, uint64_t many)
{
	int ended;

	for (uint64_t n = 0; n < many && take_ack(p, in, true, false); n++)
		continue;
	while (take_ack(p, in, false, false))
		continue;
	power_off(p);
	(void)kill(child, SIGKILL);
	while (take_ack(p, in, true, true))
		continue;
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_true(WIFSIGNALED(ended) || WEXITSTATUS(ended) == CHILD_REFUSED);
	assert_int_equal(umount(p->mounted), 0);
	assert_true(power_on(p));
}

static void
round_of(struct power *p)
{
	int ends[2];
	pid_t child;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p->place.pipe = ends[1];
	child = child_start(serve, &p->place);
	assert_int_equal(close(ends[1]), 0);
	lose_power_after(p, ends[0], child, 500 + random_below(3000));
	assert_int_equal(close(ends[0]), 0);
	child_run(verify, &p->place);
	learn_counts(&p->place);
}

static void
nothing_acknowledged_is_lost(void **state)
{
	struct power *p = MEM_NEW(struct power);
	bool ready;

#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
	mem_free(p);
	skip();
#endif
	ready = power_init(p);
	for (unsigned i = 0; ready && i < ROUNDS; i++) {
		p->place.senders = i % 2 == 0 ? SENDERS : 2;
		round_of(p);
	}
	if (ready)
		assert_int_equal(umount(p->mounted), 0);
	remove_dir(p->base);
	mem_free(p);
	if (!ready)
		skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
