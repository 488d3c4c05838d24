# SPDX-License-Identifier: ISC
"""What goes on the wire, octet by octet: messages that are no good mail, sent by an account, and what servers that offer
little, something and everything get of them (RFC 5321 2.3.8, 4.5.2, 4.5.3.1.6, RFC 6152 3, RFC 3030 2, 3)."""

import email
import email.policy
import re
import smtplib
import threading

import pytest

from mailstead import Site, free_port_base
from smtpsink import Dialogue, Sink

USER = "user@site.test"
OFFERS = {"plain": [], "eight": ["8BITMIME"], "full": ["8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8"]}
LINE = 998  # octets of a line of text without its end (RFC 5321 4.5.3.1.6)


class Exact(Dialogue):
    """Keeps what it is sent as it came: (way, octets), by DATA with its dots."""

    def answer(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "EHLO":
            self.say("250 exact.test", *(f"250 {word}" for word in self.server.offers))
        elif verb == "BDAT":
            words = rest.split()
            assert words[1:] == ["LAST"]
            self.keep("BDAT", self.rfile.read(int(words[0])))
        elif verb == "DATA":
            self.say("354 go on")
            lines = [b"\r\n"]
            while lines[-1] != b".\r\n" or not lines[-2].endswith(b"\r\n"):
                lines.append(self.rfile.readline())
            self.keep("DATA", b"".join(lines[1:-1]))
        else:
            return super().answer(line)
        return True

    def keep(self, way, octets):
        with self.server.changed:
            self.server.kept[self.rcpts[0].partition("@")[0].strip("<")] = way, self.mail, octets
            self.server.changed.notify_all()
        self.say("250 2.0.0 kept")


class ExactSink(Sink):
    def __init__(self, address, offers):
        self.offers, self.kept, self.changed = offers, {}, threading.Condition()
        super().__init__(address, dialogue=Exact)

    def await_kept(self, name):
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.kept, 120), name
        return self.kept[name]


@pytest.fixture(name="wire", scope="module")
def wire_fixture():
    base = free_port_base()
    with ExactSink("127.0.0.51", OFFERS["plain"]) as plain, ExactSink("127.0.0.52", OFFERS["eight"]) as eight, \
            ExactSink("127.0.0.53", OFFERS["full"]) as full:
        sinks = {"plain": plain, "eight": eight, "full": full}
        routes = "".join(f'route "{name}.test" {{ host = "{s.server_address[0]}", port = {s.port}, tls = none }}\n'
                         for name, s in sinks.items())
        with Site(f"{routes}listen submission {{ address = 127.0.0.1, port = {base + 587}, plain_auth = yes }}\n"
                  f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n") as site:
            site.base, site.sinks = base, sinks
            site.run("domain", "add", "site.test")
            site.run("set", "suppression.keep", "0")
            site.run("account", "add", USER, "--password-stdin", stdin=site.password + "\n")
            yield site


def send(site, name, octets, options=(), where=OFFERS):
    """The message to `name` at each server, as its octets are, by DATA; what the end was answered."""
    with smtplib.SMTP(site.host, site.port("submission"), timeout=120) as client:
        client.login(USER, site.password)
        assert client.mail(USER, options)[0] == 250
        for server in where:
            assert client.rcpt(f"{name}@{server}.test")[0] == 250
        assert client.docmd("DATA")[0] == 354
        if not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        client.send(re.sub(rb"(\A|\r\n)\.", rb"\1..", octets) + b".\r\n")
        return client.getreply()


def text_of(way, octets):
    """The message, of which DATA keeps the rules of text."""
    if way == "BDAT":
        return octets
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", octets)
    lines = octets.split(b"\r\n")
    assert lines[-1] == b"" and b"." not in lines
    lines = [line[1:] if line.startswith(b".") else line for line in lines]
    assert max(map(len, lines)) <= LINE
    return b"\r\n".join(lines)


def got(site, name, where=OFFERS):
    """{server: (way, MAIL, message)}, each with its text in 7 bits where no more is offered."""
    found = {}
    for server in where:
        way, mail, octets = site.sinks[server].await_kept(name)
        found[server] = way, mail, text_of(way, octets)
        assert server != "plain" or (way == "DATA" and found[server][2].isascii())
        assert (way == "BDAT") <= (server == "full")
    return found


def body_of(octets):
    return email.message_from_bytes(octets, policy=email.policy.default).get_payload(decode=True)


def head(name, more=b""):
    return b"From: <" + USER.encode() + b">\r\nSubject: " + name.encode() + b"\r\n" + more + b"\r\n"


TEXT8 = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"


BODIES = {"nul": b"a\0b\r\n", "long": b"x" * 1200 + b"\r\nshort\r\n", "longest": b"y" * (1 << 20) + b"\r\n",
          "eightbit": "grüße\r\n".encode() * 10, "long8": "ü".encode() * 2000 + b"\r\n"}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_arrive_whole(wire, name):
    body = BODIES[name]
    assert send(wire, name, head(name, TEXT8) + body)[0] == 250
    for server, (_, mail, octets) in got(wire, name).items():
        assert body_of(octets) == body, (server, octets[:3000])
        assert ("BODY=8BITMIME" in mail) == (not octets.isascii())


def test_what_stands_alone_is_mended(wire):
    assert send(wire, "alone", head("alone") + b"a\rb\nc\r\r\n\n.d\n.\ne\r")[0] == 250
    for server, (_, _, octets) in got(wire, "alone").items():
        assert octets.partition(b"\r\n\r\n")[2] == b"a\r\nb\r\nc\r\n\r\n.d\r\n.\r\ne\r\n", server


def test_dots_at_each_border(wire):
    """Lines that begin with dots at every offset that a buffer may end at."""
    body = b"".join(b"." * (1 + i % 3) + b"z" * (i % 61) + b"\r\n" for i in range(30000))
    assert send(wire, "dots", head("dots") + body)[0] == 250
    for server, (_, _, octets) in got(wire, "dots").items():
        assert octets.partition(b"\r\n\r\n")[2] == body, server


def test_what_has_no_header_gets_one(wire):
    for name, octets in (("none", b"\r\nonly a body\r\n"), ("bodyonly", b"only a body\r\n")):
        assert send(wire, name, octets)[0] == 250
        for server, (_, _, arrived) in got(wire, name).items():
            header, _, body = arrived.partition(b"\r\n\r\n")
            assert body == b"only a body\r\n" and re.search(rb"(?m)^Date: .*\r\n", header + b"\r\n"), (server, arrived)


def failed(site, name, server):
    return site.await_log(rf"event=outbound\.failed .*to={name}@{server}\.test .*")


def test_octets_over_127_in_a_header(wire):
    """RFC 6532 3.2 needs SMTPUTF8; what is not even UTF-8 needs 8BITMIME, as ever."""
    for name, value in (("latin", b"gr\xfc\xdfe"), ("utf", "grüße".encode())):
        assert send(wire, name, head(name, b"X-Word: " + value + b"\r\n"))[0] == 250
    assert "5.6.3" in failed(wire, "latin", "plain")
    for server in ("plain", "eight"):
        assert "5.6.9" in failed(wire, "utf", server)
    for _, mail, octets in got(wire, "latin", ("eight", "full")).values():
        assert b"X-Word: gr\xfc\xdfe\r\n" in octets and "BODY=8BITMIME" in mail and "SMTPUTF8" not in mail
    _, mail, octets = got(wire, "utf", ("full",))["full"]
    assert "X-Word: grüße\r\n".encode() in octets and "SMTPUTF8" in mail


def test_a_line_of_a_header_that_is_too_long_is_folded(wire):
    """Nothing encodes it: it is broken, as Postfix does it (RFC 5322 2.1.1, 2.2.3)."""
    assert send(wire, "folded", head("folded", b"X-Long: " + b"q" * 3000 + b"\r\n") + b"text\r\n")[0] == 250
    for server, (way, _, octets) in got(wire, "folded").items():
        message = email.message_from_bytes(octets, policy=email.policy.compat32)
        assert re.sub(r"\s", "", message["X-Long"]) == "q" * 3000 and way == "DATA", server
        assert octets.endswith(b"\r\n\r\ntext\r\n")


def test_what_stands_in_a_binary_part(wire):
    """Lines of text with octets over 127 are that, whatever the label says."""
    label = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: binary\r\n"
    assert send(wire, "label", head("label", label) + "grüße\r\n".encode())[0] == 250
    for server, (_, mail, octets) in got(wire, "label").items():
        assert body_of(octets) == "grüße\r\n".encode(), server
        assert ("BODY=8BITMIME" in mail) == (not octets.isascii())


def test_what_is_too_much(wire):
    """A header of 10 MB is one; a line that no server takes, or a message that goes in circles, is refused at once."""
    many = b"".join(b"X-Field-%d: %s\r\n" % (i, b"v" * 70) for i in range(120000))
    assert send(wire, "header", head("header", many) + b"text\r\n", where=("eight",))[0] == 250
    assert got(wire, "header", ("eight",))["eight"][2].endswith(many + b"\r\ntext\r\n")
    code, words = send(wire, "line", head("line") + b"y" * ((1 << 20) + 1))
    assert (code, words[:5]) == (550, b"5.6.0")
    code, words = send(wire, "circle", head("circle", b"Received: from a by b\r\n" * 1000))
    assert (code, words[:5]) == (554, b"5.4.6")
