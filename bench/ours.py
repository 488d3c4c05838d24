# SPDX-License-Identifier: ISC
"""Mailstead as the bench runs it: the release build, `mailstead demo` in a
private folder, with the accounts of the bench added by a batch."""

import contextlib
import glob
import os
import select
import shutil
import subprocess
import time

import measure
import peers


class Ours:
    """The same face as peers.Peers."""

    host = "127.0.0.1"
    domain, password = peers.DOMAIN, peers.PASSWORD
    name = "mailstead"
    tuned = False

    def __init__(self, folder, base, accounts=()):
        self.dir = os.path.join(folder, "demo")
        self.root = folder
        self.ports = peers.demo_ports(base)
        self.base = base
        self.accounts = list(accounts)
        self.group = None
        self.process = None

    def port(self, name):
        return self.ports[name]

    def put_away(self):
        """A restart moves what still lies in the write-ahead log to where it stays."""
        self.group.settle()
        self.stop()
        self.start()
        self.group.settle()

    def _command(self):
        return [binary(), "demo", "--dir", self.dir, "--port-base", str(self.base)]

    def start(self):
        os.makedirs(self.root, exist_ok=True)
        self.group = measure.Group("ours")
        with open(f"{self.root}/output.log", "ab") as log:
            self.process = self.group.popen(self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=log)
        try:
            self._await_ready()
            if not os.path.exists(f"{self.root}/accounts"):
                self._add_accounts()
        except BaseException:
            self.stop(clean=False)
            raise
        return self

    def log(self):
        with open(f"{self.root}/output.log", encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def _await_ready(self, limit=60):
        deadline = time.monotonic() + limit
        said = b""
        while b"ready" not in said.splitlines():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise RuntimeError(f"mailstead is not ready after {limit} s:\n{self.log()}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise RuntimeError(f"mailstead ended before it was ready:\n{self.log()}")
            said += piece

    def run(self, *arguments):
        subprocess.run([binary(), *arguments, "--dir", self.dir], check=True, stdout=subprocess.DEVNULL)

    def _add_accounts(self):
        batch = os.path.join(self.root, "accounts")
        with open(batch, "w", encoding="ascii") as f:
            f.writelines(f"{name}@{self.domain}\t{self.password}\n" for name in self.accounts)
        self.run("account", "add", "--batch", batch)

    def stop(self, clean=True):
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        code, self.process = self.process.returncode, None
        self.group.end()
        if clean and code != 0:
            raise RuntimeError(f"mailstead ended with code {code}:\n{self.log()}")

    def remove(self):
        self.stop(clean=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def data(self):
        return self.dir

    def forget(self):
        """There is nothing that it remembers of earlier reading."""

    def logs(self):
        """What the write-ahead logs hold of the disk, for whoever looks at a small store."""
        held = sum(measure.disk(path) for path in glob.glob(f"{self.dir}/store/**/*.log", recursive=True))
        return f"; while it runs beside them logs of {held / 1e6:.0f} MB, whatever the mail"

    @contextlib.contextmanager
    def sending(self):
        """A server with a route to the sink, which the demo has not."""
        with contextlib.ExitStack() as held:
            site = Site(os.path.join(self.root, "site"), measure.free_ports(3), self.accounts)
            held.callback(site.remove)
            yield site.start()

    def delivered(self):
        """None: what was answered 250 is there; rows.check_count asks IMAP in the end."""
        return None


ROLES = ("store", "auth", "lookup", "intake", "mx", "access", "outbound")
CONFIGURATION = """
hostname = "mail.{domain}"
dir = "{dir}"
store {{ engine = rocksdb }}
listen smtp {{ address = 127.0.0.1, port = {smtp} }}
listen submissions {{ address = 127.0.0.1, port = {submissions} }}
tls {{ certificate = "{root}/tls/cert.pem", key = "{root}/tls/key.pem" }}
route "{elsewhere}" {{ host = "127.0.0.1", port = {sink}, tls = none }}
users {{ {users} }}
"""


class Site(Ours):
    """`mailstead run`, a user for every role, as it is installed; what goes out goes to the sink."""

    def __init__(self, folder, base, accounts):
        super().__init__(folder, base, accounts)
        self.dir = os.path.join(folder, "data")
        self.ports = {"smtp": base, "submissions": base + 1, "sink": base + 2}

    def _command(self):
        return [binary(), "run", "--config", os.path.join(self.root, "mailstead.conf")]

    def start(self):
        if not os.path.exists(f"{self.root}/tls"):
            peers.make_certificates(f"{self.root}/tls")
            users = ", ".join(f"{role} = {64101 + n}" for n, role in enumerate(ROLES))
            peers.write(f"{self.root}/mailstead.conf", CONFIGURATION.format(
                dir=self.dir, root=self.root, domain=self.domain, elsewhere=peers.ELSEWHERE, users=users, **self.ports))
            for folder in (os.path.dirname(os.path.dirname(self.root)), os.path.dirname(self.root), self.root):
                os.chmod(folder, 0o755)
        return super().start()

    def _await_ready(self, limit=60):
        """`run` tells systemd, which is not here: it is ready when it greets."""
        peers.await_greetings(self, ["smtp"], [self.process], limit)

    def _add_accounts(self):
        self.run("domain", "add", self.domain)
        super()._add_accounts()


def binary():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ.get("MAILSTEAD") or os.path.join(root, "build", "mailstead")
