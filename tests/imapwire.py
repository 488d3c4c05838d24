# SPDX-License-Identifier: ISC
"""An IMAP client of a few lines for the tests: it shows what the server said,
taken apart (RFC 3501 9), and keeps nothing for itself.

    with Wire(house, "imap") as wire:
        wire.sign_in(house.alice)
        status, said = wire.command("FETCH 1 (FLAGS BODY.PEEK[])")

`said` is a list of untagged responses, each a list of values: bytes for atoms
and strings, None for NIL, lists for what stands in parentheses."""

import contextlib
import select
import ssl
import time


class Ended(Exception):
    """The server closed the connection."""


class Wire:
    def __init__(self, house, port="imap", timeout=120):
        self.socket = house.connect(port)
        self.socket.settimeout(timeout)
        if port == "imaps":
            context = ssl.create_default_context(cafile=house.ca)
            self.socket = context.wrap_socket(self.socket, server_hostname=house.hostname)
        self.pending = b""
        self.count = 0
        self.password = house.password
        self.greeting = self.response()

    # ---- octets ----

    def _more(self):
        try:
            piece = self.socket.recv(1 << 18)
        except (ConnectionError, ssl.SSLError) as why:
            raise Ended(str(why)) from why
        if not piece:
            raise Ended("closed")
        self.pending += piece

    def _take(self, count):
        while len(self.pending) < count:
            self._more()
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken

    def _line(self):
        while b"\r\n" not in self.pending:
            self._more()
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (ConnectionError, ssl.SSLError) as why:
            raise Ended(str(why)) from why

    # ---- responses ----

    def response(self):
        """One response as its values; the text of a status response is one value, whole."""
        return Reader(self).response()

    def command(self, text, literal=None):
        """(b"OK" or what it was, untagged responses). A literal goes behind the text."""
        self.count += 1
        tag = f"t{self.count}".encode()
        line = tag + b" " + (text.encode() if isinstance(text, str) else text)
        said = []
        if literal is not None:
            self.send(line + b" {%d}\r\n" % len(literal))
            while (got := self.response())[0] != b"+":
                if got[0] == tag:
                    return got[1], said + [got]
                said.append(got)
            self.send(literal + b"\r\n")
        else:
            self.send(line + b"\r\n")
        while (got := self.response())[0] != tag:
            said.append(got)
        self.last = got
        return got[1], said

    def ok(self, text, literal=None):
        """The untagged responses of a command that must succeed."""
        status, said = self.command(text, literal)
        assert status == b"OK", (text[:200], self.last)
        return said

    # ---- what tests do ----

    def sign_in(self, account):
        self.ok(f'LOGIN "{account}" "{self.password}"')
        return self

    def select(self, mailbox="INBOX"):
        """How many messages it has."""
        said = self.ok(f'SELECT "{mailbox}"')
        return next(int(r[1]) for r in said if len(r) > 2 and r[2] == b"EXISTS")

    def search(self, criteria):
        """Message numbers."""
        for r in self.ok(f"SEARCH {criteria}"):
            if r[1] == b"SEARCH":
                return [int(x) for x in r[2:]]
        raise AssertionError("SEARCH without an answer")

    def fetch(self, numbers, items):
        """{number: {item: value}}; items of one FETCH response by their names."""
        found = {}
        for r in self.ok(f"FETCH {numbers} ({items})"):
            if len(r) == 4 and r[2] == b"FETCH":
                found.setdefault(int(r[1]), {}).update(zip(r[3][::2], r[3][1::2]))
        return found

    def idle(self):
        """What was said before it idles."""
        self.count += 1
        self.send(b"t%d IDLE\r\n" % self.count)
        said = []
        while (got := self.response())[0] != b"+":
            said.append(got)
        return said

    def idle_responses(self, seconds):
        """What is said while idling, as it comes, for at most that long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.pending or select.select([self.socket], [], [], left)[0]:
                yield self.response()

    def done(self):
        self.send(b"DONE\r\n")
        tag = b"t%d" % self.count
        while self.response()[0] != tag:
            pass

    def await_found(self, criteria, count, seconds=60):
        """The numbers of the messages of the selected mailbox that match, when there are that many."""
        deadline = time.monotonic() + seconds
        while len(found := self.search(criteria)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} messages arrived"
            self.await_news(deadline)
        return found

    def await_news(self, deadline):
        """Until it hears of messages that came, which may be such as have come since the last command."""
        if not any(said[-1] == b"EXISTS" for said in self.idle()):
            any(said[-1] == b"EXISTS" for said in self.idle_responses(deadline - time.monotonic()))
        self.done()

    def await_message(self, subject, seconds=60):
        """The number of the message with that subject."""
        return self.await_found(f'SUBJECT "{subject}"', 1, seconds)[0]

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Reader:
    """Takes one response apart."""

    STATUS = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")

    def __init__(self, wire):
        self.wire = wire
        self.line = wire._line()
        self.at = 0

    def response(self):
        if self.line.startswith(b"+"):
            return [b"+", self.line[2:]]
        values = []
        while self.at < len(self.line):
            values.append(self.value())
            self.space()
            if len(values) == 2 and values[1].upper() in self.STATUS:
                return values + [self.line[self.at:]]
        return values

    def space(self):
        if self.line[self.at:self.at + 1] == b" ":
            self.at += 1

    def value(self):
        first = self.line[self.at:self.at + 1]
        if first == b"(":
            return self.group()
        if first == b'"':
            return self.quoted()
        if self.line[self.at:self.at + 2] == b"~{":  # literal8, RFC 3516 4.4
            self.at += 1
            return self.literal()
        if first == b"{":
            return self.literal()
        return self.atom()

    def group(self):
        self.at += 1
        values = []
        while self.line[self.at:self.at + 1] != b")":
            assert self.at < len(self.line), self.line[:200]
            values.append(self.value())
            self.space()
        self.at += 1
        return values

    def quoted(self):
        out = bytearray()
        self.at += 1
        while self.line[self.at:self.at + 1] != b'"':
            assert self.at < len(self.line), self.line[:200]
            if self.line[self.at:self.at + 1] == b"\\":
                self.at += 1
            out += self.line[self.at:self.at + 1]
            self.at += 1
        self.at += 1
        return bytes(out)

    def literal(self):
        assert self.line.endswith(b"}"), self.line[:200]
        size = int(self.line[self.at + 1:-1])
        octets = self.wire._take(size)
        self.line, self.at = self.wire._line(), 0
        return octets

    def atom(self):
        """Up to a space or a parenthesis; what stands in brackets belongs to it."""
        start, depth = self.at, 0
        while self.at < len(self.line):
            c = self.line[self.at:self.at + 1]
            if depth == 0 and c in b" ()":
                break
            depth += (c == b"[") - (c == b"]" and depth > 0)
            self.at += 1
        assert self.at > start, self.line[:200]
        word = self.line[start:self.at]
        return None if word.upper() == b"NIL" else word


def parts(structure, path=""):
    """(section, body) of every leaf of a BODYSTRUCTURE; sections as FETCH takes
    them: a message that is not multipart is part 1 (RFC 3501 6.4.5)."""
    if isinstance(structure[0], list):
        number = 0
        for sub in structure:
            if not isinstance(sub, list):
                break
            number += 1
            yield from parts(sub, f"{path}.{number}" if path else str(number))
        return
    section = path or "1"
    yield section, structure
    if structure[0].upper() == b"MESSAGE" and structure[1].upper() == b"RFC822":
        inner = structure[8]
        yield from parts(inner, section if isinstance(inner[0], list) else f"{section}.1")
