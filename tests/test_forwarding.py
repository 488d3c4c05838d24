# SPDX-License-Identifier: ISC
"""Mail that an alias leads on to another server: its sender is rewritten, an
ARC set tells what was found here (RFC 8617), and a bounce finds its way back."""

import json
import queue
import smtplib
import socketserver
import threading

import pytest

from dnsserver import DnsServer
from mailstead import Site, free_port_base

dkim = pytest.importorskip("dkim")

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
    port = free_port_base() + 25
    with DnsServer(records) as dns, Site(
            f'resolver = "127.0.0.1:{dns.port}"\nlisten smtp {{ address = 127.0.0.1, port = {port} }}\n') as site:
        site.smtp_port = port
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
