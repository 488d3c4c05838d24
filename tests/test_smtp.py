# SPDX-License-Identifier: ISC
"""SMTP and LMTP from outside, with clients that nobody here wrote (smtplib,
curl, swaks, Postfix's smtp-source) and with bare sockets where a client must
do what no good client does."""

import contextlib
import imaplib
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import time
import uuid

import pytest

from clients import needs
from mailstead import Mailstead


# ---- tools ----

class Wire:
    """A bare connection: says octets, hears replies."""

    def __init__(self, house, port="smtp", greet=True):
        self.socket = house.connect(port)
        self.file = self.socket.makefile("rb")
        if greet:
            assert self.reply()[0] == 220

    def say(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        """(code, lines); code 0 when the server has closed."""
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return 0, lines
            assert line.endswith(b"\r\n") and len(line) <= 512, line
            lines.append(line[4:-2].decode())
            if line[3:4] == b" ":
                return int(line[:3]), lines

    def codes(self, octets, count):
        self.say(octets)
        return [self.reply()[0] for _ in range(count)]

    def enhanced(self, octets):
        self.say(octets)
        code, lines = self.reply()
        return f"{code} {lines[-1].split()[0]}" if code else "closed"

    def closed(self):
        return self.reply() == (0, [])

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def envelope(recipient=Mailstead.alice, sender="sender@elsewhere.test"):
    return f"EHLO client.test\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\n".encode()


def message(body=b"body\r\n", subject=None):
    subject = subject or uuid.uuid4().hex
    head = f"From: sender@elsewhere.test\r\nTo: someone@demo.test\r\nSubject: {subject}\r\n\r\n".encode()
    return subject, head + body


@contextlib.contextmanager
def mailbox(house, user=Mailstead.alice):
    box = imaplib.IMAP4(house.host, house.port("imap"))
    try:
        box.login(user, house.password)
        box.select("INBOX", readonly=True)
        yield box
    finally:
        with contextlib.suppress(Exception):
            box.logout()


def find(house, subject, user=Mailstead.alice, count=1):
    """The octets of every message of this subject in the user's INBOX. A message
    to several is answered when it is queued: waits until `count` are there."""
    deadline = time.monotonic() + 60
    with mailbox(house, user) as box:
        while True:
            kind, found = box.uid("SEARCH", "SUBJECT", subject)
            assert kind == "OK"
            if len(found[0].split()) >= count or time.monotonic() > deadline:
                break
            box.noop()
        messages = []
        for uid in found[0].split():
            kind, data = box.uid("FETCH", uid, "(BODY.PEEK[])")
            assert kind == "OK"
            messages += [part[1] for part in data if isinstance(part, tuple)]
        return messages


def absent(house, subject, user=Mailstead.alice):
    return find(house, subject, user, 0) == []


def tls_context(house):
    return ssl.create_default_context(cafile=house.ca)


# ---- the way of a message ----

def test_offers(house):
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.ehlo("client.test")
        for word in ("pipelining", "size", "8bitmime", "smtputf8", "chunking", "binarymime",
                     "enhancedstatuscodes", "starttls"):
            assert s.has_extn(word), word
        assert int(s.esmtp_features["size"]) >= 10 << 20


def test_a_message_arrives_with_its_trace(house):
    subject, text = message(b"..dots\r\n.\r\n..\r\n caf\xc3\xa9\r\n")
    with smtplib.SMTP(house.host, house.port("smtp"), local_hostname="client.test") as s:
        assert s.sendmail("sender@elsewhere.test", [house.alice], text, ["BODY=8BITMIME"]) == {}
    got, = find(house, subject)
    assert got.endswith(text)
    trace = got[:-len(text)].decode()
    assert re.search(r"^Return-Path: <sender@elsewhere\.test>\r\n", trace, re.M)
    assert re.search(r"^Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mail\.demo\.test with ESMTP id \S+"
                     r"\r\n\tfor <alice@demo\.test>;\r\n\t\w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n$",
                     trace[trace.index("Received:"):]), trace


def test_the_null_sender(house):
    subject, text = message()
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.sendmail("", [house.alice], text)
    assert b"Return-Path: <>\r\n" in find(house, subject)[0]


def test_two_recipients_get_it_once_each(house):
    subject, text = message()
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.sendmail("sender@elsewhere.test", [house.alice, house.bob, house.alice], text)
    for user in (house.alice, house.bob):
        got, = find(house, subject, user)
        assert got.endswith(text)
        assert b"\tfor <" not in got


def test_tls(house):
    subject, text = message()
    with smtplib.SMTP(house.host, house.port("smtp"), local_hostname="client.test") as s:
        s._host = house.hostname  # what the certificate is for
        s.starttls(context=tls_context(house))
        s.ehlo()
        assert not s.has_extn("starttls")
        s.sendmail("sender@elsewhere.test", [house.alice], text)
        assert s.docmd("STARTTLS")[0] == 503
    got, = find(house, subject)
    assert b" with ESMTPS id " in got and b"(TLSv1.3 " in got


def test_utf8(house):
    subject, text = message("grüße\r\n".encode())
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.sendmail("jörg@elsewhere.test", [house.alice], text, ["SMTPUTF8", "BODY=8BITMIME"])
        assert s.docmd("MAIL FROM:<jörg@elsewhere.test>".encode().decode("latin-1"))[0] in (553, 500)
    got, = find(house, subject)
    assert " with UTF8SMTP id ".encode() in got
    assert "Return-Path: <jörg@elsewhere.test>".encode() in got


def test_chunks(house):
    subject, text = message(b"one\r\n.\r\ntwo\r\n")
    with Wire(house) as w:
        assert w.codes(envelope(), 3) == [250, 250, 250]
        half = len(text) // 2
        assert w.codes(b"BDAT %d\r\n" % half + text[:half], 1) == [250]
        assert w.codes(b"BDAT %d LAST\r\n" % (len(text) - half) + text[half:], 1) == [250]
    assert find(house, subject)[0].endswith(text)


def test_a_large_message(house):
    subject, text = message(b"".join(b"%076d\r\n" % i for i in range(100000)))
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.sendmail("sender@elsewhere.test", [house.alice], text)
    assert find(house, subject)[0].endswith(text)


# ---- what is refused ----

@pytest.mark.parametrize("recipient, answer", [
    ("nobody@demo.test", "550 5.1.1"),
    ("alice@elsewhere.test", "550 5.7.1"),
    ("alice%elsewhere.test@elsewhere.test", "550 5.7.1"),
    ("not an address", "501 5.1.3"),
    ("postmaster@demo.test", "250 2.1.5"),
    ("ALICE@DEMO.TEST", "250 2.1.5"),
    ("alice+tag@demo.test", "250 2.1.5"),
])
def test_recipients(house, recipient, answer):
    with Wire(house) as w:
        w.codes(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n", 2)
        assert w.enhanced(f"RCPT TO:<{recipient}>\r\n".encode()) == answer


def test_an_accepted_recipient_is_forgotten_when_it_goes(house):
    """mx remembers it, here for a minute, but hears of changes at once."""
    house.run("set", "smtp.recipient_remember", "1 min")
    try:
        house.run("account", "add", "leaver@demo.test", "--password-stdin", stdin="secret")
        with Wire(house) as w:
            w.codes(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n", 2)
            for _ in range(3):
                assert w.enhanced(b"RCPT TO:<leaver@demo.test>\r\n") == "250 2.1.5"
            house.run("account", "remove", "leaver@demo.test")
            deadline = time.monotonic() + 55
            while w.enhanced(b"RCPT TO:<leaver@demo.test>\r\n") != "550 5.1.1":
                assert time.monotonic() < deadline
    finally:
        house.run("set", "smtp.recipient_remember", "")


def test_postmaster_without_a_domain(house):
    with Wire(house) as w:
        w.codes(b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n", 2)
        assert w.enhanced(b"RCPT TO:<Postmaster>\r\n") == "250 2.1.5"


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n", b"\n\n.\r\n",
        b"\r\r\n.\r\r\n", b"\n.\r", b"\r.\n"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cut", [False, True], ids=["at once", "in pieces"])
def test_smuggling(house, end, cut):
    first, second = uuid.uuid4().hex, uuid.uuid4().hex
    data = (f"Subject: {first}\r\n\r\nx".encode() + end + b"MAIL FROM:<evil@elsewhere.test>\r\n"
            + b"RCPT TO:<bob@demo.test>\r\nDATA\r\n" + f"Subject: {second}\r\n\r\ny".encode() + b"\r\n.\r\n")
    with Wire(house) as w:
        w.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert w.codes(envelope() + b"DATA\r\n", 4) == [250, 250, 250, 354]
        for i in range(0, len(data), 7 if cut else len(data)):
            w.say(data[i:i + (7 if cut else len(data))])
        code, lines = w.reply()
        assert (code, lines[0].split()[0]) == (550, "5.6.11")
        assert w.codes(b"NOOP\r\nQUIT\r\n", 2) == [250, 221]
        assert w.closed()
    for user in (house.alice, house.bob):
        assert absent(house, first, user) and absent(house, second, user)


@pytest.mark.parametrize("line", [b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"\nNOOP\r\n", b"NOOP \0\r\n"])
def test_bad_command_lines(house, line):
    with Wire(house) as w:
        assert w.enhanced(line) == "500 5.5.2"
        assert w.codes(b"NOOP\r\n", 1) == [250]


def test_injection_before_tls(house):
    with Wire(house) as w:
        assert w.codes(b"EHLO c.test\r\n", 1) == [250]
        assert w.codes(b"STARTTLS\r\nMAIL FROM:<evil@elsewhere.test>\r\n", 1) == [503]
        assert w.closed()


def test_tls_forgets_what_was_said(house):
    with Wire(house) as w:
        assert w.codes(envelope() + b"STARTTLS\r\n", 4) == [250, 250, 250, 220]
        with tls_context(house).wrap_socket(w.socket, server_hostname=house.hostname) as t:
            t.sendall(b"DATA\r\n")
            assert t.recv(512).startswith(b"503 ")
            t.sendall(b"MAIL FROM:<a@b.test>\r\n")
            assert t.recv(512).startswith(b"503 ")


def test_pipelining(house):
    subject, text = message()
    with Wire(house) as w:
        group = envelope() + b"RCPT TO:<nobody@demo.test>\r\nRCPT TO:<bob@demo.test>\r\nDATA\r\n"
        assert w.codes(group, 6) == [250, 250, 250, 550, 250, 354]
        assert w.codes(text + b".\r\nRSET\r\nQUIT\r\n", 3) == [250, 250, 221]
        assert w.closed()
    assert len(find(house, subject)) == len(find(house, subject, house.bob)) == 1


def test_octet_by_octet(house):
    subject, text = message()
    with Wire(house) as w:
        w.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in envelope() + b"DATA\r\n":
            w.say(bytes([octet]))
        assert [w.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
        for octet in text + b".\r\n":
            w.say(bytes([octet]))
        assert w.reply()[0] == 250
    assert len(find(house, subject)) == 1


def test_size(house):
    with Wire(house) as w:
        w.codes(b"EHLO c.test\r\n", 1)
        assert w.enhanced(b"MAIL FROM:<a@b.test> SIZE=99999999999\r\n") == "552 5.3.4"


def test_a_loop(house):
    subject, text = message()
    text = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 101 + text
    with Wire(house) as w:
        assert w.codes(envelope() + b"DATA\r\n", 4) == [250, 250, 250, 354]
        assert w.enhanced(text + b".\r\n") == "554 5.4.6"
    assert absent(house, subject)


def test_too_many_errors(house):
    with Wire(house) as w:
        w.say(b"NONSENSE\r\n" * 100)
        codes = []
        while not codes or codes[-1] != 0:
            codes.append(w.reply()[0])
        assert set(codes[:-2]) == {500} and codes[-2:] == [421, 0]


def test_who_goes_in_the_middle_delivers_nothing(house):
    subject, text = message()
    with Wire(house) as w:
        assert w.codes(envelope() + b"DATA\r\n", 4) == [250, 250, 250, 354]
        w.say(text + b".")
    with Wire(house) as w:
        w.codes(envelope(), 3)
        w.say(b"BDAT 100000 LAST\r\n" + text)
    with Wire(house) as w:
        assert w.codes(b"NOOP\r\n", 1) == [250]
    assert absent(house, subject)


# ---- LMTP ----

def test_lmtp(house):
    subject, text = message()
    with smtplib.LMTP(house.host, house.port("lmtp"), local_hostname="client.test") as s:
        assert s.docmd("EHLO", "client.test")[0] == 500
        refused = s.sendmail("sender@elsewhere.test", [house.alice, "nobody@demo.test"], text)
        assert list(refused) == ["nobody@demo.test"] and refused["nobody@demo.test"][0] == 550
    got, = find(house, subject)
    assert b" with LMTP id " in got


def test_lmtp_answers_each_recipient(house):
    _, text = message()
    with Wire(house, "lmtp") as w:
        group = (b"LHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@demo.test>\r\n"
                 b"RCPT TO:<bob@demo.test>\r\nDATA\r\n")
        assert w.codes(group, 5) == [250, 250, 250, 250, 354]
        w.say(text + b".\r\n")
        for user in (house.alice, house.bob):
            code, lines = w.reply()
            assert code == 250 and f"<{user}>" in lines[0]
        assert w.codes(b"QUIT\r\n", 1) == [221]


# ---- clients from the distribution ----

@needs("curl")
def test_curl(house, tmp_path):
    subject, text = message()
    (tmp_path / "m").write_bytes(text)
    subprocess.run(["curl", "-sS", f"smtp://{house.host}:{house.port('smtp')}/client.test",
                    "--mail-from", "sender@elsewhere.test", "--mail-rcpt", house.alice,
                    "-T", str(tmp_path / "m")], check=True, timeout=120)
    assert find(house, subject)[0].endswith(text)


@needs("swaks")
def test_swaks_with_tls(house):
    subject = uuid.uuid4().hex
    subprocess.run(["swaks", "--server", f"{house.host}:{house.port('smtp')}", "--tls", "--ehlo", "client.test",
                    "--from", "sender@elsewhere.test", "--to", house.alice, "--header", f"Subject: {subject}"],
                   check=True, timeout=120, stdout=subprocess.DEVNULL)
    assert b" with ESMTPS id " in find(house, subject)[0]


@needs("smtp-source")
def test_a_load_arrives_once(house):
    subject = uuid.uuid4().hex
    subprocess.run(["smtp-source", "-s", "16", "-m", "320", "-l", "10240", "-S", subject, "-d",
                    "-f", "sender@elsewhere.test", "-t", house.bob, f"{house.host}:{house.port('smtp')}"],
                   check=True, timeout=300)
    with mailbox(house, house.bob) as box:
        _, found = box.uid("SEARCH", "SUBJECT", subject)
        assert len(found[0].split()) == 320


# ---- a role dies ----

@needs("smtp-source")
@pytest.mark.parametrize("role", ["intake", "store"])
def test_a_role_that_dies_loses_and_doubles_nothing(role):
    subject = uuid.uuid4().hex
    with Mailstead() as house:
        load = subprocess.Popen(["smtp-source", "-s", "8", "-m", "400", "-l", "2048", "-S", subject, "-d",
                                 "-f", "sender@elsewhere.test", "-t", house.bob,
                                 f"{house.host}:{house.port('smtp')}"])
        for life in range(1, 4):
            house.await_log(r"event=smtp\.message ", life * 80)
            os.kill(house.role_pids(role)[0], signal.SIGKILL)
            house.await_log(rf"event=monitor\.started what={role} ", life + 1)
        assert load.wait(300) == 0
        assert len(find(house, subject, house.bob, 400)) == 400


def test_mx_comes_back():
    with Mailstead() as house:
        with Wire(house) as w:
            os.kill(house.role_pids("mx")[0], signal.SIGKILL)
            assert w.closed()
        subject, text = message()
        with smtplib.SMTP(house.host, house.port("smtp"), timeout=60) as s:  # the port stayed open
            s.sendmail("sender@elsewhere.test", [house.alice], text)
        assert len(find(house, subject)) == 1
