# SPDX-License-Identifier: ISC
"""A mail server that misbehaves as it is told: a table of what it does instead
of a good answer, by the place in the dialogue.

    Bad({"rcpt": HANG})(socket) talks one SMTP connection to its bad end"""

import select
import ssl
import struct
import socket

HANG = object()  # says nothing until the client goes
CLOSE = object()
RESET = object()  # closes with RST


class Drip:
    """One octet every fifth of a second, over and over, until the client goes."""

    def __init__(self, octets):
        self.octets = octets


class Flood:
    """The same octets without an end, as fast as the client takes them."""

    def __init__(self, octets):
        self.octets = octets


class Then:
    """Says something and then does something."""

    def __init__(self, *steps):
        self.steps = steps


class Over(Exception):
    """The end of the connection."""


GOOD = {"greeting": b"220 mx.bad.test\r\n", "helo": b"250 mx.bad.test\r\n", "starttls": b"220 go on\r\n",
        "mail": b"250 2.1.0 fine\r\n", "rcpt": b"250 2.1.5 fine\r\n", "data": b"354 go on\r\n",
        "dot": b"250 2.0.0 kept\r\n", "quit": b"221 2.0.0 bye\r\n", "rset": b"250 2.0.0 fine\r\n"}
VERBS = {b"EHLO": "ehlo", b"HELO": "helo", b"STAR": "starttls", b"MAIL": "mail", b"RCPT": "rcpt", b"DATA": "data",
         b"QUIT": "quit", b"RSET": "rset"}


class Bad:
    """steps: {place: octets | HANG | CLOSE | RESET | Drip | Flood | Then | callable(dialogue)}; offers: of EHLO. kept: what was taken
    with a good answer, as octets. senders: the lines of MAIL. where: place -> how often a client came there, told by `told` if it is given."""

    def __init__(self, steps, offers=("8BITMIME",), certificate=None, told=None):
        self.steps, self.offers, self.certificate, self.told = steps, offers, certificate, told or (lambda place: None)
        self.kept, self.recipients, self.senders = [], [], []

    def __call__(self, connection):
        Dialogue(self, connection).run()


class Dialogue:
    def __init__(self, bad, connection):
        self.bad, self.socket, self.pending, self.rcpts = bad, connection, b"", []

    # ---- octets ----

    def gone(self, seconds):
        """Whether the client ends the connection in this time; what it says meanwhile is dropped."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return False
        return self.socket.recv(1 << 16) == b""

    def line(self):
        while b"\n" not in self.pending:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise Over
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        return line.rstrip(b"\r")

    def do(self, step):
        if isinstance(step, bytes):
            self.socket.sendall(step)
        elif isinstance(step, Then):
            for one in step.steps:
                self.do(one)
        elif isinstance(step, Drip):
            at = 0
            while not self.gone(0.2):
                self.socket.sendall(step.octets[at % len(step.octets):][:1])
                at += 1
            raise Over
        elif isinstance(step, Flood):
            while True:
                self.socket.sendall(step.octets * 100)
        elif step is HANG:
            while not self.gone(None):
                pass
            raise Over
        elif step is RESET:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Over
        elif step is CLOSE:
            raise Over
        else:
            step(self)

    # ---- the dialogue ----

    def at(self, place):
        self.bad.told(place)
        if place == "ehlo" and place not in self.bad.steps:
            lines = ["mx.bad.test", *self.bad.offers]
            self.do("".join(f"250{'-' if i < len(lines) - 1 else ' '}{w}\r\n" for i, w in enumerate(lines)).encode())
        else:
            self.do(self.bad.steps.get(place, GOOD.get(place, b"502 5.5.1 what\r\n")))

    def message(self):
        if "content" in self.bad.steps:
            self.do(self.bad.steps["content"])
        octets = b""
        while (line := self.line()) != b".":
            octets += line + b"\r\n"
        self.at("dot")
        if self.bad.steps.get("dot", b"2").startswith(b"2"):
            self.bad.kept.append(octets)
            self.bad.recipients += self.rcpts

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.bad.certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def run(self):
        try:
            self.at("greeting")
            while True:
                line = self.line()
                place = VERBS.get(line[:4].upper(), "else")
                if place == "mail":
                    self.rcpts = []
                    self.bad.senders.append(line)
                elif place == "rcpt":
                    self.rcpts.append(line[8:])
                self.at(place)
                if place == "starttls" and "starttls" not in self.bad.steps:
                    self.start_tls()
                elif place == "data" and isinstance(self.bad.steps.get("data", b"3"), bytes) and \
                        self.bad.steps.get("data", b"3").startswith(b"3"):
                    self.message()
                elif place == "quit":
                    return
        except Over:
            pass
