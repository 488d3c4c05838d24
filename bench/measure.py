# SPDX-License-Identifier: ISC
"""What the bench reads from the kernel about a server: the processor time of
all its processes, also of those that ended, their memory, its bytes on disk.

A server is started inside a control group of its own, where the kernel counts
for us. Where that is not possible (no root), its processes are found below the
first one in /proc, and what ended there is counted by its parent."""

import contextlib
import os
import resource
import shutil
import signal
import statistics
import subprocess
import time

V1 = "/sys/fs/cgroup/cpuacct"
TICK = os.sysconf("SC_CLK_TCK")


def own_cgroup():
    """The folder of the unified hierarchy that this process is in."""
    with open("/proc/self/cgroup", encoding="ascii") as f:
        for line in f:
            if line.startswith("0::"):
                return "/sys/fs/cgroup" + line.strip()[3:]
    return None


class Group:
    """The processes of one server."""

    def __init__(self, name):
        self.root = None  # pid of the first process, for the way without control groups
        self.folder = None
        v2 = own_cgroup() if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else None
        for parent in (V1 if os.path.isdir(V1) else None, v2):
            folder = parent and os.path.join(parent, f"bench-{os.getpid()}-{name}")
            with contextlib.suppress(OSError, TypeError):
                os.mkdir(folder)
                self.folder = folder
                break

    def popen(self, command, **keys):
        """Starts a process inside the group. The limit of open files is as high as it may be."""
        if keys.pop("first", True):
            keys.setdefault("start_new_session", True)
        child = subprocess.Popen(["/usr/bin/python3", "-c", ENTER, self.folder or "", *command], **keys)
        self.root = self.root or child.pid
        return child

    def pids(self):
        if self.folder:
            with open(os.path.join(self.folder, "cgroup.procs"), encoding="ascii") as f:
                return [int(line) for line in f]
        return descendants(self.root) if self.root else []

    def cpu(self):
        """Processor seconds since the group was made."""
        if self.folder is None:
            return sum(stat_cpu(p) for p in self.pids())
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.folder, "cpuacct.usage"), encoding="ascii") as f:
                return int(f.read()) / 1e9
        with open(os.path.join(self.folder, "cpu.stat"), encoding="ascii") as f:
            return int(dict(line.split() for line in f)["usage_usec"]) / 1e6

    def settle(self, quiet=0.5, limit=15.0):
        """Waits until the server rests: its work after the last answer counts too."""
        end = time.monotonic() + limit
        last = self.cpu()
        while time.monotonic() < end:
            time.sleep(quiet)
            now = self.cpu()
            if now - last < 0.02 * quiet:
                return
            last = now

    def pss(self):
        """Bytes of memory, what is shared divided by its sharers."""
        return sum(pss_of(p) for p in self.pids())

    def end(self, limit=10.0):
        """Kills what is left over and removes the group."""
        deadline = time.monotonic() + limit
        while self.pids() and time.monotonic() < deadline:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        if self.folder:
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)


# The child moves itself, then becomes the server; so nothing of it is missed.
ENTER = """
import os, resource, sys
if sys.argv[1]:
    with open(os.path.join(sys.argv[1], "cgroup.procs"), "w") as f:
        f.write(str(os.getpid()))
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def machine_busy():
    """Processor seconds that the whole machine has spent on anything."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = (int(x) for x in f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICK


def child_cpu():
    """Processor seconds of the load tools that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch:
    """Who kept the processors busy from here on."""

    def __init__(self, group):
        self.group = group
        self.began = time.monotonic()
        self.cpu, self.load, self.machine = group.cpu(), child_cpu(), machine_busy()

    def seconds(self):
        return time.monotonic() - self.began

    def server_cpu(self):
        return self.group.cpu() - self.cpu

    def says(self, seconds):
        """What limited it, as far as processors tell."""
        cores = os.cpu_count()
        parts = [x / seconds for x in (self.server_cpu(), child_cpu() - self.load, machine_busy() - self.machine)]
        others = max(0.0, parts[2] - parts[0] - parts[1])
        limit = "processor" if parts[2] > 0.9 * cores else "waiting for syncs or turns"
        return f"busy: server {parts[0]:.2f}, load {parts[1]:.2f}, others {others:.2f} of {cores}; limit: {limit}"


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name, so that [1] is the parent."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()
    except OSError:
        return None


def stat_cpu(pid):
    fields = stat_fields(pid)
    return sum(int(x) for x in fields[11:15]) / TICK if fields else 0.0


def descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        fields = stat_fields(name) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        if os.path.exists(f"/proc/{pid}"):
            found.append(pid)
        todo += children.get(pid, [])
    return found


def pss_of(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Pss:"))
    except OSError:
        return 0


def disk(folder):
    """Bytes that the blocks of a file take, or of all below a folder."""
    seen, total = set(), os.stat(folder).st_blocks * 512 if os.path.isfile(folder) else 0
    for where, _, names in os.walk(folder):
        for path in [where] + [os.path.join(where, n) for n in names]:
            with contextlib.suppress(FileNotFoundError):
                st = os.lstat(path)
                if st.st_ino not in seen:
                    seen.add(st.st_ino)
                    total += st.st_blocks * 512
    return total


def evict(folder):
    """Takes all files below a folder out of the kernel's memory, so that they are
    read from the disk; only these, unlike drop_caches."""
    os.sync()
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                fd = os.open(os.path.join(where, name), os.O_RDONLY)
                try:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)


def sync_time(folder, octets, count=300):
    """Milliseconds that a write of so many octets, where a file has synced zeros, and its
    sync take, by a loop that does nothing else: the median."""
    path, took = os.path.join(folder, "sync"), []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(fd, bytes(octets * count))
        os.fdatasync(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        for _ in range(count):
            data = os.urandom(octets)
            began = time.perf_counter()
            os.write(fd, data)
            os.fdatasync(fd)
            took.append(time.perf_counter() - began)
    finally:
        os.close(fd)
        os.unlink(path)
    return statistics.median(took) * 1000


def free_ports(count):
    """That many ports in a row on which nobody listens, on 127.0.0.1."""
    import random
    import socket
    for _ in range(200):
        base = random.randrange(12000, 30000)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(base, base + count):
                s = held.enter_context(socket.socket())
                s.bind(("127.0.0.1", port))
            return base
    raise RuntimeError("no free ports")


def tool(name):
    """A load tool, from the build folder."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.path.join(os.environ.get("MAILSTEAD_BUILD_DIR", os.path.join(root, "build")), "bench", name)
    if not os.path.exists(path):
        raise RuntimeError(f"{path} is missing: tools/build release")
    return path


def find(*names):
    for name in names:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/postfix/sbin")
        if path:
            return path
    raise RuntimeError(f"{names[0]} is not installed: tools/install-deps bench")
