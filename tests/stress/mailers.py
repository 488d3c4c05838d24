# SPDX-License-Identifier: ISC
"""Clients of the stress test that do not speak IMAP: POP3 sessions on the inbox
(RFC 1939: one at a time, unique ids that stay, DELE done by QUIT), and senders
over SMTP and LMTP."""

from stress.truth import GONE, Arrival, Effect, gone
from stress.wire import Connection, Difference, Ended, conversation

SEEN = b"\\seen"


class Pop3:
    """A POP3 client. Its session sees the inbox as it was at sign-in (RFC 1939 3)."""

    kind = "pop3"
    listened_since = None

    def __init__(self, name, house, account, password):
        self.name, self.house = name, house
        self.account, self.password = account, password
        self.tamper, self.said = None, conversation()
        self.connection, self.uids = None, None
        self.deleted, self.read = set(), set()

    def __repr__(self):
        return self.name

    def line(self):
        try:
            return self.connection.line()
        except Ended as why:
            raise Difference(f"{self.name}: the session ended: {why}") from why

    def ask(self, text):
        """The status line; it must be +OK or -ERR."""
        self.connection.send(text.encode() + b"\r\n")
        line = self.line()
        if not line.startswith((b"+OK", b"-ERR")):
            raise Difference(f"{self.name}: {text!r} was answered {line!r}")
        return line

    def ok(self, text):
        line = self.ask(text)
        if not line.startswith(b"+OK"):
            raise Difference(f"{self.name}: {text!r} was answered {line!r}")
        return line

    def body(self):
        """The lines of a multi-line answer."""
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    def open(self, box, holder):
        """Signs in; who holds the maildrop already keeps it (RFC 1939 3, RFC 2449 8.1.1)."""
        self.connection = Connection(self.house, "pop3", self)
        self.line()
        self.ok(f"USER {self.account}")
        answer = self.ask(f"PASS {self.password}")
        if answer.startswith(b"+OK") != (holder is None):
            raise Difference(f"{self.name}: {answer!r}, while {holder} has the maildrop")
        if holder is not None:
            if b"[IN-USE]" not in answer:
                raise Difference(f"{self.name}: {answer!r} does not say IN-USE")
            self.drop()
            return False
        self.uids, self.deleted, self.read = box.uids(), set(), set()
        self._check_uidl(box)
        return True

    def _check_uidl(self, box):
        self.ok("UIDL")
        told = dict(line.split(b" ") for line in self.body())
        truly = {b"%d" % n: b"%d.%d" % (box.uidvalidity, uid) for n, uid in enumerate(self.uids, 1)
                 if n not in self.deleted}
        if told != truly:
            raise Difference(f"{self.name}: UIDL says {told}, truly {truly}")

    def _number(self, dice):
        left = [n for n in range(1, len(self.uids) + 1) if n not in self.deleted]
        return dice.choice(left) if left else None

    def step(self, dice, box, round_):
        """One command, all alone."""
        what, n = dice.choice(("STAT", "LIST", "UIDL", "RETR", "RETR", "TOP", "DELE", "DELE", "DELE", "RSET", "NOOP")), self._number(dice)
        if what in ("RETR", "TOP"):
            return n and self._retrieve(what, n, box)
        if what == "DELE":
            if n:
                self.ok(f"DELE {n}")
                self.deleted.add(n)
        elif what == "STAT":
            if int(self.ok("STAT").split(b" ")[1]) != len(self.uids) - len(self.deleted):
                raise Difference(f"{self.name}: STAT differs from {len(self.uids)} less {len(self.deleted)}")
        elif what == "LIST":
            self.ok("LIST")
            self._check_sizes(box, self.body())
        elif what == "UIDL":
            self._check_uidl(box)
        else:
            self.ok(what)
            if what == "RSET":
                self.deleted = set()
        return None

    def _check_sizes(self, box, lines):
        for line in lines:
            number, size = map(int, line.split(b" "))
            message = box.messages.get(self.uids[number - 1])
            if message is not None and message.size not in (None, size):
                raise Difference(f"{self.name}: message {number} has {size} octets, truly {message.size}")

    def _retrieve(self, what, n, box):
        message = box.messages.get(self.uids[n - 1])
        answer = self.ask(f"{what} {n}" + (" 3" if what == "TOP" else ""))
        if not answer.startswith(b"+OK"):
            if message is not None:
                raise Difference(f"{self.name}: {what} {n}: {answer!r}, but it is there")
            return
        text = b"\r\n".join(self.body()) + b"\r\n"
        if message is not None and f"Subject: {message.name}\r\n".encode() not in text:
            raise Difference(f"{self.name}: {what} {n} is not {message.name}: {text[:200]!r}")
        if message is not None and what == "RETR" and message.size not in (None, len(text)):
            raise Difference(f"{self.name}: RETR {n} has {len(text)} octets, truly {message.size}")
        if what == "RETR":
            self.read.add(n)

    def quit(self, box, round_):
        """What was marked goes (RFC 1939 6); what was read is \\Seen."""
        going = [self.uids[n - 1] for n in self.deleted]
        read = [self.uids[n - 1] for n in self.read - self.deleted]
        effects = [Effect(self, box, gone, going),
                   Effect(self, box, lambda s: s if s is GONE else s | {SEEN}, read)]
        round_.effects += effects
        self.ok("QUIT")
        for e in effects:
            e.done = True
        self.drop()

    def drop(self):
        """Without QUIT nothing is deleted (RFC 1939 6)."""
        if self.connection is not None:
            self.connection.drain()
        self.connection, self.uids = None, None

    def lost(self):
        if self.connection is not None:
            self.connection.abort()
        self.connection, self.uids = None, None


class Sender:
    """Sends over SMTP or LMTP; between begin() and end() a message is under way."""

    listened_since = None

    def __init__(self, name, house, account, lmtp):
        self.name, self.house, self.account, self.lmtp = name, house, account, lmtp
        self.tamper, self.said = None, conversation()
        self.connection, self.arrival = None, None

    def __repr__(self):
        return self.name

    def reply(self, wanted):
        while True:
            line = self.connection.line()
            if line[3:4] != b"-":
                break
        if not line.startswith(wanted):
            raise Difference(f"{self.name}: {line!r}, expected {wanted!r}")

    def connect(self):
        self.connection = Connection(self.house, "lmtp" if self.lmtp else "smtp", self)
        self.reply(b"220")
        self.connection.send(b"%s stress.test\r\n" % (b"LHLO" if self.lmtp else b"EHLO"))
        self.reply(b"250")

    def begin(self, box, name, octets, round_):
        """All but the last answer."""
        if self.connection is None:
            self.connect()
        self.connection.send(b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % self.account.encode())
        for wanted in (b"250", b"250", b"354"):
            self.reply(wanted)
        self.arrival = Arrival(self, box, name, None, frozenset())
        round_.arrivals.append(self.arrival)
        self.connection.send(octets + b".\r\n")

    def end(self):
        """The message is acknowledged, and there from now on."""
        line = self.connection.line()
        if line.startswith(b"250"):
            self.arrival.done = True
        elif not line.startswith(b"4"):
            raise Difference(f"{self.name}: {line!r}")

    def lost(self):
        if self.connection is not None:
            self.connection.abort()
        self.connection = None
