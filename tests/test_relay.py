# SPDX-License-Identifier: ISC
"""Hosts that may send by their address (submission.relay_networks), with Python's own client and swaks; and all that
others may not."""

import re
import smtplib
import uuid

import pytest

from clients import needs, reader, run, unique
from mailstead import Mailstead

FAR = "someone@far.test"
SCANNER = "scanner@demo.test"  # which nobody has
PRINTER, STRANGER = "127.0.0.9", "127.0.1.9"


@pytest.fixture(scope="module", name="house")
def relaying_house():
    with Mailstead() as running:
        running.run("set", "submission.relay_networks", "127.0.0.8/29 ::1")
        running.run("set", "suppression.keep", "0")  # nobody there answers
        yield running


def connect(house, port, source=PRINTER):
    client = smtplib.SMTP(house.host, house.port(port), "printer.test", timeout=60, source_address=(source, 0))
    client.ehlo()
    return client


def letter(subject, sender=SCANNER):
    return f"From: <{sender}>\r\nTo: <{FAR}>\r\nSubject: {subject}\r\n\r\nA scan.\r\n"


@pytest.mark.parametrize("port", ["smtp", "submission"])
def test_a_printer_sends_to_anybody(house, port):
    subject, sender = unique("scan"), f"scanner-{uuid.uuid4()}@demo.test"
    with connect(house, port) as client:
        assert client.mail(sender)[0] == 250
        assert client.rcpt(FAR)[0] == 250
        assert client.rcpt(house.bob)[0] == 250
        code, words = client.data(letter(subject, sender))
    assert code == 250, words
    number = words.split()[-1].decode()
    story = house.run("trace", number)
    assert re.search(rf"(?m)^ .*queued .*<{FAR}>", story), story
    with reader(house, house.bob, "INBOX") as wire:
        found = wire.fetch(wire.await_message(subject), "BODY.PEEK[]")
    octets = next(v for row in found.values() for k, v in row.items() if k.startswith(b"BODY["))
    assert b"\r\nDate: " in octets and b"\r\nMessage-ID: <" in octets and PRINTER.encode() not in octets
    assert f"from printer.test [{PRINTER}] by network 127.0.0.8/29" in house.run("trace", "--from", sender)


@pytest.mark.parametrize("port", ["smtp", "submission"])
def test_it_writes_as_this_site_alone(house, port):
    with connect(house, port) as client:
        assert [client.mail("someone@elsewhere.test")[0], client.rcpt(FAR)[0]] == \
            ([250, 550] if port == "smtp" else [550, 503])
        client.rset()
        client.mail(SCANNER)
        client.rcpt(FAR)
        code, words = client.data(letter(unique("forged"), "ceo@elsewhere.test"))
        assert (code, words[:5]) == (550, b"5.7.1")


def test_others_may_not(house):
    with connect(house, "submission", STRANGER) as client:
        assert client.mail(SCANNER)[0] == 530
    with connect(house, "smtp", STRANGER) as client:
        assert client.mail(SCANNER)[0] == 250
        assert client.rcpt(FAR)[0] == 550
        assert client.rcpt(house.bob)[0] == 250


def test_mail_from_outside_still_comes_in(house):
    subject = unique("inward")
    with connect(house, "smtp") as client:
        client.sendmail("someone@elsewhere.test", [house.bob], letter(subject, "someone@elsewhere.test"))
    with reader(house, house.bob, "INBOX") as wire:
        assert wire.await_message(subject)


@needs("swaks")
def test_swaks_relays(house):
    subject = unique("swaks")
    run("swaks", "--server", f"{house.host}:{house.port('submission')}", "--local-interface", PRINTER, "--tls", "--from",
        SCANNER, "--to", house.bob, "--h-From", SCANNER, "--h-Subject", subject)
    with reader(house, house.bob, "INBOX") as wire:
        assert wire.await_message(subject)


def test_the_setting_is_live_and_judged(house):
    for networks, words in (("0.0.0.0/0", "too wide"), ("10.0.0.0/7", "too wide"), ("::/0", "too wide"),
                            ("printer.test", "is no network")):
        with pytest.raises(AssertionError, match=words):
            house.run("set", "submission.relay_networks", networks)
    with connect(house, "submission") as client:
        assert client.mail(SCANNER)[0] == 250
        client.rset()
        house.run("set", "submission.relay_networks", "192.0.2.0/24")
        assert client.mail(SCANNER)[0] == 550
    house.run("set", "submission.relay_networks", "127.0.0.8/29 ::1")
