# SPDX-License-Identifier: ISC
"""`mailstead trace`: the story of a message by the id that its sender was told,
and by all else that an operator may know of it."""

import json
import re
import smtplib
import ssl
import subprocess
import time
import uuid

from mailstead import Mailstead, binary


class Story(dict):
    """A message as trace --json tells it."""

    def words(self):
        return [e["what"] for e in self["events"]]

    def event(self, what):
        return next(e for e in self["events"] if e["what"] == what)


def ask(house, *arguments):
    return subprocess.run([binary(), "trace", "--dir", house.dir, *arguments], text=True, capture_output=True, check=False)


def stories(house, *arguments):
    done = ask(house, "--json", *arguments)
    if done.returncode != 0:
        assert "knows no such message" in done.stderr, done.stderr
        return []
    return [Story(s) for s in json.loads(done.stdout)]


def story(house, *arguments):
    found = stories(house, *arguments)
    assert len(found) == 1, found
    return found[0]


def send(house, to, sender="sender@example.org", tls=False, body=b"Hello.\r\n"):
    """Sends over port 25; (the reply to the message, its Message-ID)."""
    name = f"<{uuid.uuid4()}@example.org>"
    message = f"From: <{sender}>\r\nMessage-ID: {name}\r\nSubject: trace\r\n\r\n".encode() + body
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), local_hostname="client.example.org") as client:
        client.ehlo()
        if tls:
            client.starttls(context=ssl.create_default_context(cafile=house.ca))
            client.ehlo()
        client.mail(sender)
        for address in to:
            assert client.rcpt(address)[0] == 250
        return client.data(message), name


def id_of(reply):
    code, words = reply
    assert code == 250, reply
    return re.search(rb"(?:Delivered|Accepted) as (\S+)", words).group(1).decode()


# ---- incoming mail ----

def test_a_delivery_by_its_id(house):
    reply, name = send(house, ["alice@demo.test"], tls=True)
    told = story(house, id_of(reply))
    assert told["id"] == id_of(reply)
    assert told.words() == ["accepted", "delivered"]
    accepted = told.event("accepted")
    assert accepted["sender"] == "sender@example.org"
    assert accepted["recipients"] == ["alice@demo.test"]
    assert accepted["message_id"] == name.strip("<>")
    assert re.fullmatch(r"ESMTPS from client\.example\.org \[127\.0\.0\.1\] TLSv1\.[23] \S+", accepted["facts"])
    assert told.event("delivered")["recipients"] == ["alice@demo.test"]


def test_several_recipients_are_one_story(house):
    reply, _ = send(house, ["alice@demo.test", "bob@demo.test"])
    told = story(house, "--queue-id", id_of(reply))
    assert told.words() == ["accepted", "delivered"]
    assert sorted(told.event("delivered")["recipients"]) == ["alice@demo.test", "bob@demo.test"]


def test_what_else_is_known_of_it(house):
    sender = f"{uuid.uuid4()}@example.org"
    first, name = send(house, ["alice@demo.test"], sender=sender)
    second, _ = send(house, ["bob@demo.test"], sender=sender)
    ids = [id_of(first), id_of(second)]
    assert [s["id"] for s in stories(house, "--message-id", name)] == ids[:1]
    assert [s["id"] for s in stories(house, "--message-id", name.strip("<>"))] == ids[:1]
    assert [s["id"] for s in stories(house, "--from", sender.upper())] == ids
    assert [s["id"] for s in stories(house, "--from", sender, "--limit", "1")] == ids[1:]
    assert ids[1] in [s["id"] for s in stories(house, "--to", "bob@demo.test")]
    assert ids[0] not in [s["id"] for s in stories(house, "--to", "bob@demo.test")]
    assert ids[0] in [s["id"] for s in stories(house, "--since", "1 h")]
    assert stories(house, "--from", sender, "--until", "2001-02-03") == []
    assert stories(house, "--from", sender, "--since", "2001-02-03 04:05") != []


def test_what_was_refused_after_rcpt(house):
    """A bare line feed (RFC 5321 2.3.8): refused when the message is in. Nobody waits for the trace, so it may
    come a moment later than the reply."""
    sender = f"{uuid.uuid4()}@example.org"
    with house.connect("smtp") as wire:
        file = wire.makefile("rb")
        file.readline()
        for line in ("HELO client.example.org", f"MAIL FROM:<{sender}>", "RCPT TO:<alice@demo.test>", "DATA",
                     "Subject: x\r\n\r\na bare\nline feed\r\n."):
            wire.sendall(line.encode() + b"\r\n")
            reply = file.readline().decode().strip()
    assert reply[0] == "5", reply
    deadline = time.monotonic() + 60
    while not (found := stories(house, "--from", sender)):
        assert time.monotonic() < deadline
    refused = found[0].event("refused")
    assert refused["words"] == reply
    assert refused["recipients"] == ["alice@demo.test"]
    assert refused["facts"] == "SMTP from client.example.org [127.0.0.1]"


def test_for_people(house):
    reply, name = send(house, ["alice@demo.test"])
    told = house.run("trace", id_of(reply)).splitlines()
    assert told[0] == id_of(reply)
    time = r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  "
    assert re.fullmatch(time + r"accepted   from <sender@example\.org> to <alice@demo\.test>, \d+ octets, "
                        rf"Message-ID {re.escape(name)}, ESMTP from client\.example\.org \[127\.0\.0\.1\]", told[1])
    assert re.fullmatch(time + r"delivered  to <alice@demo\.test>", told[2])
    assert len(told) == 3


def test_a_notice_for_people(house):
    """What the sender was told of, and in which message."""
    with smtplib.SMTP("127.0.0.1", house.port("submission"), local_hostname="client.example.org") as client:
        client.login(house.alice, house.password)
        client.mail(house.alice)
        client.rcpt(house.bob, ["NOTIFY=SUCCESS"])
        number = id_of(client.data(f"From: <{house.alice}>\r\nSubject: trace\r\n\r\nHello.\r\n".encode()))
    deadline = time.monotonic() + 60
    while "notified" not in story(house, number).words():
        assert time.monotonic() < deadline
    notice = story(house, number).event("notified")
    assert notice["words"] == "success" and story(house, notice["other"]).event("accepted")["sender"] == ""
    assert f"  notified   of a success, in message {notice['other']}" in house.run("trace", number)


def test_questions_that_cannot_be_answered(house):
    assert ask(house, "nosuchmessage").returncode == 1
    assert ask(house, "a", "b").returncode == 2
    assert ask(house, "--from", "a@b.test", "--to", "c@d.test").returncode == 2
    assert ask(house, "--since", "yesterday").returncode == 1
    assert ask(house, "--limit", "none").returncode == 1


def test_a_restart_keeps_it(house):
    reply, _ = send(house, ["alice@demo.test"])
    house.restart()
    assert story(house, id_of(reply)).words() == ["accepted", "delivered"]


def test_switched_off():
    with Mailstead() as house:
        house.run("set", "trace.keep", "0")
        reply, _ = send(house, ["alice@demo.test"])
        assert stories(house, id_of(reply)) == []
        house.run("set", "trace.keep", "")
        reply, _ = send(house, ["alice@demo.test"])
        assert story(house, id_of(reply)).words() == ["accepted", "delivered"]
