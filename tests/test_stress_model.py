# SPDX-License-Identifier: ISC
"""50 clients do everything at random on the same mailboxes, and each must see
what the model of stress/ says: over IMAP of all kinds, some of which drop off
and come back, over POP3, while mail arrives; also while roles are killed.

A run is its seed and its steps, so many in `make test`; `make stress SECONDS=600`
goes on with fresh seeds until the time is over. MAILSTEAD_STRESS_SEED and
MAILSTEAD_STRESS_STEPS repeat one of them."""

import os
import random
import re
import time

from mailstead import Mailstead, release_build
from stress.run import Run

SECONDS = int(os.environ.get("MAILSTEAD_STRESS_SECONDS", "0"))
SEED = os.environ.get("MAILSTEAD_STRESS_SEED") or ("shipped" if release_build() else "checked")
STEPS = int(os.environ.get("MAILSTEAD_STRESS_STEPS") or (6000 if release_build() else 2500))
THOUSANDS = 3000 if release_build() else 1500
DEATHS = ("access", "store", "access")  # of one life of the service; each starts its role later

COMMANDS = ("FETCH", "STORE", "SEARCH", "EXPUNGE", "COPY", "MOVE", "APPEND", "MULTIAPPEND", "SELECT", "NOOP", "reconciled",
            "quiet")


def seeds(share):
    """The seed; or fresh ones for this share of the time."""
    if not SECONDS:
        yield SEED
        return
    end = time.monotonic() + SECONDS * share
    while time.monotonic() < end:
        seed = f"{random.SystemRandom().getrandbits(40):x}"
        print(f"seed {seed}", flush=True)
        yield seed


def check(house, run, needed, deaths=()):
    """Everybody leaves, all that is needed was done, the store agrees with itself, and nothing raised an alarm but these
    deaths."""
    run.end()
    print(dict(run.did), flush=True)
    assert not [what for what in needed if not run.did[what]], run.did
    assert " 0 problems" in house.run("check-store")
    alarms = re.findall(r"level=alarm .*event=(\S+) what=(\S+)|(level=alarm.*)", house.log())
    assert alarms == [("monitor.role_died", role, "") for role in deaths], alarms


def test_every_client_sees_what_it_must():
    for seed in seeds(0.4):
        with Mailstead() as house:
            run = Run(house, seed, house.bob).begin()
            run.steps(STEPS)
            check(house, run, COMMANDS + (
                "CLOSE", "STATUS", "LIST", "CREATE", "RENAME", "DELETE", "deleted under it", "QRESYNC", "idle", "drop", "cut short",
                "pop3", "smtp", "lmtp", "pipeline"))


def test_clients_that_send_many_commands_at_once():
    for seed in seeds(0.2):
        with Mailstead() as house:
            run = Run(house, seed, house.bob, one=10, several=20, pipeline=60).begin()
            run.steps(STEPS // 8)
            check(house, run, COMMANDS + ("pipeline",))


def test_a_mailbox_of_thousands():
    for seed in seeds(0.2):
        with Mailstead() as house:
            run = Run(house, seed, house.bob, clients=8, boxes=("INBOX", "Archive")).begin()
            run.fill(run.truth.box("Archive"), THOUSANDS)
            run.steps(STEPS // 50)
            check(house, run, ("FETCH", "STORE", "SEARCH", "SELECT"))


def test_roles_that_are_killed_lose_nothing():
    for seed in seeds(0.2):
        with Mailstead() as house:
            run = Run(house, seed, house.bob).begin()
            for role in DEATHS:
                run.steps(STEPS // 12, (role,))
            run.steps(STEPS // 12)
            check(house, run, COMMANDS + tuple(f"{role} killed" for role in DEATHS), DEATHS)
