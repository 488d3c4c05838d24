# SPDX-License-Identifier: ISC
"""Commands of mailboxes by name: SELECT and EXAMINE with QRESYNC, IDLE, STATUS,
LIST, CREATE, DELETE, RENAME (RFC 9051 6.3, RFC 7162 3.2.5, RFC 2177)."""

from stress.client import PLAIN, QRESYNC, REV2, Command, items_of
from stress.truth import GONE
from stress.view import Slot, vanished_uids
from stress.wire import Difference, set_of


BARRIER = "Barrier"  # a mailbox that no client uses; see kills.py


class Select(Command):
    """SELECT or EXAMINE; a QRESYNC client that remembers the mailbox resynchronises."""

    name = "SELECT"

    def __init__(self, client, box, read_only, resync=True, hint=0):
        """hint: 0, or how often a sequence number is told with its UID (RFC 7162 3.2.5.2)."""
        self.memory = client.memory.get(box) if resync and client.kind == QRESYNC else None
        text = f"{'EXAMINE' if read_only else 'SELECT'} {box.name}"
        self.known = ""
        if self.memory is not None:
            self.known = self._matches(hint)
            text += f" (QRESYNC ({box.uidvalidity} {self.memory.highest}{self.known}))"
            self.name = "QRESYNC"
        super().__init__(client, text.encode())
        self.box, self.read_only, self.view = box, read_only, None
        self.codes, self.unseen, self.listed = {}, None, None
        self.vanished, self.fetched, self.count = set(), [], None

    def _matches(self, hint):
        """[SP known-uids [SP seq-match-data]], if all UIDs are known. Then new messages are not told of, only that
        they exist; they stand behind the known."""
        uids = self.memory.uids()
        if not hint or not uids or self.memory.unknown() is not None:
            return ""
        numbers = range(1, len(uids) + 1, hint)
        return f" {set_of(uids)} ({set_of(numbers)} {set_of(uids[n - 1] for n in numbers)})"

    def _switch(self):
        """The first response is of the new mailbox: [CLOSED], or any (RFC 7162 3.2.11)."""
        if self.view is None:
            self.client.deselect()
            self.view = self.client.select(self.box, self.read_only)

    def code(self, status):
        self._switch()
        if status.code:
            self.codes[status.code[0].upper()] = status.code[1:]
        return False

    def untagged(self, values):
        self._switch()
        word = values[1].upper() if len(values) > 1 and isinstance(values[1], bytes) else None
        if values[0].upper() == b"LIST" and self.client.kind == REV2:
            self.listed = values[3]
            return True
        if self.memory is None:
            if word == b"EXISTS":
                self.count = int(values[0])
            return False
        if values[0].upper() == b"VANISHED":
            earlier, uids = vanished_uids(values)
            if not earlier:
                raise Difference("VANISHED without EARLIER in SELECT")
            self.vanished.update(uids)
            for uid in self.vanished & set(self.box.messages):
                self.client.heard(self.box, uid, GONE)
        elif word == b"EXISTS":
            self.count = int(values[0])
        elif word == b"FETCH":
            self.fetched.append((int(values[0]), items_of(values)))
        else:
            return False
        return True

    def answered(self, status):
        if status.word == b"NO":  # RFC 9051 6.3.2: nothing is selected then
            self.client.deselect()
        super().answered(status)

    def refused(self, status):
        if not (self.box.deleted and status.code[:1] == [b"NONEXISTENT"]):
            super().refused(status)

    def ok(self, status):
        self._switch()
        wanted = {b"UIDVALIDITY", b"UIDNEXT", b"PERMANENTFLAGS"} | ({b"HIGHESTMODSEQ"} if self.client.modseqs else set())
        if not wanted <= set(self.codes) or self.count is None:
            raise Difference(f"SELECT said {sorted(self.codes)}, and {self.count} EXISTS")
        if status.code != [b"READ-ONLY" if self.read_only else b"READ-WRITE"]:
            raise Difference(f"SELECT ended by {status}")
        if self.client.kind == PLAIN and self.view.recent is None:
            raise Difference("SELECT without RECENT (RFC 3501 6.3.1)")
        if self.client.kind == REV2 and (self.listed != self.box.name.encode() or b"UNSEEN" in self.codes):
            raise Difference(f"SELECT named {self.listed}, said {sorted(self.codes)} (RFC 9051 6.3.2)")
        self._check_uids()
        if self.memory is not None:
            self._resync()
        if b"HIGHESTMODSEQ" in self.codes:
            self.view.highest = int(self.codes[b"HIGHESTMODSEQ"][0])
        if self.client.round.alone:
            self.client.round.checks.append(self.check)

    def _check_uids(self):
        validity = int(self.codes[b"UIDVALIDITY"][0])
        if self.box.uidvalidity not in (None, validity):
            raise Difference(f"UIDVALIDITY of {self.box.name} was {self.box.uidvalidity}, is {validity}")
        self.box.uidvalidity = validity
        self.view.uidnext = int(self.codes[b"UIDNEXT"][0])
        if self.view.uidnext < self.box.uidnext:
            raise Difference(f"UIDNEXT of {self.box.name} was {self.box.uidnext}, is {self.view.uidnext}")

    def _resync(self):
        """What the client remembered, less what vanished, with what was told, is the mailbox."""
        known = {s.uid: s for s in self.memory.slots if s.uid is not None and s.uid not in self.vanished}
        slots = {}
        for seq, items in self.fetched:
            if not {b"UID", b"FLAGS", b"MODSEQ"} <= set(items):
                raise Difference(f"FETCH of QRESYNC has only {sorted(items)} (RFC 7162 3.2.5.1)")
            uid = int(items[b"UID"])
            slots[uid] = seq
            known.setdefault(uid, Slot(uid))
        self.view.exists(self.count)
        if len(known) == self.count or self.known and len(known) < self.count:
            for seq, uid in enumerate(sorted(known), 1):
                self._place(seq, known[uid])
        elif self.memory.unknown() is None or len(known) > self.count:
            raise Difference(f"{self.client.name} resynchronised {self.box.name} to UIDs {sorted(known)}, but "
                             f"{self.count} EXIST")
        for seq, items in self.fetched:
            self.view.fetch(seq, items)

    def _place(self, seq, old):
        slot = self.view.slots[seq - 1]
        slot.uid, slot.flags, slot.modseq, slot.name = old.uid, old.flags, old.modseq, old.name
        self.view.by_uid[old.uid] = slot

    def check(self):
        """Alone in its round: all as it is."""
        why = self.view.differs()
        if why is None and self.view.uidnext != self.box.uidnext:
            why = f"UIDNEXT is {self.view.uidnext}, truly {self.box.uidnext}"
        if why is None and b"HIGHESTMODSEQ" in self.codes:
            least = max([self.box.highest] + [m.modseq or 0 for m in self.box.messages.values()])
            if int(self.codes[b"HIGHESTMODSEQ"][0]) < least:
                why = f"HIGHESTMODSEQ is {self.codes[b'HIGHESTMODSEQ']}, but {least} was told before"
        if why is None and b"UNSEEN" in self.codes:
            unseen = [n for n, m in enumerate(self.box.messages.values(), 1) if b"\\seen" not in m.flags]
            if [int(self.codes[b"UNSEEN"][0])] != unseen[:1]:
                why = f"UNSEEN {self.codes[b'UNSEEN']}, truly {unseen[:1]}"
        if why is not None:
            raise Difference(f"{self.client.name} after {self.text!r}: {why}")


class Idle(Command):
    """IDLE from its "+" until DONE."""

    name = "IDLE"

    def __init__(self, client):
        super().__init__(client, b"IDLE")

    def go_on(self):
        self.client.flight.popleft()
        self.client.idle = self
        self.client.listened_since = self.client.round.number


class Status(Command):
    """STATUS; alone in its round it is exact."""

    name = "STATUS"
    ITEMS = {b"MESSAGES": lambda b: len(b.messages), b"UIDNEXT": lambda b: b.uidnext,
             b"UIDVALIDITY": lambda b: b.uidvalidity,
             b"UNSEEN": lambda b: sum(1 for m in b.messages.values() if b"\\seen" not in m.flags),
             b"DELETED": lambda b: sum(1 for m in b.messages.values() if b"\\deleted" in m.flags)}

    def __init__(self, client, box, items):
        super().__init__(client, f"STATUS {box.name} ({' '.join(items)})".encode())
        self.box, self.items, self.told = box, [i.encode() for i in items], None

    def untagged(self, values):
        if values[0] != b"STATUS":
            return False
        if values[1] != self.box.name.encode():
            raise Difference(f"STATUS of {values[1]}, asked for {self.box.name}")
        self.told = dict(zip(values[2][::2], map(int, values[2][1::2])))
        return True

    def refused(self, status):
        if not self.box.deleted:
            super().refused(status)

    def ok(self, status):
        if self.told is None or set(self.told) != set(self.items):
            raise Difference(f"{self.text!r} was answered {self.told}")
        if self.client.round.alone:
            self.client.round.checks.append(self.check)

    def check(self):
        for item, value in self.told.items():
            if item in self.ITEMS and self.ITEMS[item](self.box) not in (None, value):
                raise Difference(f"STATUS {self.box.name}: {item} is {value}, truly {self.ITEMS[item](self.box)}")


class Names(Command):
    """LIST "" "*": alone in its round, all mailboxes and no others."""

    name = "LIST"

    def __init__(self, client, truth):
        super().__init__(client, b'LIST "" "*"')
        self.truth, self.told = truth, []

    def untagged(self, values):
        if values[0] != b"LIST":
            return False
        if b"\\Noselect" not in values[1] and b"\\NonExistent" not in values[1]:
            self.told.append(values[3].decode())
        return True

    def ok(self, status):
        truly = sorted([*self.truth.boxes, BARRIER])
        if sorted(self.told) != truly:
            raise Difference(f"LIST said {sorted(self.told)}, truly {truly}")


class Naming(Command):
    """CREATE, DELETE, RENAME, alone in their rounds; `then` changes the truth."""

    def untagged(self, values):
        """The new name, with the old one (RFC 9051 6.3.9.7)."""
        return values[0].upper() == b"LIST" and self.client.kind == REV2

    def __init__(self, client, text, then):
        super().__init__(client, text.encode())
        self.name = text.split()[0]
        self.then, self.is_done = then, None

    def outcomes(self, done):
        self.is_done = done
        if done:
            self.then()
