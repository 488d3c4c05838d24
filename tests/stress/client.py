# SPDX-License-Identifier: ISC
"""An IMAP client of the stress test: its connection, what it enabled, the
mailbox it has selected, and the commands that it has under way. Responses go to
the command in hand first, then to the view."""

import collections

from stress.view import View, vanished_uids
from stress.wire import Connection, Difference, Ended, Status, conversation

PLAIN, CONDSTORE, QRESYNC, REV2 = "rev1", "condstore", "qresync", "rev2"


class Command:
    """One command; its kinds are in commands.py and names.py."""

    name = "?"
    holds = False      # no EXPUNGE while it is answered (RFC 9051 7.5.1)
    settles = True     # at its end everything may have been told

    def __init__(self, client, text):
        self.client, self.text = client, text
        self.effects, self.arrivals = [], []
        self.tag = None

    def outcomes(self, done):
        for x in self.effects + self.arrivals:
            x.done = done

    def untagged(self, values):
        """Whether this response was its own."""
        return False

    def code(self, status):
        """An untagged OK with a code; whether it was its own."""
        return False

    def answered(self, status):
        """The tagged response."""
        if status.word == b"OK":
            self.outcomes(True)
            self.ok(status)
        elif status.word == b"NO" and status.code[:1] == [b"UNAVAILABLE"]:
            pass  # the store was away: it may have been done
        elif status.word == b"NO":
            self.outcomes(False)
            self.refused(status)
        else:
            raise Difference(f"{self.text[:200]!r} was answered {status}")

    def ok(self, status):
        pass

    def refused(self, status):
        raise Difference(f"{self.text[:200]!r} was answered {status}")


class Client:
    """One client; the driver says what it does."""

    def __init__(self, name, house, kind, account, password):
        self.name, self.house, self.kind = name, house, kind
        self.account, self.password = account, password
        self.connection = None
        self.capabilities = set()
        self.said = conversation()
        self.round = None          # the Round that is told what it hears
        self.tamper = None
        self.memory = {}           # by Box: what a QRESYNC client keeps of it
        self.reset()

    def reset(self):
        self.box, self.view = None, None
        self.flight = collections.deque()
        self.idle = None           # the IDLE command that is under way
        self.listened_since = None  # the round in which it began to listen
        self.count = 0
        self.ended = True
        self.dismissed = False  # BYE was said

    def __repr__(self):
        return self.name

    @property
    def modseqs(self):
        return self.kind in (CONDSTORE, QRESYNC)

    # ---- life ----

    def connect(self):
        self.reset()
        self.connection = Connection(self.house, "imap", self)
        self.ended = self.dismissed = False
        greeting = self.connection.response()
        if not isinstance(greeting, Status) or greeting.word != b"OK":
            raise Difference(f"greeting {greeting}")
        self.ask(f'LOGIN "{self.account}" "{self.password}"')
        self.capabilities = set(self.ask("CAPABILITY")[0][1:])
        if self.kind == REV2:
            self.ask("ENABLE IMAP4rev2")
        elif self.kind != PLAIN:
            self.ask("ENABLE " + self.kind.upper())

    def can(self, capability):
        return capability in self.capabilities

    def lost(self):
        """The connection is over; what was not answered may have been done."""
        if self.connection is not None:
            self.connection.abort()
        self.connection = None
        self.remember()
        self.reset()

    def drop(self):
        """Goes without a word, when the server has done what it was asked."""
        if self.connection is not None:
            self.connection.drain()
        self.connection = None
        self.remember()
        self.reset()

    def remember(self):
        """A QRESYNC client keeps its view for the next time (RFC 7162 3.2.5)."""
        if self.kind == QRESYNC and self.view is not None and self.view.highest:
            self.memory[self.box] = self.view

    def ask(self, text):
        """A command outside of any round, which must be OK: all untagged responses."""
        return self.ask_all([text.encode()])

    def ask_all(self, texts):
        """The same of several that are sent at once."""
        tags = [self.next_tag() for _ in texts]
        self.connection.send(b"".join(tag + b" " + text + b"\r\n" for tag, text in zip(tags, texts)))
        found = []
        while tags:
            said = self.connection.response()
            if isinstance(said, Status) and said.tag == tags[0]:
                if said.word != b"OK":
                    raise Difference(f"{texts[-len(tags)][:200]!r} was answered {said}")
                tags.pop(0)
            else:
                found.append(said)
        return found

    def next_tag(self):
        self.count += 1
        return b"%s.%d" % (self.name.encode(), self.count)

    # ---- commands ----

    def send(self, commands):
        """All at once; their answers come in this order."""
        if not self.flight and self.connection.ready() and not (self.box is not None and self.box.deleted):
            self.read()
            raise Difference(f"{self.name} was told something while no command was under way", self)
        octets = b""
        for c in commands:
            c.tag = self.next_tag()
            octets += c.tag + b" " + c.text + b"\r\n"
            self.flight.append(c)
        self.connection.send(octets)

    def read(self):
        """One response. False when the connection is over."""
        try:
            said = self.connection.response()
        except Ended:
            self.ended = True
            return False
        command = self.flight[0] if self.flight else self.idle
        if isinstance(said, Status):
            self._status(said, command)
        elif said[0] == b"+":
            if command is None or not hasattr(command, "go_on"):
                raise Difference(f"+ {said[1]!r}, but nothing was asked for")
            command.go_on()
        elif command is None or not command.untagged(said):
            self._untagged(said, command)
        return True

    def read_all(self):
        """The answers of all commands under way. False when the connection ended before."""
        while self.flight:
            if not self.read():
                return False
        return True

    def _status(self, said, command):
        if said.tag == b"*":
            if said.word == b"BYE":
                self.bye(said)
            elif command is None or not command.code(said):
                self._code(said)
            return
        if command is None or said.tag != command.tag:
            raise Difference(f"{said}, but {command.tag if command else 'nothing'} is under way")
        if self.flight:
            self.flight.popleft()
        if said.code:
            self._code(said)
        command.answered(said)
        if self.view is not None:
            self.view.fetched, self.view.dated = set(), set()
            self.view.settle_modseq(command.settles)

    def bye(self, said):
        if self.box is None or not self.box.deleted:
            raise Difference(f"{said}", self)
        self.dismissed = True

    def _code(self, said):
        """Codes of the selected mailbox that come with any command."""
        code = said.code[0].upper() if said.code else b""
        if self.view is None:
            return
        if code == b"HIGHESTMODSEQ":
            self.view.stated = int(said.code[1])
            self.box.told = max(self.box.told, self.view.stated)
        elif code == b"UIDNEXT":
            self.view.uidnext = int(said.code[1])

    def _untagged(self, said, command):
        word = said[1].upper() if len(said) > 1 and isinstance(said[1], bytes) else b""
        if self.view is None:
            raise Difference(f"{said} without a mailbox")
        if said[0].upper() == b"FLAGS":
            return
        if said[0].upper() == b"VANISHED":
            earlier, uids = vanished_uids(said)
            self._check_held(command, said, earlier)
            self.view.vanished(uids, earlier)
        elif word == b"EXISTS":
            self.view.exists(int(said[0]))
        elif word == b"RECENT":
            if self.kind == REV2:
                raise Difference("RECENT to a client of IMAP4rev2")
            self.view.recent = int(said[0])
        elif word == b"EXPUNGE":
            self._check_held(command, said, False)
            self.view.expunge(int(said[0]))
        elif word == b"FETCH":
            self.view.fetch(int(said[0]), items_of(said))
        else:
            raise Difference(f"{said} was not asked for")

    def _check_held(self, command, said, earlier):
        """RFC 9051 7.5.1: not during FETCH, STORE, SEARCH, and not while no command is under way."""
        if command is None or command.holds and not earlier:
            raise Difference(f"{said} during {command.text[:80] if command else 'no command'}")

    # ---- the selected mailbox ----

    def select(self, box, read_only):
        """It has this mailbox from now on; the view fills as it is told."""
        self.box = box
        self.view = View(box, read_only, self.modseqs, lambda uid, state: self.heard(box, uid, state))
        self.view.vanishes = self.kind == QRESYNC
        return self.view

    def deselect(self):
        self.remember()
        self.box, self.view = None, None

    def heard(self, box, uid, state):
        if self.round is not None:
            self.round.tell(self, box, uid, state)

    def claims(self):
        """UIDs that are \\Recent in this session of its own right (RFC 3501 2.3.2)."""
        return set() if self.view is None or self.view.read_only else {s.uid for s in self.view.slots if s.recent} - {None}


def items_of(values):
    """{ITEM: value} of a FETCH response."""
    if len(values) != 3 or not isinstance(values[2], list) or len(values[2]) % 2:
        raise Difference(f"not a FETCH response: {values}")
    return {k.upper(): v for k, v in zip(values[2][::2], values[2][1::2])}
