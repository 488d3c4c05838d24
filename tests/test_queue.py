# SPDX-License-Identifier: ISC
"""`mailstead queue` on a running service: what it shows of mail that waits, and
that what it changes is so. The queue is filled by load-queue, of the build."""

import json
import os
import re
import subprocess

import pytest

import mailstead

MESSAGES, EACH = 250, 10  # recipients user0@d0.example, user1@d1.example ... of 100 senders in turn


@pytest.fixture(scope="module", name="full")
def full_house():
    """A service with mail that is due in an hour."""
    with mailstead.Mailstead() as house:
        house.stop()
        fill = os.path.join(os.path.dirname(mailstead.binary()), "bench", "load-queue")
        subprocess.run([fill, os.path.join(house.dir, "store"), str(MESSAGES * EACH), "0"], check=True,
                       capture_output=True)
        house.start()
        yield house


def call(house, *arguments):
    return subprocess.run([mailstead.binary(), "queue", *arguments, "--dir", house.dir], text=True,
                          capture_output=True, check=False)


def told(house, *arguments):
    done = call(house, *arguments, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def addresses(messages):
    return [r["address"] for m in messages for r in m["recipients"]]


def changed(house, *arguments):
    return told(house, *arguments)["recipients"]


def test_all_are_listed_once(full):
    listed = told(full, "list")
    assert sorted(addresses(listed)) == sorted(f"user{n}@d{n % 1000}.example" for n in range(MESSAGES * EACH))
    assert len({m["id"] for m in listed}) == len(listed) == MESSAGES
    assert {m["sender"] for m in listed} == {f"sender{n}@example.com" for n in range(100)}
    assert {r["state"] for m in listed for r in m["recipients"]} == {"waiting"}
    assert told(full, "list", "--count") == {"messages": MESSAGES, "octets": sum(m["size"] for m in listed),
                                             "waiting": MESSAGES * EACH, "held": 0, "owed": 0}
    assert len(addresses(told(full, "list", "--limit", "7"))) == 7


def test_a_list_for_people(full):
    lines = call(full, "list", "--recipient", "user42@d42.example").stdout.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"[a-z0-9]{13} +\d+ (s|min) +\d+ B  sender4@example\.com", lines[0]), lines
    assert re.fullmatch(r" {14}user42@d42\.example +waiting, next in \d+ min", lines[1]), lines
    rows = call(full, "list", "--destinations", "--limit", "3").stdout.splitlines()
    assert rows[0].split() == ["destination", "waiting", "under", "way"] and rows[-1] == "and 997 more destinations"
    assert re.fullmatch(r"d\d+\.example +3 +0 of \d+", rows[1]), rows


def test_what_selects(full):
    listed = told(full, "list", "--domain", "d7.example")
    assert sorted(addresses(listed)) == ["user1007@d7.example", "user2007@d7.example", "user7@d7.example"]
    assert addresses(told(full, "list", listed[0]["id"], "--domain", "d7.example")) == addresses(listed[:1])
    assert len(addresses(told(full, "list", listed[0]["id"].upper(), listed[1]["id"]))) == 2 * EACH
    assert len(told(full, "list", "--sender", "@example.com", "--younger", "1h")) == MESSAGES
    for nothing in (["--sender", "bob@example.com"], ["--older", "1h"], ["--state", "held"], ["--state", "due"],
                    ["--recipient", "@d7.exampl"], ["aaaaaaaaaaaaa"]):
        assert not told(full, "list", *nothing), nothing
    assert len(told(full, "list", "--account", "sender7@example.com")) == 3
    assert not told(full, "list", "--account", full.alice)


def test_show(full):
    one = told(full, "list", "--recipient", "user42@d42.example")[0]
    shown = told(full, "show", one["id"])
    assert shown["id"] == shown["trace"] == one["id"] and shown["recipientCount"] == EACH
    assert addresses([shown]) == [f"user{n}@d{n}.example" for n in range(40, 50)]
    said = call(full, "show", one["id"])
    assert said.returncode == 0 and f"id         {one['id']}\n" in said.stdout
    assert "user42@d42.example\n  state    waiting, next in " in said.stdout


def test_hold(full):
    assert changed(full, "hold", "--domain", "d8.example") == 3
    assert changed(full, "hold", "--domain", "d8.example") == 0
    full.restart()
    assert len(addresses(told(full, "list", "--state", "held"))) == 3
    assert told(full, "list", "--count")["held"] == 3


def test_drop(full):
    one = told(full, "list", "--recipient", "user100@d100.example")[0]
    assert changed(full, "drop", "--recipient", "user100@d100.example", "--silent") == 1
    assert len(addresses(told(full, "list", one["id"]))) == EACH - 1
    assert call(full, "drop", one["id"], "--silent").stdout == f"dropped {EACH - 1} recipients\n"
    gone = call(full, "show", one["id"])
    assert gone.returncode == 1 and gone.stderr == "mailstead: There is no such message in the queue.\n"
    assert json.loads(full.run("check-store", "--json"))["problems"] == []
    assert changed(full, "drop", "--state", "waiting", "--silent") == MESSAGES * EACH - EACH - 3
    assert told(full, "list", "--count") == {"messages": 3, "octets": 3 * one["size"], "waiting": 0, "held": 3,
                                             "owed": 0}
    assert json.loads(full.run("check-store", "--json"))["problems"] == []


def test_release(full):
    """From here on they are outbound's, which may be quick."""
    assert call(full, "release", "--state", "held").stdout == "released 3 recipients\n"
    assert not told(full, "list", "--state", "held")


def test_wrong_use(full):
    for wrong in (["drop"], ["hold", "--silent"], ["show"], ["list", "--nonsense"], ["vanish", "--all"]):
        assert call(full, *wrong).returncode == 2, wrong
    for refused in (["drop", "nonsense"], ["list", "--older", "soon"], ["list", "--state", "lost"],
                    ["list", "--account", "nobody@demo.test"], ["list", "--limit", "few"]):
        done = call(full, *refused)
        assert done.returncode == 1 and done.stderr.startswith("mailstead: ") and not done.stdout, (refused, done)
