# SPDX-License-Identifier: ISC
"""Mail that leaves by a route of the operator, and a stop while a server
elsewhere does not answer."""

import base64
import email
import email.policy
import os
import smtplib
import ssl
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import imapwire
import policyhost
from dnsserver import DnsServer
from mailstead import Site, free_port_base
from smtpsink import Dialogue, Sink

LMTP, HANGING, SMART = "127.0.0.31", "127.0.0.32", "127.0.0.33"
USER = "user@site.test"


class Lmtp(Dialogue):
    """RFC 2033 4.2: LHLO, and an answer for each recipient behind the message."""

    def answer(self, line):
        if line.upper().startswith("LHLO"):
            self.say("250 mailbox.test", "250 PIPELINING")
            return True
        return super().answer(line)

    def take(self, octets):
        self.server.messages.append((self.mail, self.rcpts, octets))
        for who in self.rcpts:
            self.say("552 5.2.2 full up" if who.startswith("<full") else "250 2.1.5 in the box")
        return True


class Hanging(Dialogue):
    """Answers the first message only when it is let go."""

    def take(self, octets):
        first = not self.server.messages
        self.server.messages.append((self.mail, self.rcpts, octets))
        with self.server.changed:
            self.server.changed.notify_all()
        if first:
            self.server.release.wait(120)
            return False
        self.say("250 2.0.0 at last")
        return True


class Smart(Dialogue):
    """Takes mail of who signs in (RFC 4954)."""

    user = None

    def answer(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "EHLO":
            self.say("250 smart.test", "250 AUTH PLAIN")
        elif verb == "AUTH":
            self.user = base64.b64decode(rest.split()[1]).decode()
            self.say("235 2.7.0 welcome")
        else:
            return super().answer(line)
        return True

    def take(self, octets):
        self.server.users.append((self.user, self.rcpts))
        return super().take(octets)


class SmartSink(Sink):
    """With TLS from the first octet (RFC 8314 3.3), as smart.test."""

    def __init__(self, folder):
        keys, self.users = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)], []
        root = policyhost.certificate((), keys[0])
        leaf = policyhost.certificate(["smart.test"], keys[1], root, keys[0])
        self.ca, own = os.path.join(folder, "ca.pem"), os.path.join(folder, "own.pem")
        for path, text in ((self.ca, policyhost.pem(root)), (own, policyhost.pem(leaf, keys[1]))):
            with open(path, "wb") as f:
                f.write(text)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own)
        super().__init__(SMART, dialogue=Smart)

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True), address


class HangingSink(Sink):
    def __init__(self, address):
        self.changed, self.release = threading.Condition(), threading.Event()
        super().__init__(address, dialogue=Hanging)

    def await_messages(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= count, 60), self.messages


@pytest.fixture(name="sinks", scope="module")
def sinks_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smart")
    os.chmod(folder, 0o755)
    with Sink(LMTP, dialogue=Lmtp) as lmtp, HangingSink(HANGING) as hanging, SmartSink(folder) as smart:
        yield lmtp, hanging, smart
        hanging.release.set()


@pytest.fixture(name="site", scope="module")
def site_fixture(sinks):
    base, (lmtp, hanging) = free_port_base(), sinks[:2]
    smart = f'port = {sinks[2].port}, tls = implicit, user = "me", password = "mine"'
    records = {("smart.test", "A"): [SMART], ("other.test", "A"): [SMART],
               ("hangs.test", "MX"): ["10 mx.hangs.test."], ("mx.hangs.test", "A"): [HANGING]}
    with DnsServer(records) as dns, Site(
            f'resolver = "127.0.0.1:{dns.port}"\n'
            f'route "boxes.test" {{ host = "{LMTP}", port = {lmtp.port}, protocol = lmtp }}\n'
            f'route "by-smart.test" {{ host = "smart.test", {smart} }}\n'
            f'route "by-other.test" {{ host = "other.test", {smart} }}\n'
            f'ca_file = "{sinks[2].ca}"\n'
            f"listen submission {{ address = 127.0.0.1, port = {base + 587}, plain_auth = yes }}\n"
            f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n") as site:
        site.base = base
        site.run("domain", "add", "site.test")
        site.run("account", "add", USER, "--password-stdin", stdin=site.password + "\n")
        site.run("set", "outbound.loopback", "on")
        site.run("set", "outbound.port", str(hanging.port))
        yield site


def send(site, recipients, rcpt=()):
    with smtplib.SMTP(site.host, site.port("submission"), timeout=60) as s:
        s.login(USER, site.password)
        assert s.sendmail(USER, recipients, f"From: {USER}\r\nSubject: out\r\n\r\nthe words\r\n", (), rcpt) == {}


def told(site, count):
    """What the sender's notices say of each recipient, when so many notices have come."""
    with imapwire.Wire(site).sign_in(USER) as wire:
        wire.select()
        wire.await_found("ALL", count)
        said = {}
        for r in wire.ok("UID FETCH 1:* (BODY.PEEK[])"):
            if r[2:3] == [b"FETCH"]:
                octets = r[3][[k == b"BODY[]" for k in r[3][::2]].index(True) * 2 + 1]
                notice = email.message_from_bytes(octets, policy=email.policy.default)
                for about in list(notice.iter_parts())[1].get_payload()[1:]:
                    said[about["Final-Recipient"].partition(";")[2].strip()] = about["Action"], about["Status"]
        return said


def test_by_lmtp_it_is_delivered(site, sinks):
    """RFC 2033 4, RFC 3461 5.2.2: nobody else tells of what is in the mailbox."""
    send(site, ["ann@boxes.test", "full@boxes.test"], ["NOTIFY=SUCCESS,FAILURE"])
    assert told(site, 2) == {"ann@boxes.test": ("delivered", "2.1.5"), "full@boxes.test": ("failed", "5.2.2")}
    assert [r for _, rcpts, _ in sinks[0].messages for r in rcpts] == ["<ann@boxes.test>", "<full@boxes.test>"]


def test_a_smarthost_proves_who_it_is_before_we_sign_in(site, sinks):
    """other.test has the certificate of smart.test: nothing is said to it (RFC 6125 6.4)."""
    send(site, ["carol@by-other.test"])
    site.await_log(r"event=outbound\.later .*to=carol@by-other\.test")
    send(site, ["dave@by-smart.test"])
    site.await_log(r"event=outbound\.delivered .*to=dave@by-smart\.test .*pkix")
    assert sinks[2].users == [("\0me\0mine", ["<dave@by-smart.test>"])]
    site.run("queue", "drop", "--all", "--silent")


def test_a_stop_does_not_wait_for_a_server_that_hangs(site, sinks):
    """Its message is tried again after the start: the answer to the final dot was never there (RFC 5321 4.2.5)."""
    send(site, ["ben@hangs.test"])
    sinks[1].await_messages(1)
    site.stop()
    assert "event=outbound.later" in site.log() and "event=role.stopped" in site.log()
    site.start()
    site.run("queue", "retry", "--all")
    sinks[1].await_messages(2)
    site.await_log(r"event=outbound\.delivered .*to=ben@hangs\.test")
