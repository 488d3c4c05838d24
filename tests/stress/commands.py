# SPDX-License-Identifier: ISC
"""What an IMAP client of the stress test may ask of its messages, and what the
answers must be: FETCH, STORE, SEARCH, COPY, MOVE, EXPUNGE, APPEND (RFC 3501 6.3,
6.4, RFC 4315, RFC 6851, RFC 7162). What depends on the order of a round is
checked when the round is over."""

from stress.client import REV2, Command, items_of
from stress.truth import GONE, Arrival, Effect, flagging, gone, gone_if_deleted
from stress.wire import Difference, numbers_of, set_of

SEEN = b"\\seen"


def must_be_gone_perhaps(command, slots, why):
    """These were left out, so each was gone at some moment of the round. One whose UID was never told may have
    been anything."""
    box, unasked = command.box, [s.uid for s in slots if s.uid is not None]

    def check():
        for uid in unasked:
            if GONE not in command.client.round.may_be(box, uid):
                raise Difference(f"{command.client.name}: {why} {box.name} UID {uid} in {command.text[:120]!r}")
    command.client.round.checks.append(check)


def some_must_be_gone_perhaps(command):
    """Nothing was done, since one of these was gone at some moment of the round."""
    box, unasked = command.box, [s.uid for s in command.slots]

    def check():
        if None not in unasked and not any(GONE in command.client.round.may_be(box, uid) for uid in unasked):
            raise Difference(f"{command.client.name}: all of {box.name} are there in {command.text[:120]!r}")
    command.client.round.checks.append(check)


class OnMailbox(Command):
    """A command of the selected mailbox on slots of its view."""

    def __init__(self, client, text, slots=(), uid=False):
        super().__init__(client, text)
        self.box, self.view = client.box, client.view
        self.slots, self.uid = list(slots), uid

    def uids(self):
        return [s.uid for s in self.slots]

    def effect(self, change, uids=None):
        self.effects.append(Effect(self.client, self.box, change, uids))
        return self.effects[-1]


class Saved(list):
    """Slots that the client names by "$" (RFC 5182)."""


def target(view, slots, uid):
    """The slots as a set of the command."""
    if isinstance(slots, Saved):
        return "$"
    if uid:
        return set_of(s.uid for s in slots)
    wanted = set(map(id, slots))
    return set_of(n for n, s in enumerate(view.slots, 1) if id(s) in wanted)


# ---- FETCH ----

class Fetch(OnMailbox):
    """FETCH or UID FETCH of these items."""

    name = "FETCH"

    def __init__(self, client, slots, uid, items, changed_since=None, vanished=False):
        where = target(client.view, slots, uid)
        self._make(client, slots, uid, items, where, changed_since, vanished)

    def _make(self, client, slots, uid, items, where, changed_since, vanished):
        text = f"{'UID ' if uid else ''}FETCH {where} ({' '.join(items)})"
        if changed_since is not None:
            text += f" (CHANGEDSINCE {changed_since}{' VANISHED' if vanished else ''})"
        super().__init__(client, text.encode(), slots, uid)
        self.holds, self.settles = not uid, uid
        self.items, self.changed_since = [i.encode() for i in items], changed_since
        self.answered_slots = set()
        if b"BODY[]" in self.items and not self.view.read_only:
            # Only who is asked for by number or by a UID that the client knows.
            self.effect(lambda s: s if s is GONE else s | {SEEN}, [s.uid for s in slots if s.uid])

    def untagged(self, values):
        if len(values) < 2 or values[1] != b"FETCH":
            return False
        items = items_of(values)
        slot = self.view.fetch(int(values[0]), items)
        if all(self._label(i) in items for i in self.items):
            self.answered_slots.add(id(slot))
        self._check_items(slot, items)
        return True

    @staticmethod
    def _label(item):
        return {b"BODY.PEEK[HEADER.FIELDS (SUBJECT)]": b"BODY[HEADER.FIELDS (SUBJECT)]",
                b"BODY.PEEK[]": b"BODY[]"}.get(item, item)

    def _check_items(self, slot, items):
        message = self.box.messages.get(slot.uid)
        name = subject_of(items)
        if name is not None:
            if slot.name not in (None, name) or message is not None and message.name != name:
                raise Difference(f"UID {slot.uid} is {name!r}, was {slot.name!r}")
            slot.name = name
        if message is None or message.size is None:
            return
        sizes = [int(items[b"RFC822.SIZE"])] if b"RFC822.SIZE" in items else []
        sizes += [len(items[b"BODY[]"])] if items.get(b"BODY[]") is not None else []
        if any(size != message.size for size in sizes):
            raise Difference(f"UID {slot.uid} has {sizes} octets, truly {message.size}")

    def ok(self, status):
        left = [s for s in self.slots if id(s) not in self.answered_slots]
        if self.changed_since is not None:
            self._check_changed()
        elif left:
            must_be_gone_perhaps(self, left, "not told of")

    def _check_changed(self):
        """RFC 7162 3.1.4.1: those, and only those, whose MODSEQ is greater."""
        told = {s.uid for s in self.slots if id(s) in self.answered_slots}
        since, uids = self.changed_since, {s.uid for s in self.slots if s.uid}

        def check():
            for uid in uids:
                message = self.box.messages.get(uid)
                if message is None or message.modseq is None or self.client.round.effects_on(self.box, uid):
                    continue
                if (message.modseq > since) != (uid in told):
                    raise Difference(f"{self.client.name}: CHANGEDSINCE {since}: UID {uid} has MODSEQ {message.modseq}, "
                                     f"{'told' if uid in told else 'not told'}")
        self.client.round.checks.append(check)


class FetchUnknown(Fetch):
    """Of all that the client was only told to exist."""

    def __init__(self, client, uid):
        view = client.view
        first = view.unknown()
        slots = view.slots[first - 1:]
        items = ["UID", "FLAGS", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"] + (["MODSEQ"] if client.modseqs else [])
        if uid:
            where = f"{view.slots[first - 2].uid + 1 if first > 1 else 1}:*"
        else:
            where = f"{first}:{len(view.slots)}"
        self._make(client, slots, uid, items, where, None, False)


def subject_of(items):
    """The name of a message, from whatever shows it."""
    for item in (b"BODY[HEADER.FIELDS (SUBJECT)]", b"BODY[]"):
        text = items.get(item)
        if text:
            for line in text.split(b"\r\n\r\n")[0].split(b"\r\n"):
                if line.lower().startswith(b"subject: "):
                    return line[9:].decode()
    if items.get(b"ENVELOPE"):
        return items[b"ENVELOPE"][1].decode()
    return None


# ---- STORE ----

class Store(OnMailbox):
    """STORE or UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

    name = "STORE"

    def __init__(self, client, slots, uid, mode, flags, silent, unchanged_since=None):
        condition = f" (UNCHANGEDSINCE {unchanged_since})" if unchanged_since is not None else ""
        text = (f"{'UID ' if uid else ''}STORE {target(client.view, slots, uid)}{condition} {mode}FLAGS"
                f"{'.SILENT' if silent else ''} ({' '.join(flags)})")
        super().__init__(client, text.encode(), slots, uid)
        self.holds, self.settles = not uid, uid
        self.silent, self.unchanged_since = silent, unchanged_since
        self.change = flagging(mode, [f.encode().lower() for f in flags])
        self.numbers = {n: s for n, s in enumerate(self.view.slots, 1)}
        if not self.view.read_only:
            self.effect(self.change, self.uids())

    def refused(self, status):
        if self.view.read_only and status.code[:1] == [b"READ-ONLY"]:
            return
        if self.unchanged_since is not None and status.code[:1] == [b"MODIFIED"]:
            self.effects[0].done = True  # of the others
            self.ok(status)
            return
        super().refused(status)

    def ok(self, status):
        if self.view.read_only:
            raise Difference("STORE in a mailbox that was examined")
        modified = self._modified(status)
        self.effects[0].uids -= modified
        done = [s for s in self.slots if s.uid not in modified]
        told = [s for s in done if s.uid in self.view.fetched]
        for slot in told:
            self.client.round.tell(self.client, self.box, slot.uid, slot.flags, after=tuple(self.effects))
        if self.silent:
            for slot in done:
                if slot.uid not in self.view.fetched and slot.flags is not None:
                    slot.flags = self.change(slot.flags)
                if slot.uid not in self.view.dated:
                    slot.modseq = None  # it may have changed, and need not be told (RFC 7162 3.1.3)
            if self.unchanged_since is not None:
                must_be_gone_perhaps(self, [s for s in done if s.uid not in self.view.dated], "not told the MODSEQ of")
        else:
            left = [s for s in done if s.uid not in self.view.fetched]
            must_be_gone_perhaps(self, left, "not told the flags of")

    def _modified(self, status):
        if status.code[:1] != [b"MODIFIED"]:
            return set()
        if self.unchanged_since is None:
            raise Difference(f"{status}, but no UNCHANGEDSINCE")
        numbers = numbers_of(status.code[1])
        uids = set(numbers) if self.uid else {self.numbers[n].uid for n in numbers}
        if not uids <= set(self.uids()):
            raise Difference(f"{status} names others than {self.text!r}")
        self._check_modified(uids)
        return uids

    def _check_modified(self, uids):
        before = {u: m.modseq for u, m in self.box.messages.items()}

        def check():
            for uid in uids:
                alone = all(e in self.effects for e in self.client.round.effects_on(self.box, uid))
                if alone and before.get(uid) is not None and before[uid] <= self.unchanged_since:
                    raise Difference(f"UID {uid} is MODIFIED, with MODSEQ {before[uid]} and UNCHANGEDSINCE "
                                     f"{self.unchanged_since}")
        self.client.round.checks.append(check)


# ---- SEARCH ----

class Search(OnMailbox):
    """SEARCH or UID SEARCH by keys that the model can answer: words, and a function of a message and its flags."""

    name = "SEARCH"

    def __init__(self, client, uid, words, matches, returns=None):
        """returns: the options of RETURN (RFC 4731 3.1), or None."""
        options = "" if returns is None else f"RETURN ({' '.join(returns)}) "
        super().__init__(client, f"{'UID ' if uid else ''}SEARCH {options}{words}".encode(), client.view.slots, uid)
        self.holds, self.settles = not uid, uid
        self.matches, self.returns, self.found = matches, returns, None

    def untagged(self, values):
        extended = self.returns is not None or self.client.kind == REV2
        if values[0] != (b"ESEARCH" if extended else b"SEARCH"):
            return False
        if extended:
            self._take_extended(values[1:])
        else:
            self._take([int(v) for v in values[1:] if not isinstance(v, list)])
        return True

    def _take(self, numbers):
        if self.found is not None:
            raise Difference("SEARCH was answered twice")
        self.found = set(numbers)
        if len(self.found) != len(numbers):
            raise Difference(f"a number is found twice: {numbers}")

    def _take_extended(self, values):
        """RFC 4731 3.2: ALL is always asked for, and the others must agree with it."""
        if values[:1] != [[b"TAG", self.tag]] or (values[1:2] == [b"UID"]) != self.uid:
            raise Difference(f"ESEARCH {values} to {self.tag}, {self.text!r}")
        values = values[2 if self.uid else 1:]
        told = {k.upper(): v for k, v in zip(values[::2], values[1::2])}
        self._take(numbers_of(told[b"ALL"]) if b"ALL" in told else [])
        wanted = {"COUNT": len(self.found)}
        if self.found:
            wanted.update(MIN=min(self.found), MAX=max(self.found))
        for option in self.returns or ():
            if option not in ("ALL", "SAVE") and (told.get(option.encode()) != (b"%d" % wanted[option] if option in wanted else None)):
                raise Difference(f"ESEARCH {told}, but {option} is {wanted.get(option)}")

    def ok(self, status):
        if self.found is None:
            raise Difference(f"{self.text!r} without an answer")
        if "SAVE" in (self.returns or ()):
            saved = [s for n, s in enumerate(self.slots, 1) if (s.uid if self.uid else n) in self.found]
            known = len(saved) == len(self.found) and all(s.uid for s in saved)
            self.view.saved = saved if known else []  # only what the client can tell apart
        if self.uid:
            known = {s.uid for s in self.slots}
            strange = {u for u in self.found - known if u <= max((k or 0 for k in known), default=0)}
        else:
            strange = {n for n in self.found if not 1 <= n <= len(self.slots)}
        if strange and not any(s.uid is None for s in self.slots):
            raise Difference(f"{self.text!r} found {strange}, which are not there")
        self.client.round.checks.append(self.check)

    def check(self):
        for n, slot in enumerate(self.slots, 1):
            message = self.box.messages.get(slot.uid)
            if message is None:
                continue
            states = self.client.round.may_be(self.box, slot.uid)
            if GONE in states:
                continue
            if b"MODSEQ" in self.text and self.client.round.effects_on(self.box, slot.uid):
                continue
            try:
                answers = {self.matches(message, s, slot, n) for s in states}
            except LookupError:
                continue
            if answers != {True, False} and ((slot.uid if self.uid else n) in self.found) not in answers:
                raise Difference(f"{self.client.name}: {self.text!r} answered {sorted(self.found)}; of message {n}, UID "
                                 f"{slot.uid}, it must be {answers}")


# ---- messages go ----

class Expunge(OnMailbox):
    """EXPUNGE, or UID EXPUNGE of slots."""

    name = "EXPUNGE"

    def __init__(self, client, slots=None):
        text = "EXPUNGE" if slots is None else f"UID EXPUNGE {target(client.view, slots, True)}"
        super().__init__(client, text.encode(), slots or ())
        if not self.view.read_only:
            self.effect(gone_if_deleted, None if slots is None else self.uids())

    def refused(self, status):
        if not self.view.read_only:
            super().refused(status)

    def ok(self, status):
        if self.view.read_only:
            raise Difference("EXPUNGE in a mailbox that was examined")


class Close(OnMailbox):
    """CLOSE expunges and tells nothing; UNSELECT only leaves (RFC 9051 6.4.1, 6.4.2)."""

    name = "CLOSE"

    def __init__(self, client, expunge):
        super().__init__(client, b"CLOSE" if expunge else b"UNSELECT")
        if expunge and not self.view.read_only:
            self.effect(gone_if_deleted)

    def ok(self, status):
        self.client.deselect()


class Noop(OnMailbox):
    """NOOP and CHECK; alone in its round, after it the client knows everything."""

    name = "NOOP"

    def ok(self, status):
        if self.client.round.alone:
            self.client.round.checks.append(self.check)

    def check(self):
        why = self.view.differs()
        if why is not None:
            raise Difference(f"{self.client.name} after {self.text!r} in {self.box.name}: {why}")


# ---- messages come ----

class Copy(OnMailbox):
    """COPY or MOVE with COPYUID (RFC 4315 3, RFC 6851 3.3)."""

    name = "COPY"

    def __init__(self, client, slots, uid, to, move):
        verb = "MOVE" if move else "COPY"
        super().__init__(client, f"{'UID ' if uid else ''}{verb} {target(client.view, slots, uid)} {to.name}".encode(),
                         slots, uid)
        self.name = verb
        self.to, self.move, self.told = to, move, None
        self.possible = not (move and self.view.read_only)
        taken = self.effect(gone, self.uids()) if move and self.possible else None
        for slot in slots if self.possible else ():
            message = self.box.messages.get(slot.uid)
            if message is not None:
                self.arrivals.append(Arrival(client, to, message.name, message.size, None, (self.box, message), taken))

    def code(self, status):
        if status.code[:1] != [b"COPYUID"]:
            return False
        self._take(status)
        return True

    def _take(self, status):
        uidvalidity, sources, copies = status.code[1:]
        if self.to.uidvalidity is not None and int(uidvalidity) != self.to.uidvalidity:
            raise Difference(f"{status}: UIDVALIDITY of {self.to.name} is {self.to.uidvalidity}")
        self.told = dict(zip(numbers_of(sources), numbers_of(copies), strict=True))
        if not set(self.told) <= set(self.uids()):
            raise Difference(f"{status} names others than {self.text!r}")

    def ok(self, status):
        if not self.possible:
            raise Difference("MOVE out of a mailbox that was examined")
        if status.code[:1] == [b"COPYUID"]:
            self._take(status)
        told = self.told or {}
        for a in self.arrivals:
            uid = a.source[1].uid
            a.done, a.uid = uid in told, told.get(uid)
        for e in self.effects:
            e.uids = set(told)
        must_be_gone_perhaps(self, [s for s in self.slots if s.uid not in told], "not copied")

    def refused(self, status):
        if status.code[:1] == [b"EXPUNGEISSUED"] and not self.uid and not self.move:
            some_must_be_gone_perhaps(self)  # all or nothing (RFC 2180 4.4, RFC 9051 6.4.7)
        elif status.code[:1] == [b"EXPUNGEISSUED"]:
            must_be_gone_perhaps(self, self.slots, "not copied")
        elif status.code[:1] == [b"TRYCREATE"] and self.to.deleted or not self.possible:
            return
        else:
            super().refused(status)


class Append(Command):
    """APPEND of one message, or of several where the server takes several (RFC 3502)."""

    name = "APPEND"

    def __init__(self, client, box, messages):
        """messages: (name, octets, flags)."""
        text = b"APPEND %s" % box.name.encode()
        for name, octets, flags in messages:
            text += b" (%s) {%d+}\r\n%s" % (" ".join(flags).encode(), len(octets), octets)
        super().__init__(client, text)
        if len(messages) > 1:
            self.name = "MULTIAPPEND"
        self.box = box
        self.arrivals = [Arrival(client, box, name, len(octets), frozenset(f.encode().lower() for f in flags))
                         for name, octets, flags in messages]

    def ok(self, status):
        if status.code[:1] != [b"APPENDUID"] or len(numbers_of(status.code[2])) != len(self.arrivals):
            raise Difference(f"{status} to {self.text[:80]!r}")
        for a, uid in zip(self.arrivals, numbers_of(status.code[2])):
            a.uid = uid

    def refused(self, status):
        if status.code[:1] != [b"TRYCREATE"] or not self.box.deleted:
            super().refused(status)
