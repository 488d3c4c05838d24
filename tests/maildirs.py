# SPDX-License-Identifier: ISC
"""The local side of the programs that keep Maildirs and mailboxes the same:
what a mail reader does in a Maildir, and a history of random changes on both
sides that says what must be on both when they have met."""

import contextlib
import email
import os
import random
import re
import time

import imapwire
from clients import contents, letter, reader

LETTERS = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D", "\\Deleted": "T"}


class Maildirs:
    """Maildirs below a folder, by their names; messages by their subjects."""

    def __init__(self, mail):
        self.mail = mail

    def files(self, name):
        found = {}
        for kind in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError):
                for path in (self.mail / name / kind).iterdir():
                    subject = email.message_from_bytes(path.read_bytes())["Subject"]
                    assert subject not in found, f"{subject} is there twice"
                    found[subject] = path
        return found

    def flags(self, name):
        return {s: set(p.name.partition(":2,")[2]) for s, p in self.files(name).items()}

    def flag(self, name, subject, letters):
        path = self.files(name)[subject]
        path.rename(path.parent.parent / "cur" / (path.name.partition(":2,")[0] + ":2," + "".join(sorted(letters))))

    def add(self, name, subject, letters=""):
        folder = self.mail / name
        for kind in ("new", "cur", "tmp"):
            os.makedirs(folder / kind, exist_ok=True)
        (folder / "cur" / f"{time.time_ns()}.1.here:2,{letters}").write_bytes(letter(subject).replace(b"\r\n", b"\n"))

    def delete(self, name, subject):
        self.files(name)[subject].unlink()

    def move(self, name, subject, target):
        """As a reader that knows of such programs: the mark that a program left in the file's name stays behind."""
        path = self.files(name)[subject]
        path.rename(self.mail / target / "cur" / re.sub(r",U=\d+|,FMD5=\w+", "", path.name))


def same(here, house, name):
    """Both sides have the same messages with the same flags; those."""
    there = {s: {LETTERS[f] for f in flags if f in LETTERS} for s, flags in contents(house, name).items()}
    assert here.flags(name) == there
    return there


def change(house, mailbox, commands):
    """(subject, command with # for the message's number): done there, and what is deleted expunged."""
    with reader(house, mailbox=mailbox) as wire:
        for subject, command in commands:
            wire.ok(command.replace("#", str(wire.search(f'SUBJECT "{subject}"')[0])))
        wire.ok("EXPUNGE")


def words(letters):
    return " ".join(flag for flag, short in LETTERS.items() if short in letters)


class Far:
    """The server's side, with the methods of Maildirs."""

    def __init__(self, house):
        self.wire = imapwire.Wire(house).sign_in(house.alice)

    def _on(self, name, subject, command):
        self.wire.select(name)
        self.wire.ok(command.replace("#", str(self.wire.search(f'SUBJECT "{subject}"')[0])))
        self.wire.ok("CLOSE")  # expunges

    def flag(self, name, subject, letters):
        self._on(name, subject, f"STORE # FLAGS ({words(letters)})")

    def add(self, name, subject, letters=""):
        self.wire.ok(f'APPEND "{name}" ({words(letters)})', letter(subject))

    def delete(self, name, subject):
        self._on(name, subject, "STORE # +FLAGS (\\Deleted)")

    def move(self, name, subject, target):
        self._on(name, subject, f'MOVE # "{target}"')


class History:
    """Rounds of random changes on both sides. What one side alone did to a message must be there afterwards; where both
    did something, both must have the same, whatever that is."""

    CHANGES = ("flag", "flag", "flag", "delete", "move")

    def __init__(self, seed, near, far, names):
        self.random = random.Random(seed)
        self.sides = (near, far)
        self.names = names
        self.known = {name: {} for name in names}  # {subject: letters} of both sides
        self.count = 0

    def new(self, side, name):
        self.count += 1
        letters = "".join(c for c in "FRS" if self.random.random() < 0.3)
        subject = f"message-{self.count:04}-{'near' if side is self.sides[0] else 'far'}"
        side.add(name, subject, letters)
        self.known[name][subject] = set(letters)

    def change(self, side, name, subject, kinds=CHANGES):
        """What has become of it: (mailbox, letters), or None."""
        kind = self.random.choice(kinds)
        letters = set(self.known[name][subject])
        if kind == "flag":
            letters ^= {self.random.choice("FRS")}
            side.flag(name, subject, letters)
            return name, letters
        if kind == "delete":
            side.delete(name, subject)
            return None
        target = next(n for n in self.names if n != name)
        side.move(name, subject, target)
        return target, letters

    def round(self, changes, arrivals):
        """Changes on both sides; a third of them to the same messages."""
        wanted = {name: dict(messages) for name, messages in self.known.items()}
        before = [(n, s) for n in self.names for s in self.known[n]]
        picked = self.random.sample(before, min(len(before), changes))
        both = set(picked[:len(picked) // 3])
        open_questions = set()
        for number, (name, subject) in enumerate(picked):
            sides = self.sides if (name, subject) in both else (self.sides[number % 2],)
            became = self.change(sides[0], name, subject)
            for side in sides[1:]:  # moved on both sides, it is two messages for these programs
                self.change(side, name, subject, [k for k in self.CHANGES if k != "move"])
                open_questions.add(subject)
            del wanted[name][subject]
            if became is not None:
                wanted[became[0]][subject] = became[1]
        self.known = wanted
        for _ in range(arrivals):
            self.new(self.sides[self.random.randrange(2)], self.random.choice(self.names))
        return open_questions

    def check(self, house, open_questions):
        """Both sides are the same, and what one side alone did is there."""
        found = {name: same(self.sides[0], house, name) for name in self.names}
        for name in self.names:
            sure = {s: f for s, f in self.known[name].items() if s not in open_questions}
            assert {s: f for s, f in found[name].items() if s not in open_questions} == sure
        self.known = found
