# SPDX-License-Identifier: ISC
"""Submission from outside, on 465 and 587: signing in and being refused, with
clients that nobody here wrote, what must not pass without an account, and what
arrives. test_scram.py has SCRAM over submission."""

import base64
import json
import re
import smtplib
import ssl

import pytest

from clients import needs, reader, run, unique
from test_smtp import Wire

PLAIN = base64.b64encode(b"\0alice@demo.test\0demo")
FAR = "someone@far.test"


def context(house):
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    return made


def connect(house, port):
    if port == "submissions":
        return smtplib.SMTP_SSL(house.host, house.port(port), "client.test", timeout=60, context=context(house))
    client = smtplib.SMTP(house.host, house.port(port), "client.test", timeout=60)
    client.starttls(context=context(house))
    return client


class Desk(Wire):
    """A bare connection to port 587 in clear, which the demo allows on loopback; signed in unless told otherwise."""

    def __init__(self, house, sign_in=True):
        super().__init__(house, "submission")
        assert self.codes(b"EHLO client.test\r\n", 1) == [250]
        if sign_in:
            assert self.enhanced(b"AUTH PLAIN " + PLAIN + b"\r\n") == "235 2.7.0"


# ---- signing in ----

@pytest.mark.parametrize("port", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib_signs_in(house, port, mechanism):
    with connect(house, port) as client:
        client.ehlo()
        assert mechanism in client.esmtp_features["auth"].split()
        client.user, client.password = house.alice, house.password
        code, _ = client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
        assert code == 235
        code, words = client.docmd("AUTH", "PLAIN " + PLAIN.decode())
        assert (code, words[:5]) == (503, b"5.5.1")


@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_a_wrong_password_is_refused(house, port):
    with connect(house, port) as client, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        client.login(house.alice, "wrong")
    assert refused.value.smtp_code == 535 and refused.value.smtp_error.startswith(b"5.7.8 ")


def test_what_is_offered_with_and_without_tls(house):
    client = smtplib.SMTP(house.host, house.port("submission"), "client.test", timeout=60)
    client.ehlo()
    assert "starttls" in client.esmtp_features and "requiretls" not in client.esmtp_features
    client.starttls(context=context(house))
    client.ehlo()
    offered = client.esmtp_features
    assert "starttls" not in offered and offered["auth"].split() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    assert set(offered) >= {"pipelining", "8bitmime", "smtputf8", "size", "chunking", "binarymime", "dsn", "auth",
                            "enhancedstatuscodes", "requiretls", "limits", "futurerelease", "deliverby", "mt-priority"}
    assert "burl" not in offered
    client.quit()


def test_nobody_sends_without_an_account(house):
    with Desk(house, sign_in=False) as wire:
        wire.say(f"MAIL FROM:<{house.alice}>\r\nRCPT TO:<{FAR}>\r\nRCPT TO:<{house.bob}>\r\nDATA\r\n".encode())
        assert [wire.reply()[0] for _ in range(4)] == [530, 503, 503, 503]
        assert wire.enhanced(b"BDAT 4 LAST\r\nabcd") == "503 5.5.1"
        assert wire.enhanced(f"MAIL FROM:<{house.alice}> AUTH={house.alice}\r\n".encode()) == "530 5.7.0"


def test_port_25_relays_for_nobody(house):
    with Wire(house) as wire:
        assert wire.codes(b"EHLO client.test\r\n", 1) == [250]
        assert wire.enhanced(b"AUTH PLAIN " + PLAIN + b"\r\n") == "500 5.5.1"
        assert wire.codes(f"MAIL FROM:<{house.alice}>\r\n".encode(), 1) == [250]
        for address in (FAR, f"@mail.demo.test:{FAR}", "someone%far.test@elsewhere.test"):
            assert wire.enhanced(f"RCPT TO:<{address}>\r\n".encode()) == "550 5.7.1"


@needs("curl")
def test_curl_is_refused_with_a_wrong_password(house):
    done = run("curl", "-sSv", "--cacert", house.ca, "--resolve", f"{house.hostname}:{house.port('submissions')}:127.0.0.1",
               "-u", f"{house.alice}:wrong", "--mail-from", house.alice, "--mail-rcpt", FAR, "-T", "/dev/null",
               f"smtps://{house.hostname}:{house.port('submissions')}", check=False)
    assert done.returncode != 0 and "535 5.7.8" in done.stdout, done.stdout


# ---- what is sent arrives ----

def letter(house, subject, text="Hello.\r\n", sender=None):
    return (f"From: Alice <{sender or house.alice}>\r\nTo: Bob <{house.bob}>\r\nBcc: {house.admin}\r\nSubject: {subject}\r\n"
            f"\r\n{text}")


def received(house, subject, account=None, mailbox="INBOX"):
    """The octets of the one message of that subject, when it is there."""
    with reader(house, account or house.bob, mailbox) as wire:
        number = wire.await_message(subject)
        found = wire.fetch(number, "BODY.PEEK[]")[number]
        assert len(wire.search(f'SUBJECT "{subject}"')) == 1
        return next(v for k, v in found.items() if k.startswith(b"BODY["))


def test_a_message_reaches_its_recipient_and_sent(house):
    subject = unique("submitted")
    with connect(house, "submissions") as client:
        client.login(house.alice, house.password)
        client.mail(house.alice)
        client.rcpt(house.bob)
        code, words = client.data(letter(house, subject))
    assert code == 250, words
    number = re.fullmatch(rb"2\.0\.0 Accepted as ([a-z2-9]{13})", words)[1]
    there, copy = received(house, subject), received(house, subject, house.alice, "Sent")
    head = there.split(b"\r\n\r\n")[0]
    trace = re.search(rb"(?m)^Received: by mail\.demo\.test with ESMTPSA id (\S+)\r\n\t\(TLSv1\.[23] ", head)
    assert trace and trace[1] == number
    assert b"client.test" not in head and b"127.0.0.1" not in head and house.admin.encode() not in head
    assert re.search(rb"(?m)^Date: ", head) and re.search(rb"(?m)^Message-ID: <\S+@", head)
    assert copy.endswith(b"\r\n\r\nHello.\r\n")


@needs("swaks")
@pytest.mark.parametrize("port,options", [("submission", ["--tls"]), ("submissions", ["--tls-on-connect"])])
def test_swaks_sends(house, port, options):
    subject = unique("swaks")
    run("swaks", "--server", f"{house.host}:{house.port(port)}", *options, "--auth", "PLAIN", "--auth-user", house.alice,
        "--auth-password", house.password, "--from", house.alice, "--to", house.bob, "--h-From", house.alice,
        "--h-Subject", subject)
    assert received(house, subject)


@needs("msmtp")
@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256"])
def test_msmtp_sends(house, tmp_path, mechanism):
    subject = unique("msmtp")
    rc = tmp_path / "msmtprc"
    rc.write_text(f"account default\nhost {house.host}\nport {house.port('submission')}\nfrom {house.alice}\nauth {mechanism}\n"
                  f"user {house.alice}\npassword {house.password}\ntls on\ntls_starttls on\ntls_trust_file {house.ca}\n"
                  f"tls_host_override {house.hostname}\n", encoding="utf-8")
    rc.chmod(0o600)
    run("msmtp", f"--file={rc}", house.bob, input=letter(house, subject).replace("\r", ""))
    assert received(house, subject)


@needs("curl")
def test_curl_sends(house, tmp_path):
    subject = unique("curl")
    path = tmp_path / "letter"
    path.write_bytes(letter(house, subject).encode())
    run("curl", "-sS", "--cacert", house.ca, "--resolve", f"{house.hostname}:{house.port('submissions')}:127.0.0.1",
        "-u", f"{house.alice}:{house.password}", "--mail-from", house.alice, "--mail-rcpt", house.bob, "-T", str(path),
        f"smtps://{house.hostname}:{house.port('submissions')}")
    assert received(house, subject)


@needs("mutt")
@pytest.mark.parametrize("mechanism", ["scram-sha-256", "plain"])
def test_mutt_sends(house, tmp_path, mechanism):
    subject = unique("mutt")
    (tmp_path / "muttrc").write_text(
        f"set smtp_url=smtp://{house.alice}@{house.host}:{house.port('submission')}\nset smtp_pass={house.password}\n"
        f"set from={house.alice}\nset use_from=yes\nset ssl_ca_certificates_file={house.ca}\nset ssl_starttls=yes\n"
        f"set ssl_verify_host=no\nset certificate_file={house.ca}\nset record=\nset smtp_authenticators={mechanism}\n", encoding="utf-8")
    run("mutt", "-F", str(tmp_path / "muttrc"), "-s", subject, "--", house.bob, input="Hello from mutt.\n",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"})
    assert b"Hello from mutt." in received(house, subject)


def test_a_group_is_pipelined(house):
    subject = unique("pipelined")
    with Desk(house) as wire:
        wire.say(f"MAIL FROM:<{house.alice}> SIZE=300\r\nRCPT TO:<{house.bob}> NOTIFY=FAILURE\r\n"
                 f"RCPT TO:<nobody@demo.test>\r\nDATA\r\n".encode())
        assert [wire.reply()[0] for _ in range(4)] == [250, 250, 550, 354]
        assert wire.enhanced(letter(house, subject).encode() + b".\r\n") == "250 2.0.0"
    assert received(house, subject)


def test_chunks_and_a_large_message(house):
    subject = unique("large")
    body = "0123456789abcdef" * 60 + "\r\n"
    message = letter(house, subject, body * 5000).encode()
    with connect(house, "submissions") as client:
        client.login(house.alice, house.password)
        client.mail(house.alice, [f"size={len(message)}"])
        client.rcpt(house.bob)
        for at in range(0, len(message), 1 << 20):
            part = message[at:at + (1 << 20)]
            client.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if at + len(part) == len(message) else b""))
            client.send(part)
            assert client.getreply()[0] == 250
    assert received(house, subject).endswith(message[-100000:])


def test_what_a_device_sends_is_mended(house):
    """Lines that end with LF alone; what looks like an end of the message between them is text."""
    subject = unique("device")
    with Desk(house) as wire:
        assert wire.codes(f"MAIL FROM:<{house.alice}>\r\nRCPT TO:<{house.bob}>\r\nDATA\r\n".encode(), 3) == [250, 250, 354]
        said = letter(house, subject, "one\r\n.\r\nMAIL FROM:<evil@y.test>\r\n").replace("\r\n", "\n").encode()
        assert wire.enhanced(said + b"\r\n.\r\n") == "250 2.0.0"
        assert wire.enhanced(b"NOOP\r\n") == "250 2.0.0"
    assert received(house, subject).endswith(b"\r\n\r\none\r\n.\r\nMAIL FROM:<evil@y.test>\r\n\r\n")


def test_names_belong_to_the_account(house):
    with Desk(house) as wire:
        assert wire.enhanced(f"MAIL FROM:<{house.bob}>\r\n".encode()) == "550 5.7.1"
        assert wire.enhanced(b"MAIL FROM:<someone@far.test>\r\n") == "550 5.7.1"
        assert wire.enhanced(b"MAIL FROM:<alice+lists@demo.test>\r\n") == "250 2.1.0"
        assert wire.enhanced(f"RCPT TO:<{house.bob}>\r\n".encode()) == "250 2.1.5"
        assert wire.codes(b"DATA\r\n", 1) == [354]
        said = letter(house, unique("forged"), sender=house.bob).encode()
        assert wire.enhanced(said + b".\r\n") == "550 5.7.1"


def test_a_message_for_elsewhere_waits_in_the_queue(house):
    """No server of far.test answers here; that its mail was taken is seen in the queue."""
    with Desk(house) as wire:
        assert wire.codes(f"MAIL FROM:<{house.alice}> HOLDFOR=3600\r\nRCPT TO:<{FAR}>\r\nDATA\r\n".encode(), 3) == \
            [250, 250, 354]
        wire.say(letter(house, unique("far")).encode() + b".\r\n")
        code, lines = wire.reply()
    assert code == 250
    number = lines[-1].split()[-1]
    assert FAR in house.run("queue", "show", number)
    house.run("queue", "drop", number)


def test_who_is_suppressed_is_refused_with_words(house):
    address = f"gone@{FAR.split('@')[1]}"
    assert "added" in house.run("suppression", "add", address)
    with Desk(house) as wire:
        wire.say(f"MAIL FROM:<{house.alice}>\r\nRCPT TO:<{address}>\r\nRCPT TO:<{FAR}>\r\n".encode())
        assert wire.reply()[0] == 250
        code, lines = wire.reply()
        assert code == 550 and "5.1.1" in lines[0] and f"{address} was blocked here on 20" in " ".join(lines)
        assert wire.reply()[0] == 250
    listed = json.loads(house.run("suppression", "list", "--json"))
    assert [(entry["address"], entry["by"]) for entry in listed] == [(address, "operator")]
    assert address in house.run("suppression", "list")
    house.run("suppression", "remove", address)
    assert json.loads(house.run("suppression", "list", "--json")) == []
