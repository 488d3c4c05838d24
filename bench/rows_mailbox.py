# SPDX-License-Identifier: ISC
"""What clients do with mailboxes, over one connection whose client costs next to
nothing: at 10,000 and 100,000 messages, ours at 1,000,000 as well. 10,000
messages are appended, each a text of its own; the 100,000 are copies of them that
the server made, before anybody read them; the 1,000,000 are short messages."""

import contextlib
import statistics

import measure
from asking import BREATH, Asker, Refused, measured
from running import HOLDER, LISTER, Figure, signed_in

COUNT = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
MAILBOX = {"10k": "INBOX", "100k": "Hundred", "1M": "Million"}

REST, SAME = ("rest", 3), ("times", 1)
# key, title, target, meaning: each is measured at every size
BY_SIZE = [
    ("select_cold", "SELECT, cold", REST, "the first one after a restart of the server, the median of five restarts (three with --quick)"),
    ("select_warm", "SELECT, warm", REST, "again in the same session, a hundred times"),
    ("flags", "FETCH UID FLAGS", REST, "of all messages"),
    ("envelope_disk", "FETCH ENVELOPE BODYSTRUCTURE, from disk", ("times", 20),
     "of all, which nobody has asked for yet, after a restart; no file of the server is in memory"),
    ("envelope", "FETCH ENVELOPE BODYSTRUCTURE, first", ("times", 20), "the same, right after all was appended"),
    ("envelope_again", "FETCH ENVELOPE BODYSTRUCTURE, again", REST, "the same again"),
    ("store", "STORE +FLAGS.SILENT", REST, "one flag, of all, not told; then off again"),
    ("store_told", "STORE +FLAGS", REST, "one flag, of all, each told"),
    ("copy", "COPY", REST, "of all, to another mailbox, one commit"),
    ("move", "MOVE", REST, "of all, from that to a third mailbox"),
    ("expunge", "EXPUNGE", REST, "of all in the third mailbox"),
]
OF_TEN = [
    ("append_one", "APPEND, one by one, a message", ("times", 2.5), "10 KB, 1,000 commands, each waits for its answer"),
    ("append_pipe", "APPEND, pipelined, a message", ("times", 5), "1,000 commands at once (RFC 7888)"),
    ("append_multi", "MULTIAPPEND, a message", ("times", 5), "1,000 messages in one command (RFC 3502)"),
    ("bodies", "FETCH BODY.PEEK[], 10k", SAME, "10,000 messages of 10 KB, whole"),
    ("bodies_zstd", "FETCH BODY.PEEK[], 10k, theirs zstd", ("zstd", 2), "Dovecot with its zlib plugin, zlib_save = zstd"),
    ("store_one", "STORE of one message", None, "ours is synced; Dovecot does not sync flags"),
    ("pop3_stat", "POP3 sign-in and STAT, 10k", REST, "from the connection on, warm"),
    ("pop3_uidl", "POP3 UIDL, 10k", REST, "of all"),
    ("pop3_retr", "POP3 download, 2,000 messages", REST, "RETR one after the other"),
]
OF_LISTS = [
    ("create", "CREATE, 1,000 at once, each", SAME, "pipelined"),
    ("list", "LIST of 1,000 mailboxes", REST, "LIST \"\" \"*\""),
    ("list_status", "LIST-STATUS of 1,000 mailboxes", REST, "RETURN (STATUS (MESSAGES UIDNEXT UNSEEN)), RFC 5819"),
]


def ms(key, title, target, meaning):
    return Figure(key, title, "ms", "less", target, meaning)


FIGURES = [
    *(ms(*row) for row in OF_TEN),
    *(ms(f"{key}_{size}", f"{title}, {size}", target, meaning)
      for size in COUNT for key, title, target, meaning in BY_SIZE),
    *(ms(*row) for row in OF_LISTS),
]


# ---- messages ----

def append_all(run, asker, wanted):
    """Fills INBOX; what is appended first is measured in three ways."""
    count = run.plan.appends
    ways = [("append_one", "one"), ("append_pipe", "pipe"), ("append_multi", "multi")]
    done, quickest = 0, "pipe"
    for key, how in ways:
        try:
            measured(run, key, asker, [f"append {how} {count} INBOX"], f"{count} messages", per=count,
                     synced=how == "one")
        except Refused:
            continue  # no MULTIAPPEND; its octets are taken and thrown away
        done, quickest = done + count, how
    while done < wanted:
        part = min(count, wanted - done)
        asker.ask(f"append {quickest} {part} INBOX")
        done += part


def multiply(asker, small, large, times):
    """Copies, made by the server."""
    asker.ask(f"do SELECT {small}")
    asker.ask(f"do CREATE {large}")
    for _ in range(times):
        asker.ask(f"do COPY 1:* {large}")


ENVELOPE = "do FETCH 1:* (ENVELOPE BODYSTRUCTURE)"


def restart_cold(server):
    """All files out of the kernel's memory, and what the server remembers of earlier reading gone."""
    server.stop()
    server.forget()
    measure.evict(server.data())
    server.start()


def put_cold(run, asker, size, samples):
    """The medians: a single one of these tells more of the disk's mood than of the server."""
    seconds, cpu = (statistics.median(s[n] for s in samples) for n in (0, 1))
    loopback = asker.loopback(samples[-1][2]) if run.server.name == "mailstead" else None
    spread = " ".join(f"{s[0] * 1000:.1f}" for s in samples)
    run.put(f"select_cold_{size}", seconds * 1000, f"of {spread}", cpu * 1000, loopback)


def measure_cold(run, sizes):
    """SELECT after several restarts, and behind the last of them what is read from the disk."""
    server, samples = run.server, {size: [] for size in sizes}
    for left in reversed(range(run.plan.restarts)):
        restart_cold(server)
        with Asker(server) as asker:
            asker.sign_in(HOLDER)
            for size in sizes:
                before = server.group.cpu()
                answer = asker.ask(f"do SELECT {MAILBOX[size]}")
                samples[size].append((answer["seconds"], server.group.cpu() - before, answer["octets"]))
            if not left:
                for size in sizes:
                    put_cold(run, asker, size, samples[size])
                measure_behind_cold(run, asker, sizes)


def measure_behind_cold(run, asker, sizes):
    for size in sizes:
        measured(run, f"select_warm_{size}", asker, [f"do SELECT {MAILBOX[size]}"] * 100)
    for size in sizes:
        asker.ask(f"do SELECT {MAILBOX[size]}")
        measured(run, f"envelope_disk_{size}", asker, [ENVELOPE])


def measure_reads(run, asker, size):
    times = 5 if size == "10k" else 2
    asker.ask(f"do SELECT {MAILBOX[size]}")
    measured(run, f"envelope_{size}", asker, [ENVELOPE])
    measured(run, f"envelope_again_{size}", asker, [ENVELOPE] * times)
    measured(run, f"flags_{size}", asker, ["do FETCH 1:* (UID FLAGS)"] * times)


def measure_changes(run, asker, size):
    """What is copied is moved on and expunged there, so that the mailbox stays as it was."""
    times = 3 if size == "10k" else 1
    asker.ask("do CREATE Spare")
    asker.ask("do CREATE Away")
    asker.ask(f"do SELECT {MAILBOX[size]}")
    measured(run, f"store_{size}", asker,
             [f"do STORE 1:* {sign}FLAGS.SILENT (\\Flagged)" for sign in "+-" * times])
    measured(run, f"store_told_{size}", asker, [f"do STORE 1:* {sign}FLAGS (\\Flagged)" for sign in "+-" * times])
    # At 1,000,000 in ten parts, since one command of ours takes 200,000 at most.
    parts = [f"{n}:{n + 99_999}" for n in range(1, COUNT[size], 100_000)] if size == "1M" else ["1:*"]
    measured(run, f"copy_{size}", asker, [f"do COPY {part} Spare" for part in parts for _ in range(times)],
             whole=size == "1M")
    asker.ask("do SELECT Spare")
    measured(run, f"move_{size}", asker, ["do MOVE 1:100000 Away"] * len(parts) if size == "1M" else
             ["do MOVE 1:* Away"], per=times, whole=size == "1M")
    asker.ask("do SELECT Away")
    asker.ask("do STORE 1:* +FLAGS.SILENT (\\Deleted)")
    measured(run, f"expunge_{size}", asker, ["do EXPUNGE"], per=times, rest=True)
    asker.ask("do SELECT INBOX")
    asker.ask("do DELETE Spare")
    asker.ask("do DELETE Away")


def measure_pop3(run):
    server = run.server
    sums = []
    with Asker(server, "pop3") as asker:
        before = server.group.cpu()
        for _ in range(4):
            asker.ask("open", "+OK")
            steps = [f"line USER {HOLDER}@{server.domain}", f"line PASS {server.password}", "line STAT"]
            sums.append(sum(asker.ask(step, "+OK")["seconds"] for step in steps))
            if len(sums) < 4:
                asker.ask("line QUIT", "+OK")
        run.put("pop3_stat", min(sums) * 1000, "", (server.group.cpu() - before) / len(sums) * 1000)
        downloads = run.plan.downloads
        measured(run, "pop3_uidl", asker, ["dot UIDL"] * 3, good=".")
        measured(run, "pop3_retr", asker, [f"retr 1 {downloads}"] * 3, good=".", questions=downloads)
        asker.ask("line QUIT", "+OK")


def fill(run, asker, size):
    """Copies share their message with what they are copies of, which in a million
    of them would be a hundred each: so these are messages of their own, short ones."""
    if size == "10k":
        append_all(run, asker, COUNT[size])
    elif size == "100k":
        multiply(asker, MAILBOX["10k"], MAILBOX[size], 10)
    else:
        with Asker(run.server, size=256) as short:
            short.sign_in(HOLDER)
            short.ask(f"do CREATE {MAILBOX[size]}")
            for _ in range(COUNT[size] // 1000):
                short.ask(f"append multi 1000 {MAILBOX[size]}")


def check_filled(run, size):
    """Of what is asked at once load-ask sees the last answer alone; so all that was appended is counted."""
    with signed_in(run.server, HOLDER) as client:
        there = int(client.select(MAILBOX[size], readonly=True)[1][0])
    if there != COUNT[size]:
        raise RuntimeError(f"{run.server.name}: {there} messages in {MAILBOX[size]}, not {COUNT[size]}")


def measure_sizes(run, sizes):
    with Asker(run.server) as asker:
        asker.sign_in(HOLDER)
        for size in sizes:
            fill(run, asker, size)
            check_filled(run, size)
            measure_changes(run, asker, size)
        run.server.group.settle(quiet=BREATH)  # what is put in order behind the changes is not part of reading
        for size in sizes:
            measure_reads(run, asker, size)
    measure_cold(run, sizes)


def measure_mailboxes(run):
    """10,000 and 100,000 first, as if there were no larger one."""
    changes = ["do STORE 5 +FLAGS.SILENT (\\Flagged)", "do STORE 5 -FLAGS.SILENT (\\Flagged)"]
    measure_sizes(run, [size for size in run.plan.sizes if size != "1M"])
    with Asker(run.server) as asker:
        asker.sign_in(HOLDER, "INBOX")
        answer = measured(run, "bodies", asker, ["do FETCH 1:* BODY.PEEK[]"] * 3)
        if run.server.name == "mailstead":
            run.put("bodies_zstd", run.values["bodies"], f"{answer['octets']} octets")
        measured(run, "store_one", asker, changes * 20, synced=True)
    measure_pop3(run)
    if "1M" in run.plan.sizes:
        measure_sizes(run, ["1M"])


def measure_compressed(run):
    """Dovecot whose storage is compressed: bodies alone."""
    if run.server.name == "mailstead":
        return
    with Asker(run.server) as asker:
        asker.sign_in(HOLDER)
        for _ in range(10):
            asker.ask("append multi 1000 INBOX")
        asker.ask("do SELECT INBOX")
        measured(run, "bodies_zstd", asker, ["do FETCH 1:* BODY.PEEK[]"] * 3)


# ---- many mailboxes ----

def measure_lists(run):
    count = run.plan.mailboxes
    with Asker(run.server) as asker:
        asker.sign_in(LISTER)
        measured(run, "create", asker, [f"each {count} CREATE box%u"], f"{count} mailboxes", per=count)
        for key, line in (("list", 'do LIST "" "*"'),
                          ("list_status", 'do LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN))')):
            with contextlib.suppress(Refused):  # a server without RFC 5819
                measured(run, key, asker, [line] * 5)
