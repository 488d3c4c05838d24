# SPDX-License-Identifier: ISC
"""What the bench measures: one function a group of figures, and the table
FIGURES of what each one is. A new figure is a row there and a measurement that
returns it; `bench/run` does the rest."""

import collections
import imaplib
import json
import os
import smtplib
import socket
import statistics
import subprocess
import time

import measure

ACCOUNTS = [f"user{n:03}" for n in range(1, 101)]
READER = "reader"  # an account with as many messages on every server
IDLE_STEP = 64     # sessions that are opened at the same time
SIZE = 10240
WARM_UP = 200

Figure = collections.namedtuple("Figure", "key title unit better target meaning")

# better: "more" or "less". target: ("times", n): that much better than the
# better of the peers; ("most", n): no more than that.
FIGURES = [
    Figure("deliver_source", "smtp-source, 1 account, a connection each", "msg/s", "more", ("times", 10),
           "from the first connection until the last message is in the mailbox, synced"),
    Figure("deliver_source_cpu", "  processor per 1,000", "s", "less", ("times", 10),
           "all server processes, until they rest again"),
    Figure("deliver_source_reuse", "smtp-source -d, 1 account, connections kept", "msg/s", "more", ("times", 10),
           "the same over 64 connections that stay"),
    Figure("deliver_source_reuse_cpu", "  processor per 1,000", "s", "less", ("times", 10), "as above"),
    Figure("deliver_100", "prose, 100 accounts, a connection each", "msg/s", "more", ("times", 10),
           "our own sender; the text compresses like prose, the recipients take turns"),
    Figure("deliver_100_cpu", "  processor per 1,000", "s", "less", ("times", 10), "as above"),
    Figure("deliver_100_reuse", "prose, 100 accounts, connections kept", "msg/s", "more", ("times", 10),
           "the same over 64 connections that stay"),
    Figure("deliver_100_reuse_cpu", "  processor per 1,000", "s", "less", ("times", 10), "as above"),
    Figure("deliver_1", "prose, 1 account, a connection each", "msg/s", "more", ("times", 10),
           "all messages meet in one mailbox"),
    Figure("deliver_1_cpu", "  processor per 1,000", "s", "less", ("times", 10), "as above"),
    Figure("disk_text", "disk per byte of mail, prose", "B/B", "less", ("most", 0.7),
           "how much the blocks of the whole data folder grow, indexes included, logs put away"),
    Figure("disk_mixed", "disk per byte of mail, a third attachments", "B/B", "less", None,
           "a third of the messages are base64 of random octets, which hardly shrink"),
    Figure("idle_plain", "memory of an IDLE session, plain", "KiB", "less", ("most", 4),
           "proportional set size of all processes, with the sessions less without, by their number"),
    Figure("idle_tls", "memory of an IDLE session, TLS", "KiB", "less", ("most", 20), "as above"),
    Figure("notice_median", "IDLE notice after 250, median", "ms", "less", ("most", 100),
           "from the answer to DATA until EXISTS arrives in an idling session"),
    Figure("notice_p99", "IDLE notice after 250, 99th percentile", "ms", "less", ("most", 100), "as above"),
    Figure("sign_in_plain", "IMAP sign-ins, plain", "1/s", "more", None,
           "connect, LOGIN, LOGOUT, 64 at a time; passwords were seen before"),
    Figure("sign_in_plain_cpu", "  processor per 1,000", "s", "less", None, "all server processes"),
    Figure("sign_in_tls", "IMAP sign-ins, TLS", "1/s", "more", None, "the same with a full handshake"),
    Figure("sign_in_tls_cpu", "  processor per 1,000", "s", "less", None, "as above"),
    Figure("fetch_envelope", "FETCH ENVELOPE BODYSTRUCTURE, first", "msg/s", "more", None,
           "of all messages of one mailbox, by the first client that asks"),
    Figure("fetch_envelope_again", "FETCH ENVELOPE BODYSTRUCTURE, again", "msg/s", "more", None,
           "the same by the next client"),
    Figure("fetch_flags", "FETCH UID FLAGS", "msg/s", "more", None, "of the same mailbox"),
    Figure("fetch_bodies", "FETCH BODY.PEEK[]", "msg/s", "more", None, "every message whole"),
]


class Plan:
    """How much is measured; less with --quick, and of what is slow."""

    def __init__(self, quick, ours):
        scale = 10 if ours else 1
        self.messages = (400 if quick else 2000) * scale
        self.disk_messages = (5000 if quick else 20000) if ours else (400 if quick else 1000)
        self.mixed_messages = (2500 if quick else 10000) if ours else (400 if quick else 1000)
        self.idle_sessions = 10000 if ours else 500
        self.idle_unhibernated = 100
        self.notices = (100 if quick else 300) if ours else (10 if quick else 30)
        self.sign_ins = (200 if quick else 600) * scale
        self.reading_messages = 300 if quick else 1000  # the same for all
        self.fetches = 3 if quick else 5


class Run:
    """One server that is being measured, and what was found."""

    def __init__(self, server, plan, say):
        self.server, self.plan, self.say = server, plan, say
        self.values = {}     # figure -> number
        self.limits = {}     # figure -> what limited it
        self.sent = 0        # messages accepted so far, in all accounts
        self.warm = False

    def put(self, key, value, limit=""):
        self.values[key] = value
        self.limits[key] = limit
        self.say(f"  {self.server.name:16} {key:26} {value:12.3f}  {limit}")


# ---- deliveries ----

def tool_json(command):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])} failed: {done.stdout}")
    return json.loads(done.stdout)


def await_delivered(run):
    """Looks often, by what costs the servers nothing, until all is in the mailboxes."""
    if run.server.delivered() is None:
        return
    deadline = time.monotonic() + 120
    while run.server.delivered() < run.sent:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{run.server.delivered()} of {run.sent} messages arrived")
        time.sleep(0.02)


def deliver(run, key, count, send):
    """send(count) returns when all was accepted."""
    group = run.server.group
    group.settle()
    watch = measure.Watch(group)
    send(count)
    run.sent += count
    await_delivered(run)
    seconds = watch.seconds()
    run.put(key, count / seconds, watch.says(seconds))
    group.settle()
    run.put(key + "_cpu", watch.server_cpu() / count * 1000)


def by_smtp_source(server, account, reuse):
    command = [measure.find("smtp-source"), *(["-d"] if reuse else []), "-s", "64", "-l", str(SIZE),
               "-f", "sender@client.example.org", "-M", "client.example.org", "-t", f"{account}@{server.domain}"]
    target = f"{server.host}:{server.port('smtp')}"
    return lambda count: subprocess.run([*command, "-m", str(count), target], check=True)


def load_smtp(server, count, **options):
    options = {"size": SIZE, "sessions": 64, "domain": server.domain, "port": server.port("smtp"),
               "messages": count, **options}
    return tool_json([measure.tool("load-smtp"), *(w for k, v in options.items() for w in (f"--{k}", str(v)))])


def by_load_smtp(server, **options):
    return lambda count: load_smtp(server, count, **options)


def warm_up(run):
    """Processes are started, mailboxes made, caches filled: nobody's figure."""
    if not run.warm:
        load_smtp(run.server, WARM_UP, accounts=len(ACCOUNTS))
        run.sent += WARM_UP
        await_delivered(run)
        run.warm = True


def measure_deliveries(run):
    server, count = run.server, run.plan.messages
    warm_up(run)
    for key, send in (
            ("deliver_source", by_smtp_source(server, ACCOUNTS[0], False)),
            ("deliver_source_reuse", by_smtp_source(server, ACCOUNTS[1], True)),
            ("deliver_100", by_load_smtp(server, accounts=len(ACCOUNTS))),
            ("deliver_100_reuse", by_load_smtp(server, accounts=len(ACCOUNTS), reuse=1)),
            ("deliver_1", by_load_smtp(server, user=ACCOUNTS[2]))):
        deliver(run, key, count, send)


# ---- disk ----

def disk_of(run, key, count, **options):
    """Bytes of disk by bytes of mail, between two moments at which the server
    has put away what it could; the mail is what a client would download."""
    server = run.server
    server.put_away()
    before = measure.disk(server.data())
    load_smtp(server, count, accounts=len(ACCOUNTS), reuse=1, **options)
    run.sent += count
    await_delivered(run)
    logs = server.logs()
    server.put_away()
    grown = measure.disk(server.data()) - before
    run.put(key, grown / (count * mean_size(server)), f"{count} messages{logs}")


def mean_size(server):
    """Of the newest messages, as RFC822.SIZE says."""
    with signed_in(server, ACCOUNTS[0]) as client:
        total = int(client.select("INBOX", readonly=True)[1][0])
        answer = client.fetch(f"{max(1, total - 20)}:{total}", "(RFC822.SIZE)")[1]
    return statistics.fmean(int(row.split(b"RFC822.SIZE ")[1].rstrip(b")")) for row in answer)


def measure_disk(run):
    warm_up(run)
    disk_of(run, "disk_text", run.plan.disk_messages)
    disk_of(run, "disk_mixed", run.plan.mixed_messages, attachments=33)


# ---- idle sessions ----

def signed_in(server, account):
    client = imaplib.IMAP4(server.host, server.port("imap"))
    client.login(f"{account}@{server.domain}", server.password)
    return client


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


# ---- reading ----

def timed_fetch(server, account, what):
    """Messages a second for one FETCH of all, by a client that only counts octets."""
    idler = Idler(server, account)
    idler.socket.sendall(b"DONE\r\n")
    idler.line()
    idler.socket.sendall(f"d FETCH 1:* ({what})\r\n".encode())
    began, tail = time.perf_counter(), b""
    while b"\r\nd OK" not in tail:
        piece = idler.socket.recv(1 << 20)
        if not piece or b"\r\nd NO" in tail or b"\r\nd BAD" in tail:
            raise RuntimeError(f"FETCH {what}: {tail[-200:]!r}")
        tail = (tail + piece)[-(len(piece) + 8):]
    seconds = time.perf_counter() - began
    idler.socket.close()
    return seconds


def measure_reading(run):
    server, account, count = run.server, READER, run.plan.reading_messages
    load_smtp(server, count, user=account, reuse=1)
    run.sent += count
    await_delivered(run)
    said = f"{count} messages"
    run.put("fetch_envelope", count / timed_fetch(server, account, "ENVELOPE BODYSTRUCTURE"), said)
    for key, what in (("fetch_envelope_again", "ENVELOPE BODYSTRUCTURE"), ("fetch_flags", "UID FLAGS"),
                      ("fetch_bodies", "BODY.PEEK[]")):
        run.put(key, count / min(timed_fetch(server, account, what) for _ in range(run.plan.fetches)), said)


# ---- the end ----

def check_count(run):
    """Every message that was accepted is in a mailbox, once: IMAP says so."""
    await_delivered(run)
    total = 0
    for account in [*ACCOUNTS, READER]:
        with signed_in(run.server, account) as client:
            answer = client.status("INBOX", "(MESSAGES)")[1][0]
            total += int(answer.rsplit(b"MESSAGES ", 1)[1].rstrip(b")"))
    if total != run.sent:
        raise RuntimeError(f"{run.server.name}: {run.sent} messages were accepted, {total} are there")


# name, function, of which kinds of server (what storage does not change is measured once)
GROUPS = [
    ("idle", measure_idle, ("ours", "sdbox", "hibernate")),
    ("deliveries", measure_deliveries, ("ours", "sdbox", "maildir")),
    ("reading", measure_reading, ("ours", "sdbox", "maildir")),
    ("notice", measure_notice, ("ours", "sdbox")),
    ("sign-ins", measure_sign_ins, ("ours", "sdbox")),
    ("disk", measure_disk, ("ours", "sdbox", "maildir")),
]
