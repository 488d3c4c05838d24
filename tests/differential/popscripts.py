# SPDX-License-Identifier: ISC
"""Scripts of POP3 commands that are said to Mailstead and to its peers alike
(*.popscript): a connection's name and its command. Capital letters are signed
in when they are first used. "I:" speaks IMAP, to bring messages:

    I: APPEND INBOX <<simple>>
    A: STAT
    A: RETR 1

What is compared is +OK or -ERR, the response code, the numbers of STAT and LIST,
and the lines of RETR and TOP; of UIDL that all differ and stay (RFC 1939)."""

import contextlib
import glob
import os
import re

from differential import scripts

LISTS = ("LIST", "UIDL", "RETR", "TOP", "CAPA")


class PopScript(scripts.Script):
    pass


def pop_scripts():
    return [PopScript(p) for p in sorted(glob.glob(os.path.join(scripts.FOLDER, "*.popscript")))]


class Pop:
    """One POP3 connection."""

    def __init__(self, server, account=None):
        self.file = server.connect("pop3").makefile("rwb")
        self.greeting = self.file.readline()
        if account:
            self.say(f"USER {account}")
            self.say(f"PASS {server.password}")

    def say(self, command):
        try:
            self.file.write(command.encode() + b"\r\n")
            self.file.flush()
            return dict(self._facts(command, self._line()))
        except ConnectionError:
            return {"ended": b"closed"}

    def _line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("closed")
        return line

    def _facts(self, command, line):
        word, _, argument = command.upper().partition(" ")
        yield "status", line.split()[0]
        code = re.match(rb"\S+ \[([^\]]+)\]", line)
        if code:
            yield "code", code.group(1)
        if not line.startswith(b"+OK"):
            return
        if word == "STAT" or word == "LIST" and argument:
            yield "numbers", b" ".join(line.split()[1:3])
        if word in LISTS + (() if argument else ("AUTH",)) and not (argument and word in ("LIST", "UIDL")):
            yield from self._lines(word)

    def _lines(self, word):
        lines = []
        while (line := self._line()) != b".\r\n":
            lines.append(line)
        if word == "UIDL":
            yield "unique", b"%d of %d" % (len({x.split()[1] for x in lines}), len(lines))
        elif word not in ("CAPA", "AUTH"):
            yield "lines", b"".join(lines)

    def close(self):
        with contextlib.suppress(ConnectionError):
            self.file.close()


def run(script, talks):
    """[(command, {server: facts})] of all steps."""
    steps = []
    pops = {}
    for name, _, words in script.steps:
        said = {}
        for peer, talk in talks.items():
            if name == "I":
                said[peer] = talk.say("I", words)
                continue
            if (peer, name) not in pops:
                pops[peer, name] = Pop(talk.server, talk.account if name.isupper() else None)
            pop = pops[peer, name]
            said[peer] = pop.say(words.replace("$account", talk.account).replace("$password", talk.server.password))
            if "ended" in said[peer] or words.upper() == "QUIT":
                pop.close()
                del pops[peer, name]
        if name != "I":
            steps.append((f"{name}: {words}", said))
    for pop in pops.values():
        pop.close()
    return steps
