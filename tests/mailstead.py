# SPDX-License-Identifier: ISC
"""A running Mailstead for the end-to-end tests.

    def test_something(house):            # fixture of conftest.py, one a module
        with smtplib.SMTP(house.host, house.port("smtp")) as s: ...

`with Mailstead() as house:` starts one of its own: `mailstead demo` in a
folder and on ports that nobody else uses, from the binary that MAILSTEAD
names. Leaving it stops the service with SIGTERM and fails unless it ended with
exit code 0, and unless no sanitizer had anything to report. Its output stays
in MAILSTEAD_LOGS (or the folder itself)."""

import contextlib
import glob
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import events

STANDARD_PORTS = {
    "smtp": 25, "submissions": 465, "submission": 587, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995,
    "managesieve": 4190, "lmtp": 24, "http": 80, "https": 443,
}
START_SECONDS = 120  # with sanitizers, on a machine that is busy
STOP_SECONDS = 60


def binary():
    """The program under test."""
    path = os.environ.get("MAILSTEAD") or os.environ.get("MAILSTEAD_BIN")
    if not path:
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        path = next((p for p in (os.path.join(root, b, "mailstead") for b in ("build-asan", "build"))
                     if os.path.exists(p)), None)
    if not path or not os.path.exists(path):
        raise RuntimeError("set MAILSTEAD to the mailstead binary")
    return path


def release_build():
    """True where the sandbox and the speed of a release build can be expected."""
    return os.environ.get("MAILSTEAD_BUILD") == "release"


def port_is_free(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((host, port))
        except OSError:
            return False
    return True


def free_port_base():
    """A base from which on all standard ports are free now."""
    for _ in range(200):
        base = random.randrange(11000, 27000)
        if all(port_is_free(base + p) for p in STANDARD_PORTS.values()):
            return base
    raise RuntimeError("no free ports")


class Mailstead:
    """One `mailstead demo`; `host`, `port(name)`, `dir`, and the accounts."""

    host = "127.0.0.1"
    hostname = "mail.demo.test"
    alice, bob, admin = "alice@demo.test", "bob@demo.test", "admin@demo.test"
    password = "demo"

    def __init__(self, arguments=(), environment=None, directory=None):
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.own_dir = directory is None
        self.root = tempfile.mkdtemp(prefix="mailstead-test-")
        self.dir = directory or os.path.join(self.root, "demo")
        self.base = free_port_base()
        self.process = None
        self.output = os.path.join(self.root, "output.log")

    # ---- facts ----

    def port(self, name):
        return self.base + STANDARD_PORTS[name]

    @property
    def ca(self):
        return os.path.join(self.dir, "tls", "ca.pem")

    def log(self):
        with open(self.output, encoding="utf-8", errors="replace") as f:
            return f.read()

    def role_pids(self, role):
        """The processes of a role now, by instance, as the monitor logged them."""
        found = re.findall(rf"event=monitor\.started what={role} instance=(\d+) pid=(\d+)", self.log())
        return {int(instance): int(pid) for instance, pid in found}

    def child(self, role):
        """The process of a role now, a child of the monitor; None while there is none."""
        monitor = self.process.pid
        with open(f"/proc/{monitor}/task/{monitor}/children", encoding="ascii") as f:
            for pid in f.read().split():
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as line:
                    if line.read().split(b"\0")[1:3] == [b"role", role.encode()]:
                        return int(pid)
        return None

    def end_role(self, role):
        """Kills the first process of a role, as a bug would; returns when it is gone and another one was started."""
        started = rf"event=monitor\.started what={role} "
        before, pid = len(re.findall(started, self.log())), self.role_pids(role)[0]
        os.kill(pid, signal.SIGKILL)
        events.await_exits([pid], STOP_SECONDS)
        self.await_log(started, before + 1)

    def await_log(self, pattern, count=1, seconds=120):
        """Waits until the log has so many lines that match; the last of them."""
        return events.await_lines(self.output, pattern, count, seconds)

    def sanitizer_reports(self):
        said = []
        for path in sorted(glob.glob(os.path.join(self.root, "sanitizer.*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                said.append(f.read())
        return [s for s in said if s.strip()]

    # ---- life ----

    def _environment(self):
        env = dict(os.environ)
        reports = os.path.join(self.root, "sanitizer")
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            env[name] = env.get(name, "") + f":log_path={reports}:"
        env.update(self.environment)
        return env

    def command(self):
        return [binary(), "demo", "--dir", self.dir, "--port-base", str(self.base), *self.arguments]

    def start(self):
        with open(self.output, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=self._environment(), start_new_session=True)
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def _await_ready(self):
        """Its table of addresses, up to the line `ready`."""
        deadline = time.monotonic() + START_SECONDS
        said = b""
        pipe = self.process.stdout.fileno()
        while b"ready" not in said.splitlines():
            left = deadline - time.monotonic()
            if left <= 0:
                raise RuntimeError(f"not ready after {START_SECONDS} s\n{self.log()}")
            if select.select([pipe], [], [], min(left, 1.0))[0]:
                piece = os.read(pipe, 65536)
                if not piece:
                    raise RuntimeError(f"ended before it was ready: {self.process.wait()}\n{self.log()}")
                said += piece
        self.table = said.decode("utf-8", "replace")

    def stop(self):
        """Stops it as an operator would; what is wrong then is a failure."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=STOP_SECONDS)
            code = self.process.returncode
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {STOP_SECONDS} s\n{self.log()[-8000:]}") from None
        self.process = None
        reports = self.sanitizer_reports()
        assert not reports, "sanitizer:\n" + "\n".join(reports)[:20000]
        assert code == 0, f"exit code {code}\n{rest.decode('utf-8', 'replace')}{self.log()[-8000:]}"

    def kill(self):
        """Ends it and all its roles at once, as a loss of power would."""
        if self.process is None:
            return
        events.end_group(self.process, STOP_SECONDS)  # the roles hold ports and locks until they are gone
        self.process.stdout.close()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def keep_logs(self):
        target = os.environ.get("MAILSTEAD_LOGS")
        if target and os.path.exists(self.output):
            shutil.copy(self.output, os.path.join(target, f"e2e-{os.path.basename(self.root)}.log"))

    def clean(self):
        self.kill()
        self.keep_logs()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.clean()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
        finally:
            self.clean()

    # ---- use ----

    def run(self, *arguments, stdin=None, check=True):
        """An operator's command on the running service; its standard output."""
        done = subprocess.run([binary(), *arguments, "--dir", self.dir], input=stdin, text=True,
                              capture_output=True, env=self._environment(), check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"mailstead {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def connect(self, name, host=None):
        """A plain connection to a port by its name."""
        return socket.create_connection((host or self.host, self.port(name)), timeout=60)


class Site(Mailstead):
    """`mailstead run` with a configuration of its own, as root with a user for every role or as anybody;
    `before` stands in front of the command, as in `nsenter -t PID -n`. Nobody has an account at first."""

    roles = ("store", "auth", "lookup", "intake", "mx", "access", "outbound")
    hostname = "mail.site.test"

    def __init__(self, listeners, before=()):
        super().__init__()
        os.chmod(self.root, 0o755)
        self.before = list(before)
        self.config = os.path.join(self.root, "mailstead.conf")
        self.users = {role: 64101 + i for i, role in enumerate(self.roles)} if os.geteuid() == 0 else {}
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f'hostname = "{self.hostname}"\ndir = "{self.dir}"\nstore {{ engine = rocksdb }}\n{listeners}\n')
            if self.users:
                f.write("users { " + ", ".join(f"{r} = {u}" for r, u in self.users.items()) + " }\n")

    def command(self):
        return [*self.before, binary(), "run", "--config", self.config]

    def _environment(self):
        return {**super()._environment(), "NOTIFY_SOCKET": os.path.join(self.root, "notify")}

    def start(self):
        path = os.path.join(self.root, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as self.notify:
            self.notify.bind(path)
            return super().start()

    def _await_ready(self):
        """As systemd waits for it."""
        deadline = time.monotonic() + START_SECONDS
        self.notify.settimeout(1.0)
        while True:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in self.notify.recv(4096).split(b"\n"):
                    return
            if self.process.poll() is not None:
                raise RuntimeError(f"ended before it was ready: {self.process.returncode}\n{self.log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready after {START_SECONDS} s\n{self.log()}")
