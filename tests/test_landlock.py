# SPDX-License-Identifier: ISC
"""Kernels without Landlock, and older ones: a library that is loaded before the
others answers landlock_create_ruleset as such a kernel would, and refuses what
it would not know. The service runs on all, and the doctor says how."""

import ctypes
import json
import smtplib
import subprocess

import pytest

from mailstead import Mailstead, binary, release_build

LIBRARY = r"""
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* What version N lets be handled: files, network, scopes. */
static const struct {
	uint64_t files, network, scopes;
	unsigned long size;
} known[] = {
	[1] = { 0x1fff, 0, 0, 8 },
	[2] = { 0x3fff, 0, 0, 8 },
	[3] = { 0x7fff, 0, 0, 8 },
	[4] = { 0x7fff, 3, 0, 16 },
	[5] = { 0xffff, 3, 0, 16 },
	[6] = { 0xffff, 3, 3, 24 },
};

static long
refuse(int error)
{
	errno = error;
	return -1;
}

long
syscall(long number, ...)
{
	static long (*real)(long, ...);
	const char *word = getenv("TEST_LANDLOCK");
	int version = atoi(word);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (real == NULL)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_landlock_create_ruleset && version <= 0)
		return refuse(strcmp(word, "absent") == 0 ? ENOSYS : EOPNOTSUPP);
	if (number == SYS_landlock_create_ruleset && a[0] == 0)
		return version;
	if (number == SYS_landlock_create_ruleset) {
		uint64_t asked[3] = { 0, 0, 0 };

		if ((unsigned long)a[1] > known[version].size)
			return refuse(E2BIG);
		memcpy(asked, (const void *)a[0], (unsigned long)a[1]);
		if ((asked[0] & ~known[version].files) != 0 || (asked[1] & ~known[version].network) != 0 ||
		    (asked[2] & ~known[version].scopes) != 0)
			return refuse(EINVAL);
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
"""

pytestmark = pytest.mark.skipif(not release_build(), reason="sanitizer builds are not confined")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "landlock.c").write_text(LIBRARY)
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", str(folder / "landlock.so"),
                    str(folder / "landlock.c"), "-ldl"], check=True)
    return str(folder / "landlock.so")


def doctor(house):
    done = subprocess.run([binary(), "doctor", "--json", "--dir", house.dir], capture_output=True, text=True,
                          check=False)
    return json.loads(done.stdout)


def serves(house):
    with smtplib.SMTP(house.host, house.port("smtp"), timeout=60) as s:
        s.sendmail("sender@example.org", [house.alice], "Subject: confined\r\n\r\nx\r\n")
    assert " 0 problems" in house.run("check-store")


@pytest.mark.parametrize("kernel", ["absent", "off"])
def test_without_landlock(library, kernel):
    with Mailstead(environment={"LD_PRELOAD": library, "TEST_LANDLOCK": kernel}) as house:
        told = doctor(house)
        for row in told["roles"]:
            assert "landlock" not in row["sandbox"] and "seccomp" in row["sandbox"], row
            assert any(n.startswith(f"{row['role']} {row['instance']} runs without Landlock") for n in told["notes"])
        serves(house)


def kernel_version():
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


@pytest.mark.skipif(kernel_version() < 6, reason="this kernel has less")
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_older_landlock(library, version):
    with Mailstead(environment={"LD_PRELOAD": library, "TEST_LANDLOCK": str(version)}) as house:
        told = doctor(house)
        for row in told["roles"]:
            assert "landlock" in row["sandbox"] and "seccomp" in row["sandbox"], row
        assert not any("Landlock" in n for n in told["notes"])
        serves(house)
