# SPDX-License-Identifier: ISC
"""Delivery status notifications from end to end: mail is submitted, a server
elsewhere takes or refuses it, and what comes back into the sender's mailbox is
read with Python's email package (RFC 3461, RFC 3464)."""

import email
import email.policy
import imaplib
import re
import smtplib

import pytest

from dnsserver import DnsServer
from mailstead import Site, free_port_base
from smtpsink import Sink

SECRET = "secret"
PLAIN, KNOWING = "127.0.0.7", "127.0.0.8"  # servers without and with DSN
REPLIES = {"nobody": "550 5.1.1 <nobody@plain.test> is not known here, sorry", "later": "450 4.2.0 come again"}
RECORDS = {
    ("plain.test", "MX"): ["10 mx.plain.test."], ("mx.plain.test", "A"): [PLAIN],
    ("knowing.test", "MX"): ["10 mx.knowing.test."], ("mx.knowing.test", "A"): [KNOWING],
}


class World:
    """The site, and the two servers elsewhere."""

    def __init__(self, site, base, plain, knowing):
        self.site, self.base, self.plain, self.knowing = site, base, plain, knowing
        self.users = 0

    def account(self):
        """An address that has never got mail."""
        self.users += 1
        address = f"user{self.users}@site.test"
        self.site.run("account", "add", address, "--password-stdin", stdin=SECRET + "\n")
        return address

    def send(self, sender, recipients, mail=(), rcpt=(), subject="Dinner", envelope=None):
        message = (f"From: {sender}\r\nTo: {recipients[0]}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x.test>\r\n"
                   f"Date: Mon, 30 Nov 2026 00:00:00 +0000\r\n\r\nthe words of {subject}\r\n")
        with smtplib.SMTP("127.0.0.1", self.base + 587, timeout=60) as s:
            s.login(sender, SECRET)
            assert s.sendmail(sender if envelope is None else envelope, recipients, message, mail, rcpt) == {}

    def notices(self, owner, count):
        """What is in the mailbox when so many have come."""
        with imaplib.IMAP4("127.0.0.1", self.base + 143, timeout=120) as m:
            m.login(owner, SECRET)
            while int(m.select("INBOX")[1][0]) < count:
                m.send(b"idle IDLE\r\n")
                while b"EXISTS" not in m.readline():
                    pass
                m.send(b"DONE\r\n")
                while not m.readline().startswith(b"idle "):
                    pass
            numbers = m.search(None, "ALL")[1][0].split()
            return [email.message_from_bytes(m.fetch(n, "(BODY[])")[1][0][1], policy=email.policy.default)
                    for n in numbers]


@pytest.fixture(scope="module", name="world")
def world_fixture():
    base = free_port_base()
    with Sink(PLAIN, replies=REPLIES) as plain, Sink(KNOWING, plain.port, dsn=True, replies=REPLIES) as knowing, \
            DnsServer(RECORDS) as dns, \
            Site(f'resolver = "127.0.0.1:{dns.port}"\n'
                 f"listen smtp {{ address = 127.0.0.1, port = {base + 25} }}\n"
                 f"listen submission {{ address = 127.0.0.1, port = {base + 587}, plain_auth = yes }}\n"
                 f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n") as site:
        site.run("domain", "add", "site.test")
        site.run("set", "outbound.loopback", "on")
        site.run("set", "outbound.port", str(plain.port))
        site.run("set", "suppression.keep", "0")  # the same addresses refuse again and again
        yield World(site, base, plain, knowing)


def fields(notice):
    """The groups of its machine-readable part: of the message, then of each recipient."""
    assert notice.get_content_type() == "multipart/report"
    assert notice["Auto-Submitted"] == "auto-replied" and notice["Return-Path"] == "<>"
    assert notice["From"].addresses[0].addr_spec == "MAILER-DAEMON@mail.site.test"
    words, status = list(notice.iter_parts())[:2]
    assert words.get_content_type() == "text/plain" and status.get_content_type() == "message/delivery-status"
    return status.get_payload()


def returned(notice):
    part = list(notice.iter_parts())[2]
    return part.get_content_type(), part.as_bytes()


def test_a_failure_says_why(world):
    alice = world.account()
    world.send(alice, ["nobody@plain.test"], ["ENVID=QQ+2B1"], ["ORCPT=rfc822;No+2Bbody@else.test"])
    notice, = world.notices(alice, 1)
    about, him = fields(notice)
    assert about["Original-Envelope-Id"] == "QQ+1" and about["Reporting-MTA"] == "dns; mail.site.test"
    assert him["Action"] == "failed" and him["Status"] == "5.1.1"
    assert him["Final-Recipient"] == "rfc822; nobody@plain.test"
    assert him["Original-Recipient"] == "rfc822; No+body@else.test"
    assert him["Remote-MTA"] == "dns; mx.plain.test"
    assert him["Diagnostic-Code"].split(";", 1)[1].strip() == REPLIES["nobody"]
    assert notice["In-Reply-To"] == "<Dinner@x.test>"
    assert "There is no such address at that domain." in list(notice.iter_parts())[0].get_content()
    kind, octets = returned(notice)
    assert kind == "message/rfc822" and b"the words of Dinner" in octets


@pytest.mark.parametrize("ret", ["HDRS", "FULL"])
def test_what_comes_back(world, ret):
    alice = world.account()
    world.send(alice, ["nobody@plain.test"], [f"RET={ret}"], subject=ret)
    kind, octets = returned(world.notices(alice, 1)[0])
    assert kind == {"HDRS": "text/rfc822-headers", "FULL": "message/rfc822"}[ret]
    assert f"Subject: {ret}".encode() in octets and (b"the words of" in octets) == (ret == "FULL")


def test_success_elsewhere(world):
    """A server that knows DSN tells itself; for one that does not we say that it was handed on."""
    alice = world.account()
    world.send(alice, ["one@knowing.test", "two@plain.test"], rcpt=["NOTIFY=SUCCESS"], subject="relayed")
    notice, = world.notices(alice, 1)
    him, = fields(notice)[1:]
    assert him["Action"] == "relayed" and him["Final-Recipient"] == "rfc822; two@plain.test"
    assert him["Status"] == "2.0.0" and returned(notice)[0] == "text/rfc822-headers"
    mine = [r for m, r, o in world.knowing.messages if b"relayed" in o]
    assert "NOTIFY=SUCCESS" in mine[0][0]


def test_success_here(world):
    alice, bob = world.account(), world.account()
    world.send(alice, [bob], rcpt=["NOTIFY=SUCCESS"])
    notice, = world.notices(alice, 1)
    him, = fields(notice)[1:]
    assert him["Action"] == "delivered" and him["Final-Recipient"] == f"rfc822; {bob}"
    assert len(world.notices(bob, 1)) == 1


def test_never_is_never(world):
    """What is refused in silence owes nothing by then; the next message's notice is the only one."""
    alice, failed = world.account(), r"event=outbound\.failed .*to=nobody@plain\.test"
    before = len(re.findall(failed, world.site.log()))
    world.send(alice, ["nobody@plain.test"], rcpt=["NOTIFY=NEVER"])
    world.send(alice, ["nobody@plain.test"], rcpt=["NOTIFY=SUCCESS"])
    world.send(alice, ["nobody@plain.test"], envelope="")  # a bounce: RFC 5321 6.1
    world.site.await_log(failed, before + 3)
    world.send(alice, ["nobody@plain.test"], subject="loud")
    assert [n["In-Reply-To"] for n in world.notices(alice, 1)] == ["<loud@x.test>"]


def test_a_delay_is_told_when_the_sender_wanted(world):
    """RFC 2852 4: BY with N, in seconds; afterwards it is still tried."""
    alice = world.account()
    world.send(alice, ["later@plain.test"], ["BY=1;N"])
    him, = fields(world.notices(alice, 1)[0])[1:]
    assert him["Action"] == "delayed" and him["Status"] == "4.2.0"
    assert him["Will-Retry-Until"] and "come again" in him["Diagnostic-Code"]
    assert "later@plain.test" in world.site.run("queue", "list", "--sender", alice)


def test_one_word_about_several(world):
    alice = world.account()
    world.send(alice, ["nobody@plain.test", "nobody@knowing.test"])
    notice, = world.notices(alice, 1)
    assert [him["Final-Recipient"] for him in fields(notice)[1:]] == ["rfc822; nobody@knowing.test",
                                                                     "rfc822; nobody@plain.test"]
