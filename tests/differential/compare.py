# SPDX-License-Identifier: ISC
"""Two servers' facts field by field, and what explains a difference: a rule of
rules.py, or nothing, which fails the test."""

import collections
import re

OURS = "mailstead"

Difference = collections.namedtuple("Difference", "peer step path ours theirs")


def text(value):
    if value is None:
        return "NIL"
    return value if isinstance(value, str) else value.decode("latin-1")


def differences(step, said):
    """What one step's answers differ in; said: {server: facts}."""
    ours = said.get(OURS)
    if ours is None:  # it has no such thing yet
        return
    for peer, theirs in said.items():
        if peer == OURS:
            continue
        for path in sorted(set(ours) | set(theirs)):
            a, b = ours.get(path, "absent"), theirs.get(path, "absent")
            if a != b:
                yield Difference(peer, step, path, text(a), text(b))


class Rules:
    """The table, and which of its rows were needed."""

    def __init__(self, rows):
        self.rows = [(row, self._compiled(row)) for row in rows]
        self.used = set()

    @staticmethod
    def _compiled(row):
        return [re.compile(p, re.S) for p in (row.step, row.path, row.ours, row.theirs)]

    def explains(self, d):
        for row, patterns in self.rows:
            if d.peer in row.peers and all(p.search(t) for p, t in zip(patterns, d[1:])):
                self.used.add((row.title, d.peer))
                return True
        return False

    def unexplained(self, steps):
        return [d for step, said in steps for d in differences(step, said) if not self.explains(d)]

    def stale(self, peers):
        return [(row.title, peer) for row, _ in self.rows for peer in row.peers
                if peer in peers and (row.title, peer) not in self.used]


def around(value, other):
    """A long value where it begins to differ."""
    if len(value) <= 160:
        return repr(value)
    at = next((i for i, (a, b) in enumerate(zip(value, other)) if a != b), min(len(value), len(other)))
    return f"{len(value)} octets, at {at}: {value[max(0, at - 30):at + 90]!r}"


def report(found):
    """For whoever reads why the test failed."""
    lines = ["no rule of tests/differential/rules.py explains this:"]
    for d in found:
        lines.append(f"{d.step}\n    {d.path}\n        mailstead: {around(d.ours, d.theirs)}"
                     f"\n        {d.peer}: {around(d.theirs, d.ours)}")
    return "\n".join(lines)
