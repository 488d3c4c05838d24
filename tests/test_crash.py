# SPDX-License-Identifier: ISC
"""The crash test. 64 senders, clients that set flags and clients that move
messages work on a demo while its store role is killed with SIGKILL at random
moments, and now and then all of it. Afterwards every message that was answered
250, every flag and every move that was answered OK is there, exactly once; what
was not answered may be there, at most once; and check-store finds that counters
and change log agree with the rows.

MAILSTEAD_CRASH_ROUNDS rounds (50; with sanitizers 6): one kill of the store role
each. Its restarts come later and later, so every few rounds the whole demo is
killed and started again, which also sets that clock back."""

import collections
import os
import random
import re
import signal
import socket
import threading
import time

import events
import imapwire
import mailstead

SENDERS = 64
KILLS_PER_LIFE = 4
EXTRA_ACCOUNTS = [f"crash{n}@demo.test" for n in range(1, 6)]
FLAGGED = 200  # messages of a mailbox whose flags are set
MOVED = 40     # messages of a mailbox that are moved about
WAIT_SECONDS = 120


def rounds():
    short = os.environ.get("MAILSTEAD_BUILD") == "asan"
    return int(os.environ.get("MAILSTEAD_CRASH_ROUNDS") or (6 if short else 50))


class Gate:
    """What the clients do one by one happens inside; close() waits until nobody is."""

    def __init__(self):
        self.changed = threading.Condition()
        self.open, self.inside = True, 0

    def __enter__(self):
        with self.changed:
            self.changed.wait_for(lambda: self.open)
            self.inside += 1

    def __exit__(self, *_):
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def set_open(self, is_open):
        with self.changed:
            self.open = is_open
            self.changed.notify_all()
            if not is_open:
                assert self.changed.wait_for(lambda: self.inside == 0, WAIT_SECONDS), "a client hangs"


class Client(threading.Thread):
    """Does one step after another until the load is over; a failure of the test is kept."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.house, self.problem = load, load.house, None
        self.random = random.Random(load.random.random())

    def run(self):
        try:
            while not self.load.over:
                with self.load.gate:
                    good = self.step_or_drop()
                if not good:
                    self.load.await_progress()
        except BaseException as why:  # shown by Load.check_clients
            self.problem = why

    def step_or_drop(self):
        """False when there was nobody to work with."""
        try:
            return self.step()
        except (OSError, imapwire.Ended):
            self.drop()
            return False


class Sender(Client):
    """Sends messages by SMTP; every try has a Message-ID of its own."""

    def __init__(self, load):
        super().__init__(load)
        self.socket = self.file = None

    def drop(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.socket = self.file = None

    def reply(self):
        while True:
            line = self.file.readline()
            if not line:
                raise imapwire.Ended("closed")
            if line[3:4] != b"-":
                return int(line[:3])

    def connect(self):
        self.socket = socket.create_connection((self.house.host, self.house.port("smtp")), WAIT_SECONDS)
        self.file = self.socket.makefile("rb")
        if self.reply() != 220:
            raise imapwire.Ended("not now")
        self.socket.sendall(b"EHLO client.test\r\n")
        self.reply()

    def content(self, number):
        size = self.random.choice([500, 2000, 2000, 5000, 5000, 20000, 100000])
        line = b"%020d" % self.random.getrandbits(60)
        return (b"Message-ID: <crash.%d@client.test>\r\nSubject: crash\r\n\r\n" % number
                + (line * 3 + b"\r\n") * (size // 62) + b".\r\n")

    def step(self):
        if self.socket is None:
            self.connect()
        count = 1 if self.random.random() < 0.8 else self.random.randrange(2, 4)
        recipients = self.random.sample(self.load.accounts, count)
        self.socket.sendall(b"MAIL FROM:<sender@client.test>\r\n"
                            + b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients) + b"DATA\r\n")
        codes = [self.reply() for _ in range(count + 2)]
        assert all(200 <= c < 500 for c in codes), f"refused for good: {codes}"
        taken = [r for r, c in zip(recipients, codes[1:]) if c == 250]
        if codes[-1] != 354:
            self.drop()
            return False
        number = self.load.try_message(taken)
        self.socket.sendall(self.content(number))
        code = self.reply()
        assert code == 250 or 400 <= code < 500, f"refused for good: {code}"
        if code == 250:
            self.load.accept_message(number)
        if code != 250 or self.random.random() < 0.1:
            self.drop()
        return code == 250


class ImapClient(Client):
    """A client with a mailbox of its own; nobody else writes there."""

    def __init__(self, load, account, mailbox, messages):
        super().__init__(load)
        self.account, self.mailbox, self.wire = account, mailbox, None
        with imapwire.Wire(self.house).sign_in(account) as wire:
            wire.ok(f"CREATE {mailbox}")
            for n in range(messages):
                wire.ok(f"APPEND {mailbox}", b"Message-ID: <kept.%d@client.test>\r\n\r\nkept\r\n" % n)

    def drop(self):
        if self.wire:
            self.wire.close()
        self.wire = None

    def connect(self, mailbox):
        wire = imapwire.Wire(self.house)
        try:
            if wire.command(f"LOGIN {self.account} {self.house.password}")[0] != b"OK" \
                    or wire.command(f"SELECT {mailbox}")[0] != b"OK":
                raise imapwire.Ended("not now")
        except BaseException:
            wire.close()
            raise
        return wire

    def command(self, text):
        """True for OK; a store that is away says NO, which a client cannot tell from done."""
        status, _ = self.wire.command(text)
        assert status in (b"OK", b"NO"), (text, self.wire.last)
        if status == b"OK":
            self.load.count_answer()
        return status == b"OK"


class Flagger(ImapClient):
    """Sets and clears flags, and knows which of them must be so."""

    FLAGS = [b"\\Flagged", b"\\Answered", b"$crash"]

    def __init__(self, load, account, mailbox):
        super().__init__(load, account, mailbox, FLAGGED)
        self.known = {uid: {flag: False for flag in self.FLAGS} for uid in range(1, FLAGGED + 1)}

    def step(self):
        if self.wire is None:
            self.wire = self.connect(self.mailbox)
        first = self.random.randrange(1, FLAGGED + 1)
        last = min(FLAGGED, first + self.random.choice([0, 0, 0, 5, 50]))
        flag, on = self.random.choice(self.FLAGS), self.random.random() < 0.5
        for uid in range(first, last + 1):
            self.known[uid][flag] = None
        if not self.command(f"UID STORE {first}:{last} {'+' if on else '-'}FLAGS.SILENT ({flag.decode()})"):
            return False
        for uid in range(first, last + 1):
            self.known[uid][flag] = on
        return True

    def verify(self):
        with self.connect(self.mailbox) as wire:
            found = {int(v[b"UID"]): set(v[b"FLAGS"]) for v in wire.fetch("1:*", "UID FLAGS").values()}
        assert set(found) == set(self.known), f"{self.mailbox}: messages came or went"
        for uid, flags in self.known.items():
            for flag, on in flags.items():
                there = flag in found[uid]
                assert on is None or on == there, f"{self.mailbox} {uid}: {flag} should be {on}"
                flags[flag] = there


class Mover(ImapClient):
    """Moves messages between two mailboxes; each must always be in one of them."""

    def __init__(self, load, account, mailbox):
        super().__init__(load, account, mailbox, MOVED)
        self.other = mailbox + "-other"
        with imapwire.Wire(self.house).sign_in(account) as wire:
            wire.ok(f"CREATE {self.other}")

    def step(self):
        if self.wire is None:
            self.here, self.there = self.random.sample([self.mailbox, self.other], 2)
            self.wire = self.connect(self.here)
        there = self.wire.search("ALL") if self.command("NOOP") else []
        if not there or self.random.random() < 0.2:
            self.drop()
            return bool(there)
        return self.command(f"MOVE {self.random.choice(there)} {self.there}")

    def verify(self):
        found = collections.Counter()
        for mailbox in (self.mailbox, self.other):
            with self.connect(mailbox) as wire:
                found.update(message_ids(wire, "1:*") if wire.search("ALL") else [])
        wanted = {f"kept.{n}@client.test" for n in range(MOVED)}
        assert set(found) == wanted and max(found.values()) == 1, \
            f"{self.mailbox}: lost {wanted - set(found)}, twice {[m for m, n in found.items() if n > 1]}"


def message_ids(wire, uids):
    """Of all messages of the selected mailbox with these UIDs."""
    for r in wire.ok(f"UID FETCH {uids} (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"):
        if r[2] == b"FETCH":
            octets = r[3][[k.startswith(b"BODY[") for k in r[3][::2]].index(True) * 2 + 1]
            if found := re.search(rb"<([^>]*)>", octets):
                yield found.group(1).decode()


class Load:
    """All clients, and what they were told."""

    def __init__(self, house, seed):
        self.house, self.random, self.gate, self.over = house, random.Random(seed), Gate(), False
        self.progress = threading.Condition()
        self.tried = []        # recipients by number of message
        self.accepted = set()  # numbers that were answered 250
        self.answers = 0       # OK and 250
        for account in EXTRA_ACCOUNTS:
            house.run("account", "add", account, "--password-stdin", stdin=house.password + "\n")
        self.accounts = [house.alice, house.bob, house.admin, *EXTRA_ACCOUNTS]
        self.inboxes = {a: collections.Counter() for a in self.accounts}
        self.checked = dict.fromkeys(self.accounts, 0)  # highest UID looked at
        self.counts = dict.fromkeys(self.accounts, 0)   # messages there at that time
        self.keepers = [Flagger(self, house.alice, "Flags-1"), Flagger(self, house.bob, "Flags-2"),
                        Flagger(self, house.bob, "Flags-3"), Mover(self, house.alice, "Moves-1"),
                        Mover(self, house.bob, "Moves-2")]
        self.clients = self.keepers + [Sender(self) for _ in range(SENDERS)]

    def start(self):
        for client in self.clients:
            client.start()

    # ---- what clients tell ----

    def try_message(self, recipients):
        with self.progress:
            self.tried.append(recipients)
            return len(self.tried) - 1

    def accept_message(self, number):
        with self.progress:
            self.accepted.add(number)
            self.answers += 1
            self.progress.notify_all()

    def count_answer(self):
        with self.progress:
            self.answers += 1

    def await_progress(self):
        """For a client that was turned away: until someone was not, or soon."""
        with self.progress:
            before = len(self.accepted)
            self.progress.wait_for(lambda: len(self.accepted) > before or self.over, 0.1)

    # ---- what the test does ----

    def await_accepted(self, more):
        with self.progress:
            goal = len(self.accepted) + more
            assert self.progress.wait_for(lambda: len(self.accepted) >= goal, WAIT_SECONDS), \
                f"no mail is taken any more\n{self.house.log()[-6000:]}"
        self.check_clients()

    def check_clients(self):
        for client in self.clients:
            if client.problem:
                raise client.problem

    def stop(self):
        self.over = True
        with self.progress:
            self.progress.notify_all()
        self.gate.set_open(True)
        for client in self.clients:
            client.join(WAIT_SECONDS)
            client.drop()
        self.check_clients()

    def verify(self):
        """With nobody inside the gate: all that was promised is there."""
        wanted = collections.defaultdict(set)
        for number in self.accepted:
            for account in self.tried[number]:
                wanted[account].add(number)
        for account in self.accounts:
            self.verify_inbox(account, wanted[account])
        for keeper in self.keepers:
            keeper.verify()
        said = self.house.run("check-store")
        assert re.search(r"\b0 problems", said), said

    def verify_inbox(self, account, wanted):
        found = self.inboxes[account]
        with imapwire.Wire(self.house).sign_in(account) as wire:
            wire.select()
            deadline = time.monotonic() + WAIT_SECONDS
            self.look(wire, account)
            while wanted - set(found) and time.monotonic() < deadline:
                wire.await_news(deadline)  # recipients of a message that has several, one after the other
                self.look(wire, account)
        lost = wanted - set(found)
        assert not lost, f"{account}: {len(lost)} of {len(wanted)} accepted messages are lost: {sorted(lost)[:10]}"
        twice = [n for n, count in found.items() if count > 1]
        assert not twice, f"{account}: there more than once: {twice[:10]}"
        strange = [n for n in found if n >= len(self.tried) or account not in self.tried[n]]
        assert not strange, f"{account}: never sent there: {strange[:10]}"

    def look(self, wire, account):
        """Counts what is new, and sees that nothing that was there is gone."""
        uids = next(r[2:] for r in wire.ok("UID SEARCH ALL") if r[1] == b"SEARCH")
        uids = [int(u) for u in uids]
        old = sum(1 for u in uids if u <= self.checked[account])
        assert old == self.counts[account], f"{account}: messages that were there are gone"
        if uids and uids[-1] > self.checked[account]:
            for name in message_ids(wire, f"{self.checked[account] + 1}:*"):
                if name.startswith("crash."):
                    self.inboxes[account][int(name[6:].partition("@")[0])] += 1
            self.checked[account] = uids[-1]
            self.counts[account] = len(uids)


# ---- killing ----

def kill_store(house, last):
    """Kills the store role that is not the one killed last, which it is from the monitor's word on; its pid."""
    deadline = time.monotonic() + WAIT_SECONDS
    with events.Writes(house.output) as writes:
        while (pid := house.role_pids("store").get(0)) in (None, last):
            assert house.process.poll() is None, f"the monitor ended\n{house.log()[-6000:]}"
            assert time.monotonic() < deadline, f"the store role does not come back\n{house.log()[-6000:]}"
            writes.wait(1)
    os.kill(pid, signal.SIGKILL)
    return pid


def kill_everything(house, load):
    """A loss of power, as far as processes go; then what was promised is looked at, at rest."""
    load.await_accepted(load.random.randrange(0, 50))
    house.kill()
    load.gate.set_open(False)
    house.start()
    load.verify()
    load.gate.set_open(True)


def test_nothing_acknowledged_is_lost_when_the_store_is_killed():
    seed = int(os.environ.get("MAILSTEAD_CRASH_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}")
    with mailstead.Mailstead() as house:
        load = Load(house, seed)
        load.start()
        killed = None
        for number in range(1, rounds() + 1):
            load.await_accepted(load.random.randrange(0, 120))
            killed = kill_store(house, killed)
            load.await_accepted(SENDERS + 1)  # more than could have been answered before: it is back
            if number % KILLS_PER_LIFE == 0:
                kill_everything(house, load)
        load.gate.set_open(False)
        load.verify()
        load.stop()
        print(f"{rounds()} rounds, {len(load.accepted)} messages accepted, "
              f"{len(load.tried) - len(load.accepted)} not, {load.answers - len(load.accepted)} commands answered OK")
        assert load.answers > len(load.accepted) > rounds() * SENDERS
