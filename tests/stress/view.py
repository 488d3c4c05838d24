# SPDX-License-Identifier: ISC
"""What one client was told of its selected mailbox (RFC 9051 7.3, 7.4.1, RFC
7162 3.2.10): sequence numbers, and behind each a UID, flags and MODSEQ as far
as they were told. Every response must fit what was told before."""

from stress.truth import GONE, show
from stress.wire import Difference, numbers_of

RECENT = b"\\recent"


class Slot:
    """A message as the client knows it; None: not told."""

    __slots__ = ("uid", "flags", "modseq", "recent", "name")

    def __init__(self, uid=None):
        self.uid, self.flags, self.modseq, self.recent, self.name = uid, None, None, False, None


class View:
    """The client's view. told(uid, state) is called with what a message was said to be."""

    def __init__(self, box, read_only, modseqs, told):
        self.box, self.read_only, self.modseqs, self.told = box, read_only, modseqs, told
        self.slots = []
        self.by_uid = {}
        self.recent = None        # as RECENT told
        self.uidnext = None
        self.highest = None       # HIGHESTMODSEQ that the client may remember
        self.seen_highest = 0     # greatest MODSEQ that was told
        self.stated = None        # HIGHESTMODSEQ that was told during the command in hand
        self.fetched = set()      # UIDs whose flags were told during the command in hand
        self.dated = set()        # UIDs whose MODSEQ was told during it
        self.saved = []           # slots of the last SEARCH RETURN (SAVE) (RFC 5182)
        self.vanishes = False     # VANISHED instead of EXPUNGE

    def uids(self):
        return [s.uid for s in self.slots if s.uid is not None]

    def unknown(self):
        """The first sequence number whose UID is not known, or None."""
        if len(self.by_uid) == len(self.slots):
            return None
        return next(n for n, slot in enumerate(self.slots, 1) if slot.uid is None)

    def seq(self, uid):
        return self.slots.index(self.by_uid[uid]) + 1

    # ---- responses ----

    def exists(self, count):
        if count < len(self.slots):
            raise Difference(f"EXISTS {count}, but {len(self.slots)} are there and none was expunged")
        self.slots.extend(Slot() for _ in range(count - len(self.slots)))

    def expunge(self, seq):
        if self.vanishes:
            raise Difference("EXPUNGE where VANISHED must be told")
        if not 1 <= seq <= len(self.slots):
            raise Difference(f"EXPUNGE {seq} of {len(self.slots)}")
        self._remove(self.slots.pop(seq - 1))

    def _remove(self, slot):
        if slot.uid is not None:
            del self.by_uid[slot.uid]
            self.told(slot.uid, GONE)

    def vanished(self, uids, earlier):
        """VANISHED of these; EARLIER may name what the client does not have (RFC 7162 3.2.10.1)."""
        if not self.vanishes:
            raise Difference("VANISHED, but QRESYNC is not enabled")
        for uid in uids:
            slot = self.by_uid.get(uid)
            if slot is not None:
                self.slots.remove(slot)
                self._remove(slot)
            elif not earlier:
                self._vanish_unknown(uid)

    def _vanish_unknown(self, uid):
        """It is one of those, not told yet, that stand where it would."""
        at = next((n for n, s in enumerate(self.slots) if s.uid is not None and s.uid > uid), len(self.slots))
        if at == 0 or self.slots[at - 1].uid is not None:
            raise Difference(f"VANISHED {uid}, which is not in the mailbox")
        self.slots.pop(at - 1)
        self.told(uid, GONE)

    def fetch(self, seq, items):
        """The items of a FETCH response; the slot."""
        if not 1 <= seq <= len(self.slots):
            raise Difference(f"FETCH {seq} of {len(self.slots)}")
        slot = self.slots[seq - 1]
        if b"UID" in items:
            self._identify(slot, seq, int(items[b"UID"]))
        if b"MODSEQ" in items:
            self._modseq(slot, int(items[b"MODSEQ"][0]))
        if b"FLAGS" in items:
            self._flags(slot, items)
        return slot

    def _identify(self, slot, seq, uid):
        if slot.uid == uid:
            return
        if slot.uid is not None:
            raise Difference(f"message {seq} had UID {slot.uid}, now {uid}")
        before = max((s.uid or 0 for s in self.slots[:seq - 1]), default=0)
        after = min((s.uid for s in self.slots[seq:] if s.uid), default=1 << 32)
        if not before < uid < after:
            raise Difference(f"message {seq} has UID {uid}, between {before} and {after}")
        slot.uid = uid
        self.by_uid[uid] = slot

    def _modseq(self, slot, modseq):
        if modseq < 1 or slot.modseq is not None and modseq < slot.modseq:
            raise Difference(f"MODSEQ of UID {slot.uid} was {slot.modseq}, is {modseq}")
        slot.modseq = modseq
        self.dated.add(slot.uid)
        self.seen_highest = max(self.seen_highest, modseq)

    def _flags(self, slot, items):
        flags = [f.lower() for f in items[b"FLAGS"]]
        if len(set(flags)) != len(flags):
            raise Difference(f"a flag is told twice: {flags}")
        if self.modseqs and b"MODSEQ" not in items:
            raise Difference(f"FLAGS of UID {slot.uid} are told without MODSEQ")
        if slot.flags is not None and slot.recent and RECENT not in flags:
            raise Difference(f"UID {slot.uid} was \\Recent in this session and is not any more")
        slot.recent = RECENT in flags
        slot.flags = frozenset(flags) - {RECENT}
        if slot.uid is not None:
            self.fetched.add(slot.uid)
            self.told(slot.uid, slot.flags)

    def settle_modseq(self, whole):
        """A command has ended. What the server stated as HIGHESTMODSEQ holds (RFC 7162 3.2.7); else, where expunges
        could be told (whole), everything up to the greatest MODSEQ was told."""
        if self.stated is not None:
            self.highest, self.seen_highest = max(self.highest or 0, self.stated), self.stated
        elif whole and self.highest is not None:
            self.highest = max(self.highest, self.seen_highest)
        self.stated = None

    # ---- comparison ----

    def differs(self):
        """How it is not the truth, or None. Flags of messages that were never asked for are not compared."""
        truth = self.box.messages
        if len(self.slots) != len(truth):
            return (f"{len(self.slots)} messages, truly {len(truth)}; UIDs {sorted(set(self.uids()) - set(truth))} are "
                    f"too many, {sorted(set(truth) - set(self.uids()))} not known")
        for seq, (slot, message) in enumerate(zip(self.slots, truth.values()), 1):
            if slot.uid not in (None, message.uid):
                return f"message {seq} is UID {slot.uid}, truly {message.uid}"
            if slot.flags not in (None, message.flags):
                return f"UID {message.uid} is {show(slot.flags)}, truly {show(message.flags)}"
            if self.modseqs and message.modseq is not None and slot.modseq not in (None, message.modseq):
                return f"MODSEQ of UID {message.uid} is {slot.modseq}, truly {message.modseq}"
        return None

    def check_recent(self):
        """All flags are known: RECENT must be the number of messages that have it (RFC 3501 7.3.2)."""
        if self.recent is not None and all(s.flags is not None for s in self.slots):
            count = sum(1 for s in self.slots if s.recent)
            if count != self.recent:
                raise Difference(f"{count} messages are \\Recent, RECENT was {self.recent}")


def vanished_uids(values):
    """(EARLIER?, UIDs) of [VANISHED, (EARLIER)?, set]."""
    earlier = len(values) == 3 and [v.upper() for v in values[1]] == [b"EARLIER"]
    return earlier, numbers_of(values[-1])
