# SPDX-License-Identifier: ISC
"""The mail corpus of ../shared/vectors/mime through the whole house: every
file is delivered by SMTP (with CRLF line ends), comes back byte for byte below
the trace fields, and every FETCH item answers on it."""

import glob
import imaplib
import os
import re
import smtplib

import pytest

SHARED = os.environ.get("MAILSTEAD_SHARED",
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared"))
MESSAGES = sorted(p for p in glob.glob(os.path.join(SHARED, "vectors", "mime", "**", "*"), recursive=True)
                  if os.path.isfile(p) and not p.endswith((".json", ".md")))

ITEMS = ["ALL", "FAST", "FULL", "FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE",
         "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "BODY.PEEK[1]", "BODY.PEEK[1.MIME]", "BODY.PEEK[2]", "BODY.PEEK[1.1]",
         "BODY.PEEK[1.HEADER]", "BODY.PEEK[]<7.100>", "BODY.PEEK[HEADER.FIELDS (SUBJECT FROM RECEIVED)]",
         "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]", "RFC822.HEADER", "RFC822.TEXT", "RFC822"]

pytestmark = pytest.mark.skipif(not MESSAGES, reason="no corpus beside the source")


def on_the_wire(path):
    """The file with every line end as CRLF."""
    with open(path, "rb") as f:
        return re.sub(rb"\r\n|\r|\n", b"\r\n", f.read())


@pytest.fixture(scope="module")
def delivered(house):
    """(path, octets, UID) of each, in one mailbox in the order of delivery."""
    with smtplib.SMTP(house.host, house.port("smtp"), local_hostname="corpus.test") as s:
        s.ehlo()
        for path in MESSAGES:
            octets = on_the_wire(path)
            if not octets.endswith(b"\r\n"):
                octets += b"\r\n"
            assert s.mail("corpus@elsewhere.test", [f"SIZE={len(octets)}"])[0] == 250
            assert s.rcpt("bob+corpus@demo.test")[0] == 250
            assert s.docmd("DATA")[0] == 354
            s.send(re.sub(rb"(?m)^\.", b"..", octets) + b".\r\n")
            code, words = s.getreply()
            assert code == 250, (path, words)
    return MESSAGES


@pytest.fixture(scope="module")
def box(house, delivered):
    with imaplib.IMAP4(house.host, house.port("imap")) as box:
        box.login(house.bob, house.password)
        kind, found = box.select("INBOX", readonly=True)
        assert kind == "OK"
        box.first = int(found[0]) - len(delivered) + 1
        yield box


def fetch(box, number, item):
    """The answer's text and its literals."""
    kind, data = box.fetch(str(number), f"({item})" if item not in ("ALL", "FAST", "FULL") else item)
    assert kind == "OK" and data != [None], (number, item, data)
    return (b"".join(p if isinstance(p, bytes) else p[0] for p in data),
            [p[1] for p in data if isinstance(p, tuple)])


def test_byte_for_byte(box, delivered):
    for i, path in enumerate(delivered):
        octets = on_the_wire(path)
        line, (whole,) = fetch(box, box.first + i, "RFC822.SIZE BODY.PEEK[]")
        if not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        octets = octets.replace(b"\0", b"\x80")  # RFC 9051 9: no NUL in a literal
        assert whole.endswith(octets), path
        assert int(re.search(rb"RFC822\.SIZE (\d+)", line).group(1)) == len(whole), path
        trace = whole[:len(whole) - len(octets)]
        assert re.fullmatch(rb"Return-Path: <corpus@elsewhere\.test>\r\nDelivered-To: [^\r\n]+\r\n"
                            rb"Received: from corpus\.test (?:[^\r\n]|\r\n\t)+\r\n", trace), (path, trace)


def test_header_and_text_make_the_message(box, delivered):
    for i, path in enumerate(delivered):
        _, (whole,) = fetch(box, box.first + i, "BODY.PEEK[]")
        _, (head,) = fetch(box, box.first + i, "BODY.PEEK[HEADER]")
        _, text = fetch(box, box.first + i, "BODY.PEEK[TEXT]")
        assert head + b"".join(text) == whole, path


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_answers(box, delivered, item):
    for i, _ in enumerate(delivered):
        line, _ = fetch(box, box.first + i, item)
        assert line.startswith(str(box.first + i).encode() + b" ("), line[:200]


def test_all_at_once(box, delivered):
    kind, data = box.fetch(f"{box.first}:*", "(UID FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
    assert kind == "OK"
    lines = [p if isinstance(p, bytes) else p[0] for p in data]
    assert sum(1 for p in lines if re.match(rb"\d+ \(", p)) == len(delivered)
