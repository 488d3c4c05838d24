# SPDX-License-Identifier: ISC
"""A connection of the stress client, and the responses of IMAP on it taken
apart (RFC 9051 9). It keeps the last lines of both sides for who has to read
about a difference."""

import collections
import contextlib
import re
import select
import socket
import struct

PATIENCE = 60  # seconds for an answer, on a machine that is busy
KEEP = 40      # lines of the conversation

TOKEN = re.compile(rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|(~?\{\d+\}$)|((?:[^ ()\[]|\[[^\]]*\])+))')
STATUS = re.compile(rb"(\S+) (OK|NO|BAD|BYE|PREAUTH)(?: \[([^\]]*)\])?(?: (.*))?$", re.S)


class Difference(AssertionError):
    """The server said what it must not say; `clients`, whose conversations show it, where they are known."""

    def __init__(self, what, *clients):
        super().__init__(what)
        self.clients = clients


class Ended(Exception):
    """The connection is over."""


class Status:
    """`* OK [CODE ...] words`, or a tagged one: tag, word, code as a list of words, words."""

    def __init__(self, match):
        self.tag, self.word, code, self.words = match.groups()
        self.code = code.split(b" ") if code else []

    def __repr__(self):
        return f"{self.tag!r} {self.word!r} {self.code!r} {self.words!r}"


def conversation():
    """The last lines of a client, over all its connections."""
    return collections.deque(maxlen=KEEP)


class Connection:
    """Lines and octets; `tamper`, if set, may change or swallow (None) a line: how the checks are checked."""

    def __init__(self, house, port, client):
        self.socket = house.connect(port)
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""
        self.tamper = client.tamper  # a line may become None: swallowed, or two
        self.said = client.said
        self.said.append(b"---- connects")

    def send(self, octets):
        self.said.append(b"C: " + octets[:300])
        try:
            self.socket.sendall(octets)
        except ConnectionError as why:
            raise Ended(str(why)) from why

    def _more(self):
        try:
            piece = self.socket.recv(1 << 17)
        except TimeoutError as why:
            raise Difference(f"no answer in {PATIENCE} s") from why
        except ConnectionError as why:
            raise Ended(str(why)) from why
        if not piece:
            raise Ended("closed")
        self.pending += piece

    def take(self, count):
        while len(self.pending) < count:
            self._more()
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken if self.tamper is None else self._tampered(taken)

    def _tampered(self, literal):
        """A literal whose lines are changed, where they keep their length."""
        lines = literal.split(b"\r\n")
        changed = [self.tamper(line) for line in lines]
        return b"\r\n".join(c if c is not None and len(c) == len(line) else line for line, c in zip(lines, changed))

    def line(self):
        while True:
            at = self.pending.find(b"\r\n")
            if at >= 0:
                line, self.pending = self.pending[:at], self.pending[at + 2:]
                self.said.append(b"S: " + line[:300])
                if self.tamper is None:
                    return line
                changed = self.tamper(line)
                if changed is not None:
                    self.said.append(b"S: (changed) " + changed[:300])
                    changed, _, more = changed.partition(b"\r\n")
                    self.pending = more + self.pending
                    return changed
            else:
                self._more()

    def ready(self, seconds=0):
        """Whether there is something to read."""
        return bool(self.pending) or bool(select.select([self.socket], [], [], seconds)[0])

    def drain(self):
        """No command follows; reads to the end, so that everything the server does for this client is done."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(Ended):
            while True:
                self.pending = b""
                self._more()
        self.socket.close()

    def abort(self):
        """The connection breaks."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ---- IMAP ----

    def response(self):
        """A Status, [b"+", text], or the list of values behind `* `: bytes, None for NIL, lists for parentheses."""
        line = self.line()
        if line.startswith(b"+"):
            return [b"+", line[2:]]
        status = STATUS.match(line)
        if status:
            return Status(status)
        if not line.startswith(b"* "):
            raise Difference(f"not a response: {line[:200]!r}")
        return self._values(line[2:])

    def _values(self, line):
        stack, at = [[]], 0
        while at < len(line):
            token = TOKEN.match(line, at)
            if not token:
                raise Difference(f"cannot be read: {line[:300]!r} at {at}")
            at = token.end()
            opens, closes, quoted, literal, atom = token.groups()
            if opens:
                stack.append([])
            elif closes:
                inner = stack.pop()
                if not stack:
                    raise Difference(f"a parenthesis too many: {line[:300]!r}")
                stack[-1].append(inner)
            elif quoted is not None:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
            elif literal:
                stack[-1].append(self.take(int(literal.strip(b"~{}"))))
                line, at = self.line(), 0
            else:
                stack[-1].append(None if atom.upper() == b"NIL" else atom)
        if len(stack) != 1:
            raise Difference(f"a parenthesis is missing: {line[:300]!r}")
        return stack[0]


def numbers_of(text):
    """The numbers of a sequence set (RFC 9051 9 sequence-set without "*")."""
    found = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        a, b = int(first), int(last or first)
        found.extend(range(min(a, b), max(a, b) + 1))
    return found


def set_of(numbers):
    """Their shortest sequence set."""
    parts, ordered, i = [], sorted(numbers), 0
    while i < len(ordered):
        j = i
        while j + 1 < len(ordered) and ordered[j + 1] == ordered[j] + 1:
            j += 1
        parts.append(str(ordered[i]) if i == j else f"{ordered[i]}:{ordered[j]}")
        i = j + 1
    return ",".join(parts)
