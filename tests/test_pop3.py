# SPDX-License-Identifier: ISC
"""POP3 from outside, with clients that nobody here wrote: Python's poplib,
curl, fetchmail."""

import email
import os
import poplib
import re
import smtplib
import ssl
import subprocess
from email.header import decode_header, make_header

import pytest

from clients import needs


def context(house):
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    return made


def sign_in(house, address=None):
    p = poplib.POP3(house.host, house.port("pop3"))
    p.user(address or house.bob)
    p.pass_(house.password)
    return p


def send(house, to, subject, body="text"):
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.sendmail("x@example.org", [to], f"Subject: {subject}\r\n\r\n{body}\r\n")


def test_tls_and_stls(house):
    p = poplib.POP3_SSL(house.host, house.port("pop3s"), context=context(house))
    assert "STLS" not in p.capa()
    p.user(house.bob)
    assert p.pass_(house.password).startswith(b"+OK")
    p.quit()
    p = poplib.POP3(house.host, house.port("pop3"))
    assert "STLS" in p.capa()
    p.stls(context(house))
    p.user(house.bob)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        p.pass_("wrong")
    p.quit()


def test_a_maildrop(house):
    send(house, house.bob, "dots", ".\r\n..two\r\nend")
    p = sign_in(house)
    count, octets = p.stat()
    assert count == len(p.list()[1]) == len(p.uidl()[1])
    assert octets == sum(int(line.split()[1]) for line in p.list()[1])
    _, lines, size = p.retr(count)
    assert lines[-4:] == [b"", b".", b"..two", b"end"]
    assert size == int(p.list(count).split()[2])
    assert p.top(count, 1)[1][-1] == b"."
    ids = p.uidl()[1]
    # For one session alone.
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        sign_in(house)
    p.dele(count)
    p.rset()
    p.dele(1)
    p.quit()
    p = sign_in(house)
    assert [line.split()[1] for line in p.uidl()[1]] == [line.split()[1] for line in ids[1:]]
    p.quit()


def ids(p):
    return [line.split()[1] for line in p.uidl()[1]]


def test_a_silent_session_keeps_its_maildrop_when_the_store_ends(house):
    send(house, house.bob, "kept")
    p = sign_in(house)
    listed = ids(p)
    p.dele(len(listed))
    house.end_role("store")
    # Signing in waits for the new store; p said nothing meanwhile.
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        sign_in(house)
    assert ids(p) == listed[:-1]
    p.quit()
    p = sign_in(house)
    assert ids(p) == listed[:-1]
    p.quit()


def test_who_loses_the_front_finds_all_as_it_was(house):
    """RFC 1939 3: without QUIT nothing is deleted, and unique ids stay."""
    send(house, house.bob, "there still")
    p = sign_in(house)
    listed = ids(p)
    p.dele(1)
    house.end_role("access")
    with pytest.raises((poplib.error_proto, OSError)):
        p.noop()
    p = sign_in(house)
    assert ids(p) == listed
    p.quit()


def test_international_messages(house):
    """As they are for who asked by UTF8 (RFC 6856), for others in ASCII."""
    subject, sender = "Grüße von Jörg", "Jörg Müller <joerg@bücher.example>"
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.ehlo()
        s.sendmail("x@example.org", [house.bob], f"From: {sender}\r\nSubject: {subject}\r\n\r\ntext\r\n".encode(),
                   ["SMTPUTF8", "BODY=8BITMIME"])
    p = sign_in(house)
    last = p.stat()[0]
    said, lines, _ = p.retr(last)
    assert b"".join(lines[:lines.index(b"")]).isascii()
    header = email.message_from_bytes(b"\r\n".join(lines))
    assert str(make_header(decode_header(header["Subject"]))) == subject
    assert header["From"].endswith(" <joerg@xn--bcher-kva.example>")
    assert str(make_header(decode_header(header["From"].rsplit(" <", 1)[0]))) == "Jörg Müller"
    assert int(said.split()[1]) == sum(len(line) + 2 for line in lines)
    p.quit()
    p = poplib.POP3(house.host, house.port("pop3"))
    assert p.capa()["UTF8"] == ["USER"]
    p.utf8()
    p.user(house.bob)
    p.pass_(house.password)
    lines = p.retr(last)[1]
    assert f"Subject: {subject}".encode() in lines and f"From: {sender}".encode() in lines
    p.dele(last)
    p.quit()


@needs("curl")
def test_curl(house):
    send(house, house.bob, "for curl")
    login = ["-s", "--cacert", house.ca, "-u", f"{house.bob}:{house.password}", "--resolve",
             f"{house.hostname}:{house.port('pop3s')}:{house.host}"]
    url = f"pop3s://{house.hostname}:{house.port('pop3s')}/"
    listed = subprocess.run(["curl", *login, url], timeout=60, capture_output=True, text=True, check=True).stdout
    last = listed.split("\n")[-2].split()[0]
    got = subprocess.run(["curl", *login, url + last], timeout=60, capture_output=True, text=True, check=True).stdout
    assert "Subject: for curl" in got


@needs("fetchmail")
def test_fetchmail(house, tmp_path):
    for n in range(3):
        send(house, house.admin, f"fetched {n}")
    out = tmp_path / "out"
    config = tmp_path / "fetchmailrc"
    config.write_text(f'poll "{house.host}" service {house.port("pop3")} protocol pop3 user "{house.admin}" '
                      f'password "{house.password}" sslproto "" fetchall '
                      f'mda "cat >> {out}"\n')
    os.chmod(config, 0o600)
    done = subprocess.run(["fetchmail", "-f", str(config), "--nosyslog", "--pidfile", str(tmp_path / "pid")], timeout=120,
                          env={**os.environ, "FETCHMAILHOME": str(tmp_path), "HOME": str(tmp_path)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^Subject: fetched \d", out.read_text(), re.M)) == 3
    p = sign_in(house, house.admin)
    assert p.stat()[0] == 0
    p.quit()
