# SPDX-License-Identifier: ISC
"""What the groups of figures share: what a figure is, how much is measured, the
run of one server, and the load tools."""

import collections
import imaplib
import json
import os
import subprocess
import time

import measure

ACCOUNTS = [f"user{n:03}" for n in range(1, 101)]
HOLDER = "holder"  # the account whose mailboxes are read, copied and emptied
LISTER = "lister"  # the account that has many mailboxes
IDLE_STEP = 64     # sessions that are opened at the same time
SIZE = 10240
WARM_UP = 200

Figure = collections.namedtuple("Figure", "key title unit better target meaning")

# better: "more" or "less". target, against the better of the peers unless said otherwise:
#   ("most", n)     no more than that, whatever the others have
#   ("times", n)    that much better, or bound by the sync: the peer's time divided
#                   by n is less than one write and its sync take
#   ("rest", n)     that much better, or bound by the loopback: the peer's time
#                   divided by n is less than a question and a plain copy of the
#                   answer take
#   ("zstd", n)     that much better than Dovecot with its mail in zstd


class Plan:
    """How much is measured; less with --quick, and of what is slow."""

    def __init__(self, quick, ours):
        scale = 10 if ours else 1
        self.messages = (400 if quick else 1500) * scale
        self.outgoing = (300 if quick else 1500) * (5 if ours else 1)
        self.disk_messages = (5000 if quick else 20000) if ours else (400 if quick else 1000)
        self.mixed_messages = (2500 if quick else 10000) if ours else (400 if quick else 1000)
        self.idle_sessions = 10000 if ours else 500
        self.idle_unhibernated = 100
        self.notices = (100 if quick else 300) if ours else (10 if quick else 30)
        self.sign_ins = (200 if quick else 600) * scale
        # the same for all
        self.sizes = ["10k"] if quick else ["10k", "100k", "1M"] if ours else ["10k", "100k"]
        self.appends = 200 if quick else 1000
        self.downloads = 500 if quick else 2000
        self.mailboxes = 100 if quick else 1000
        self.restarts = 3 if quick else 5


class Run:
    """One server that is being measured, and what was found."""

    def __init__(self, server, plan, say):
        self.server, self.plan, self.say = server, plan, say
        self.values = {}     # figure -> number
        self.limits = {}     # figure -> what limited it
        self.cpu = {}        # figure -> ms of processor of the whole server for one operation
        self.loopback = {}   # figure -> ms that a plain copy of the answer takes
        self.sync = {}       # figure -> ms that a write of as much as is committed takes with its sync
        self.sent = 0        # messages accepted so far, in the INBOXes of all ACCOUNTS
        self.warm = False

    def put(self, key, value, limit="", cpu=None, loopback=None, sync=None):
        self.values[key] = value
        self.limits[key] = limit
        if cpu is not None:
            self.cpu[key] = cpu
            limit = f"server {cpu:.2f} ms{limit and ', '}{limit}"
        if loopback is not None:
            self.loopback[key] = loopback
            limit += f", loopback {loopback:.2f} ms"
        if sync is not None:
            self.sync[key] = sync
            limit += f", a write and its sync {sync:.2f} ms"
        self.say(f"  {self.server.name:16} {key:26} {value:12.3f}  {limit}")


def tool_json(command):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])} failed: {done.stdout}")
    return json.loads(done.stdout)


def load_smtp(server, count, **options):
    options = {"size": SIZE, "sessions": 64, "domain": server.domain, "port": server.port("smtp"),
               "messages": count, **options}
    return tool_json([measure.tool("load-smtp"), *(w for k, v in options.items() for w in (f"--{k}", str(v)))])


def await_delivered(run):
    """Looks often, by what costs the servers nothing, until all is in the mailboxes."""
    if run.server.delivered() is None:
        return
    deadline = time.monotonic() + 120
    while run.server.delivered() < run.sent:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{run.server.delivered()} of {run.sent} messages arrived")
        time.sleep(0.02)


def warm_up(run):
    """Processes are started, mailboxes made, caches filled: nobody's figure."""
    if not run.warm:
        load_smtp(run.server, WARM_UP, accounts=len(ACCOUNTS))
        run.sent += WARM_UP
        await_delivered(run)
        run.warm = True


def signed_in(server, account):
    client = imaplib.IMAP4(server.host, server.port("imap"))
    client.login(f"{account}@{server.domain}", server.password)
    return client
