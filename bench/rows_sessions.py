# SPDX-License-Identifier: ISC
"""Many sessions: the memory of those that idle, the notice of new mail, and how
fast they sign in."""

import smtplib
import socket
import statistics
import subprocess
import time

import measure
from running import ACCOUNTS, IDLE_STEP, Figure, tool_json

FIGURES = [
    Figure("idle_plain", "memory of an IDLE session, plain", "KiB", "less", ("most", 4),
           "proportional set size of all processes, with the sessions less without, by their number"),
    Figure("idle_tls", "memory of an IDLE session, TLS", "KiB", "less", ("most", 20), "as above"),
    Figure("notice_median", "IDLE notice after 250, median", "ms", "less", ("most", 20),
           "from the answer to DATA until EXISTS arrives in an idling session"),
    Figure("notice_p99", "IDLE notice after 250, 99th percentile", "ms", "less", ("most", 20), "as above"),
    Figure("sign_in_plain", "IMAP sign-ins, plain", "1/s", "more", ("times", 3),
           "connect, LOGIN, LOGOUT, 64 at a time; passwords were seen before"),
    Figure("sign_in_plain_cpu", "  processor per 1,000", "s", "less", ("times", 3), "all server processes"),
    Figure("sign_in_tls", "IMAP sign-ins, TLS", "1/s", "more", ("times", 3), "the same with a full handshake"),
    Figure("sign_in_tls_cpu", "  processor per 1,000", "s", "less", ("times", 3), "as above"),
]


# ---- idle sessions ----

def load_imap(server, tls, **options):
    options = {"domain": server.domain, "port": server.port("imaps" if tls else "imap"), "tls": int(tls),
               "accounts": len(ACCOUNTS), "password": server.password, "window": IDLE_STEP, **options}
    return [measure.tool("load-imap"), *(w for k, v in options.items() for w in (f"--{k}", str(v)))]


def sign_in_all(server):
    """So that passwords, mailboxes and caches are warm before memory is counted."""
    tool_json(load_imap(server, False, mode="login", count=len(ACCOUNTS) * 2))


def settle_memory(server, limit=30):
    """Until the sessions sleep: Dovecot puts them away after a while."""
    deadline = time.monotonic() + limit
    while getattr(server, "hibernate", False) and server.processes("imap") > 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    server.group.settle()


def idle_memory(run, tls):
    server = run.server
    count = run.plan.idle_sessions
    if server.name != "mailstead" and not server.hibernate:
        count = run.plan.idle_unhibernated  # a process each
    sign_in_all(server)
    settle_memory(server)
    before = server.group.pss()
    holder = subprocess.Popen(load_imap(server, tls, mode="idle", sessions=count),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if holder.stdout.readline().split()[:1] != [b"idling"]:
            raise RuntimeError("the idle sessions did not come up")
        settle_memory(server)
        after = server.group.pss()
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    if holder.returncode != 0:
        raise RuntimeError("idle sessions were closed by the server")
    run.put("idle_tls" if tls else "idle_plain", (after - before) / 1024 / count, f"{count} sessions")


def measure_idle(run):
    idle_memory(run, False)
    idle_memory(run, True)


# ---- the notice of new mail ----

class Idler:
    """One idling session over a plain socket, to see the very moment."""

    def __init__(self, server, account):
        self.socket = socket.create_connection((server.host, server.port("imap")), 30)
        self.pending = b""
        self.line()
        self.command(f"a LOGIN {account}@{server.domain} {server.password}")
        self.command("b SELECT INBOX")
        self.socket.sendall(b"c IDLE\r\n")
        while not self.line().startswith(b"+"):
            pass

    def line(self):
        while b"\n" not in self.pending:
            piece = self.socket.recv(65536)
            if not piece:
                raise RuntimeError("the idle session ended")
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def command(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        while not self.line().startswith(text.split()[0].encode() + b" "):
            pass

    def await_exists(self):
        while b"EXISTS" not in self.line():
            pass
        return time.perf_counter()


def measure_notice(run):
    server = run.server
    account = ACCOUNTS[3]
    idler = Idler(server, account)
    delays = []
    with smtplib.SMTP(server.host, server.port("smtp"), "client.example.org") as client:
        for n in range(run.plan.notices):
            client.sendmail("sender@client.example.org", [f"{account}@{server.domain}"],
                            f"Subject: notice {n}\r\n\r\n{'x' * 1000}\r\n")
            answered = time.perf_counter()
            delays.append(max(0.0, idler.await_exists() - answered) * 1000)
            run.sent += 1
    idler.socket.close()
    delays.sort()
    run.put("notice_median", statistics.median(delays), f"{len(delays)} messages")
    run.put("notice_p99", delays[min(len(delays) - 1, int(len(delays) * 0.99))], f"{len(delays)} messages")


# ---- sign-ins ----

def measure_sign_ins(run):
    sign_in_all(run.server)
    for key, tls in (("sign_in_plain", False), ("sign_in_tls", True)):
        group, count = run.server.group, run.plan.sign_ins
        group.settle()
        watch = measure.Watch(group)
        said = tool_json(load_imap(run.server, tls, mode="login", count=count))
        run.put(key, count / said["seconds"], watch.says(said["seconds"]))
        group.settle()
        run.put(key + "_cpu", watch.server_cpu() / count * 1000)
