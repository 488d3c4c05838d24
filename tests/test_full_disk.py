# SPDX-License-Identifier: ISC
"""A disk that fills up under the whole service: senders are told 4xx, IMAP says
NO, an alarm is raised, nothing that was acknowledged is lost and nothing that
was refused is there; with room again it goes on without a restart. The disk is
a small one in memory, in a mount namespace that the test makes."""

import base64
import errno
import imaplib
import os
import random
import re
import smtplib

import pytest

from mailstead import Mailstead

DISK = "300m"
PIECE = 1 << 20
TRIES = 300  # messages of a PIECE that the log's reserve may still hold
BODY = base64.encodebytes(random.Random(2).randbytes(PIECE * 3 // 4)).decode().replace("\n", "\r\n")


class SmallDisk(Mailstead):
    def command(self):
        os.makedirs(self.dir, exist_ok=True)
        mount = f'mount -t tmpfs -o size={DISK},mode=700 tmpfs "$0" && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mount, self.dir, *super().command()]

    def start(self):
        super().start()
        self.dir = f"/proc/{self.process.pid}/root{self.dir}"  # as it is seen from here
        return self


@pytest.fixture(scope="module")
def house():
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    with SmallDisk() as running:
        yield running


def fill(path):
    with open(path, "wb", buffering=0) as f:
        size = PIECE
        while size > 0:
            try:
                f.write(b"x" * size)
            except OSError as why:
                assert why.errno == errno.ENOSPC
                size //= 2


def send(house, subject, body):
    """The reply's code."""
    with smtplib.SMTP(house.host, house.port("smtp"), timeout=120) as smtp:
        smtp.ehlo("client.test")
        try:
            refused = smtp.sendmail("a@example.org", [house.alice], f"Subject: {subject}\r\n\r\n{body}")
        except smtplib.SMTPDataError as why:
            return why.smtp_code
        assert not refused
        return 250


def sign_in(house):
    imap = imaplib.IMAP4(house.host, house.port("imap"))
    imap.login(house.alice, house.password)
    assert imap.select("INBOX")[0] == "OK"
    return imap


def alarms(house):
    return len(re.findall(r"event=store\.write_failed", house.log()))


def subjects(imap):
    imap.select("INBOX")
    _, rows = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return re.findall(r"Subject: (full \d+)\r\n", "".join(r[1].decode() for r in rows if isinstance(r, tuple)))


def test_a_full_disk_loses_nothing(house):
    filler = os.path.join(house.dir, "filler")
    imap = sign_in(house)
    _, before = imap.fetch("1", "(FLAGS)")
    taken, code = [], 250
    fill(filler)
    for number in range(TRIES):
        code = send(house, f"full {number}", BODY)
        if code != 250:
            break
        taken.append(f"full {number}")
    assert 400 <= code < 500, code
    assert alarms(house) >= 1
    assert imap.store("1", "+FLAGS", "(Unkept)")[0] == "NO"
    assert imap.append("INBOX", None, None, b"Subject: full 9999\r\n\r\nappended\r\n")[0] == "NO"
    assert 400 <= send(house, "full 9998", "small") < 500
    assert imap.fetch("1", "(FLAGS)")[1] == before, "reading goes on and shows nothing that is not kept"
    os.remove(filler)
    house.await_log(r"event=store\.writes_again")
    assert send(house, "full 9997", "small") == 250
    assert imap.store("1", "+FLAGS", "(Kept)")[0] == "OK"
    assert subjects(imap) == taken + ["full 9997"]
    said = house.run("check-store")
    assert re.search(r"\b0 problems", said), said
    imap.logout()
