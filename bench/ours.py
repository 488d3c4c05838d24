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

    def start(self):
        os.makedirs(self.root, exist_ok=True)
        self.group = measure.Group("ours")
        with open(f"{self.root}/output.log", "ab") as log:
            self.process = self.group.popen(
                [binary(), "demo", "--dir", self.dir, "--port-base", str(self.base)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        try:
            self._await_ready()
            if not os.path.exists(f"{self.root}/accounts"):
                self._add_accounts()
        except BaseException:
            self.stop(clean=False)
            raise
        return self

    def _log(self):
        with open(f"{self.root}/output.log", encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def _await_ready(self, limit=60):
        deadline = time.monotonic() + limit
        said = b""
        while b"ready" not in said.splitlines():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise RuntimeError(f"mailstead is not ready after {limit} s:\n{self._log()}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise RuntimeError(f"mailstead ended before it was ready:\n{self._log()}")
            said += piece

    def _add_accounts(self):
        batch = os.path.join(self.root, "accounts")
        with open(batch, "w", encoding="ascii") as f:
            f.writelines(f"{name}@{self.domain}\t{self.password}\n" for name in self.accounts)
        subprocess.run([binary(), "account", "add", "--batch", batch, "--dir", self.dir], check=True,
                       stdout=subprocess.DEVNULL)

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
            raise RuntimeError(f"mailstead ended with code {code}:\n{self._log()}")

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

    def delivered(self):
        """None: what was answered 250 is there; rows.check_count asks IMAP in the end."""
        return None


def binary():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ.get("MAILSTEAD") or os.path.join(root, "build", "mailstead")
