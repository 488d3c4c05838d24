# SPDX-License-Identifier: ISC
"""Scripts of commands that are said to several servers alike (*.script):

    # a comment                     RFC sections, why
    needs: ESEARCH                  whom the script is for: capabilities after sign-in
    A: CREATE box                   a connection's name and its command; all are of one account
    A: APPEND box (\\Seen) <<simple>>    a literal: a message of messages(), or the words themselves
    A: STORE 1 <<+\\Seen>>           a non-synchronizing one
    A= $modseq                      keeps what the server said last as HIGHESTMODSEQ: $modseq
    A: IDLE                         ends at once by DONE

$uidvalidity is that of the connection's last SELECT. Every connection is
signed in when it is first used, unless its name is a small letter."""

import functools
import glob
import os
import re

import imapwire
from differential import answers, messages

FOLDER = os.path.dirname(os.path.abspath(__file__))
STEP = re.compile(r"([A-Za-z])([:=]) (.*)")


class Script:
    def __init__(self, path):
        self.name = os.path.basename(path).rsplit(".", 1)[0]
        self.needs, self.steps = [], []
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f.read().splitlines(), 1):
                self._line(f"{path}:{number}", line)

    def _line(self, where, line):
        if not line.strip() or line.startswith("#"):
            return
        if line.startswith("needs:"):
            self.needs += line.split()[1:]
            return
        m = STEP.fullmatch(line)
        if not m:
            raise ValueError(f"{where}: what is {line!r}?")
        self.steps.append(m.groups())


def scripts():
    return [Script(p) for p in sorted(glob.glob(os.path.join(FOLDER, "*.script")))]


class Talk:
    """One server's connections of one account, and what it said of UIDVALIDITY and HIGHESTMODSEQ."""

    def __init__(self, server, account):
        self.server, self.account = server, account
        self.wires, self.kept, self.selected = {}, {}, {}

    def wire(self, name):
        if name not in self.wires:
            self.wires[name] = imapwire.Wire(self.server)
            if name.isupper():
                self.wires[name].sign_in(self.account)
            if name in self.selected:  # a server that gave up a session must not change the rest
                self.wires[name].command(self.selected[name])
        return self.wires[name]

    @functools.cached_property
    def capabilities(self):
        said = self.wire("A").ok("CAPABILITY")
        return {c.decode().upper() for r in said if r[1] == b"CAPABILITY" for c in r[2:]}

    def remove_mailboxes(self):
        """Leaves INBOX alone, whatever the server gives to a new account."""
        listed = [r[4] for r in self.wire("A").ok('LIST "" *')]
        for name in sorted(listed, reverse=True):
            if name.upper() != b"INBOX":
                self.wire("A").ok(b'DELETE "' + name + b'"')
        for r in self.wire("A").ok('LSUB "" *'):
            self.wire("A").ok(b'UNSUBSCRIBE "' + r[4] + b'"')

    def say(self, name, command):
        """The facts of its answer."""
        wire = self.wire(name)
        for word, value in self.kept.items():
            command = command.replace("$" + word, value)
        try:
            status, said = whole(wire, command)
        except imapwire.Ended as why:
            del self.wires[name]
            return {"ended": str(why).encode()}
        if command.startswith(("SELECT", "EXAMINE")):
            self.selected[name] = command
        self._keep(said + [wire.last])
        return answers.facts(said, status, wire.last[2])

    def _keep(self, said):
        for r in said:
            m = re.search(rb"\[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]", r[2]) if isinstance(r[-1], bytes) and len(r) == 3 else None
            if m:
                self.kept["uidvalidity" if m.group(1) == b"UIDVALIDITY" else "last"] = m.group(2).decode()

    def keep(self, word):
        self.kept[word.lstrip("$")] = self.kept["last"]

    def close(self):
        for wire in self.wires.values():
            wire.close()


def literal(word):
    """(octets, whether the server is waited for) of what stands in << >>."""
    waits = not word.startswith("+")
    word = word.lstrip("+")
    octets = messages.named(word)
    return (word.encode("utf-8") if octets is None else octets), waits


def whole(wire, command):
    """Says a command with all of its literals; a refusal may come before the last."""
    pieces = re.split(r"(<<.*?>>)", command)
    wire.count += 1
    tag = b"t%d" % wire.count
    if command == "IDLE":
        return idle(wire, tag)
    octets, said = tag + b" ", []
    for piece in pieces:
        if not piece.startswith("<<"):
            octets += piece.encode("utf-8")
            continue
        data, waits = literal(piece[2:-2])
        wire.send(octets + (b"{%d}\r\n" if waits else b"{%d+}\r\n") % len(data))
        octets = b""
        while waits and (got := wire.response())[0] != b"+":
            if got[0] == tag:
                wire.last = got
                return got[1], said
            said.append(got)
        wire.send(data)
    wire.send(octets + b"\r\n")
    while (got := wire.response())[0] != tag:
        said.append(got)
    wire.last = got
    return got[1], said


def idle(wire, tag):
    wire.send(tag + b" IDLE\r\n")
    said = []
    while (got := wire.response())[0] != b"+":
        said.append(got)
    wire.send(b"DONE\r\n")
    while (got := wire.response())[0] != tag:
        said.append(got)
    wire.last = got
    return got[1], said


def run(script, talks):
    """[(command, {server: facts})] of all steps."""
    steps = []
    for name, kind, words in script.steps:
        if kind == "=":
            for talk in talks.values():
                talk.keep(words)
            continue
        steps.append((f"{name}: {words}", {peer: talk.say(name, words) for peer, talk in talks.items()}))
    return steps
