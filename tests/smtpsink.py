# SPDX-License-Identifier: ISC
"""A mail server elsewhere, for tests: it takes mail by SMTP on an address of
its own, in threads, and answers RCPT by the recipient's name.

    with Sink("127.0.0.9", dsn=True) as sink: ... sink.messages"""

import contextlib
import socketserver
import threading


class Sink(socketserver.ThreadingTCPServer):
    """replies: {local part: reply to RCPT}; others get 250. messages: [(mail, [rcpt, ...], octets)], MAIL and RCPT as
    they came, without the verb."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address, port=0, dsn=False, replies=None, dialogue=None):
        self.dsn, self.replies, self.messages = dsn, replies or {}, []
        super().__init__((address, port), dialogue or Dialogue)

    @property
    def port(self):
        return self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *why):
        self.shutdown()
        self.server_close()


class Dialogue(socketserver.StreamRequestHandler):
    def say(self, *lines):
        for i, line in enumerate(lines):
            between = " " if i == len(lines) - 1 else "-"
            self.wfile.write(f"{line[:3]}{between}{line[4:]}\r\n".encode())

    def handle(self):
        with contextlib.suppress(ConnectionError):
            self.say("220 sink.remote.test")
            for line in self.rfile:
                if not self.answer(line.decode("utf-8", "replace").strip()):
                    return

    def answer(self, line):
        verb, rest = line[:4].upper(), line.partition(":")[2]
        if verb == "EHLO":
            self.say("250 sink.remote.test", "250 8BITMIME", *(["250 DSN"] if self.server.dsn else []))
        elif verb == "MAIL":
            self.mail, self.rcpts = rest, []
            self.say("250 2.1.0 fine")
        elif verb == "RCPT":
            reply = self.server.replies.get(rest.split("@")[0].lstrip("<"), "250 2.1.5 fine")
            if reply.startswith("2"):
                self.rcpts.append(rest)
            self.say(reply)
        elif verb == "DATA" and self.rcpts:
            self.say("354 go on")
            return self.take(self.body())
        elif verb == "QUIT":
            self.say("221 2.0.0 bye")
            return False
        else:
            self.say("250 2.0.0 fine" if verb in ("RSET", "NOOP") else "503 5.5.1 not now")
        return True

    def take(self, octets):
        """A whole message; False ends the connection."""
        self.server.messages.append((self.mail, self.rcpts, octets))
        self.say("250 2.0.0 kept as 17")
        return True

    def body(self):
        octets = b""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("closed within a message")
            octets += line[1:] if line.startswith(b".") else line
        return octets
