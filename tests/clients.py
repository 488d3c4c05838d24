# SPDX-License-Identifier: ISC
"""What the tests with clients that nobody here wrote share: running them,
messages to work on, and what the server holds afterwards, looked at over
IMAP. A client that is not installed makes its tests skip; not so where
MAILSTEAD_CI is set, as .ci/run does: there all must run."""

import json
import os
import queue
import re
import select
import shutil
import smtplib
import subprocess
import threading
import time
import uuid

import pytest

import imapwire
import mailstead

CLIENT_SECONDS = 120  # what a client may take; with sanitizers, on a busy machine


def needs(*programs):
    missing = [p for p in programs if shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin") is None]
    return pytest.mark.skipif(bool(missing) and not os.environ.get("MAILSTEAD_CI"),
                              reason=f"not installed: {', '.join(missing)}")


def run(*command, check=True, seconds=CLIENT_SECONDS, **keys):
    """The client's output; its exit code must be 0 unless told otherwise."""
    keys.setdefault("stdin", subprocess.DEVNULL if "input" not in keys else None)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=seconds, check=False, **keys)
    if check:
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-6000:]}"
    return done


def unique(what):
    return f"{what}-{uuid.uuid4().hex[:12]}"


def letter(subject, text="Hello,\r\n\r\nthis is the text.\r\n", to=mailstead.Mailstead.alice):
    return (f"From: Sender <sender@elsewhere.test>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{uuid.uuid4().hex}@elsewhere.test>\r\n"
            f"\r\n{text}").encode()


def send(house, subject, to=None, **keys):
    with smtplib.SMTP(house.host, house.port("smtp"), "client.test", timeout=60) as client:
        client.sendmail("sender@elsewhere.test", [to or house.alice], letter(subject, **keys))


def reader(house, account=None, mailbox="INBOX"):
    wire = imapwire.Wire(house).sign_in(account or house.alice)
    wire.select(mailbox)
    return wire


def new_mailbox(house, prefix, subjects):
    """A mailbox of its own for one test, with those messages."""
    name = unique(prefix)
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'CREATE "{name}"')
        for subject in subjects:
            wire.ok(f'APPEND "{name}"', letter(subject))
    return name


def contents(house, mailbox):
    """{subject: flags} of a mailbox, and that nothing is there twice."""
    with reader(house, mailbox=mailbox) as wire:
        found = {}
        for items in wire.fetch("1:*", "FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]").values() \
                if wire.search("ALL") else []:
            header = next(v for k, v in items.items() if k.startswith(b"BODY["))
            subject = header.decode().split(":", 1)[1].strip()
            assert subject not in found, f"{subject} is there twice"
            found[subject] = {f.decode() for f in items[b"FLAGS"]} - {"\\Recent"}
        return found


class Terminal:
    """A program in tmux, looked at and typed into as a person would. A second client of tmux, in its control mode, says
    %output each time that the program writes."""

    def __init__(self, folder, command):
        self.tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        run(*self.tmux, "new-session", "-d", "-x", "120", "-y", "40", command,
            env={**os.environ, "TERM": "xterm", "HOME": str(folder), "LC_ALL": "C.UTF-8"})
        self.control = subprocess.Popen([*self.tmux, "-C", "attach-session"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def screen(self):
        return run(*self.tmux, "capture-pane", "-p", check=False).stdout

    def keys(self, *keys):
        run(*self.tmux, "send-keys", *keys)

    def await_screen(self, pattern, gone=False):
        deadline, ended = time.monotonic() + CLIENT_SECONDS, False
        while bool(re.search(pattern, shown := self.screen())) == gone:
            why = "the program ended" if ended else f"{CLIENT_SECONDS} s are over" if time.monotonic() > deadline else None
            assert why is None, f"{pattern!r} {'stays' if gone else 'does not come'}, {why}:\n{shown}"
            if select.select([self.control.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                ended = not os.read(self.control.stdout.fileno(), 1 << 16)

    def close(self):
        run(*self.tmux, "kill-server", check=False)
        self.control.communicate(timeout=CLIENT_SECONDS)


def npm_packages():
    """The folder with the packages of tests/node, below the build; installed when it is not there, and what is pinned
    there has not changed since."""
    home = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
    folder = os.path.join(os.path.dirname(mailstead.binary()), "node")
    with open(os.path.join(home, "package-lock.json"), "rb") as f:
        pinned = f.read()
    stamp = os.path.join(folder, "installed")
    if os.path.exists(stamp):
        with open(stamp, "rb") as f:
            if f.read() == pinned:
                return folder
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(home, name), folder)
    done = run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", check=False, seconds=300, cwd=folder)
    if done.returncode != 0 and not os.environ.get("MAILSTEAD_CI"):
        pytest.skip("the packages of tests/node cannot be installed from npm")
    assert done.returncode == 0, done.stdout[-4000:]
    with open(stamp, "wb") as f:
        f.write(pinned)
    return folder


class Refused(AssertionError):
    """What a script of tests/node says of a call that failed."""


class Node:
    """A script of tests/node that is called over its standard input and output."""

    def __init__(self, script, *arguments):
        env = {**os.environ, "NODE_PATH": os.path.join(npm_packages(), "node_modules")}
        home = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
        self.process = subprocess.Popen(["node", os.path.join(home, script), *arguments], env=env, text=True,
                                        errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.lines = queue.Queue()
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _next(self):
        line = self.lines.get(timeout=CLIENT_SECONDS)
        assert line is not None, f"{self.process.args[1]} ended"
        try:
            return json.loads(line)
        except ValueError:
            raise AssertionError(line + self.rest()) from None

    def rest(self):
        """What it still says when it is ended."""
        self.process.kill()
        self.reader.join(10)
        return "".join(line for line in iter(self.lines.get, None))

    def __call__(self, call, *args):
        self.process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        self.process.stdin.flush()
        while True:
            said = self._next()
            if "event" in said:
                self.events.append((said["event"], said.get("data")))
                continue
            if "error" in said:
                raise Refused(said["error"], call, args)
            return said["result"]

    def refused(self, call, *args):
        """What it says of a call that must fail."""
        with pytest.raises(Refused) as why:
            self(call, *args)
        return why.value.args[0]

    def await_event(self, name, test=lambda data: True):
        while True:
            for at, (kind, data) in enumerate(self.events):
                if kind == name and test(data):
                    return self.events.pop(at)[1]
            said = self._next()
            assert "event" in said, said
            self.events.append((said["event"], said.get("data")))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()
