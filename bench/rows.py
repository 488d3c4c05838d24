# SPDX-License-Identifier: ISC
"""What the bench measures, in the order of its table: each module of a group of
figures has FIGURES, what each one is, and functions that measure them. A new
figure is a row there and a measurement that puts it; `bench/run` does the rest."""

import rows_mail
import rows_mailbox
import rows_outgoing
import rows_queue
import rows_sessions
from running import ACCOUNTS, await_delivered, signed_in

FIGURES = rows_mail.FIGURES + rows_sessions.FIGURES + rows_mailbox.FIGURES + rows_outgoing.FIGURES + \
    rows_queue.FIGURES


def check_count(run):
    """Every message that was accepted is in a mailbox, once: IMAP says so."""
    await_delivered(run)
    total = 0
    for account in ACCOUNTS:
        with signed_in(run.server, account) as client:
            answer = client.status("INBOX", "(MESSAGES)")[1][0]
            total += int(answer.rsplit(b"MESSAGES ", 1)[1].rstrip(b")"))
    if total != run.sent:
        raise RuntimeError(f"{run.server.name}: {run.sent} messages were accepted, {total} are there")


# name, function, of which kinds of server (what storage does not change is measured once)
GROUPS = [
    ("idle", rows_sessions.measure_idle, ("ours", "sdbox", "hibernate")),
    ("deliveries", rows_mail.measure_deliveries, ("ours", "sdbox", "maildir")),
    ("notice", rows_sessions.measure_notice, ("ours", "sdbox")),
    ("sign-ins", rows_sessions.measure_sign_ins, ("ours", "sdbox")),
    ("list", rows_mailbox.measure_lists, ("ours", "sdbox", "maildir")),
    ("disk", rows_mail.measure_disk, ("ours", "sdbox", "maildir")),
    ("mailbox", rows_mailbox.measure_mailboxes, ("ours", "sdbox", "maildir")),
    ("bodies", rows_mailbox.measure_compressed, ("ours", "zstd")),
    ("outgoing", rows_outgoing.measure_outgoing, ("ours", "sdbox")),
    ("queue", rows_queue.measure_queue, ("ours",)),
]
