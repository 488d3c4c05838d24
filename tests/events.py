# SPDX-License-Identifier: ISC
"""Events that tests wait for: a file is written, a process ends. Linux tells
of both by descriptors; nothing here looks again and again."""

import contextlib
import ctypes
import os
import re
import select
import signal
import time

IN_MODIFY = 2

_libc = ctypes.CDLL(None, use_errno=True)


class Writes:
    """`with Writes(path) as w:` and then w.wait(seconds) returns when the file was written since the last wait (or
    since the beginning), or when so much time has passed."""

    def __init__(self, path):
        self.fd = _libc.inotify_init1(os.O_CLOEXEC)
        if self.fd < 0 or _libc.inotify_add_watch(self.fd, os.fsencode(path), IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {path}")

    def wait(self, seconds):
        if select.select([self.fd], [], [], max(0.0, seconds))[0]:
            os.read(self.fd, 65536)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        os.close(self.fd)


def await_lines(path, pattern, count, seconds):
    """Waits until a log has so many places that match; gives the last of them, as re.findall does."""
    deadline = time.monotonic() + seconds
    with Writes(path) as writes:
        while True:
            with open(path, encoding="utf-8", errors="replace") as f:
                said = f.read()
            if len(found := re.findall(pattern, said)) >= count:
                return found[count - 1]
            assert time.monotonic() < deadline, f"no {pattern} in\n{said[-4000:]}"
            writes.wait(deadline - time.monotonic())


def await_exits(pids, seconds):
    """Waits until all of these processes have ended, whoever their parents are."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                assert select.select([fd], [], [], seconds)[0], f"process {pid} goes on for {seconds} s"
            finally:
                os.close(fd)


def group_members(group):
    """The processes of a process group, the dying ones included."""
    found = []
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(entry.name)}/stat", encoding="utf-8", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[2]) == group:
                    found.append(int(entry.name))
    return found


def end_group(leader, seconds):
    """Kills a process that leads its group, and whatever is left of the group; returns when all are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    await_exits(group_members(leader.pid), seconds)
    leader.wait()
