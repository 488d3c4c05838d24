# SPDX-License-Identifier: ISC
"""Submission from outside, on 465 and 587: signing in and being refused, with
clients that nobody here wrote, and what must not pass without an account."""

import base64
import re
import smtplib
import ssl

import pytest

from clients import needs, run, unique
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
    assert "starttls" not in offered and "SCRAM-SHA-256-PLUS" in offered["auth"].split()
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
