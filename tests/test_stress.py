# SPDX-License-Identifier: ISC
"""Many clients of all kinds at once, on few accounts so that they meet: who
sends, files, flags, reads, waits, appends, signs in wrongly, is slow, and an
operator. Every message says what its text must be. At the end each that was
acknowledged is in its account exactly once, wherever others moved it, the store
agrees with itself, no role died and nothing raised an alarm.

Some seconds in `make test`; `make stress SECONDS=600` is the long one."""

import hashlib
import imaplib
import json
import os
import poplib
import random
import re
import smtplib
import threading
import time
import traceback

import imapwire
from mailstead import Mailstead

SECONDS = int(os.environ.get("MAILSTEAD_STRESS_SECONDS", "8"))
ACCOUNTS = [f"user{i}@demo.test" for i in range(4)]
PASSWORD = "demo"


def make_message(name, size):
    """Its text is made of its name, and its header has the sum of the text."""
    line = (hashlib.sha256(name.encode()).hexdigest() + "\r\n") * (size // 66 + 1)
    return (f"From: <sender@example.org>\r\nSubject: {name}\r\nMessage-ID: <{name}@stress.test>\r\n"
            f"X-Sum: {hashlib.sha256(line.encode()).hexdigest()}\r\n\r\n{line}").encode()


def verify(octets):
    head, _, text = octets.partition(b"\r\n\r\n")
    told = re.search(rb"^X-Sum: (\w+)", head, re.M)
    assert told and told.group(1).decode() == hashlib.sha256(text).hexdigest(), head[-300:]


class Stress:
    def __init__(self, house):
        self.house = house
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.sent = {a: set() for a in ACCOUNTS}  # names of messages that were acknowledged
        self.failures = []
        self.did = {}
        self.numbers = iter(range(1 << 40))

    def name(self, kind):
        with self.lock:
            return f"{kind}-{next(self.numbers)}"

    def acknowledged(self, account, name):
        with self.lock:
            self.sent[account].add(name)

    def wire(self, account, port="imap"):
        wire = imapwire.Wire(self.house, port)
        wire.password = PASSWORD
        return wire.sign_in(account)

    def start(self, what, *arguments):
        """A thread that does it until the end."""
        def loop():
            dice = random.Random(f"{what.__name__}{arguments}")
            try:
                while not self.stop.is_set():
                    what(self, dice, *arguments)
                    with self.lock:
                        self.did[what.__name__] = self.did.get(what.__name__, 0) + 1
            except Exception:  # pylint: disable=broad-except
                self.failures.append(f"{what.__name__}{arguments}: {traceback.format_exc()}")
                self.stop.set()

        thread = threading.Thread(target=loop)
        thread.start()
        return thread


# ---- clients: each does one piece of its work a call ----

def sends(s, dice):
    """Some messages of one connection, to one or several."""
    with smtplib.SMTP(s.house.host, s.house.port("smtp"), "stress.test", timeout=120) as client:
        for _ in range(dice.randrange(1, 6)):
            name, to = s.name("mail"), dice.sample(ACCOUNTS, dice.choice((1, 1, 1, 2, 4)))
            refused = client.sendmail("sender@example.org", to, make_message(name, dice.choice((80, 3000, 200000))))
            assert not refused, refused
            for account in to:
                s.acknowledged(account, name)


def delivers_by_lmtp(s, dice):
    name = s.name("lmtp")
    with smtplib.LMTP(s.house.host, s.house.port("lmtp"), "stress.test") as client:
        client.sendmail("sender@example.org", ACCOUNTS[:2], make_message(name, dice.choice((80, 3000))))
        assert client.getreply()[0] == 250  # the library reads one answer; LMTP gives one a recipient
    for account in ACCOUNTS[:2]:
        s.acknowledged(account, name)


def moves(s, dice, account, box):
    """Takes from the inbox what others may take at the same moment."""
    with s.wire(account) as wire:
        wire.command(f"CREATE {box}")
        for _ in range(10):
            if s.stop.is_set():
                return
            wire.select("INBOX")
            uids = said_numbers(wire.ok("UID SEARCH UNDELETED"))
            if uids:
                taken = ",".join(str(u) for u in dice.sample(uids, min(5, len(uids))))
                gone_or_good(wire, f"UID MOVE {taken} {box}")


def said_numbers(said):
    return [int(n) for r in said if r[1:2] == [b"SEARCH"] for n in r[2:]]


def gone_or_good(wire, command):
    """What it said; others may have taken the messages away in the meantime (RFC 5530 3)."""
    status, said = wire.command(command)
    assert status == b"OK" or (status == b"NO" and b"[EXPUNGEISSUED]" in wire.last[2]), (command, wire.last)
    return said


def flags(s, dice, account, box):
    with s.wire(account) as wire:
        if wire.command(f"SELECT {box}")[0] != b"OK":
            return
        for _ in range(10):
            flag = dice.choice(("\\Seen", "\\Flagged", "\\Answered", "$Stress"))
            gone_or_good(wire, f"UID STORE 1:* {dice.choice('+-')}FLAGS{dice.choice(('', '.SILENT'))} ({flag})")
            wire.ok("UID FETCH 1:* (FLAGS)")


def reads(s, dice, account, box):
    with s.wire(account, dice.choice(("imap", "imaps"))) as wire:
        if wire.command(f"SELECT {box}")[0] != b"OK":
            return
        for uid in dice.sample(uids := said_numbers(wire.ok("UID SEARCH ALL")), min(5, len(uids))):
            for r in gone_or_good(wire, f"UID FETCH {uid} (BODY.PEEK[] ENVELOPE BODYSTRUCTURE)"):
                if r[2:3] == [b"FETCH"]:
                    values = dict(zip(r[3][::2], r[3][1::2]))
                    if values.get(b"BODY[]"):
                        verify(values[b"BODY[]"])
        wire.ok('SEARCH OR SUBJECT "mail-1" HEADER Message-ID "stress"')


def waits(s, dice, account):
    with s.wire(account) as wire:
        wire.select("INBOX")
        wire.idle()
        for _ in wire.idle_responses(dice.random() * 2):
            if s.stop.is_set():
                break
        wire.done()


def appends(s, dice, account, box):
    """Into a mailbox that is its own: what it does there is what is there."""
    with s.wire(account) as wire:
        wire.command(f"CREATE {box}")
        before = wire.select(box)
        name = s.name("append")
        wire.ok(f"APPEND {box} (\\Seen)", make_message(name, dice.choice((80, 3000, 100000))))
        wire.ok("NOOP")
        mine = wire.search(f'HEADER Message-ID "<{name}@stress.test>"')
        assert mine == [before + 1], (mine, before)
        if dice.random() < 0.5:
            wire.ok(f"STORE {mine[0]} +FLAGS (\\Deleted)")
            wire.ok("EXPUNGE")
            assert wire.search(f'HEADER Message-ID "<{name}@stress.test>"') == []
        else:
            s.acknowledged(account, name)


def reads_by_pop3(s, dice, account):
    pop = poplib.POP3(s.house.host, s.house.port("pop3"), timeout=120)
    try:
        pop.user(account)
        pop.pass_(PASSWORD)
        count = pop.stat()[0]
        for n in dice.sample(range(1, count + 1), min(3, count)):
            verify(b"\r\n".join(pop.retr(n)[1]) + b"\r\n")
        pop.quit()
    except poplib.error_proto as e:
        assert b"ERR" in e.args[0], e  # taken away by another meanwhile
        pop.close()


def guesses(s, dice):
    with imaplib.IMAP4(s.house.host, s.house.port("imap"), timeout=120) as m:
        try:
            m.login(dice.choice(("nobody@demo.test", "admin@demo.test")), f"wrong{dice.random()}")
            raise AssertionError("signed in by a wrong password")
        except imaplib.IMAP4.error:
            pass


def is_slow(s, dice):
    """Half a command, then nothing, then gone."""
    with s.house.connect(dice.choice(("smtp", "imap", "pop3", "imaps"))) as c:
        c.sendall(dice.choice((b"EH", b"a1 LOGIN {10", b"\x16\x03\x01\x02", b"")))
        c.settimeout(dice.random())
        try:
            while c.recv(4096):
                pass
        except (TimeoutError, ConnectionError):
            pass


def operates(s, dice):
    house = s.house
    json.loads(house.run("metrics", "--json"))
    house.run("set", "imap.idle_timeout", dice.choice(("31 min", "40 min")))
    address = f"{s.name('guest')}@demo.test"
    house.run("account", "add", address, "--password-stdin", stdin="x\n")
    with smtplib.SMTP(house.host, house.port("smtp"), "stress.test", timeout=120) as client:
        client.sendmail("sender@example.org", [address], make_message(s.name("guest-mail"), 80))
    house.run("account", "remove", address)


# ---- all of it ----

def launch(s):
    threads = [s.start(sends) for _ in range(6)]
    threads += [s.start(delivers_by_lmtp), s.start(guesses), s.start(is_slow), s.start(is_slow), s.start(operates)]
    for a in ACCOUNTS:
        threads += [s.start(moves, a, "one"), s.start(moves, a, "two"), s.start(flags, a, "one"), s.start(reads, a, "one"),
                    s.start(reads, a, "INBOX"), s.start(waits, a), s.start(appends, a, "own"), s.start(reads_by_pop3, a)]
    return threads


def everything(wire):
    """Names of the messages of all mailboxes, with how often each is there."""
    found = {}
    for box in ("INBOX", "one", "two", "own"):
        if wire.command(f"SELECT {box}")[0] != b"OK":
            continue
        for r in wire.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Message-ID)])"):
            for value in (r[3][1::2] if r[2:3] == [b"FETCH"] else []):
                for name in re.findall(rb"<([\w-]+)@stress\.test>", value or b""):
                    found[name.decode()] = found.get(name.decode(), 0) + 1
    return found


def await_all(s, account):
    """A message to several is applied account by account, a moment after its 250."""
    deadline = time.monotonic() + 120
    while True:
        with s.wire(account) as wire:
            found = everything(wire)
            missing = s.sent[account] - set(found)
            if not missing:
                return found
            assert time.monotonic() < deadline, f"{account}: {len(missing)} missing, as {sorted(missing)[:5]}"
            wire.select("INBOX")
            wire.idle()
            next(wire.idle_responses(1), None)
            wire.done()


def test_many_clients_at_once():
    with Mailstead() as house:
        for account in ACCOUNTS:
            house.run("account", "add", account, "--password-stdin", stdin=f"{PASSWORD}\n")
        before = {role: house.role_pids(role) for role in ("store", "auth", "intake", "mx", "access")}
        s = Stress(house)
        threads = launch(s)
        s.stop.wait(SECONDS)
        s.stop.set()
        for t in threads:
            t.join()
        assert not s.failures, "\n".join(s.failures)[:8000]
        for account in ACCOUNTS:
            found = await_all(s, account)
            doubled = [n for n, times in found.items() if times != 1]
            assert not doubled, (account, doubled[:5])
            assert set(found) == s.sent[account], (account, sorted(set(found) - s.sent[account])[:5])
        print(s.did, {a: len(n) for a, n in s.sent.items()})
        assert all(s.did.get(f.__name__) for f in (sends, moves, flags, reads, waits, appends, guesses, operates))
        assert " 0 problems" in house.run("check-store")
        assert {role: house.role_pids(role) for role in before} == before, "a role was started again"
        assert "level=alarm" not in house.log(), re.findall(".*level=alarm.*", house.log())[:5]
