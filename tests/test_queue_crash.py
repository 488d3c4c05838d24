# SPDX-License-Identifier: ISC
"""The crash test of outgoing mail. Clients submit messages for addresses
elsewhere while store, outbound, intake and access are killed with SIGKILL at
random moments, alone and together; servers elsewhere take the messages, or say
451, or answer late, or close before they answer. Afterwards every message that
was answered 250 is there for each of its recipients, and the sender was told
of each address that was refused, once. A message is there twice only where its server cannot have been
understood: it closed before its answer, or outbound was killed before it can have
reported; that is the last message of a connection, so it is one for each (RFC
5321 4.2.5, 6.1; RFC 1047).

MAILSTEAD_CRASH_ROUNDS rounds (12; with sanitizers 4), with a new site every 12
rounds, by the numbers that MAILSTEAD_CRASH_SEED (1) and the next ones give."""

import base64
import collections
import contextlib
import email
import email.policy
import json
import os
import random
import re
import signal
import socket
import threading
import time

import pytest

import events
import imapwire
from dnsserver import DnsServer
from mailstead import Site, free_port_base
from smtpsink import Dialogue, Sink

CLIENTS, ACCOUNTS, DOMAINS = 12, 4, 6
WAIT_SECONDS = 120
VICTIMS = [("outbound",), ("store",), ("outbound", "store"), ("intake",), ("outbound",), ("store",), ("access",),
           ("store", "outbound"), ("intake", "store"), ("access", "outbound")]
SERVERS = ["127.0.0.21", "127.0.0.22"]
SEED = int(os.environ.get("MAILSTEAD_CRASH_SEED") or 1)
ROUNDS_OF_A_SITE = 12
ROUNDS = int(os.environ.get("MAILSTEAD_CRASH_ROUNDS")
             or (4 if os.environ.get("MAILSTEAD_BUILD") == "asan" else ROUNDS_OF_A_SITE))


class Book:
    """What clients were told and what servers took; the test waits for what is written here."""

    def __init__(self, seed):
        self.changed = threading.Condition()
        self.tried = []                               # (account, recipients) by number of message
        self.accepted = set()                         # numbers that were answered 250
        self.taken = collections.defaultdict(list)    # (number, recipient): the connections that took it
        self.asked = collections.Counter()            # messages offered, by number
        self.kills = self.outbound_kills = self.outbound_kills_begun = self.arrivals = 0
        self.over, self.seed = False, seed

    def write(self, **what):
        with self.changed:
            for name, value in what.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def await_that(self, what, seconds=WAIT_SECONDS):
        with self.changed:
            return self.changed.wait_for(what, seconds)

    def try_message(self, account, recipients):
        with self.changed:
            self.tried.append((account, recipients))
            return len(self.tried) - 1

    def accept(self, number):
        with self.changed:
            self.accepted.add(number)
            self.changed.notify_all()

    def take(self, number, recipients, connection):
        with self.changed:
            for r in recipients:
                self.taken[number, r].append(connection)
            self.arrivals += 1
            self.changed.notify_all()


# ---- servers elsewhere ----

class Connection(Dialogue):
    """One connection. last: number of the message it took last, whose client may not know of it until the next
    begins; kills of outbound that were over when it asked for that message (who sent it lived on), and that had
    begun when the connection ended."""

    def setup(self):
        super().setup()
        self.last, self.kills_at_data, self.kills_at_last, self.kills_at_end, self.broken = None, 0, 0, 0, False

    def finish(self):
        self.kills_at_end = self.server.book.outbound_kills_begun
        super().finish()

    def answer(self, line):
        if line.upper().startswith("RCPT TO:<NOBODY"):
            self.say("550 5.1.1 not known here")
            return True
        if line.upper() == "DATA":
            self.kills_at_data = self.server.book.outbound_kills
        return super().answer(line)

    def manner(self, number):
        """Of the first two tries of a message; later ones go well, so that there is an end."""
        book = self.server.book
        with book.changed:
            book.asked[number] += 1
            tries = book.asked[number]
        if tries > 2:
            return "now"
        chance = random.Random(f"{book.seed} {number} {tries}")
        return chance.choices(["now", "late", "451", "drop", "mute"], [12, 4, 1, 1, 1])[0]

    def take(self, octets):
        book = self.server.book
        number = int(re.search(rb"\nMessage-ID: <queue\.(\d+)@client\.test>", octets).group(1))
        assert octets.endswith(b"\r\n.ends\r\n"), "a piece of a message is no message"
        manner = self.manner(number)
        if manner == "451":
            self.say("451 4.3.0 not now")
            return True
        if manner == "drop":
            return False
        recipients = [r.partition(">")[0].lstrip("<") for r in self.rcpts]
        self.last, self.kills_at_last, self.broken = number, self.kills_at_data, manner == "mute"
        book.take(number, recipients, self)
        if manner == "mute":
            return False
        if manner == "late":  # until the next kill, so that it hits an answer that is due
            kills = book.kills
            book.await_that(lambda: book.kills > kills or book.over, 0.5)
        self.say("250 2.0.0 kept")
        return True

    def in_doubt(self, number):
        """Whether its client may not know, or may not have told, that it took the message."""
        return self.last == number and (self.broken or self.kills_at_end > self.kills_at_last)


class CountingSink(Sink):
    def __init__(self, book, address, port=0):
        self.book = book
        super().__init__(address, port, dialogue=Connection)


# ---- clients ----

class Client(threading.Thread):
    """Submits one message after another; each try has a number of its own."""

    def __init__(self, book, port, account, seed):
        super().__init__(daemon=True)
        self.book, self.port, self.account, self.problem = book, port, account, None
        self.random = random.Random(seed)
        self.socket = self.file = None

    def run(self):
        try:
            while not self.book.over:
                try:
                    good = self.send_one()
                except OSError:
                    good = False
                if not good:
                    self.drop()
                    accepted = len(self.book.accepted)  # until another has more luck, or soon
                    self.book.await_that(lambda: len(self.book.accepted) > accepted or self.book.over, 0.1)
            self.drop()
        except BaseException as why:  # shown by Load.check
            self.problem = why

    def drop(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.socket = self.file = None

    def reply(self):
        while line := self.file.readline():
            if line[3:4] != b"-":
                code = int(line[:3])
                assert 200 <= code < 500 or code == 535, f"refused for good: {line}"
                return code
        raise ConnectionError("closed")

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), WAIT_SECONDS)
        self.file = self.socket.makefile("rb")
        secret = base64.b64encode(f"\0{self.account}\0{Site.password}".encode())
        said = [self.reply()]
        for line in (b"EHLO client.test", b"AUTH PLAIN " + secret):
            self.socket.sendall(line + b"\r\n")
            said.append(self.reply())
        return said == [220, 250, 235]

    def recipients(self, salt):
        some = self.random.sample(range(DOMAINS), self.random.choice([1, 1, 2, 3]))
        kinds = [self.random.choice([["ann"], ["ann"], ["ann", "ben"], ["nobody" + salt], ["ann", "nobody" + salt]])
                 for _ in some]
        return [f"{name}@d{n}.test" for n, names in zip(some, kinds) for name in names]

    def send_one(self):
        if self.socket is None and not self.connect():
            return False
        recipients = self.recipients(f"{self.random.getrandbits(40):x}")
        self.socket.sendall(b"MAIL FROM:<%s>\r\n" % self.account.encode()
                            + b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients) + b"DATA\r\n")
        codes = [self.reply() for _ in range(len(recipients) + 2)]
        if codes[-1] != 354:
            return False
        taken = [r for r, code in zip(recipients, codes[1:]) if code == 250]
        number = self.book.try_message(self.account, taken)
        lines = self.random.choice([1, 20, 100, 1500])
        self.socket.sendall(b"From: <%s>\r\nMessage-ID: <queue.%d@client.test>\r\nSubject: crash\r\n\r\n"
                            % (self.account.encode(), number) + b"words of the message\r\n" * lines + b"..ends\r\n.\r\n")
        if self.reply() != 250:
            return False
        self.book.accept(number)
        return True


class Load:
    """The site, its clients, and the servers elsewhere."""

    def __init__(self, site, book):
        self.site, self.book, self.random = site, book, random.Random(book.seed)
        self.accounts = [f"user{n}@site.test" for n in range(ACCOUNTS)]
        for account in self.accounts:
            site.run("account", "add", account, "--password-stdin", stdin=site.password + "\n")
        self.clients = [Client(book, site.port("submission"), self.accounts[n % ACCOUNTS], f"{book.seed} {n}") for n in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def check(self):
        for client in self.clients:
            if client.problem:
                raise client.problem

    def await_more(self, accepted, arrivals):
        book = self.book
        wanted = len(book.accepted) + accepted, book.arrivals + arrivals
        done = book.await_that(lambda: len(book.accepted) >= wanted[0] and book.arrivals >= wanted[1])
        self.check()
        assert done, f"accepted {len(book.accepted)}, arrived {book.arrivals}, wanted {wanted}\n{self.site.log()[-6000:]}"

    def kill(self, roles):
        self.await_more(self.random.randrange(30), self.random.randrange(30))
        book, pids = self.book, [self.site.child(role) for role in roles]
        assert None not in pids, f"{roles} {pids}: not back\n{self.site.log()[-6000:]}"
        book.outbound_kills_begun += "outbound" in roles
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        events.await_exits(pids, WAIT_SECONDS)
        book.write(kills=book.kills + 1, outbound_kills=book.outbound_kills_begun)
        # more than can have been under way: all are back
        self.await_more(CLIENTS + 1, 5 * DOMAINS)

    def finish(self):
        self.book.write(over=True)
        for client in self.clients:
            client.join(WAIT_SECONDS)
        self.check()

    def count(self):
        counts = json.loads(self.site.run("queue", "list", "--count", "--json"))
        return counts["waiting"] + counts["held"] + counts["owed"], counts

    def drain(self):
        """Until nothing waits: what does is tried at once."""
        deadline = time.monotonic() + WAIT_SECONDS
        with events.Writes(self.site.output) as writes:
            while (left := self.count())[0]:
                assert time.monotonic() < deadline, f"stays: {left[1]}\n" + self.site.run("queue", "list")[:4000]
                self.site.run("queue", "retry", "--all")
                writes.wait(1)
        assert self.count()[1]["messages"] == 0, self.count()

    # ---- what must be so ----

    def verify_arrivals(self):
        """How often was sent twice."""
        book, doubts = self.book, set()
        for (number, recipient), connections in book.taken.items():
            assert recipient in book.tried[number][1], f"never sent to {recipient}: {number}"
            for earlier in connections[:-1]:
                assert earlier.in_doubt(number), (
                    f"{number} reached {recipient} {len(connections)} times, without need: last {earlier.last}, "
                    f"kills {earlier.kills_at_last} and {earlier.kills_at_end} of {book.outbound_kills}")
                doubts.add((id(earlier), number))
        lost = [(n, r) for n in book.accepted for r in book.tried[n][1]
                if not r.startswith("nobody") and (n, r) not in book.taken]
        assert not lost, f"{len(lost)} of {len(book.accepted)} accepted are lost: {lost[:10]}"
        assert len({connection for connection, _ in doubts}) == len(doubts), "two of one connection"
        return len(doubts)

    def notices(self, account):
        """(number, recipients) of each notice that the account got."""
        with imapwire.Wire(self.site).sign_in(account) as wire:
            wire.select()
            for r in wire.ok("UID FETCH 1:* (BODY.PEEK[])"):
                if r[2:3] != [b"FETCH"]:
                    continue
                octets = r[3][[k == b"BODY[]" for k in r[3][::2]].index(True) * 2 + 1]
                notice = email.message_from_bytes(octets, policy=email.policy.default)
                number = int(re.fullmatch(r"<queue\.(\d+)@client\.test>", notice["In-Reply-To"]).group(1))
                failed = list(notice.iter_parts())[1].get_payload()[1:]
                assert {about["Action"] for about in failed} == {"failed"}, failed
                yield number, frozenset(about["Final-Recipient"].partition(";")[2].strip() for about in failed)

    def verify_notices(self):
        book, told = self.book, collections.defaultdict(list)
        for account in self.accounts:
            for number, recipients in self.notices(account):
                for recipient in recipients:
                    assert book.tried[number][0] == account and recipient in book.tried[number][1]
                    told[number, recipient].append(recipients)
        wanted = {(n, r) for n in book.accepted for r in book.tried[n][1] if r.startswith("nobody")}
        assert not wanted - set(told), f"never told: {sorted(wanted - set(told))[:10]}"
        strange = [key for key in told if not key[1].startswith("nobody")]
        assert not strange, f"told though it was taken: {strange[:10]}"
        twice = [(key, notices) for key, notices in told.items() if len(notices) > 1]
        assert not twice, f"{len(twice)} addresses were told of more than once: {twice[:10]}"
        return len(told)


@contextlib.contextmanager
def site_under_load(book):
    base = free_port_base()
    records = {}
    for n in range(DOMAINS):
        records[f"d{n}.test", "MX"] = [f"10 mx.d{n}.test."]
        records[f"mx.d{n}.test", "A"] = [SERVERS[n % len(SERVERS)]]
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(CountingSink(book, SERVERS[0]))
        stack.enter_context(CountingSink(book, SERVERS[1], first.port))
        dns = stack.enter_context(DnsServer(records))
        site = stack.enter_context(Site(
            f'resolver = "127.0.0.1:{dns.port}"\n'
            f"listen submission {{ address = 127.0.0.1, port = {base + 587}, plain_auth = yes }}\n"
            f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n"))
        site.base = base
        site.run("domain", "add", "site.test")
        for name, value in (("outbound.loopback", "on"), ("outbound.port", str(first.port)),
                            ("queue.retry_first", "10 s"), ("queue.rest_first", "1 s"), ("queue.rest_max", "1 s"),
                            ("suppression.keep", "0"), ("sending.freeze_bounces", "0"),
                            *((f"sending.{what}_{span}", "0") for what in ("messages", "recipients", "first")
                              for span in ("hour", "day"))):
            site.run("set", name, value)
        yield Load(site, book)


@pytest.mark.parametrize("seed", range(SEED, SEED - (-ROUNDS // ROUNDS_OF_A_SITE)))
def test_what_was_accepted_arrives_whoever_is_killed(seed):
    book, rounds = Book(seed), min(ROUNDS, ROUNDS_OF_A_SITE)
    with site_under_load(book) as load:
        for number in range(rounds):
            load.kill(VICTIMS[number % len(VICTIMS)])
        load.finish()
        load.drain()
        twice, told = load.verify_arrivals(), load.verify_notices()
        said = load.site.run("check-store")
    assert re.search(r"\b0 problems", said), said
    print(f"seed {seed}: {rounds} rounds, {len(book.accepted)} messages accepted, "
          f"{len(book.tried) - len(book.accepted)} not, {book.arrivals} taken, {twice} of them again, {told} notices")
    assert len(book.accepted) > rounds * CLIENTS and told > 0
