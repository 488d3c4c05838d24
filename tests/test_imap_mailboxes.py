# SPDX-License-Identifier: ISC
"""Accounts of thousands of mailboxes, as clients of both revisions see them;
and messages that are filed many at once, by one command or by commands that do
not wait for each other."""

import base64
import os
import re
import subprocess

import pytest

from clients import needs
from imapwire import Wire

TEAMS, PROJECTS = 40, 50
ITEMS = "MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT DELETED SIZE"


def pipeline(wire, commands):
    """Says them all at once; every one must be done, in this order."""
    wire.send(b"".join(b"p%d %s\r\n" % (i, c) for i, c in enumerate(commands)))
    said = []
    for i in range(len(commands)):
        while (got := wire.response())[0] != b"p%d" % i:
            said.append(got)
        assert got[1] == b"OK", got
    return said


def literal(octets):
    return b"{%d+}\r\n%s" % (len(octets), octets)


def listed(said, kind=b"LIST"):
    """{name: (attributes, extended data)}, each name once."""
    rows = [r for r in said if r[1] == kind]
    found = {r[4]: ({a.decode() for a in r[2]}, r[5] if len(r) > 5 else None) for r in rows}
    assert len(found) == len(rows)
    return found


def statuses(said):
    return {r[2]: dict(zip(r[3][::2], map(int, r[3][1::2]))) for r in said if r[1] == b"STATUS"}


def pairs(found):
    return {name: attributes for name, (attributes, _) in found.items()}


def parent(name):
    return name.rpartition(b"/")[0]


class Expected:
    """What an account must look like: names that are there and names that are subscribed to."""

    def __init__(self):
        self.there, self.subscribed = set(), set()

    def make(self, name):
        while name:
            self.there.add(name)
            name = parent(name)

    def shown(self):
        """LIST "" "*" without special uses: attributes of each name."""
        names, above = set(self.there), set()
        for name in self.there:
            while name := parent(name):
                above.add(name)
        return {name: ({"\\HasChildren" if name in above else "\\HasNoChildren"} |
                       (set() if name in self.there else {"\\Noselect"})) for name in names | above}


@pytest.fixture(scope="module", name="expected")
def many(house):
    """TEAMS x PROJECTS mailboxes under "Work", some subscribed, some gone again, one with mail."""
    expected = Expected()
    commands = []
    for n in range(TEAMS * PROJECTS):
        name = b"Work/Team %d/Project %d" % (n % TEAMS, n)
        expected.make(name)
        commands.append(b'CREATE "%s"' % name)
        if n % 10 == 0:
            expected.subscribed.add(name)
            commands.append(b'SUBSCRIBE "%s"' % name)
    for team in range(0, TEAMS, 8):  # names that are only above others
        name = b"Work/Team %d" % team
        expected.there.remove(name)
        commands.append(b'DELETE "%s"' % name)
    for n in range(0, 100, 20):  # names that are only subscribed to
        name = b"Work/Team %d/Project %d" % (n % TEAMS, n)
        expected.there.remove(name)
        commands.append(b'DELETE "%s"' % name)
    with Wire(house) as wire:
        wire.sign_in(house.bob)
        pipeline(wire, commands)
        pipeline(wire, [b'APPEND "Work/Team 1/Project 1" (\\Seen \\Deleted) ' + literal(b"Subject: a\r\n\r\nb\r\n"),
                        b'APPEND "Work/Team 1/Project 1" ' + literal(b"Subject: c\r\n\r\nd\r\n")])
    return expected


def work(found):
    return {name: attributes for name, attributes in pairs(found).items() if name.startswith(b"Work")}


def look(house, expected):
    with Wire(house) as wire:
        wire.sign_in(house.bob)
        assert work(listed(wire.ok('LIST "" "*"'))) == expected.shown()
        assert work(listed(wire.ok('LIST "Work/Team 7/" "*"'))) == {
            name: what for name, what in expected.shown().items() if name.startswith(b"Work/Team 7/")}
        subscribed = listed(wire.ok('LSUB "" "Work/*"'), b"LSUB")
        assert set(subscribed) == expected.subscribed
        assert {name for name, (what, _) in subscribed.items() if "\\Noselect" in what} == \
            expected.subscribed - expected.there
        # Teams are known to LSUB by what is subscribed below them (RFC 3501 6.3.9),
        # and to RECURSIVEMATCH (RFC 5258 3).
        above = {parent(name) for name in expected.subscribed}
        assert set(listed(wire.ok('LSUB "" "Work/%"'), b"LSUB")) == above
        recursive = listed(wire.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" "Work/%" RETURN (CHILDREN)'))
        assert set(recursive) == above
        assert all(data == [b"CHILDINFO", [b"SUBSCRIBED"]] for _, data in recursive.values())
        # The same numbers together as one by one (RFC 5819).
        said = wire.ok(f'LIST "" "Work/*" RETURN (STATUS ({ITEMS}))')
        together = statuses(said)
        assert set(together) == {name for name in expected.there if name != b"Work"}
        for name in sorted(together)[::150] + [b"Work/Team 1/Project 1"]:
            assert statuses(wire.ok(f'STATUS "{name.decode()}" ({ITEMS})'))[name] == together[name]
        one = together[b"Work/Team 1/Project 1"]
        assert [one[item] for item in (b"MESSAGES", b"UNSEEN", b"DELETED", b"SIZE")] == [2, 1, 1, 34]
        assert len({s[b"UIDVALIDITY"] for s in together.values()}) == len(together)


def test_thousands_of_mailboxes(house, expected):
    look(house, expected)


def test_they_are_there_after_a_restart(house, expected):
    house.restart()
    look(house, expected)


def test_a_tree_moves_at_once(house, expected):
    with Wire(house) as wire:
        wire.sign_in(house.bob)
        wire.ok('RENAME Work "Play/All of it"')
        found = pairs(listed(wire.ok('LIST "" "Play/*"')))
        assert {name.replace(b"Play/All of it", b"Work"): what for name, what in found.items()} == expected.shown()
        assert listed(wire.ok('LIST "" "Work*"')) == {}
        wire.ok('RENAME "Play/All of it" Work')
        wire.ok("DELETE Play")
    look(house, expected)


@needs("curl")
def test_curl_lists_them(house, expected):
    said = subprocess.run(["curl", "-sS", f"imap://{house.host}:{house.port('imap')}/", "-u", f"{house.bob}:{house.password}",
                           "-X", 'LIST "" "Work/Team 7/*"'], timeout=60, check=True, capture_output=True).stdout
    names = set(re.findall(rb'^\* LIST .*"(Work/Team 7/[^"]*)"', said, re.M))
    assert names == {name for name in expected.there if name.startswith(b"Work/Team 7/")}


# ---- names ----

NAMES = ["Entwürfe", "送信済み/台北", "a & b", 'say "hi" \\ %', "İstanbul", "📬/ε"]


def utf7(name):
    """Modified UTF-7, RFC 3501 5.1.3."""
    def shifted(found):
        coded = found.group().encode("utf-16-be")
        return "&" + base64.b64encode(coded, b"+,").decode().rstrip("=") + "-"
    return re.sub("[^ -~]+", shifted, name.replace("&", "&-"))


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_names_of_both_revisions(house):
    with Wire(house) as old, Wire(house) as new:
        old.sign_in(house.alice)
        new.sign_in(house.alice)
        new.ok("ENABLE IMAP4rev2")
        for i, name in enumerate(NAMES):
            if i % 2:
                old.ok(f"CREATE {quoted('both/' + utf7(name))}")
            else:
                new.ok(f"CREATE {quoted('both/' + name)}".encode())
        ends = {f"both/{name}" for name in NAMES}
        seen = {name.decode() for name in listed(new.ok('LIST "" "both/*"'))}
        assert ends <= seen
        assert {name.decode() for name in listed(old.ok('LIST "" "both/*"'))} == {utf7(name) for name in seen}
        for name in ends:
            found = statuses(new.ok(f"STATUS {quoted(name)} (UIDVALIDITY)".encode()))
            assert list(found) == [name.encode()]
            assert list(statuses(old.ok(f"STATUS {quoted(utf7(name))} (UIDVALIDITY)")).values()) == list(found.values())
        # A name in parts is the name as a whole (RFC 5198 3), and who knows IMAP4rev2 is told.
        told = listed(new.ok('CREATE "both/cafe\u0301"'.encode()))
        assert told["both/café".encode()][1] == [b"OLDNAME", ["both/cafe\u0301".encode()]]
        assert new.command('CREATE "both/café"'.encode())[0] == b"NO"
        assert new.last[2].startswith(b"[ALREADYEXISTS]")


# ---- messages, many at once ----

def mail(n):
    return b"Subject: message %d\r\nMessage-ID: <many%d@example.org>\r\n\r\n" % (n, n) + b"line %d\r\n" % n * (n * 7 % 400)


def check_filed(wire, mailbox, first, count):
    assert wire.select(mailbox) == count
    found = wire.fetch(f"1:{count}", "BODY.PEEK[] FLAGS")
    assert list(found) == list(range(1, count + 1))
    for number, got in found.items():
        assert got[b"BODY[]"] == mail(first + number - 1)


def test_many_messages_of_one_command(house):
    with Wire(house) as wire:
        wire.sign_in(house.alice)
        wire.ok("CREATE Several")
        messages = b"".join(b" (k%d) %s" % (n % 7, literal(mail(n))) for n in range(400))
        wire.ok(b"APPEND Several" + messages)
        code = wire.last[2]
        assert re.match(rb"\[APPENDUID \d+ 1:400\]", code), code
        check_filed(wire, "Several", 0, 400)
        # One that is refused takes all of them with it.
        assert wire.command(b"APPEND Several" + messages + b" {0+}\r\n")[0] == b"NO"
        check_filed(wire, "Several", 0, 400)


def test_many_commands_that_do_not_wait(house):
    with Wire(house) as wire:
        wire.sign_in(house.alice)
        wire.ok("CREATE Ahead")
        pipeline(wire, [b"APPEND Ahead " + literal(mail(n)) for n in range(1000, 1400)])
        check_filed(wire, "Ahead", 1000, 400)


def test_what_came_whole_is_kept_when_the_client_goes(house):
    with Wire(house) as wire:
        wire.sign_in(house.alice)
        wire.ok("CREATE Cut")
        wire.send(b"".join(b"x APPEND Cut %s\r\n" % literal(mail(n)) for n in range(20)))
        wire.send(b"x APPEND Cut (\\Seen) {50000+}\r\nonly the beginning")
    with Wire(house) as wire:
        wire.sign_in(house.alice)
        wire.select("Cut")
        wire.await_found("ALL", 20)
        check_filed(wire, "Cut", 0, 20)


def test_store_dies_within_a_command_of_many(house):
    """All of them are there or none, and the same once the client asks."""
    with Wire(house) as wire:
        wire.sign_in(house.alice)
        wire.ok("CREATE Torn")
        messages = b"".join(b" " + literal(mail(n)) for n in range(200))
        for turn in range(3):
            wire.count += 1
            tag = b"t%d" % wire.count
            wire.send(tag + b" APPEND Torn" + messages[:-100])
            for pid in house.role_pids("store").values():
                os.kill(pid, 9)
            wire.send(messages[-100:] + b"\r\n")
            while (got := wire.response())[0] != tag:
                pass
            count = statuses(wire.ok("STATUS Torn (MESSAGES)"))[b"Torn"][b"MESSAGES"]
            assert count % 200 == 0
            if got[1] == b"OK":
                assert count == 200 * (turn + 1), got
            if count < 200 * (turn + 1):
                wire.ok(b"APPEND Torn" + messages)
