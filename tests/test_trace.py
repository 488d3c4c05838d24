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


def awaited(house, *arguments, count=1):
    """Nobody waits for the trace, so a refusal may come a moment later than its reply."""
    deadline = time.monotonic() + 60
    while len(found := stories(house, *arguments)) < count:
        assert time.monotonic() < deadline
    return found


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
    """A bare line feed (RFC 5321 2.3.8): refused when the message is in."""
    sender = f"{uuid.uuid4()}@example.org"
    with house.connect("smtp") as wire:
        file = wire.makefile("rb")
        file.readline()
        for line in ("HELO client.example.org", f"MAIL FROM:<{sender}>", "RCPT TO:<alice@demo.test>", "DATA",
                     "Subject: x\r\n\r\na bare\nline feed\r\n."):
            wire.sendall(line.encode() + b"\r\n")
            reply = file.readline().decode().strip()
    assert reply[0] == "5", reply
    found = awaited(house, "--from", sender)
    refused = found[0].event("refused")
    assert refused["words"] == reply
    assert refused["recipients"] == ["alice@demo.test"]
    assert refused["facts"] == "SMTP from client.example.org [127.0.0.1]"


def test_a_refused_recipient(house):
    """Why did the mail of X not arrive: it is found by either address, with our exact words."""
    sender, nobody = f"{uuid.uuid4()}@example.org", f"{uuid.uuid4()}@demo.test"
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), local_hostname="client.example.org") as client:
        client.ehlo()
        client.mail(sender)
        code, words = client.rcpt(nobody)
    assert code == 550
    for question in (("--from", sender), ("--to", nobody)):
        [told] = awaited(house, *question)
        assert told.words() == ["refused"]
        refused = told.event("refused")
        assert (refused["sender"], refused["recipients"]) == (sender, [nobody])
        assert refused["words"] == f"{code} {words.decode()}"
        assert refused["facts"] == "ESMTP from client.example.org [127.0.0.1]"
    people = house.run("trace", "--to", nobody)
    assert f"  refused    from <{sender}> to <{nobody}>, ESMTP from client.example.org [127.0.0.1]: \"550 " in people


def test_a_refused_recipient_beside_others(house):
    """They are in the story of the message that the others got."""
    nobody = f"{uuid.uuid4()}@demo.test"
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), local_hostname="client.example.org") as client:
        client.ehlo()
        client.mail("sender@example.org")
        client.rcpt(nobody)
        client.rcpt("alice@demo.test")
        number = id_of(client.data(b"Subject: x\r\n\r\nHello.\r\n"))
    [told] = awaited(house, "--to", nobody)
    assert told["id"] == number
    assert sorted(told.words()) == ["accepted", "delivered", "refused"]
    assert told.event("refused")["recipients"] == [nobody]


def test_what_submission_refused(house):
    """A name that is not the account's (RFC 6409 6.1), at MAIL; and a recipient that cannot be."""
    other, nobody = f"{uuid.uuid4()}@demo.test", f"{uuid.uuid4()}@demo.test"
    with smtplib.SMTP("127.0.0.1", house.port("submission"), local_hostname="client.example.org") as client:
        client.login(house.alice, house.password)
        said = client.mail(other)
        assert said[0] == 550
        client.mail(house.alice)
        refused = client.rcpt(nobody)
        assert refused[0] == 550
    [told] = awaited(house, "--from", other)
    assert told.event("refused")["words"] == f"{said[0]} {said[1].decode()}"
    assert told.event("refused")["facts"].endswith(f" as {house.alice}")
    [told] = awaited(house, "--to", nobody)
    assert told.event("refused")["words"] == f"{refused[0]} {refused[1].decode()}"
    assert told.event("refused")["facts"].endswith(f" as {house.alice}")


def test_refusals_do_not_fill_the_trace():
    with Mailstead() as house:
        house.run("set", "trace.refused_client", "2")
        with smtplib.SMTP("127.0.0.1", house.port("smtp"), local_hostname="client.example.org") as client:
            client.ehlo()
            for n in range(5):
                client.mail(f"{n}@example.org")
                client.rcpt("nobody@demo.test")
                client.rset()
        found = awaited(house, "--to", "nobody@demo.test", count=2)
        assert [s.event("refused")["sender"] for s in found] == ["0@example.org", "1@example.org"]
        assert 'mailstead_trace_refused_untold_total{role="mx",instance="0"} 3' in house.run("metrics")


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
