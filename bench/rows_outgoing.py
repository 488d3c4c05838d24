# SPDX-License-Identifier: ISC
"""Mail that people send: how fast it is taken over TLS from who has signed in,
how fast it gets to a sink elsewhere, and at what cost of processor."""

import contextlib
import json
import subprocess

import measure
from peers import ELSEWHERE
from running import ACCOUNTS, Figure, load_smtp

WARM_UP = 300

# name, title, whether connections are kept, what of ours is set
WAYS = [
    ("new", "a connection each", 0, {"submission.copy_to_sent": "off", "dkim.sign": "off"}),
    ("kept", "connections kept", 1, {"submission.copy_to_sent": "off", "dkim.sign": "off"}),
    ("sent", "kept, with our copy in Sent", 1, {"submission.copy_to_sent": "on", "dkim.sign": "off"}),
    ("signed", "kept, with our copy and two signatures", 1, {"submission.copy_to_sent": "on", "dkim.sign": "on"}),
]
LIMITS = [f"sending.{what}_{span}" for what in ("messages", "recipients", "first") for span in ("hour", "day")]
ALIKE = 2  # the ways in which the others do the same; the rest is ours alone


def target(row):
    return ("times", 5) if row < ALIKE else None


FIGURES = [figure for row, (name, title, _, _) in enumerate(WAYS) for figure in (
    Figure(f"submit_{name}", f"submission, {title}", "msg/s", "more", target(row),
           "from the first of 64 connections until the last message is accepted, while they go on to the sink"),
    Figure(f"relay_{name}", "  until the sink has all", "msg/s", "more", target(row),
           "from the first connection of the senders until the sink has taken the last message"),
    Figure(f"submit_{name}_cpu", "  processor per 1,000", "s", "less", target(row),
           "all server processes, for taking and for sending, until they rest again"))]


class Sink:
    """load-sink, which both sides send to."""

    def __init__(self, port):
        self.process = subprocess.Popen([measure.tool("load-sink"), "--port", str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.taken = 0
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the sink does not start")

    def await_more(self, count):
        """What it says when so many more messages are there."""
        self.taken += count
        self.process.stdin.write(f"await {self.taken}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def submit(server, count, reuse):
    return load_smtp(server, count, port=server.port("submissions"), domain=ELSEWHERE, login=server.domain,
                     password=server.password, tls=1, accounts=len(ACCOUNTS), reuse=reuse)


def measure_way(run, server, sink, name, reuse):
    count, group = run.plan.outgoing, server.group
    group.settle()
    watch = measure.Watch(group)
    said = submit(server, count, reuse)
    accepted = watch.says(said["seconds"])
    taken = sink.await_more(count)
    seconds = taken["at"] - watch.began
    run.put(f"submit_{name}", count / said["seconds"], accepted)
    run.put(f"relay_{name}", count / seconds, f"{watch.says(seconds)}; {taken['connections']} connections so far")
    group.settle()
    run.put(f"submit_{name}_cpu", watch.server_cpu() / count * 1000)


def measure_outgoing(run):
    ours = run.server.name == "mailstead"
    with run.server.sending() as server, contextlib.ExitStack() as held:
        sink = Sink(server.port("sink"))
        held.callback(sink.stop)
        for limit in LIMITS if ours else ():  # a hundred accounts send what thousands do elsewhere
            server.run("set", limit, "0")
        for name, _, reuse, settings in WAYS if ours else WAYS[:ALIKE]:
            for setting, value in settings.items() if ours else ():
                server.run("set", setting, value)
            submit(server, WARM_UP, 1)
            sink.await_more(WARM_UP)
            measure_way(run, server, sink, name, reuse)
