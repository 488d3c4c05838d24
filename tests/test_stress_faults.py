# SPDX-License-Identifier: ISC
"""The checks of the stress client can fail: each fault changes what the server
said on its way to the clients, now and then, and the run must notice."""

import itertools
import random
import re

import pytest

from stress.run import Run

STEPS = 1500   # of a round
ROUNDS = 10    # which the server may need until a fault meets what is sure; a check that is blind stays so
RATE = 0.5
PATIENCE = 2   # seconds that one who idles waits for what a fault may have swallowed
# Steps that meet a fault more often than the usual ones, where it is seen alone or at rare moments.
ALONE, RESYNC, MAILDROP = {"one": 200}, {"drop": 20}, {"pop3": 30}
STEPS_OF = {
    "another message": MAILDROP, "STAT is one more": MAILDROP,
    "MESSAGES is one less": ALONE, "UNSEEN is one more": ALONE, "STATUS tells another UIDNEXT": ALONE,
    "SEARCH finds one more": ALONE, "ESEARCH finds one less": ALONE,
    "VANISHED (EARLIER) is lost": RESYNC, "VANISHED (EARLIER) names too many": RESYNC,
}


def swap(pattern, replace):
    """Lines that match are changed: replace is a text for the match, a function of it, or None to swallow the line."""
    def change(line):
        if not re.search(pattern, line):
            return line
        return None if replace is None else re.sub(pattern, replace, line, count=1)
    return change


def plus(group, by=1):
    """The match with the number in this group changed."""
    def replace(match):
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match.group()[:start] + b"%d" % (int(match.group(group)) + by) + match.group()[end:]
    return replace


FAULTS = {
    "an EXPUNGE is lost": swap(rb"^\* \d+ EXPUNGE$", None),
    "an EXPUNGE of the one behind": swap(rb"^\* (\d+) EXPUNGE$", plus(1)),
    "an EXPUNGE comes twice": swap(rb"^(\* \d+ EXPUNGE)$", rb"\1\r\n\1"),
    "an EXPUNGE during FETCH": swap(rb"^(\* \d+ FETCH .*[^}])$", rb"\1\r\n* 1 EXPUNGE"),
    "EXISTS is lost": swap(rb"^\* [1-9]\d* EXISTS$", None),
    "EXISTS is one more": swap(rb"^\* (\d+) EXISTS$", plus(1)),
    "EXISTS is one less": swap(rb"^\* ([1-9]\d*) EXISTS$", plus(1, -1)),
    "RECENT is one more": swap(rb"^\* (\d+) RECENT$", plus(1)),
    "news of flags are lost": swap(rb"^\* \d+ FETCH \(FLAGS \([^)]*\)\)$", None),
    "flags of another message": swap(rb"^\* (\d+) FETCH \(FLAGS", plus(1)),
    "a flag is lost": swap(rb"FLAGS \(\\(Seen|Answered|Flagged) ", rb"FLAGS ("),
    "a flag is too many": swap(rb"FETCH \((.*)FLAGS \((?!.*\\Draft)", rb"FETCH (\1FLAGS (\\Draft "),
    "another UID": swap(rb"FETCH \(UID (\d+)", plus(1)),
    "another size": swap(rb"RFC822\.SIZE (\d+)", plus(1)),
    "another message": swap(rb"^Subject: (\w+)-(\d+)", plus(2)),
    "COPYUID names others": swap(rb"COPYUID \d+ (?:[\d,:]+) (\d+)\]", plus(1)),
    "APPENDUID names another": swap(rb"APPENDUID \d+ (\d+)\]", plus(1)),
    "APPENDUID of several names one more": swap(rb"APPENDUID \d+ \d+:(\d+)\]", plus(1)),
    "SEARCH finds one less": swap(rb"^\* SEARCH \d+", b"* SEARCH"),
    "SEARCH finds one more": swap(rb"^\* SEARCH\b(?! 1\b)", b"* SEARCH 1"),
    "MESSAGES is one less": swap(rb"^\* STATUS .*MESSAGES (\d+)", plus(1, -1)),
    "UNSEEN is one more": swap(rb"^\* STATUS .*UNSEEN (\d+)", plus(1)),
    "UIDNEXT is one more": swap(rb"^\* OK \[UIDNEXT (\d+)\]", plus(1)),
    "UIDVALIDITY changes": swap(rb"^\* OK \[UIDVALIDITY (\d+)\]", plus(1)),
    "UNSEEN of SELECT is another": swap(rb"^\* OK \[UNSEEN (\d+)\]", plus(1)),
    "a STORE is refused that was done": swap(rb" OK STORE done$", b" NO [CANNOT] no"),
    "an EXPUNGE is refused that was done": swap(rb" OK (UID )?EXPUNGE done$", b" BAD no"),
    "LIST hides a mailbox": swap(rb"^\* LIST .* Work$", None),
    "STATUS tells another UIDNEXT": swap(rb"^\* STATUS .*UIDNEXT (\d+)", plus(1)),
    "HIGHESTMODSEQ is too small": swap(rb"^\* OK \[HIGHESTMODSEQ (\d+)\]", lambda m: b"* OK [HIGHESTMODSEQ 1]"),
    "HIGHESTMODSEQ is too great": swap(rb"HIGHESTMODSEQ (\d+)\]", plus(1, 60)),
    "MODSEQ is one more": swap(rb"MODSEQ \((\d+)\)", plus(1)),
    "MODSEQ is one less": swap(rb"MODSEQ \((\d+)\)", plus(1, -1)),
    "MODSEQ is missing": swap(rb" MODSEQ \(\d+\)\)", b")"),
    "VANISHED is lost": swap(rb"^\* VANISHED \d", None),
    "VANISHED names one less": swap(rb"^\* VANISHED (.*),\d+$", rb"* VANISHED \1"),
    "VANISHED names another": swap(rb"^\* VANISHED (\d+)$", plus(1)),
    "VANISHED (EARLIER) is lost": swap(rb"^\* VANISHED \(EARLIER\)", None),
    "VANISHED (EARLIER) names too many": swap(rb"^\* VANISHED \(EARLIER\) (?!1:).*?(\d+)$", rb"* VANISHED (EARLIER) 1:\1"),
    "a change is not told to who comes back": swap(rb"^\* \d+ FETCH \(UID \d+ FLAGS .*MODSEQ \(\d+\)\)$", None),
    "MODIFIED is not told": swap(rb" (?:OK|NO) \[MODIFIED [^]]*\]", b" OK"),
    "ESEARCH finds one less": swap(rb"^(\* ESEARCH .*ALL) \d+,", rb"\1 "),
    "ESEARCH counts one more": swap(rb"^\* ESEARCH .*COUNT (\d+)", plus(1)),
    "UIDL changes": swap(rb"^\d+ \d+\.(\d+)$", plus(1)),
    "STAT is one more": swap(rb"^\+OK (\d+) \d+$", plus(1)),
}


@pytest.fixture(scope="module", name="accounts")
def accounts_fixture(house):
    """Each fault begins with empty mailboxes, whatever those before it left."""
    return (make_account(house, f"fault{n}@demo.test") for n in itertools.count(1))


def make_account(house, address):
    house.run("account", "add", address, "--password-stdin", stdin=house.password + "\n")
    return address


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed(house, accounts, fault):
    run = Run(house, fault, next(accounts), clients=12, pop3s=2, **STEPS_OF.get(fault, {})).begin()
    dice = random.Random(fault)
    fired = []

    def tamper(line):
        changed = FAULTS[fault](line)
        if changed == line or dice.random() >= RATE:
            return line
        fired.append(run.number)
        run.patience = PATIENCE
        return changed

    run.tamper(tamper)
    try:
        with pytest.raises(AssertionError) as noticed:
            for _ in range(ROUNDS):
                run.steps(STEPS)
    finally:
        run.end()
    print(f"step {run.number}; the fault was met {len(fired)} times, first in step {fired[:1]}")
    assert fired, noticed.value
    assert f"seed '{fault}', step" in str(noticed.value)
