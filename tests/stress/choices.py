# SPDX-License-Identifier: ISC
"""What a client does next: every choice is the dice's, out of what the client
knows and what the server can do."""

from stress import commands as c
from stress import names
from stress.client import PLAIN, QRESYNC
from stress.wire import set_of

SYSTEM = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Deleted", "\\Draft")
KEYWORDS = ("$Forwarded", "$Stress", "alpha", "Beta", "gamma-ray", "junk")
FULL = 60  # messages of a mailbox, above which more of them go than come
FETCHES = (("FLAGS",), ("UID", "FLAGS"), ("UID",), ("RFC822.SIZE", "FLAGS"), ("ENVELOPE", "FLAGS"), ("BODY.PEEK[]",),
           ("BODY[]",), ("UID", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), ("INTERNALDATE", "BODYSTRUCTURE", "UID"))


class Choices:
    """The choices of one run."""

    def __init__(self, truth, boxes, full=FULL):
        self.full = full
        self.truth, self.main = truth, boxes  # names of mailboxes that always stay
        self.made = 0

    # ---- what is chosen from ----

    def name(self, kind):
        self.made += 1
        return f"{kind}-{self.made}"

    def message(self, dice, kind):
        """(name, octets) of a new one."""
        name = self.name(kind)
        line = b"%032x\r\n" % dice.getrandbits(128)
        octets = (f"From: <sender@example.org>\r\nSubject: {name}\r\nMessage-ID: <{name}@stress.test>\r\n\r\n").encode()
        return name, octets + line * dice.choice((0, 1, 3, 10, 40, 40, 300, 4000 if dice.random() < 0.1 else 2))

    def flags(self, dice):
        pool = SYSTEM + KEYWORDS
        chosen = dice.sample(pool, dice.choice((0, 1, 1, 1, 2, 3)))
        if dice.random() < 0.01:
            chosen.append(f"new{self.made % 50}")
        return list(dict.fromkeys(chosen))

    @staticmethod
    def slots(dice, view):
        """Some that the client knows by UID."""
        known = [s for s in view.slots if s.uid is not None]
        if not known:
            return []
        saved = c.Saved(s for s in view.saved if s.uid is None or s.uid in view.by_uid)
        if saved and dice.random() < 0.5 and all(s.uid for s in saved):
            return saved
        how = dice.random()
        if how < 0.15:
            return known
        if how < 0.5:
            first = dice.randrange(len(known))
            return known[first:first + dice.choice((1, 2, 5, 20))]
        some = dice.sample(range(len(known)), min(len(known), dice.choice((1, 1, 2, 4))))
        return [known[n] for n in sorted(some)]

    def any_box(self, dice):
        sides = self.sides()
        if sides and dice.random() < 0.12:
            return dice.choice(sides)
        return self.truth.boxes[dice.choice(self.main)]

    def sides(self):
        return [b for n, b in self.truth.boxes.items() if n.startswith("Side-")]

    def naming(self, client, dice):
        """CREATE, DELETE or RENAME of a side mailbox."""
        sides, truth = self.sides(), self.truth
        free = [n for n in (f"Side-{i}" for i in range(8)) if n not in truth.boxes]
        if not sides or free and dice.random() < 0.4:
            name = dice.choice(free)
            return names.Naming(client, f"CREATE {name}", lambda: truth.box(name))
        box = dice.choice(sides)
        if free and dice.random() < 0.4:
            name = dice.choice(free)
            return names.Naming(client, f"RENAME {box.name} {name}", lambda: truth.rename(box, name))
        return names.Naming(client, f"DELETE {box.name}", lambda: truth.delete(box, client))

    # ---- commands of the selected mailbox ----

    def fetch(self, client, dice, uid):
        view = client.view
        if view.unknown() is not None and dice.random() < 0.7:
            return c.FetchUnknown(client, uid)
        slots = self.slots(dice, view)
        if not slots:
            return None
        if client.modseqs and dice.random() < 0.25:
            since = dice.choice((1, view.highest or 1, max(1, (view.highest or 1) - dice.randrange(1, 30))))
            vanished = uid and client.kind == QRESYNC and dice.random() < 0.5
            return c.Fetch(client, slots, uid, ("UID", "FLAGS", "MODSEQ"), since, vanished)
        items = dice.choice(FETCHES)
        if client.modseqs and "FLAGS" in items:
            items += ("MODSEQ",)
        return c.Fetch(client, slots, uid, items)

    def store(self, client, dice, uid):
        slots = self.slots(dice, client.view)
        if not slots:
            return None
        mode = dice.choice(("+", "+", "-", ""))
        flags = self.flags(dice)
        if mode and not flags:
            flags = ["\\Flagged"]
        unchanged_since = None
        if client.modseqs and dice.random() < 0.3:
            known = [s.modseq for s in slots if s.modseq] or [1]
            unchanged_since = dice.choice((min(known), max(known), client.view.highest or 1))
        return c.Store(client, slots, uid, mode, flags, dice.random() < 0.4, unchanged_since)

    def search(self, client, dice, uid, numbers=True):
        words, matches = self.key(client, dice, 2, numbers)
        returns = None
        if client.can(b"ESEARCH") and dice.random() < 0.4:
            returns = dice.choice(((), ("ALL",), ("MIN", "MAX", "COUNT", "ALL"), ("COUNT", "ALL"))
                                  + (("SAVE", "ALL"), ("SAVE", "COUNT", "ALL")) * numbers)
        return c.Search(client, uid, words, matches, returns)

    def key(self, client, dice, depth, numbers):
        """A search key as words, and as a function of a message, its flags, its slot and number; without `numbers`
        none is used, since they may move before the command is done."""
        if depth and dice.random() < 0.3:
            a, fa = self.key(client, dice, depth - 1, numbers)
            b, fb = self.key(client, dice, depth - 1, numbers)
            return dice.choice(((f"OR ({a}) ({b})", lambda *x: fa(*x) or fb(*x)), (f"NOT ({a})", lambda *x: not fa(*x)),
                                (f"({a}) ({b})", lambda *x: fa(*x) and fb(*x))))
        what = dice.randrange(8)
        if what < 3:
            flag = dice.choice(("seen", "answered", "flagged", "deleted", "draft"))
            wanted = dice.random() < 0.5
            return ("" if wanted else "UN") + flag.upper(), lambda m, s, *_: (b"\\" + flag.encode() in s) == wanted
        if what == 3:
            word, wanted = dice.choice(KEYWORDS), dice.random() < 0.5
            return f"{'' if wanted else 'UN'}KEYWORD {word}", lambda m, s, *_: (word.lower().encode() in s) == wanted
        if what == 4 and client.modseqs and client.can(b"CONDSTORE") and dice.random() < 0.5:
            least = max(1, (client.view.highest or 1) - dice.randrange(0, 20))
            return f"MODSEQ {least}", lambda m, *_: modseq_of(m) >= least
        if what == 4:
            part = dice.choice(("mail-1", "append-", "2", "stress", "lmtp"))
            return f'SUBJECT "{part}"', lambda m, *_: part in m.name
        uids = client.view.uids()
        if what == 5 and uids:
            some = set(dice.sample(uids, min(len(uids), 5)))
            return f"UID {set_of(some)}", lambda m, *_: m.uid in some
        if what == 6 and numbers and uids and client.view.unknown() is None:
            some = set(dice.sample(range(1, len(uids) + 1), min(len(uids), 5)))
            return set_of(some), lambda m, s, slot, n: n in some
        return "ALL", lambda *_: True

    def copy(self, client, dice, uid):
        slots = self.slots(dice, client.view)
        if len(slots) > 12:
            slots = slots[:12]
        to = self.any_box(dice)
        move = dice.random() < 0.6
        if not slots or len(to.messages) > 2 * self.full and not move:
            return None
        return c.Copy(client, slots, uid, to, move)

    def expunge(self, client, dice, uid):
        if not uid:
            return c.Expunge(client)
        slots = self.slots(dice, client.view)
        return c.Expunge(client, slots) if slots else None

    def append(self, client, dice):
        box = min((self.any_box(dice) for _ in range(2)), key=lambda b: len(b.messages))
        if len(box.messages) > self.full:
            return None
        count = dice.choice((1, 2, 5)) if client.can(b"MULTIAPPEND") and dice.random() < 0.3 else 1
        return c.Append(client, box, [(*self.message(dice, "append"), self.flags(dice)) for _ in range(count)])

    def status(self, client, dice):
        items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"]
        items += ["DELETED"] if client.can(b"IMAP4rev2") else []
        return names.Status(client, self.any_box(dice), dice.sample(items, dice.randrange(1, len(items) + 1)))

    # ---- one of them ----

    def selected(self, client, dice, numbers_hold=False):
        """A command of a client that has a mailbox; None: it thought better. With numbers_hold only what moves no
        sequence numbers, or does not use them: it stands in a pipeline."""
        uid = numbers_hold or dice.random() < 0.5
        full = len(client.box.messages) > self.full
        kinds = (
            (22, lambda: self.fetch(client, dice, uid)), (24, lambda: self.store(client, dice, uid)),
            (10, lambda: self.search(client, dice, uid, not numbers_hold)), (12, lambda: self.copy(client, dice, uid)),
            (20 if full else 6, lambda: self.expunge(client, dice, uid)),
            (2 if full else 12, lambda: self.append(client, dice)), (4, lambda: self.status(client, dice)),
            (10, lambda: c.Noop(client, dice.choice((b"NOOP", b"NOOP", b"CHECK"))
                                if client.kind == PLAIN else b"NOOP")),
            (1, lambda: names.Names(client, self.truth)))
        return pick(dice, kinds)

    def alone(self, client, dice):
        """One that is not done beside others or in a pipeline."""
        if client.view is None:
            return names.Select(client, self.any_box(dice), dice.random() < 0.15, True, dice.choice((0, 0, 1, 3)))
        kinds = ((90, lambda: self.selected(client, dice)), (3, lambda: c.Close(client, dice.random() < 0.5)),
                 (5, lambda: names.Select(client, self.any_box(dice), dice.random() < 0.15)))
        return pick(dice, kinds)


def modseq_of(message):
    """LookupError where it is not known: others changed it, and nobody has looked since."""
    if message.modseq is None:
        raise LookupError
    return message.modseq


def pick(dice, kinds):
    """One of (weight, function), done."""
    return dice.choices([k[1] for k in kinds], [k[0] for k in kinds])[0]()
