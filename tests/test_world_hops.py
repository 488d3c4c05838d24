# SPDX-License-Identifier: ISC
"""Mail through three sites of ours, each with its own domain and keys: from A to
an alias at B, which leads on to C; and what C refuses comes back to A."""

import email
import email.policy
import re

import dkim
import pytest

from clients import unique
from world import World

HOSTS = {"a.test": "127.0.21.1", "b.test": "127.0.21.2", "c.test": "127.0.21.3"}
RECORDS = {**{(d, "MX"): [f"10 mx.{d}."] for d in HOSTS}, **{(f"mx.{d}", "A"): [a] for d, a in HOSTS.items()}}


@pytest.fixture(scope="module", name="world")
def world_fixture():
    with World(RECORDS) as world:
        world.a, world.b, world.c = (world.office(d, a) for d, a in HOSTS.items())
        world.alice, world.carol = world.a.account("alice"), world.c.account("carol")
        world.b.run("alias", "add", "team@b.test", world.carol)
        yield world


def fields(message, name):
    """The header fields of a message in their order, unfolded."""
    return [re.sub(r"\s+", " ", str(v)) for v in email.message_from_bytes(message).get_all(name, [])]


def verify_dkim(message, world, count):
    """Each signature by itself."""
    found = []
    for i in range(count):
        try:
            found.append(dkim.DKIM(message).verify(idx=i, dnsfunc=world.txt))
        except dkim.ValidationError:  # of the body
            found.append(False)
    return found


def test_a_message_on_its_way(world):
    """RFC 5321 4.4: each host adds its Received before those that are there."""
    subject = unique("hops")
    number = world.a.submit(world.alice, ["team@b.test"], subject, "Grüße über zwei Häuser.\r\n.\r\n".encode(),
                            header="Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
    there = world.c.mail(world.carol, subject)
    received = fields(there, "Received")
    assert len(received) == 3, received
    assert received[0].startswith("from mx.b.test ([127.0.21.2])"), received
    assert " by mx.c.test with ESMTPS id " in received[0] and "TLSv1.3" in received[0]
    assert received[1].startswith("from mx.a.test ([127.0.21.1])") and " by mx.b.test with ESMTPS id " in received[1]
    assert received[2].startswith("by mx.a.test with ESMTPA id " + number), received
    assert fields(there, "Return-Path")[0].startswith("<SRS0=") and fields(there, "Return-Path")[0].endswith("@b.test>")
    assert there.endswith("\r\n\r\nGrüße über zwei Häuser.\r\n.\r\n".encode())
    assert fields(there, "From") == [f"<{world.alice}>"]


def test_what_was_signed_verifies(world):
    """dkimpy reads the keys that the sites say are to be published (RFC 6376, RFC 8463, RFC 8617)."""
    subject = unique("signed")
    world.a.submit(world.alice, ["team@b.test"], subject)
    there = world.c.mail(world.carol, subject)
    kinds = [re.search(r"\ba=([^;]+);", v)[1] for v in fields(there, "DKIM-Signature")]
    assert sorted(kinds) == ["ed25519-sha256", "rsa-sha256"]
    assert all(" d=a.test;" in v for v in fields(there, "DKIM-Signature"))
    assert verify_dkim(there, world, 2) == [True, True]
    broken = there.replace(b"\r\n\r\nHello", b"\r\n\r\nHullo")
    assert broken != there and verify_dkim(broken, world, 2) == [False, False]
    state, rows, why = dkim.arc_verify(there, dnsfunc=world.txt)
    assert state == dkim.CV_Pass and len(rows) == 1, (state, rows, why)
    assert fields(there, "ARC-Seal")[0].count("d=b.test")
    assert "dkim=pass" in fields(there, "ARC-Authentication-Results")[0]
    state, _, _ = dkim.arc_verify(broken, dnsfunc=world.txt)
    assert state == dkim.CV_Fail


def test_the_story_names_the_next_hop(world):
    subject = unique("story")
    number = world.a.submit(world.alice, ["team@b.test"], subject)
    world.c.mail(world.carol, subject)
    world.a.attempt("team@b.test")
    at_a = world.a.story(number)
    assert [e["what"] for e in at_a] == ["accepted", "queued", "sent"], at_a
    sent = at_a[-1]
    assert sent["server"] == "mx.b.test" and f"127.0.21.2:{world.port} TLSv1.3" in sent["facts"]
    onward = re.search(r"as (\S+)", sent["words"])[1]
    at_b = world.b.story(onward)
    assert [e["what"] for e in at_b] == ["accepted", "checked", "queued", "sent"], at_b
    assert at_b[1]["words"].startswith("arc=none; dkim=pass header.d=a.test header.s=")
    assert at_b[-1]["server"] == "mx.c.test"
    last = world.c.story(re.search(r"as (\S+)", at_b[-1]["words"])[1])
    assert last[-1]["what"] == "delivered" and last[-1]["recipients"] == [world.carol]


def notice_of(world, sender):
    notice, = world.a.notices(sender, 1)
    assert notice.get_content_type() == "multipart/report" and notice["Return-Path"] == "<>"
    return notice, list(notice.iter_parts())[1].get_payload()


def test_a_refusal_at_the_last_hop_comes_home(world):
    """B had accepted it: C's refusal becomes B's notice, which goes to A as bounces do (RFC 5321 6.1)."""
    sender = world.a.account()
    world.b.run("alias", "add", "gone@b.test", "nobody@c.test")
    world.a.submit(sender, ["gone@b.test"], unique("bounced"))
    notice, (about, him) = notice_of(world, sender)
    assert about["Reporting-MTA"] == "dns; mx.b.test" and him["Remote-MTA"] == "dns; mx.c.test"
    assert him["Action"] == "failed" and him["Status"] == "5.1.1"
    assert him["Diagnostic-Code"].startswith("smtp; 550")
    assert notice["To"].addresses[0].addr_spec == sender
    received = notice.get_all("Received")
    assert any(" mx.b.test" in " ".join(v.split()) for v in received), received
    assert not world.b.queued() and not world.c.queued()


def test_a_refusal_at_the_next_hop(world):
    sender = world.a.account()
    world.a.submit(sender, ["nobody@b.test"], unique("refused"))
    _, (about, him) = notice_of(world, sender)
    assert about["Reporting-MTA"] == "dns; mx.a.test" and him["Final-Recipient"] == "rfc822; nobody@b.test"
    assert him["Status"] == "5.1.1" and him["Remote-MTA"] == "dns; mx.b.test"


def test_success_is_told_by_who_knows(world):
    """RFC 3461 4.1, 5.2: the wish goes along; B tells that it went on to where it is not known, or C of the mailbox."""
    sender = world.a.account()
    world.a.submit(sender, [world.carol], unique("told"), mail=["RET=HDRS", "ENVID=QQ314"], rcpt=["NOTIFY=SUCCESS,FAILURE"])
    _, (about, him) = notice_of(world, sender)
    assert about["Reporting-MTA"] == "dns; mx.c.test" and about["Original-Envelope-Id"] == "QQ314"
    assert him["Action"] == "delivered" and him["Final-Recipient"].endswith(world.carol)


def test_no_bounce_for_a_bounce(world):
    """A notice for a sender that does not exist any more ends where it is (RFC 5321 6.1)."""
    sender = world.a.account()
    world.b.run("alias", "add", "lost@b.test", "nowhere@c.test")
    number = world.a.submit(sender, ["lost@b.test"], unique("lost"), mail=["HOLDFOR=3600"])
    world.a.run("account", "remove", sender)
    world.a.run("queue", "retry", number)
    world.b.await_log(r'event=outbound\.failed .*from="" ')
    assert not world.b.queued()
