# SPDX-License-Identifier: ISC
"""One client that asks and counts (bench/load/ask.c), and what a plain copy of
the same octets over the loopback takes."""

import json
import subprocess

import measure
from running import SIZE

LOOPBACKS = 100  # of small answers: what is compared with it is asked as often
BREATH = 1.5  # seconds without work: nothing is put off for longer


class Refused(RuntimeError):
    pass


class Asker:
    """A connection to the IMAP or POP3 port, as load-ask describes it."""

    def __init__(self, server, port="imap", size=SIZE):
        self.server = server
        self.tool = subprocess.Popen(
            [measure.tool("load-ask"), "--host", server.host, "--port", str(server.port(port)), "--size", str(size)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tool.stdin.close()
        self.tool.wait()
        self.tool.stdout.close()

    def ask(self, line, good="OK"):
        """{"seconds", "octets", "said"}; Refused when the answer's last line is another."""
        self.tool.stdin.write(line + "\n")
        answer = json.loads(self.tool.stdout.readline() or '{"said": "load-ask ended"}')
        if good not in answer["said"][:40] or answer["said"].startswith("-ERR"):
            raise Refused(f"{self.server.name}: {line[:60]}: {answer['said']}")
        return answer

    def sign_in(self, account, mailbox=None):
        self.ask("open")
        self.ask(f"do LOGIN {account}@{self.server.domain} {self.server.password}")
        if mailbox:
            self.ask(f"do SELECT {mailbox}")
        return self

    def loopback(self, octets):
        """Milliseconds from a question to the last octet of such an answer, at best."""
        times = LOOPBACKS if octets < 1e6 else 5
        return 1000 * min(self.ask(f"copy {octets}", good="")["seconds"] for _ in range(times))


COMMITTED = 5000  # octets of a commit of one message of SIZE, compressed, with its rows


def measured(run, key, asker, lines, limit="", per=1, good="OK", questions=1, whole=False, synced=False, rest=False):
    """Asks each line and puts the fastest, in ms, by `per`; the processor time
    is the mean. whole: the lines together are the operation. The loopback
    answers as many questions, each with its part of the octets. synced: each is
    a commit of its own, so what a sync takes is measured beside it. rest: what
    the server does after its answers counts as its processor time, too. Gives
    the last answer."""
    group, answers = run.server.group, []
    before = group.cpu()
    for line in lines:
        answers.append(asker.ask(line, good))
    if rest:
        group.settle(quiet=BREATH)
    cpu = (group.cpu() - before) / len(answers)
    fastest = min(a["seconds"] for a in answers)
    if whole:
        fastest, cpu = sum(a["seconds"] for a in answers), cpu * len(answers)
    octets = answers[-1]["octets"]
    mine = run.server.name == "mailstead"
    loopback = asker.loopback(octets // questions) * questions if mine else None
    run.put(key, fastest * 1000 / per, limit, cpu * 1000 / per, loopback if mine and per == 1 else None,
            measure.sync_time(run.server.root, COMMITTED) if mine and synced else None)
    return answers[-1]
