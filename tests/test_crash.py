# SPDX-License-Identifier: ISC
"""kill -9 of the store at random moments under load. 64 senders deliver, and
others set flags; afterwards every message that was answered 250 and every flag
that was answered OK is there, exactly once, and `mailstead check-store` finds
nothing to say. MAILSTEAD_CRASH_ROUNDS kills; the store alone is killed three
times, then the whole service at once, as a loss of power would (which also
begins the monitor's back-off anew).

Each try of a sender has a Message-ID of its own, so that a try whose answer
was lost may be there or not, but never twice."""

import imaplib
import os
import random
import re
import signal
import smtplib
import threading
import time

from mailstead import Mailstead

ROUNDS = int(os.environ.get("MAILSTEAD_CRASH_ROUNDS", "50" if os.environ.get("MAILSTEAD_BUILD") == "release" else "10"))
SENDERS, FLAGGERS, FLAGGED = 64, 4, 40
USERS = ("alice@demo.test", "bob@demo.test")
SEED = int(os.environ.get("MAILSTEAD_CRASH_SEED", str(random.randrange(1 << 30))))
TROUBLE = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, EOFError)


class Load:
    """What the clients did, and what they were told."""

    def __init__(self, house):
        self.house = house
        self.stop = threading.Event()
        self.calm = threading.Event()  # set while the service is there
        self.calm.set()
        self.lock = threading.Lock()
        self.acked, self.unsure = {}, {}
        self.flags = {}  # uid -> (flag set as last answered OK, or None while it is not known)
        self.threads = []

    def start(self):
        for i in range(SENDERS):
            self.threads.append(threading.Thread(target=self.send, args=(i,)))
        for i in range(FLAGGERS):
            self.threads.append(threading.Thread(target=self.flag, args=(i,)))
        for t in self.threads:
            t.start()

    def end(self):
        self.stop.set()
        self.calm.set()
        for t in self.threads:
            t.join(120)
            assert not t.is_alive(), "a client hangs"

    # ---- senders ----

    def send(self, number):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            name = f"{number}.{turn}.{SEED}@crash.test"
            user = USERS[(number + turn) % len(USERS)]
            try:
                self.send_one(name, user, number + turn)
                with self.lock:
                    self.acked[name] = user
            except TROUBLE:
                with self.lock:
                    self.unsure[name] = user
                self.calm.wait(30)

    def send_one(self, name, user, size):
        with smtplib.SMTP(self.house.host, self.house.port("smtp"), timeout=60) as s:
            s.sendmail("sender@elsewhere.test", [user],
                       f"Message-ID: <{name}>\r\nSubject: crash\r\n\r\n" + "x" * (size * 37 % 3000) + "\r\n")

    # ---- flags ----

    def flag(self, number):
        """Sets and clears \\Flagged on UIDs of its own in a mailbox of its own."""
        chance = random.Random(SEED + number)
        while not self.stop.is_set():
            try:
                with imaplib.IMAP4(self.house.host, self.house.port("imap"), timeout=60) as m:
                    m.login(USERS[0], "demo")
                    m.select("Archive")
                    while not self.stop.is_set():
                        self.flag_one(m, chance.randrange(FLAGGED) * FLAGGERS + number + 1, chance.random() < 0.5)
            except TROUBLE:
                self.calm.wait(30)

    def flag_one(self, m, uid, on):
        with self.lock:
            self.flags[uid] = None
        typ, data = m.uid("STORE", str(uid), "+FLAGS" if on else "-FLAGS", "(\\Flagged)")
        if typ != "OK":
            raise imaplib.IMAP4.error(data)
        with self.lock:
            self.flags[uid] = on


def fill_archive(house):
    with imaplib.IMAP4(house.host, house.port("imap")) as m:
        m.login(USERS[0], "demo")
        for i in range(FLAGGED * FLAGGERS):
            assert m.append("Archive", None, None, f"Subject: {i}\r\n\r\n{i}\r\n".encode())[0] == "OK"


def is_back(house):
    """Until a message is taken again."""
    deadline = time.monotonic() + 120
    while True:
        try:
            with smtplib.SMTP(house.host, house.port("smtp"), timeout=60) as s:
                s.ehlo("probe.test")
                s.mail("probe@elsewhere.test")
                if s.rcpt(USERS[0])[0] == 250:
                    return
        except TROUBLE:
            pass
        assert time.monotonic() < deadline, f"not back\n{house.log()[-4000:]}"
        time.sleep(0.02)  # polls: the SMTP port


def crash(house, load, turn, chance):
    """One kill at a random moment of the load, and the way back."""
    load.stop.wait(chance.uniform(0.05, 0.6))
    if turn % 4 != 3:
        os.kill(house.role_pids("store")[0], signal.SIGKILL)
    else:
        load.calm.clear()
        house.kill()
        house.start()
        load.calm.set()
    is_back(house)


def messages(house, user):
    """Message-IDs of the test in INBOX, each as often as it is there."""
    with imaplib.IMAP4(house.host, house.port("imap"), timeout=120) as m:
        m.login(user, "demo")
        m.select("INBOX", readonly=True)
        _, data = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        found = re.findall(rb"<([^>]*)>", b"".join(d[1] for d in data if isinstance(d, tuple)))
        return [f.decode() for f in found if f.endswith(b"@crash.test")]


def flagged(house):
    with imaplib.IMAP4(house.host, house.port("imap"), timeout=120) as m:
        m.login(USERS[0], "demo")
        m.select("Archive", readonly=True)
        return {int(uid) for uid in m.uid("SEARCH", None, "FLAGGED")[1][0].split()}


def test_nothing_acknowledged_is_lost_or_doubled():
    chance = random.Random(SEED)
    with Mailstead() as house:
        fill_archive(house)
        load = Load(house)
        load.start()
        try:
            for turn in range(ROUNDS):
                crash(house, load, turn, chance)
        finally:
            load.end()
        for user in USERS:
            there = messages(house, user)
            told = {name for name, to in load.acked.items() if to == user}
            maybe = {name for name, to in load.unsure.items() if to == user}
            assert len(there) == len(set(there)), f"seed {SEED}: doubled"
            assert not told - set(there), f"seed {SEED}: {len(told - set(there))} of {len(told)} acknowledged are lost"
            assert set(there) <= told | maybe
        now = flagged(house)
        wrong = [uid for uid, on in load.flags.items() if on is not None and (uid in now) != on]
        assert not wrong, f"seed {SEED}: flags of {wrong}"
        assert sum(on is not None for on in load.flags.values()) > 0 and len(load.acked) > ROUNDS
        assert " 0 problems" in house.run("check-store")
        print(f"{ROUNDS} rounds, {len(load.acked)} acknowledged, {len(load.unsure)} not, seed {SEED}")
