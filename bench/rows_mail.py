# SPDX-License-Identifier: ISC
"""Mail that comes in: how fast, at what cost of processor, and what it takes of
the disk."""

import statistics
import subprocess

import measure
from running import ACCOUNTS, SIZE, Figure, await_delivered, load_smtp, signed_in, warm_up

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
]


# ---- deliveries ----

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


def by_load_smtp(server, **options):
    return lambda count: load_smtp(server, count, **options)


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
