# SPDX-License-Identifier: ISC
"""The same commands to Mailstead, to Dovecot 2.3 and to Cyrus 3.6, the answers
compared field by field: over the mail corpus, and by the scripts of
tests/differential. A difference is a defect, or a row of differential/rules.py
that says by which RFC both are right or who is (docs/differences.md)."""

import contextlib
import os
import subprocess
import sys

import pytest

from differential import compare, corpus, messages, popscripts, rules, scripts, servers
from mailstead import release_build

CI = bool(os.environ.get("MAILSTEAD_CI"))  # there all must run
PEERS = {c.name: c for c in (servers.Dovecot, servers.Cyrus)}
CORPUS = messages.corpus()

pytestmark = [
    pytest.mark.skipif(not release_build(), reason="compared once, with the release build"),
    pytest.mark.skipif(not CI and all(c.missing() for c in PEERS.values()),
                       reason="; ".join(c.missing() or "" for c in PEERS.values())),
]


@pytest.fixture(scope="module")
def talk_to(house):
    """{server: a new account's connections}, by the account's name."""
    with contextlib.ExitStack() as stack:
        running = {compare.OURS: house}
        for name, make in PEERS.items():
            if make.missing():
                assert not CI, make.missing()
                print(make.missing())
            else:
                running[name] = stack.enter_context(make())

        def begin(account):
            house.run("account", "add", f"{account}@demo.test", "--password-stdin", stdin=f"{house.password}\n")
            talks = {name: scripts.Talk(server, f"{account}@demo.test" if server is house else account)
                     for name, server in running.items()}
            for talk in talks.values():
                talk.remove_mailboxes()
                stack.callback(talk.close)
            return talks

        begin.running = running
        yield begin


@pytest.fixture(scope="module")
def table():
    return compare.Rules(rules.RULES)


def check(table, source, steps):
    found = table.unexplained((f"{source}: {step}", said) for step, said in steps)
    if found and os.environ.get("MAILSTEAD_DIFFERENCES"):
        with open(os.environ["MAILSTEAD_DIFFERENCES"], "a", encoding="utf-8") as f:
            f.write(compare.report(found) + "\n")
    assert not found, compare.report(found[:40])


@pytest.fixture(scope="module")
def filled(talk_to):
    """The corpus in a mailbox of each server: (talks, the appends' steps, {server: numbers that it refused})."""
    if not CORPUS:
        pytest.skip("no corpus beside the source")
    talks = talk_to("corpus")
    told = {name: corpus.append(talk, CORPUS) for name, talk in talks.items()}
    refused = {name: {n for n, (_, said) in enumerate(steps[1:-1], 1) if said["status"] != b"OK"}
               for name, steps in told.items()}
    steps = [(told[compare.OURS][i][0], {name: told[name][i][1] for name in told}) for i in range(len(CORPUS) + 2)]
    return talks, steps, refused


def test_corpus_appended(filled, table):
    check(table, "corpus", filled[1])


def test_corpus_fetched(filled, table):
    talks, _, refused = filled
    found = corpus.structures(talks[compare.OURS])
    assert len(found) == len(CORPUS)
    steps = []
    for number, structure in found.items():
        who = {name: talk for name, talk in talks.items() if number not in refused[name]}
        if compare.OURS in who:
            steps += corpus.fetch(who, number, CORPUS[number - 1][0], structure)
    check(table, "corpus", steps)


def test_corpus_searched(filled, table):
    talks, _, refused = filled
    check(table, "corpus", corpus.search(talks, CORPUS, set().union(*refused.values())))


@pytest.mark.parametrize("script", scripts.scripts(), ids=lambda s: s.name)
def test_script(talk_to, table, script):
    talks = talk_to(f"script-{script.name}")
    able = {name: talk for name, talk in talks.items() if talk.capabilities >= set(script.needs)}
    if compare.OURS not in able:
        pytest.skip(f"not there yet: {' '.join(sorted(set(script.needs) - talks[compare.OURS].capabilities))}")
    if len(able) < 2:
        pytest.skip(f"no peer has {' '.join(script.needs)}")
    check(table, script.name, scripts.run(script, able))


@pytest.mark.parametrize("script", popscripts.pop_scripts(), ids=lambda s: s.name)
def test_pop3_script(talk_to, table, script):
    talks = talk_to(f"pop3-{script.name}")
    check(table, script.name, popscripts.run(script, talks))


def test_no_rule_is_stale(talk_to, table, request):
    """Where all of this file ran, every row was needed."""
    mine = [i for i in request.session.items if i.path == request.path]
    everything = {"test_corpus_appended", "test_corpus_fetched", "test_corpus_searched", "test_no_rule_is_stale"} \
        | {f"test_script[{s.name}]" for s in scripts.scripts()} | {f"test_pop3_script[{s.name}]" for s in popscripts.pop_scripts()}
    if not CORPUS or not everything <= {i.name for i in mine}:
        pytest.skip("not all of it ran")
    stale = table.stale(talk_to.running)
    assert not stale, "\n".join(f"{title} ({peer})" for title, peer in stale)


def test_the_document_is_the_table():
    done = subprocess.run([sys.executable, os.path.join(servers.ROOT, "tools/differences"), "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
