# SPDX-License-Identifier: ISC
"""Several clients of one mailbox, each with a copy of it (RFC 7162 6): they see
each other's changes at once, and when one comes back after its connection was
cut, after `access` or `store` were killed, or after the log of changes was
trimmed, its copy is again what the mailbox holds."""

import random
import re
import threading
import time

import pytest

from imapwire import Ended, Wire

MAIL = b"Subject: %d\r\n\r\nbody of message %d\r\n"
TRIES = 2000


class Copy:
    """A client that keeps {uid: flags}, in the order of UIDs, and the modseq that it may come back with."""

    def __init__(self, house, mailbox):
        self.house, self.mailbox = house, mailbox
        self.messages, self.kept, self.uidvalidity, self.wire = {}, 0, 0, None
        self.next = 1  # all UIDs below were asked for
        self.connect()

    # ---- coming and going ----

    def connect(self):
        """Comes back with what it kept; where a role is just dead, once more."""
        for _ in range(TRIES):
            try:
                self.wire = Wire(self.house).sign_in(self.house.alice)
                self.say("ENABLE QRESYNC")
                break
            except (AssertionError, Ended, ConnectionError):
                self.wire = None
        self.messages = {uid: flags for uid, flags in self.messages.items() if uid < self.next}
        back = f" (QRESYNC ({self.uidvalidity} {self.kept}))" if self.kept else ""
        said = self.again(f"SELECT {self.mailbox}{back}")
        self.uidvalidity = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(r[2] for r in said if r[1] == b"OK")).group(1))
        if back:
            self.prove()
        self.look()
        return said

    def prove(self):
        """What is told to have changed up to now is all: no message that has not changed since is another one here."""
        upto, had, told = self.kept, dict(self.messages), {}
        said = self.wire.ok("UID FETCH 1:* (FLAGS MODSEQ)")
        for r in said:
            if r[2:3] == [b"FETCH"]:
                item = dict(zip(r[3][::2], r[3][1::2]))
                told[int(item[b"UID"])] = item
                if int(item[b"MODSEQ"][0]) <= upto and int(item[b"UID"]) < self.next:
                    assert had[int(item[b"UID"])] == {f for f in item[b"FLAGS"] if f != b"\\Recent"}, (upto, item)
        self.learn(said)
        assert set(self.messages) <= set(told)

    def look(self):
        """At what is new."""
        self.say(f"UID FETCH {self.next}:* (FLAGS)")
        self.next = max(self.next, max(self.messages, default=0) + 1)

    def lose(self):
        """The network goes away without a word."""
        self.wire.close()

    # ---- talking ----

    def again(self, text):
        """The responses of a command that succeeds as soon as the store is back."""
        for _ in range(TRIES):
            status, said = self.wire.command(text)
            if status == b"OK":
                return self.learn(said)
            assert b"[UNAVAILABLE]" in self.wire.last[-1], self.wire.last
        raise AssertionError("the store does not come back")

    def say(self, text, literal=None):
        return self.learn(self.wire.ok(text, literal))

    def learn(self, said):
        code, shown = None, self.kept
        for r in said + [self.wire.last]:
            if r[1] == b"OK" and b"HIGHESTMODSEQ" in r[2]:
                code = int(re.search(rb"HIGHESTMODSEQ (\d+)", r[2]).group(1))
            elif r[1] == b"VANISHED":
                for uid in numbers(r[-1]):
                    self.messages.pop(uid, None)
            elif r[2:3] == [b"FETCH"]:
                shown = max(shown, self.take(dict(zip(r[3][::2], r[3][1::2]))))
        self.kept = code or shown
        return said

    def take(self, item):
        if b"FLAGS" in item:
            self.messages[int(item[b"UID"])] = {f for f in item[b"FLAGS"] if f != b"\\Recent"}
        return int(item.get(b"MODSEQ", [0])[0])

    def check(self):
        """Against a client that has never been there."""
        with Wire(self.house).sign_in(self.house.alice) as fresh:
            fresh.ok(f"EXAMINE {self.mailbox}")
            now = {}
            for r in fresh.ok("UID FETCH 1:* (FLAGS)"):
                if r[2:3] == [b"FETCH"]:
                    item = dict(zip(r[3][::2], r[3][1::2]))
                    now[int(item[b"UID"])] = {f for f in item[b"FLAGS"] if f != b"\\Recent"}
        assert self.messages == now


def numbers(words):
    for part in words.decode().split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def mailbox(house, name, count):
    with Wire(house).sign_in(house.alice) as wire:
        wire.ok(f"CREATE {name}")
        for n in range(count):
            wire.ok(f"APPEND {name}", MAIL % (n, n))
    return name


def change_much(client):
    """Flags, expunges, a move and new mail, between UIDs 1 and 12."""
    client.say("UID STORE 2:4 +FLAGS.SILENT (\\Seen $Work)")
    client.say("UID STORE 3,7:9 +FLAGS.SILENT (\\Deleted)")
    client.say("UID EXPUNGE 1:8")
    client.say("UID STORE 9 -FLAGS (\\Deleted)")
    client.say("UID MOVE 10:11 Archive")
    client.say(f"APPEND {client.mailbox} (\\Flagged)", MAIL % (99, 99))
    client.say("UID FETCH 1:* (FLAGS MODSEQ)")


def test_three_clients_see_each_other(house):
    name = mailbox(house, "Three", 12)
    one, two, three = (Copy(house, name) for _ in range(3))
    one.wire.idle()
    two.say("UID STORE 2 +FLAGS (\\Seen)")
    told = next(one.wire.idle_responses(60))
    assert told[:3] == [b"*", b"2", b"FETCH"]
    assert told[3][:3] == [b"UID", b"2", b"FLAGS"] and b"\\Seen" in told[3][3] and told[3][4] == b"MODSEQ"
    three.say("UID STORE 5 +FLAGS (\\Deleted)")
    three.say("UID EXPUNGE 5")
    said = []
    for told in one.wire.idle_responses(60):
        said.append(told)
        if told[1] == b"VANISHED":
            break
    assert said[-1] == [b"*", b"VANISHED", b"5"]
    one.wire.done()
    one.learn(said)
    one.say("UID FETCH 1:* (FLAGS)")
    # By number nothing goes while numbers are answered (RFC 9051 7.5.1), and
    # what may be kept stays in front of what waits (RFC 7162 3.2).
    three.say("UID STORE 1 +FLAGS (\\Deleted)")
    three.say("NOOP")
    before = two.kept
    three.say("UID EXPUNGE 1")
    three.say("UID STORE 12 +FLAGS (\\Answered)")
    said = two.say("FETCH 12 (UID FLAGS MODSEQ)")
    assert not [r for r in said if r[1] == b"VANISHED"]
    assert two.kept == before
    two.say("NOOP")
    assert two.kept > before
    for client in one, two, three:
        client.say("NOOP")
        client.check()


def test_resynchronising_after_a_lost_connection(house):
    name = mailbox(house, "Lost", 12)
    away, here = Copy(house, name), Copy(house, name)
    away.lose()
    change_much(here)
    said = away.connect()
    assert [r for r in said if r[1] == b"VANISHED"] == [[b"*", b"VANISHED", [b"EARLIER"], b"3,7:8,10:11"]]
    # Only what changed is told: UIDs 2, 4, 9 and the new one.
    assert len([r for r in said if r[2:3] == [b"FETCH"]]) == 4
    away.check()
    away.lose()
    said = away.connect()
    assert not [r for r in said if r[1] == b"VANISHED" or r[2:3] == [b"FETCH"]]
    away.check()


def anything(client, dice):
    """One of the things that clients do, by UID; what comes of it is told."""
    uid = dice.choice(sorted(client.messages) or [1])
    last = uid + dice.randrange(4)
    flag = dice.choice(["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "$Work"])
    do = dice.randrange(10)
    if do < 4:
        client.say(f"UID STORE {uid}:{last} {dice.choice('+-')}FLAGS ({flag})")
    elif do == 4:
        client.say(f"UID EXPUNGE {uid}:{last}")
    elif do == 5:
        client.say(f"APPEND {client.mailbox} ({dice.choice(['', flag])})", MAIL % (uid, uid))
    elif do == 6:
        client.say(f"FETCH 1:* (UID FLAGS{dice.choice(['', ' MODSEQ'])})")
    elif do == 7:
        client.say(f"UID COPY {uid}:{last} {client.mailbox}")
    elif do == 8:
        client.look()
    else:
        client.lose()
        client.connect()


def test_many_at_once_and_nobody_misses_anything(house):
    """Commands of all of them are in the store's hands at the same time, and what each may keep is never too much."""
    name = mailbox(house, "Many", 30)
    wrong = []

    def live(seed):
        try:
            dice, client = random.Random(seed), Copy(house, name)
            for _ in range(150):
                anything(client, dice)
            client.lose()
            clients.append(client)
        except BaseException as why:  # shown by the test
            wrong.append(why)
            raise

    clients = []
    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    for client in clients:
        client.connect()
        client.check()


@pytest.mark.parametrize("role", ["access", "store"])
def test_resynchronising_after_a_role_was_killed(house, role):
    name = mailbox(house, f"Killed-{role}", 12)
    away, here = Copy(house, name), Copy(house, name)
    away.lose()
    change_much(here)
    house.end_role(role)
    said = away.connect()
    assert [r for r in said if r[1] == b"VANISHED"] == [[b"*", b"VANISHED", [b"EARLIER"], b"3,7:8,10:11"]]
    away.check()
    if role == "access":
        here.connect()
    else:
        here.again("NOOP")  # the session lives on
    here.say("UID STORE 12 +FLAGS (\\Answered)")
    away.say("NOOP")
    away.check()
    here.check()


def test_resynchronising_when_the_log_is_too_short(house):
    name = mailbox(house, "Trimmed", 13)
    here = Copy(house, name)
    here.say("UID STORE 13 +FLAGS.SILENT (\\Deleted)")
    here.say("UID EXPUNGE 13")
    away = Copy(house, name)
    away.lose()
    change_much(here)
    house.run("set", "store.log_keep", "100")
    deadline = time.monotonic() + 120
    for n in range(250):  # each lets four old rows go
        here.say(f"UID STORE 12 {'+-'[n % 2]}FLAGS.SILENT ($Busy)")
        assert time.monotonic() < deadline
    said = away.connect()
    # 13 was gone before; where the log does not say since when, all that is not there is told (RFC 7162 3.2.5.1).
    assert [r for r in said if r[1] == b"VANISHED"] == [[b"*", b"VANISHED", [b"EARLIER"], b"3,7:8,10:11,13"]]
    away.check()
    house.run("set", "store.log_keep", "100000")
