# SPDX-License-Identifier: ISC
"""SEARCH and FETCH from outside, with clients that nobody here wrote: Python's
imaplib for ESEARCH, "$", charsets and BINARY, curl for what its users type."""

import base64
import imaplib
import os
import re
import subprocess

import pytest

from clients import needs

PICTURE = bytes(range(256)) * 300

MAIL = (b"From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>\r\n"
        b"To: alice@demo.test\r\nSubject: %s\r\nDate: Wed, 17 Jul 1996 02:23:25 -0700\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=koi8-r\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n"
        b"--b\r\nContent-Type: image/x-all\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(PICTURE).replace(b"\n", b"\r\n") + b"--b--\r\n")

RUSSIAN = "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"  # "Hello world"


def quoted(text, charset):
    return "".join(f"={octet:02X}" for octet in text.encode(charset)).encode()


@pytest.fixture(name="box")
def fixture_box(house):
    """A connection with a mailbox of four messages selected."""
    m = imaplib.IMAP4(house.host, house.port("imap"))
    m.login(house.alice, house.password)
    m.delete("Search")
    assert m.create("Search")[0] == "OK"
    for n, words in enumerate([b"first", b"second", b"third", b"fourth"]):
        text = quoted(RUSSIAN, "koi8-r") if n % 2 else b"plain words"
        flags = r"(\Flagged)" if n == 2 else None
        assert m.append("Search", flags, None, MAIL % (words, text))[0] == "OK"
    assert m.select("Search")[0] == "OK"
    yield m
    m.logout()


def said(m, name):
    """Untagged answers of a kind since it was asked last."""
    found = m.untagged_responses.pop(name, [])
    return [line.decode() if isinstance(line, bytes) else line for line in found]


def esearch(m, *words):
    kind, _ = m._simple_command("SEARCH", *words)  # pylint: disable=protected-access
    assert kind == "OK", words
    return [re.sub(r'^\(TAG "[^"]*"\) ?', "", line) for line in said(m, "ESEARCH")]


def test_esearch_and_saved_results(box):
    assert esearch(box, "RETURN (MIN MAX COUNT ALL)", "UNFLAGGED") == ["MIN 1 MAX 4 ALL 1:2,4 COUNT 3"]
    assert esearch(box, "RETURN (SAVE)", "SUBJECT", "second") == []
    assert esearch(box, "RETURN ()", "OR", "$", "FLAGGED") == ["ALL 2:3"]
    assert box.store("$", "+FLAGS", r"(\Answered)")[0] == "OK"
    assert esearch(box, "RETURN (COUNT)", "ANSWERED") == ["COUNT 1"]
    kind, rows = box.fetch("$", "(UID FLAGS)")
    assert kind == "OK" and len(rows) == 1 and rows[0].startswith(b"2 (UID 2 FLAGS")
    assert box.store("2", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert box.expunge()[0] == "OK"
    assert box.fetch("$", "(UID)") == ("OK", [None])
    assert esearch(box, "RETURN (ALL COUNT)", "$") == ["COUNT 0"]


@pytest.mark.parametrize("charset", ["UTF-8", "KOI8-R", "windows-1251", "iso-8859-5"])
def test_charsets(box, charset):
    word = RUSSIAN.upper().split()[0]
    box.literal = word.encode(charset)
    kind, found = box.uid("SEARCH", "CHARSET", charset, "BODY")
    assert (kind, found) == ("OK", [b"2 4"])
    box.literal = "J\u00dcRGEN".encode("utf-8")
    assert box.search("UTF-8", "FROM") == ("OK", [b"1 2 3 4"])


def test_a_charset_that_nobody_knows(box):
    kind, words = box.search("x-none", "ALL")
    assert kind == "NO"
    assert b"UTF-8" in words[0] and words[0].startswith(b"[BADCHARSET (US-ASCII ")


def test_binary(box):
    kind, rows = box.fetch("1", "(BINARY.SIZE[2] BINARY.PEEK[1])")
    assert kind == "OK"
    assert b"BINARY.SIZE[2] %d" % len(PICTURE) in rows[0][0] and rows[0][1] == b"plain words"
    # imaplib knows no literal8; what holds no NUL comes as a literal.
    kind, rows = box.fetch("1", "(BINARY.PEEK[2]<257.255>)")
    assert kind == "OK" and rows[0][1] == PICTURE[257:512]
    assert box.fetch("1", "(FLAGS)")[1][0].count(b"Seen") == 0
    kind, rows = box.fetch("1", "(BINARY[2]<1.9>)")
    assert kind == "OK" and rows[0][1] == PICTURE[1:10]
    assert b"\\Seen" in box.fetch("1", "(FLAGS)")[1][0]


@needs("curl")
def test_curl(house, box):
    url = f"imap://{house.host}:{house.port('imap')}/Search"

    def curl(*more):
        command = ["curl", "-s", "-u", f"{house.alice}:{house.password}", *more]
        done = subprocess.run(command, timeout=60, stdout=subprocess.PIPE, check=True, env=dict(os.environ))
        return done.stdout

    assert box.noop()[0] == "OK"
    assert curl(f"{url}?SUBJECT%20third%20FLAGGED").strip() == b"* SEARCH 3"
    assert curl(f"{url};UID=1;SECTION=1").strip() == b"plain words"
    assert curl(f"{url};UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)").strip() == b"Subject: first"
    answer = curl(url, "-X", "SEARCH RETURN (MIN COUNT) UNFLAGGED")
    assert re.search(rb'\* ESEARCH \(TAG "[A-Z0-9]+"\) MIN 1 COUNT 3', answer)
