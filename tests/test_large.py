# SPDX-License-Identifier: ISC
"""Messages that are more than one commit of the store, from end to end: 200 MiB
that hardly compress, over SMTP to one and to several, over APPEND, and read
over IMAP and POP3; and what they may cost in memory."""

import base64
import hashlib
import imaplib
import poplib
import random
import re
import smtplib

import pytest

from mailstead import Mailstead, release_build

MIB = 1 << 20
SIZE = (200 if release_build() else 24) * MIB
TIMES = 3  # a role may hold the message so often, and
BESIDE = 200 * MIB  # this much of its own


@pytest.fixture(scope="module")
def house():
    with Mailstead() as running:
        running.run("set", "smtp.message_size_max", "1 GiB")
        yield running


@pytest.fixture(scope="module")
def message():
    body = base64.encodebytes(random.Random(1).randbytes(SIZE // 78 * 57)).replace(b"\n", b"\r\n")
    return b"From: a@example.org\r\nSubject: large\r\nMessage-ID: <large@example.org>\r\n\r\n" + body


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def body_of(octets):
    return octets[octets.index(b"\r\n\r\n") + 4:]


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024


def signed_in(house, account):
    imap = imaplib.IMAP4(house.host, house.port("imap"))
    imap.login(account, house.password)
    return imap


def newest(house, account):
    """The newest message of the inbox."""
    with signed_in(house, account) as imap:
        count = imap.select("INBOX", readonly=True)[1][0].decode()
        (head, octets), _ = imap.fetch(count, "(RFC822.SIZE BODY.PEEK[])")[1]
    assert int(re.search(rb"RFC822.SIZE (\d+)", head).group(1)) == len(octets)
    return octets


def test_smtp_takes_it_for_one_and_for_several(house, message):
    for to in ([house.alice], [house.alice, house.bob]):
        with smtplib.SMTP(house.host, house.port("smtp"), timeout=600) as s:
            assert s.sendmail("a@example.org", to, message) == {}
        for account in to:
            assert digest(body_of(newest(house, account))) == digest(body_of(message))


def test_append_takes_it(house, message):
    with signed_in(house, house.alice) as imap:
        assert imap.append("INBOX", None, None, message)[0] == "OK"
    assert digest(newest(house, house.alice)) == digest(message)


def test_pop3_gives_it(house, message):
    pop = poplib.POP3(house.host, house.port("pop3"), timeout=600)
    pop.user(house.bob)
    pop.pass_(house.password)
    count, _ = pop.stat()
    _, lines, _ = pop.retr(count)
    assert digest(body_of(b"\r\n".join(lines) + b"\r\n")) == digest(body_of(message))
    pop.quit()


def test_memory_stays_in_bounds_and_the_store_agrees(house):
    if release_build():
        for role in ("store", "intake", "mx", "access"):
            for pid in house.role_pids(role).values():
                assert peak(pid) < TIMES * SIZE + BESIDE, role
        for pid in house.role_pids("store").values():
            assert peak(pid) < SIZE + BESIDE  # the message as it came, never a copy of it
    house.run("check-store")
