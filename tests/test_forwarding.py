# SPDX-License-Identifier: ISC
"""Mail that an alias leads on to another server: its sender is rewritten, an
ARC set tells what was found here (RFC 8617), and a bounce finds its way back."""

import json
import queue
import smtplib
import socketserver
import threading

import dkim
import imapwire
import pytest

from dnsserver import DnsServer
from mailstead import Site, free_port_base

MESSAGE = b"From: zed@zed.test\r\nTo: fwd@site.test\r\nSubject: goes on\r\n\r\nBody\r\n"


class Sink(socketserver.ThreadingTCPServer):
    """A server that takes everything: (sender, recipients, message) into a queue."""

    daemon_threads = allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.taken = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Conversation(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def handle(self):
        sender, to = None, []
        self.say(b"220 mx.far.test ESMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say(b"250 mx.far.test")
            elif verb == b"MAIL":
                sender, to = line.split(b"<")[1].split(b">")[0].decode(), []
                self.say(b"250 2.1.0 Ok")
            elif verb == b"RCPT":
                to.append(line.split(b"<")[1].split(b">")[0].decode())
                self.say(b"250 2.1.5 Ok")
            elif verb == b"DATA":
                self.say(b"354 Go on")
                body = b""
                while (more := self.rfile.readline()) not in (b".\r\n", b""):
                    body += more[1:] if more.startswith(b".") else more
                self.server.taken.put((sender, to, body))
                self.say(b"250 2.0.0 Taken")
            elif verb == b"QUIT":
                self.say(b"221 2.0.0 Bye")
                return
            else:
                self.say(b"250 2.0.0 Ok")


@pytest.fixture(scope="module", name="sink")
def sink_fixture():
    with Sink() as sink:
        yield sink
        sink.shutdown()


@pytest.fixture(scope="module", name="site")
def site_fixture(sink):
    records = {("far.test", "MX"): ["10 mx.far.test."], ("zed.test", "MX"): ["10 mx.far.test."],
               ("mx.far.test", "A"): ["127.0.0.1"]}
    base = free_port_base()
    port = base + 25
    with DnsServer(records) as dns, Site(
            f'resolver = "127.0.0.1:{dns.port}"\nlisten smtp {{ address = 127.0.0.1, port = {port} }}\n'
            f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n") as site:
        site.base, site.smtp_port, site.password = base, port, "secret"
        site.run("set", "outbound.port", str(sink.port))
        site.run("set", "outbound.loopback", "on")
        site.run("domain", "add", "site.test")
        site.run("alias", "add", "fwd@site.test", "out@far.test")
        yield site


def deliver(site, sender, to, message=MESSAGE):
    with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=60) as s:
        return s.sendmail(sender, [to], message)


def keys_of(site):
    shown = json.loads(site.run("domain", "show", "site.test", "--json"))
    table = {r["name"]: r["value"].encode() for r in shown["records"] if r["type"] == "TXT"}
    return lambda name, timeout=5: table.get(name.decode().rstrip(".").lower())


def test_there_and_back(site, sink):
    deliver(site, "zed@zed.test", "fwd@site.test")
    sender, to, message = sink.taken.get(timeout=60)
    assert to == ["out@far.test"]
    assert sender.startswith("SRS0=") and sender.endswith("=zed.test=zed@site.test")
    assert message.endswith(MESSAGE)
    assert b"; arc=none;" in message.replace(b"\r\n\t", b" ") and b"dkim=none" in message
    assert dkim.arc_verify(message, dnsfunc=keys_of(site))[0] == dkim.CV_Pass

    deliver(site, "", sender, b"From: mailer-daemon@far.test\r\nSubject: bounce\r\n\r\nNo\r\n")
    back, to, message = sink.taken.get(timeout=60)
    assert (back, to) == ("", ["zed@zed.test"]) and b"Subject: bounce\r\n" in message

    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(site, "spam@spam.test", sender)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(site, "", sender.replace("zed@", "zee@"))


# ---- accounts that forward ----


def account(site, name):
    address = f"{name}@site.test"
    site.run("account", "add", address, "--password-stdin", stdin=site.password + "\n")
    return address


def shown(site, address):
    return json.loads(site.run("account", "show", address, "--json"))


def arrives(site, owner, subject):
    with imapwire.Wire(site).sign_in(owner) as wire:
        wire.select()
        wire.await_message(subject, 60)


def letter(subject):
    return f"From: zed@zed.test\r\nSubject: {subject}\r\n\r\nBody\r\n".encode()


def test_an_account_forwards_elsewhere(site, sink):
    mia = account(site, "mia")
    site.run("account", "forward", mia, "Out@Far.test", "--no-keep")
    assert (shown(site, mia)["forwards"], shown(site, mia)["keep"]) == (["Out@Far.test"], False)
    assert "forwards   Out@Far.test\n           no copy is kept\n" in site.run("account", "show", mia)
    deliver(site, "zed@zed.test", mia, letter("moved"))
    sender, to, message = sink.taken.get(timeout=60)
    assert sender.startswith("SRS0=") and sender.endswith("=zed.test=zed@site.test") and to == ["Out@far.test"]
    assert dkim.arc_verify(message, dnsfunc=keys_of(site))[0] == dkim.CV_Pass
    assert shown(site, mia)["messages"] == 0

    site.run("account", "forward", mia, "out@far.test")
    assert shown(site, mia)["keep"] is True
    deliver(site, "zed@zed.test", mia, letter("both"))
    assert sink.taken.get(timeout=60)[1] == ["out@far.test"]
    arrives(site, mia, "both")

    site.run("account", "forward", mia, "--off")
    assert shown(site, mia)["forwards"] == []
    assert "forwards" not in site.run("account", "show", mia)
    deliver(site, "zed@zed.test", mia, letter("stays"))
    arrives(site, mia, "stays")
    assert sink.taken.empty()


def test_what_comes_back_ends(site, sink):
    mail = account(site, "loop")
    site.run("account", "forward", mail, "out@far.test", "--no-keep")
    deliver(site, "zed@zed.test", mail, letter("round"))
    sender, _, message = sink.taken.get(timeout=60)
    assert message.startswith(f"Delivered-To: {mail}\r\nARC-Seal:".encode())
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        deliver(site, sender, mail, message)
    assert refusal.value.smtp_code == 554 and refusal.value.smtp_error.startswith(b"5.4.6 ")
    assert sink.taken.empty()


def test_accounts_forward_to_each_other(site):
    ann, ben = account(site, "ann"), account(site, "ben")
    site.run("account", "forward", ann, ben, "--no-keep")
    deliver(site, "zed@zed.test", ann, letter("for ann"))
    arrives(site, ben, "for ann")
    site.run("account", "forward", ben, ann, "--no-keep")
    deliver(site, "zed@zed.test", ann, letter("around"))
    arrives(site, ann, "around")
    assert (shown(site, ann)["messages"], shown(site, ben)["messages"]) == (1, 1)


def test_a_target_that_is_suspended(site):
    eve, sam = account(site, "eve"), account(site, "sam")
    site.run("account", "forward", eve, sam, "--no-keep")
    site.run("account", "suspend", sam)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(site, "zed@zed.test", eve, letter("nowhere"))
    site.run("account", "forward", eve, sam, "--keep")
    deliver(site, "zed@zed.test", eve, letter("kept"))
    arrives(site, eve, "kept")


def test_what_account_forward_refuses(site):
    kim = account(site, "kim")
    for words in (["nobody@site.test"], ["nonsense"], ["out@far.test", "--keep", "--no-keep"],
                  ["out@far.test", "--off"], []):
        with pytest.raises(AssertionError, match=": [12]\n"):
            site.run("account", "forward", kim, *words)
    assert shown(site, kim)["forwards"] == []
