# SPDX-License-Identifier: ISC
"""Mail to servers that others wrote and from them: Postfix 3.7, OpenSMTPD 6.8
and smtp-sink, each led to by the MX of a domain, with what each of them offers."""

import os
import re
import smtplib

import pytest

from clients import unique
from foreign import OpenSmtpd, Postfix, SmtpSink
from world import World, certificates, sha256_of_key

CI = bool(os.environ.get("MAILSTEAD_CI"))
HOSTS = {"a.test": "127.0.41.1", "p.test": "127.0.41.2", "o.test": "127.0.41.3", "s.test": "127.0.41.4",
         "hard.test": "127.0.41.5", "dane.signed.test": "127.0.41.2", "wrong.signed.test": "127.0.41.2"}
RECORDS = {**{(d, "MX"): [f"10 mx.{d}."] for d in HOSTS}, **{(f"mx.{d}", "A"): [a] for d, a in HOSTS.items()}}
HEADER = "Date: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s@a.test>\r\n" \
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
# Dots where a line begins, lines as long as they may be (RFC 5321 4.5.2, 4.5.3.1.6), and octets beyond ASCII.
BODY = b"".join(line + b"\r\n" for line in (b"Gr\xc3\xbc\xc3\x9fe", b".", b"..", b".dot", b"", b"x" * 998, b"." * 997,
                                            b"From here", b" ", b"\t", "日本語".encode(), b""))


@pytest.fixture(scope="module", name="world")
def world_fixture():
    with World(RECORDS, signed="signed.test") as world:
        world.a = world.office("a.test", HOSTS["a.test"])
        world.a.set("outbound.idle_time", "1 s")
        world.a.set("suppression.keep", "0")
        world.alice = world.a.account("alice")
        yield world


def started(world, make, domain, *arguments, **keys):
    if make.missing():
        assert not CI, make.missing()
        pytest.skip(make.missing())
    return world.server(make(world, f"mx.{domain}", HOSTS[domain], *arguments, **keys))


@pytest.fixture(scope="module", name="postfix")
def postfix_fixture(world):
    people = [f"{name}@{d}" for d in ("p.test", "dane.signed.test", "wrong.signed.test") for name in ("ann", "bob", "jürgen")]
    return started(world, Postfix, "p.test", people, "a.test", world.a)


@pytest.fixture(scope="module", name="opensmtpd")
def opensmtpd_fixture(world):
    return started(world, OpenSmtpd, "o.test", ["ann@o.test", "bob@o.test"], "a.test", world.a)


@pytest.fixture(scope="module", name="sink")
def sink_fixture(world):
    return started(world, SmtpSink, "s.test")


@pytest.fixture(name="peer")
def peer_fixture(request):
    """One of them by its name."""
    return request.getfixturevalue(request.param)


def to_each(*names):
    return pytest.mark.parametrize("peer", names, indirect=True)


def domain_of(peer):
    return peer.hostname.removeprefix("mx.")


def send(world, recipients, body=BODY, **keys):
    """(subject, id, what stands in front of the header's end and the body, as it was sent)."""
    subject = unique("to")
    header = HEADER % subject
    number = world.a.submit(keys.pop("sender", world.alice), recipients, subject, body, header=header, tls="at once", **keys)
    return subject, number, f"Subject: {subject}\r\n{header}\r\n".encode() + body


def received_by(peer, octets):
    """Its own Received field, unfolded."""
    return next(f for f in re.findall(r"Received: (.*)", re.sub(r"\r\n[ \t]+", " ", octets.decode()))
                if f"by {peer.hostname}" in f)


def delivered(world, number, *recipients):
    """The facts of their one transaction, of the trace."""
    for r in recipients:
        event = world.a.await_log(rf"event=outbound\.(\w+) id={number} .*\bto={re.escape(r)} .*")
        assert event == "delivered", event
    told = [e for e in world.a.story(number) if e["what"] in ("sent", "relayed")]
    assert len(told) == 1 and set(told[0]["recipients"]) == set(recipients), told
    return told[0]


# ---- to them ----

@to_each("postfix", "opensmtpd", "sink")
def test_every_octet_arrives(world, peer):
    """One transaction for all its recipients; with TLS where the peer has any that works (RFC 7435)."""
    ann, bob = (f"{name}@{domain_of(peer)}" for name in ("ann", "bob"))
    subject, number, sent = send(world, [ann, bob], mail=["BODY=8BITMIME"])
    told = delivered(world, number, ann, bob)
    there = peer.mail(subject, 1 if peer.name == "smtp-sink" else 2)
    assert there.endswith(sent), there[-2000:]
    assert told["server"] == peer.hostname and told["facts"].startswith(f"{peer.host}:{world.port} ")
    if peer.tls and peer.shakes_hands():
        assert "TLSv1.3" in told["facts"] and "pkix" in told["facts"], told
        assert "ESMTPS" in received_by(peer, there) and "TLSv1.3" in received_by(peer, there)
    else:
        assert told["facts"].endswith(" clear"), told
    if peer.tls:
        assert received_by(peer, there).startswith("from mx.a.test (") and "[127.0.41.1]" in received_by(peer, there)


@to_each("postfix", "opensmtpd", "sink")
def test_a_large_message(world, peer):
    """20 MB, over BDAT where CHUNKING is offered (RFC 3030)."""
    ann = f"ann@{domain_of(peer)}"
    body = b"".join(b"%07d %s\r\n" % (i, b"." * 91) for i in range(200000))
    subject, number, sent = send(world, [ann], body)
    delivered(world, number, ann)
    there = peer.mail(subject)
    assert there.endswith(sent), (len(there), len(sent))
    if peer.name == "postfix":
        assert peer.await_log(r"disconnect from .* bdat=(\d+)")


@to_each("postfix", "opensmtpd", "sink")
def test_an_international_recipient(world, peer):
    """RFC 6531 3.3: to who knows SMTPUTF8, else the sender is told (3.5)."""
    subject, number, sent = send(world, [f"jürgen@{domain_of(peer)}"], mail=["SMTPUTF8"], to="Somebody:;",
                                 sender=(sender := world.a.account()))
    fate = world.a.attempt(f"jürgen@{domain_of(peer)}")
    if peer.name == "postfix":
        assert fate["event"] == "delivered", fate
        there = peer.mail(subject)
        assert there.endswith(sent) and " with UTF8SMTPS " in received_by(peer, there)
    else:
        assert fate["event"] == "failed" and "5.6.7" in fate["reply"], fate
        notice, = world.a.notices(sender, 1)
        assert list(notice.iter_parts())[1].get_content_type() == "message/global-delivery-status"
        assert "Status: 5.6.7" in notice.as_string() and not any(subject.encode() in m for m in peer.messages())


@to_each("postfix", "opensmtpd")
def test_an_unknown_recipient(world, peer):
    """The sender reads the peer's own words; the others have their copy."""
    nobody, ann = (f"{name}@{domain_of(peer)}" for name in ("nobody", "ann"))
    subject, number, _ = send(world, [nobody, ann], sender=(sender := world.a.account()))
    assert peer.mail(subject)
    notice, = world.a.notices(sender, 1)
    him = list(notice.iter_parts())[1].get_payload()[1]
    words, status = {"postfix": ("550 5.1.1", "5.1.1"), "opensmtpd": ("524 5.2.4", "5.2.4")}[peer.name]
    assert him["Final-Recipient"] == f"rfc822; {nobody}" and him["Remote-MTA"] == f"dns; {peer.hostname}"
    assert him["Diagnostic-Code"].startswith(f"smtp; {words}") and nobody in him["Diagnostic-Code"], him.as_string()
    assert him["Status"] == status and him["Action"] == "failed"
    assert not world.a.queued(number)


def test_a_sink_that_refuses(world):
    started(world, SmtpSink, "hard.test", hard=["."], words="554 5.7.1 not from you")
    send(world, ["x@hard.test"], sender=(sender := world.a.account()))
    notice, = world.a.notices(sender, 1)
    him = list(notice.iter_parts())[1].get_payload()[1]
    assert him["Diagnostic-Code"] == "smtp; 554 5.7.1 not from you" and him["Status"] == "5.7.1"


@to_each("postfix", "opensmtpd")
def test_success_is_told_by_the_peer(world, peer):
    """RFC 3461 5.2: it has the wish, and its own notice comes back here."""
    sender = world.a.account()
    subject, number, _ = send(world, [f"bob@{domain_of(peer)}"], sender=sender, mail=["ENVID=QQ271"],
                              rcpt=["NOTIFY=SUCCESS"])
    assert delivered(world, number, f"bob@{domain_of(peer)}")["what"] == "sent" and peer.mail(subject)
    notice, = world.a.notices(sender, 1)
    kind = {"postfix": "multipart/report", "opensmtpd": "multipart/mixed"}[peer.name]
    assert peer.hostname in str(notice["From"]) and notice.get_content_type() == kind
    assert notice["Return-Path"] == "<>" and "successfully" in notice.as_string(), notice.as_string()


@to_each("postfix", "opensmtpd", "sink")
def test_a_peer_that_was_away(world, peer):
    """What waits goes out when it is there again."""
    ann = f"ann@{domain_of(peer)}"
    peer.stop()
    subject, number, sent = send(world, [ann])
    world.a.await_log(rf"event=outbound\.later id={number} ")
    assert world.a.queued(number)[0]["recipients"][0]["state"] == "waiting"
    peer.start()
    world.a.run("queue", "retry", number)
    world.a.await_log(rf"event=outbound\.delivered id={number} ")
    assert peer.mail(subject).endswith(sent) and not world.a.queued(number)


def test_a_connection_is_kept(world, postfix):
    """What the first of three came over does for the others as well."""
    world.a.set("outbound.idle_time", "5 min")
    connected = []
    for _ in range(3):
        subject, number, _ = send(world, ["bob@p.test"])
        delivered(world, number, "bob@p.test")
        assert postfix.mail(subject)
        connected.append(postfix.count(r"\]: connect from \S+\[127\.0\.41\.1\]"))
    assert connected[0] == connected[2], connected
    world.a.set("outbound.idle_time", "1 s")


# ---- with what is published of them ----

def test_a_proven_peer(world, postfix):
    """DANE (RFC 7672): its key is published in a signed zone, and it is the one that answers."""
    own, *_ = certificates(postfix.certificate)
    name = world.dns.name(f"_{world.port}._tcp.mx.dane.signed.test")
    world.dns.records[(name, "TLSA")] = [f"3 1 1 {sha256_of_key(own)}"]
    subject, number, sent = send(world, ["ann@dane.signed.test"])
    told = delivered(world, number, "ann@dane.signed.test")
    assert "TLSv1.3" in told["facts"] and told["facts"].endswith(" dane"), told
    assert postfix.mail(subject).endswith(sent)


def test_a_peer_with_another_key(world, postfix):
    name = world.dns.name(f"_{world.port}._tcp.mx.wrong.signed.test")
    world.dns.records[(name, "TLSA")] = [f"3 1 1 {'00' * 32}"]
    subject, number, _ = send(world, ["ann@wrong.signed.test"])
    fate = world.a.attempt("ann@wrong.signed.test")
    assert fate["event"] == "later" and "4.7.5" in fate["reply"], fate
    assert not any(subject.encode() in m for m in postfix.messages())
    assert world.a.queued(number)[0]["recipients"][0]["state"] == "waiting"
    world.a.run("queue", "drop", number)


# ---- from them ----

@to_each("postfix", "opensmtpd")
def test_they_send_to_us(world, peer):
    """STARTTLS to port 25, and every octet of it in the mailbox; neither of them says BDAT as a client."""
    subject = unique("from")
    header = HEADER % subject
    message = f"From: zed@z.test\r\nTo: {world.alice}\r\nSubject: {subject}\r\n{header}\r\n".encode() + BODY
    with smtplib.SMTP(peer.host, peer.port("smtp"), "app.test", timeout=120) as client:
        client.sendmail("zed@z.test", [world.alice], message, ["BODY=8BITMIME"])
    there = world.a.mail(world.alice, subject)
    assert there.endswith(message), there[-2000:]
    ours = received_by(world.a, there)
    assert f"from {peer.hostname} (" in ours and " with ESMTPS " in ours and "TLSv1.3" in ours, ours
