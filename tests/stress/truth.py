# SPDX-License-Identifier: ISC
"""What the mailboxes of the account hold, and what a round of commands that are
under way at once may make of them.

A message is, to a round, its flags, or GONE. Every command that changes
messages is an Effect: a function from state to state. Which states can be seen
of a message is found by trying all orders of the effects on it, of which those
of one client keep theirs; whether an effect was done is said by its answer, and
without an answer both may be. Messages are looked at one by one."""

from stress.wire import Difference

GONE = None
EFFECTS_MAX = 9  # on one message in one round: 2^n sets of them are looked at


class Message:
    """One message of a mailbox, as every client must see it in the end."""

    __slots__ = ("uid", "name", "size", "flags", "modseq", "past")

    def __init__(self, uid, name, size, flags, modseq):
        self.uid, self.name, self.size = uid, name, size
        self.flags, self.modseq = flags, modseq
        self.past = []  # (round, flags) that it had, for who listens all the time


class Box:
    """A mailbox."""

    def __init__(self, name):
        self.name = name
        self.uidvalidity = None
        self.older = 0      # UIDVALIDITY of a mailbox that had the name before (RFC 9051 2.3.1.1)
        self.uidnext = 1
        self.highest = 0    # HIGHESTMODSEQ as last seen
        self.told = 0       # the greatest that any client was told
        self.messages = {}  # by UID, ascending
        self.gone = set()   # UIDs that were there
        self.deleted = False
        self.forgotten = 0  # of messages before this UID the store may not know whose \\Recent they are

    def uids(self):
        return list(self.messages)


class Truth:
    """All mailboxes, by name."""

    def __init__(self):
        self.boxes = {}
        self.round = 0
        self.retired = {}  # name: UIDVALIDITY of the last mailbox that had it

    def box(self, name):
        if name not in self.boxes:
            self.boxes[name] = Box(name)
            self.boxes[name].older = self.retired.get(name, 0)
        return self.boxes[name]

    def _retire(self, box):
        self.retired[box.name] = max(self.retired.get(box.name, 0), box.uidvalidity or 0)
        del self.boxes[box.name]

    def rename(self, box, name):
        self._retire(box)
        box.name = name
        self.boxes[name] = box

    def delete(self, box, client):
        """The client that did it goes on; others that have it selected do not."""
        self._retire(box)
        box.deleted = True
        if client.box is box:
            client.deselect()
        client.memory.pop(box, None)


class Effect:
    """What a command does to messages of a box; uids is None for all that are there when it is done."""

    def __init__(self, client, box, change, uids=None):
        self.client, self.box, self.change = client, box, change
        self.uids = None if uids is None else set(uids)
        self.done = None  # True, False, or None: not known

    def touches(self, uid):
        return self.done is not False and (self.uids is None or uid in self.uids)


class Arrival:
    """A message that a command brings into a box; `source` is the Message it is a copy of."""

    def __init__(self, client, box, name, size, flags, source=None, origin=None):
        self.client, self.box, self.name, self.size, self.flags = client, box, name, size, flags
        self.source = source  # (box, Message)
        self.origin = origin  # the Effect that takes it away there, if it is a move
        self.uid = None       # as told by APPENDUID, COPYUID
        self.done = None
        self.landed = None    # the UID under which it was found
        self.states = None    # it may have had when it came; known at the end of the round


def gone(state):
    """The message is removed."""
    return GONE


def gone_if_deleted(state):
    return GONE if state is not GONE and b"\\deleted" in state else state


def flagging(mode, flags):
    """STORE as a function."""
    flags = frozenset(flags)

    def change(state):
        if state is GONE:
            return GONE
        if mode == "+":
            return state | flags
        return state - flags if mode == "-" else flags
    return change


class Reach:
    """The states that a message can be seen in, by the set of effects that were done until then."""

    def __init__(self, before, effects):
        assert len(effects) <= EFFECTS_MAX, "the driver let too many commands meet"
        self.effects = effects
        self.table = {0: {before}}
        self.must = sum(1 << i for i, e in enumerate(effects) if e.done)
        later, earlier = self._order()
        for mask in range(1, 1 << len(effects)):
            states = set()
            for i, effect in enumerate(effects):
                rest = mask ^ (1 << i)
                if mask & 1 << i and not later[i] & mask and not earlier[i] & self.must & ~mask:
                    states.update(effect.change(s) for s in self.table.get(rest, ()))
            if states:
                self.table[mask] = states

    def _order(self):
        later, earlier = [], []
        for i, e in enumerate(self.effects):
            own = [j for j, o in enumerate(self.effects) if o.client is e.client]
            later.append(sum(1 << j for j in own if j > i))
            earlier.append(sum(1 << j for j in own if j < i))
        return later, earlier

    def any(self, after=()):
        """States at any moment, or of moments when all of these effects were done."""
        need = sum(1 << i for i, e in enumerate(self.effects) if e in after)
        return set().union(*(s for mask, s in self.table.items() if mask & need == need))

    def final(self):
        return set().union(*(s for mask, s in self.table.items() if mask & self.must == self.must))


class Round:
    """Effects and arrivals of commands that are under way together, and what clients were told meanwhile."""

    def __init__(self, truth):
        truth.round += 1
        self.truth, self.number = truth, truth.round
        self.effects, self.arrivals, self.told = [], [], []
        self.checks = []  # functions to call when all outcomes are known
        self.alone = True  # one command, and nothing else
        self._reach = {}

    def sure(self):
        """Whether every outcome is known, and there is no more than one order of what depends on it (after prepare)."""
        done = self.effects + self.arrivals
        on_all = {e.box.name for e in self.effects if e.uids is None}
        return (len({id(x.client) for x in done}) <= 1 and not any(x.done is None for x in done)
                and all(len(a.states) == 1 and a.box.name not in on_all for a in self.arrivals))

    def room(self, box):
        """Whether one more effect on this box can be looked at."""
        return sum(1 for e in self.effects if e.box is box) < EFFECTS_MAX

    def effects_on(self, box, uid):
        return [e for e in self.effects if e.box is box and e.touches(uid)]

    def reach(self, box, message):
        """Only when all outcomes are known."""
        effects = self.effects_on(box, message.uid)
        key = (message.flags, tuple(id(e) for e in effects))
        if key not in self._reach:
            self._reach[key] = Reach(message.flags, effects)
        return self._reach[key]

    def may_be(self, box, uid):
        """Every state that a message may be seen in during this round."""
        message = box.messages.get(uid)
        if message is None:
            return {GONE}
        return self.reach(box, message).any()

    def tell(self, client, box, uid, state, after=()):
        """A client was told this; it is checked when all outcomes are known."""
        self.told.append((client, box, uid, state, after))

    @staticmethod
    def add_found(box, uid, there):
        """A message that was there before the run."""
        box.messages[uid] = Message(uid, there.name, there.size, there.flags, there.modseq)

    # ---- the end ----

    def boxes(self):
        found = []
        for x in self.effects + self.arrivals:
            if x.box not in found and x.done is not False:
                found.append(x.box)
        return found

    def prepare(self):
        """All answers are here, or will never be."""
        for a in self.arrivals:
            a.states = {a.flags} if a.source is None else self.reach(*a.source).any() - {GONE}

    def check_told(self):
        for client, box, uid, state, after in self.told:
            message = box.messages.get(uid)
            if message is None:
                self._check_stranger(client, box, uid, state)
                continue
            allowed = self.reach(box, message).any(after)
            if client.listened_since is not None:
                allowed |= {s for n, s in message.past if n >= client.listened_since}
            if state not in allowed:
                raise Difference(f"{client.name} was told of {box.name} UID {uid}: {show(state)}; possible is "
                                 + " or ".join(show(s) for s in allowed), client)
        for check in self.checks:
            check()

    def _check_stranger(self, client, box, uid, state):
        """Told of a message that was not there when the round began."""
        if uid in box.gone or box.deleted or state is GONE and uid >= box.uidnext:
            return
        if uid < box.uidnext:
            raise Difference(f"{client.name} was told of {box.name} UID {uid}, which never was", client)
        if not any(a.box is box and a.done is not False for a in self.arrivals):
            raise Difference(f"{client.name} was told of {box.name} UID {uid}, but nothing arrived", client)

    def apply(self):
        """All is known: the truth goes on by itself."""
        for box in self.boxes():
            for uid in box.uids():
                message = box.messages[uid]
                states = self.reach(box, message).final()
                assert len(states) == 1, states
                self._become(box, message, states.pop(), None)
        for a in self.arrivals:
            if a.done:
                self._land(a)

    def _land(self, a):
        if a.uid is not None and a.uid != a.box.uidnext:
            raise Difference(f"{a.name} was put into {a.box.name} as UID {a.uid}; next was {a.box.uidnext}")
        uid = a.landed = a.box.uidnext
        a.box.uidnext += 1
        assert len(a.states) == 1, a.states
        a.box.messages[uid] = Message(uid, a.name, a.size, next(iter(a.states)), None)

    def _become(self, box, message, state, modseq):
        if state is GONE:
            del box.messages[message.uid]
            box.gone.add(message.uid)
            return
        effects = self.effects_on(box, message.uid)
        if effects:
            message.past.extend((self.number, s) for s in self.reach(box, message).any())
        if state != message.flags:
            message.modseq = None
        message.flags = state
        if modseq is not None:
            message.modseq = modseq

    def reconcile(self, box, found):
        """The truth of a box is one that this round allows: found, a Snapshot that a fresh client took."""
        if box.uidvalidity not in (None, found.uidvalidity):
            raise Difference(f"UIDVALIDITY of {box.name} was {box.uidvalidity}, is {found.uidvalidity}")
        if found.uidvalidity <= box.older:
            raise Difference(f"UIDVALIDITY of {box.name} is {found.uidvalidity}, an older mailbox had {box.older}")
        box.uidvalidity = found.uidvalidity
        self._check_modseqs(box, found)
        for uid in box.uids():
            message, there = box.messages[uid], found.messages.get(uid)
            state = there.flags if there else GONE
            states = self.reach(box, message).final()
            if state not in states:
                raise Difference(f"{box.name} UID {uid} is {show(state)}; it was {show(message.flags)}, and possible "
                                 f"is {' or '.join(show(s) for s in states)}")
            self._check_same(box, message, there)
            self._become(box, message, state, there.modseq if there else None)
        self._newcomers(box, found)

    def _check_same(self, box, message, there):
        if there is None:
            return
        if message.size is None:
            message.size = there.size
        if there.size is not None and there.size != message.size:
            raise Difference(f"{box.name} UID {message.uid} had {message.size} octets, has {there.size}")
        if there.name is not None and there.name != message.name:
            raise Difference(f"{box.name} UID {message.uid} was {message.name}, is {there.name}")
        old = message.modseq
        if old is None or there.modseq is None:
            return
        if there.modseq < old or there.flags != message.flags and there.modseq == old:
            raise Difference(f"{box.name} UID {message.uid}: MODSEQ {old} became {there.modseq}, {show(message.flags)} "
                             f"became {show(there.flags)}")
        if there.modseq != old and not self.effects_on(box, message.uid):
            raise Difference(f"{box.name} UID {message.uid}: MODSEQ {old} became {there.modseq}, but nothing happened")

    def _check_modseqs(self, box, found):
        if found.highest is None:
            return
        for uid, there in found.messages.items():
            if there.modseq is None or there.modseq > found.highest:
                raise Difference(f"{box.name} UID {uid}: MODSEQ {there.modseq}, HIGHESTMODSEQ {found.highest}")
        if found.highest < box.told:
            raise Difference(f"HIGHESTMODSEQ of {box.name} is {found.highest}, but {box.told} was told")
        changed = set(found.messages) != set(box.messages) or any(
            m.flags != found.messages[u].flags for u, m in box.messages.items() if u in found.messages)
        if found.highest < box.highest or changed and box.highest and found.highest == box.highest:
            raise Difference(f"HIGHESTMODSEQ of {box.name} was {box.highest}, is {found.highest}; changed: {changed}")
        box.highest = found.highest

    def _newcomers(self, box, found):
        waiting = [a for a in self.arrivals if a.box is box and a.done is not False]
        known = {a.uid: a for a in waiting if a.uid is not None}
        for uid in sorted(set(found.messages) - set(box.messages)):
            there = found.messages[uid]
            if uid < box.uidnext:
                raise Difference(f"{box.name} has UID {uid}, which was gone or never was; next was {box.uidnext}")
            a = known.get(uid) or next(
                (w for w in waiting if w.uid is None and w.landed is None and w.name == there.name), None)
            if a is None or a.name != there.name:
                raise Difference(f"{box.name} has UID {uid}, {there.name}; expected: {a.name if a else 'nothing'}")
            a.landed = uid
            if there.flags not in self._fates(a):
                raise Difference(f"{box.name} UID {uid} arrived as {show(there.flags)}; possible is "
                                 + " or ".join(show(s) for s in self._fates(a)))
            message = Message(uid, a.name, there.size, there.flags, there.modseq)
            message.past = [(self.number, s) for s in self._fates(a)]
            box.messages[uid] = message
        for a in waiting:
            if a.landed is None and a.done and GONE not in self._fates(a):
                raise Difference(f"{a.name}, acknowledged (UID {a.uid}), is not in {box.name}")
        self._check_uidnext(box, found, waiting)

    def _check_uidnext(self, box, found, waiting):
        least = box.uidnext + sum(1 for a in waiting if a.done or a.landed)
        most = box.uidnext + len(waiting)
        told = max([a.uid for a in waiting if a.uid] + list(found.messages), default=0)
        if not least <= found.uidnext <= most or found.uidnext <= told:
            raise Difference(f"UIDNEXT of {box.name} was {box.uidnext}, is {found.uidnext}; {len(waiting)} arrived, "
                             f"greatest UID {told}")
        box.gone.update(set(range(box.uidnext, found.uidnext)) - set(found.messages))  # came and went
        box.uidnext = found.uidnext

    def _fates(self, a):
        """States that an arrived message can be in at the end of the round."""
        states = set(a.states)
        for e in self.effects:
            if e.box is a.box and e.uids is None and e.done is not False:
                states |= {e.change(s) for s in states if s is not GONE}
        return states

    def check_moves(self):
        """A move whose outcome is not known was done whole or not at all."""
        for a in self.arrivals:
            if a.origin is None or a.done is not None or a.origin.done is not None:
                continue
            box, message = a.source
            alone = len(self.effects_on(box, message.uid)) == 1
            if alone and GONE not in self._fates(a) and (message.uid in box.messages) == (a.landed is not None):
                raise Difference(f"half a move: {message.name} of {box.name} to {a.box.name}, UID {a.landed}")


def show(state):
    return "gone" if state is GONE else "(" + " ".join(sorted(f.decode() for f in state)) + ")"
