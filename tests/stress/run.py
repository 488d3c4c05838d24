# SPDX-License-Identifier: ISC
"""The driver of the stress client: who does what when, out of one seed.

A step has dice of its own, made of the seed and its number. So a run can be
repeated up to the moments that the server decides: the order of commands that
are under way at once."""

import collections
import contextlib
import random

from stress import names
from stress.choices import Choices
from stress.client import CONDSTORE, PLAIN, QRESYNC, REV2, Client, items_of
from stress.commands import Append, FetchUnknown, Noop, subject_of
from stress.kills import kill
from stress.names import BARRIER
from stress.mailers import Pop3, Sender
from stress.truth import Round, Truth
from stress.wire import Difference, Ended, Status

QUIET_EVERY = 60  # steps
IDLE_SECONDS = 60
TOGETHER = 8      # clients with commands under way at once
# How often a step is what.
USUAL = {"one": 60, "several": 18, "pipeline": 4, "mail": 3, "pop3": 5, "drop": 3, "cut_short": 3, "idles": 4, "naming": 2}

Snapshot = collections.namedtuple("Snapshot", "uidvalidity uidnext highest messages")
Found = collections.namedtuple("Found", "flags modseq size name")


class Run:
    """Clients on the mailboxes of one account."""

    def __init__(self, house, seed, account, clients=42, pop3s=4, senders=4, boxes=("INBOX", "Work", "Lists"), **steps):
        """steps: how often a step is what, where it is not as usual."""
        self.house, self.seed, self.account = house, seed, account
        self.password = house.password
        self.truth = Truth()
        self.number = 0
        self.did = collections.Counter()
        self.concerned = []
        self.dice = random.Random(f"{seed}")
        self.witness = Client("witness", house, PLAIN, account, self.password)
        for name in boxes:
            self.truth.box(name)
        self.choices = Choices(self.truth, boxes)
        self.clients, self.pop3s, self.senders = [], [], []
        self.counts = clients, pop3s, senders
        self.kinds = {**USUAL, **steps}
        self.patience = IDLE_SECONDS

    # ---- beginning ----

    def begin(self):
        """Connects the witness, makes the mailboxes, and creates all clients."""
        self.witness.connect()
        can = {CONDSTORE: b"CONDSTORE", QRESYNC: b"QRESYNC", REV2: b"IMAP4rev2"}
        if self.witness.can(b"CONDSTORE"):
            self.witness.kind = CONDSTORE
            self.witness.ask("ENABLE CONDSTORE")
        there = [values[3].decode() for values in self.witness.ask('LIST "" "*"') if values[0] == b"LIST"]
        for name in set(self.truth.boxes) - set(there):
            self.witness.ask(f"CREATE {name}")
        if BARRIER not in there:
            self.witness.ask(f"CREATE {BARRIER}")
        for name in set(there) - {BARRIER}:
            self.truth.box(name)
        for box in self.truth.boxes.values():
            self.learn(box)
        kinds = [k for k in (PLAIN, QRESYNC, CONDSTORE, QRESYNC, REV2) if k not in can or self.witness.can(can[k])]
        clients, pop3s, senders = self.counts
        self.clients = [Client(f"c{n}", self.house, kinds[n % len(kinds)], self.account, self.password)
                        for n in range(clients)]
        self.pop3s = [Pop3(f"p{n}", self.house, self.account, self.password) for n in range(pop3s)]
        self.senders = [Sender(f"s{n}", self.house, self.account, n % 2 == 1) for n in range(senders)]
        return self

    def fill(self, box, count):
        """So many messages more, before anybody looks."""
        self.dice = random.Random(f"{self.seed}/fill")
        self.choices.full = max(self.choices.full, count)
        for done in range(0, count, 100):
            some = [(*self.choices.message(self.dice, "old"), self.choices.flags(self.dice))
                    for _ in range(min(100, count - done))]
            self.witness.ask_all([Append(self.witness, box, [message]).text for message in some])
        self.learn(box)

    @property
    def boxes(self):
        return list(self.truth.boxes.values())

    def learn(self, box):
        """A mailbox as it was before the run."""
        round_ = Round(self.truth)
        found = self.snapshot(box)
        box.uidvalidity, box.uidnext, box.highest = found.uidvalidity, found.uidnext, found.highest or 0
        for uid, there in found.messages.items():
            round_.add_found(box, uid, there)

    def tamper(self, change):
        """Every line that a client reads from now on goes through this function, those of literals too, which keep their
        length; before anybody is connected."""
        for client in self.clients + self.pop3s + self.senders:
            client.tamper = change

    # ---- the witness: a fresh client's view ----

    def snapshot(self, box):
        """What a client that opens the mailbox now sees."""
        codes, count = {}, 0
        for said in self.witness.ask(f"EXAMINE {box.name}"):
            if isinstance(said, Status):
                codes[said.code[0]] = said.code[1:]
            elif said[1] == b"EXISTS":
                count = int(said[0])
        modseqs = self.witness.kind == CONDSTORE
        found = self._rows(f"UID FETCH 1:* (UID FLAGS RFC822.SIZE{' MODSEQ' if modseqs else ''})") if count else {}
        if len(found) != count:
            raise Difference(f"{box.name}: {count} EXIST, {len(found)} were fetched")
        new = {u: subject_of(i) for u, i in self._rows(
            f"UID FETCH {box.uidnext}:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])").items()} if count else {}
        messages = {uid: Found(frozenset(f.lower() for f in i[b"FLAGS"]) - {b"\\recent"},
                               int(i[b"MODSEQ"][0]) if modseqs else None, int(i[b"RFC822.SIZE"]), new.get(uid))
                    for uid, i in found.items()}
        highest = int(codes[b"HIGHESTMODSEQ"][0]) if modseqs else None
        return Snapshot(int(codes[b"UIDVALIDITY"][0]), int(codes[b"UIDNEXT"][0]), highest, messages)

    def _rows(self, text):
        found, last = {}, 0
        for seq, values in enumerate((v for v in self.witness.ask(text) if v[1:2] == [b"FETCH"]), 1):
            items = items_of(values)
            uid = int(items[b"UID"])
            if uid <= last or text.startswith("UID FETCH 1:*") and int(values[0]) != seq:
                raise Difference(f"{text}: message {values[0]} has UID {uid}, the one before {last}")
            found[uid], last = items, uid
        return found

    # ---- rounds ----

    def round(self, alone=True):
        round_ = Round(self.truth)
        round_.alone = alone
        for client in self.clients:
            client.round = round_
        return round_

    def finish(self, round_, sure=True):
        """What was told is compared with what could be, and the truth goes on."""
        round_.prepare()
        round_.check_told()
        if sure and round_.sure():
            round_.apply()
            return
        for box in round_.boxes():
            if not box.deleted:
                round_.reconcile(box, self.snapshot(box))
        round_.check_moves()
        self.did["reconciled"] += 1

    def together(self, round_, plans, read=None, sent=()):
        """Plans: (client, commands). All are sent, then all answers are read, in the order of the dice."""
        for client, made in plans:
            self.register(round_, made)
        for client, made in plans:
            client.send(made)
        order = list(plans)
        self.dice.shuffle(order)
        for client, made in order:
            self.did.update(m.name for m in made)
            if read is not None and read(client):
                continue
            if not client.read_all() and not self.over(client):
                raise Difference(f"{client.name}: the connection ended")
        for sender in sent:
            sender.end()

    @staticmethod
    def register(round_, made):
        for command in made:
            round_.effects += command.effects
            round_.arrivals += command.arrivals

    @staticmethod
    def over(client):
        """Whether its end was to be expected: the mailbox was deleted."""
        if client.box is not None and client.box.deleted:
            client.lost()
            return True
        return False

    # ---- steps ----

    def step(self):
        self.number += 1
        self.dice = random.Random(f"{self.seed}/{self.number}")
        self.concerned = []
        getattr(self, self.dice.choices(list(self.kinds), list(self.kinds.values()))[0])()
        if self.number % QUIET_EVERY == 0:
            self.quiet()

    def steps(self, count, roles=()):
        """So many steps, and then each of these roles is killed; what differs says how to come back here."""
        try:
            for _ in range(count):
                self.step()
            for role in roles:
                kill(self, role)
                self.quiet()
            self.quiet()
        except (Difference, Ended, AssertionError, LookupError, ValueError, TypeError) as why:
            raise AssertionError(self.report(why)) from why

    def report(self, why):
        lines = [f"seed {self.seed!r}, step {self.number}: {why}"]
        for client in getattr(why, "clients", ()) or self.concerned:
            lines.append(f"---- {client.name} ({client.kind if hasattr(client, 'kind') else 'sender'})")
            lines += [line.decode("utf-8", "replace")[:240] for line in client.said]
        for box in self.boxes:
            lines.append(f"---- truly {box.name}: {len(box.messages)} messages, UIDNEXT {box.uidnext}")
        return "\n".join(lines)

    def free(self, count=1):
        """Clients that can be given commands, connected."""
        awake = [c for c in self.clients if c.idle is None]
        chosen = self.dice.sample(awake, min(len(awake), count))
        for client in chosen:
            if client.box is not None and client.box.deleted:
                self.bury(client)
            if client.ended:
                client.connect()
        self.concerned = chosen
        return chosen

    def bury(self, client):
        """Its mailbox was deleted, which is the end of its session: it is told so by BYE, behind the answer of the
        command that was under way, or of the next one."""
        outer, client.round = client.round, Round(self.truth)
        self.concerned = [client]
        answered = False
        with contextlib.suppress(Ended):
            if client.idle is None and not client.connection.ready():
                client.send([Noop(client, b"NOOP")])
        while client.read():
            if answered and not client.dismissed:
                raise Difference(f"{client.name} goes on in a mailbox that was deleted")
            answered = client.idle is None and not client.flight
        client.lost()
        client.round = outer
        self.did["deleted under it"] += 1

    def naming(self):
        """Mailboxes are made, renamed and deleted, whoever has them selected."""
        client = self.free()[0]
        round_ = self.round()
        self.together(round_, [(client, [self.choices.naming(client, self.dice)])])
        self.finish(round_)

    def one(self):
        """One command of one client; before it, everything is known."""
        client = self.free()[0]
        round_ = self.round()
        command = self.choices.alone(client, self.dice)
        if command is not None:
            self.together(round_, [(client, [command])])
            self.finish(round_)

    def several(self):
        """Commands of several clients under way at once, and perhaps a message."""
        round_ = self.round(alone=False)
        plans, sent = self.plan(round_)
        self.together(round_, plans, sent=sent)
        self.finish(round_, sure=False)

    def plan(self, round_):
        """[(client, commands)], not yet sent, and senders whose message is on its way."""
        plans = []
        for client in self.free(self.dice.randrange(2, TOGETHER + 1)):
            if client.view is None:
                command = names.Select(client, self.choices.any_box(self.dice), False, resync=False)
            else:
                command = self.choices.selected(client, self.dice)
            if command is None or not self.fits(plans, command):
                continue
            plans.append((client, [command]))
        sent = self.dice.sample(self.senders, self.dice.choice((0, 0, 1, 2))) if self.senders else []
        self.concerned = self.concerned + sent
        for sender in sent:
            self.send(sender, round_)
        return plans, sent

    @staticmethod
    def fits(plans, command):
        """The effects on a box are few enough to try all their orders."""
        for e in command.effects:
            if sum(1 for _, made in plans for m in made for o in m.effects if o.box is e.box) >= 5:
                return False
        return not isinstance(command, names.Names)

    def pipeline(self):
        """One client sends several commands without waiting."""
        client = self.free()[0]
        if client.view is None:
            return
        round_ = self.round(alone=False)
        made = []
        for _ in range(self.dice.randrange(2, 6)):
            command = self.choices.selected(client, self.dice, numbers_hold=True)
            if command is not None and self.fits([(client, made)], command):
                made.append(command)
        if made:
            self.did["pipeline"] += len(made) > 1
            self.together(round_, [(client, made)])
            self.finish(round_, sure=False)

    def send(self, sender, round_):
        inbox = self.truth.box("INBOX")
        name, octets = self.choices.message(self.dice, "lmtp" if sender.lmtp else "mail")
        sender.begin(inbox, name, octets, round_)
        self.did["lmtp" if sender.lmtp else "smtp"] += 1

    def mail(self):
        if not self.senders or len(self.truth.box("INBOX").messages) > 100:
            return
        sender = self.dice.choice(self.senders)
        self.concerned = [sender]
        round_ = self.round()
        self.send(sender, round_)
        sender.end()
        self.finish(round_)

    def pop3(self):
        """A POP3 client signs in, works, or ends."""
        if not self.pop3s:
            return
        client = self.dice.choice(self.pop3s)
        holder = next((p for p in self.pop3s if p.uids is not None), None)
        self.concerned = [client]
        inbox = self.truth.box("INBOX")
        self.did["pop3"] += 1
        round_ = self.round()
        if client.uids is None:
            client.open(inbox, holder)
        elif self.dice.random() < 0.2:
            client.quit(inbox, round_)
        elif self.dice.random() < 0.05:
            client.drop()
        else:
            for _ in range(self.dice.randrange(1, 5)):
                client.step(self.dice, inbox, round_)
        self.finish(round_)

    def drop(self):
        """A client is gone; it comes back later, and resynchronises if it can."""
        client = self.free()[0]
        self.did["drop"] += 1
        self.round()
        client.drop()

    def cut_short(self):
        """A client is gone in the middle of an answer. What it asked for may have been done, or not."""
        client = self.free()[0]
        if client.view is None:
            return
        round_ = self.round(alone=False)
        command = self.choices.selected(client, self.dice)
        if command is None:
            return
        left = self.dice.randrange(4)
        self.did["cut short"] += 1

        def read(one):
            for _ in range(left):
                if one.flight:
                    one.read()
            one.drop()
            return True
        self.together(round_, [(client, [command])], read)
        self.finish(round_, sure=False)

    def idles(self):
        """A client begins to idle, or ends it; while it idles it hears of everything."""
        client = self.dice.choice(self.clients)
        self.concerned = [client]
        round_ = self.round()
        was = client.idle
        if client.box is not None and client.box.deleted:
            self.bury(client)
        elif was is not None:
            self.hear(client)
            self.end_idle(client)
        elif client.view is not None and not client.ended:
            client.send([names.Idle(client)])
            while client.idle is None:
                if not client.read():
                    raise Difference("the connection ended")
            self.did["idle"] += 1
        self.finish(round_)
        if was is not None:
            client.listened_since = None

    def hear(self, client):
        """Waits until the idling client was told of everything, which must come by itself (RFC 2177)."""
        while client.view.differs():
            if not client.connection.ready(self.patience):
                raise Difference(f"{client.name} idles and is not told: {client.view.differs()}")
            if not client.read():
                raise Difference("the connection ended")

    @staticmethod
    def end_idle(client):
        command, client.idle = client.idle, None
        client.flight.append(command)
        client.connection.send(b"DONE\r\n")
        if not client.read_all():
            raise Difference("the connection ended")

    # ---- quiet points ----

    def quiet(self):
        """Nothing is under way: every client's view must become the truth, and a fresh client's view is the truth."""
        self.did["quiet"] += 1
        for client in self.clients:
            if client.box is not None and client.box.deleted:
                self.bury(client)
        round_ = self.round(alone=False)
        for box in self.boxes:
            round_.reconcile(box, self.snapshot(box))
        awake = [c for c in self.clients if c.view is not None and not c.ended and c.idle is None]
        for client in awake:
            client.send([Noop(client, b"NOOP")])
        for client in self.clients:
            self.concerned = [client]
            if client.idle is not None:
                self.hear(client)
            elif client in awake:
                self.settle(client)
        round_.prepare()
        round_.check_told()
        self.check_claims()
        self.forget()

    def forget(self):
        """States that nobody can still hear of. Who idles may have them on the way to it, though its view is the truth
        again."""
        for client in self.clients:
            if client.idle is None:
                client.listened_since = None
        first = min((c.listened_since for c in self.clients if c.idle is not None), default=self.truth.round)
        for box in self.boxes:
            for message in box.messages.values():
                message.past = [(n, s) for n, s in message.past if n >= first]

    def settle(self, client):
        if not client.read_all():
            raise Difference("the connection ended")
        why = client.view.differs()
        if why is None and client.view.unknown() is not None:
            client.send([FetchUnknown(client, False)])
            if not client.read_all():
                raise Difference("the connection ended")
            why = client.view.differs()
        if why is not None:
            raise Difference(f"{client.name} in {client.box.name}, at rest: {why}")
        client.view.check_recent()

    def check_claims(self):
        """A message is \\Recent in one session only (RFC 3501 2.3.2)."""
        claimed = {}
        for client in self.clients:
            for uid in client.claims():
                if uid < client.box.forgotten:
                    continue
                other = claimed.setdefault((client.box.name, uid), client)
                if other is not client:
                    raise Difference(f"{client.box.name} UID {uid} is \\Recent to {client.name} and to {other.name}",
                                     client, other)

    # ---- end ----

    def end(self):
        """All clients leave, when the server is done with what they asked for."""
        for x in self.clients + self.pop3s + self.senders + [self.witness]:
            if x.connection is not None:
                x.connection.drain()
