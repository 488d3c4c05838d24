# SPDX-License-Identifier: ISC
"""The mail corpus, appended to each server and asked for in every way that a
message can be asked for. A step is a message; what is asked of its parts follows
from the BODYSTRUCTURE that Mailstead tells, which is itself compared."""

import itertools

from differential import answers, messages

WHOLE = ["RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "FLAGS", "BODY.PEEK[]", "BODY.PEEK[HEADER]",
         "BODY.PEEK[TEXT]", "BODY.PEEK[HEADER.FIELDS (SUBJECT FROM RECEIVED X-NONE)]",
         "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT TO)]", "BODY.PEEK[]<0.100>", "BODY.PEEK[]<7.100>",
         "BODY.PEEK[TEXT]<100.2048>", "BODY.PEEK[]<1000000.1>", "RFC822.HEADER", "BODY.PEEK[99]", "BODY.PEEK[99.MIME]",
         "BODY.PEEK[1.99]"]
PART = ["BODY.PEEK[{}]", "BODY.PEEK[{}.MIME]", "BODY.PEEK[{}]<3.40>"]
MESSAGE = ["BODY.PEEK[{}.HEADER]", "BODY.PEEK[{}.TEXT]", "BODY.PEEK[{}.HEADER.FIELDS (SUBJECT)]",
           "BODY.PEEK[{}.HEADER.FIELDS.NOT (SUBJECT)]"]
BINARY = ["BINARY.PEEK[{}]", "BINARY.SIZE[{}]"]


def append(talk, corpus):
    """[(what, facts)] of the appends, and of the mailbox that they make. For what a
    server refuses it gets another message, so that numbers stay comparable."""
    steps = [("CREATE corpus", talk.say("A", "CREATE corpus"))]
    wire = talk.wire("A")
    for name, octets in corpus:
        status, said = wire.command("APPEND corpus", octets)
        steps.append((f"APPEND {name}", answers.facts(said, status, wire.last[2])))
        if status != b"OK":
            wire.ok("APPEND corpus", messages.named("simple"))
    return steps + [("EXAMINE corpus", talk.say("A", "EXAMINE corpus"))]


def structures(talk):
    """{number: BODYSTRUCTURE} of all."""
    found = {}
    for r in talk.wire("A").ok("FETCH 1:* (BODYSTRUCTURE)"):
        if len(r) == 4 and r[2] == b"FETCH":
            found[int(r[1])] = answers.merged(r[3])["BODYSTRUCTURE"]
    return found


MULTIPART, MAIL, LEAF = range(3)


def parts(structure, path=""):
    """(section, kind) of every part; the body of a message that is not
    multipart is its part 1 (RFC 9051 6.4.5.1)."""
    if not isinstance(structure[0], list):
        yield from part(structure, f"{path}.1" if path else "1")
        return
    for number, sub in enumerate(itertools.takewhile(lambda v: isinstance(v, list), structure), 1):
        section = f"{path}.{number}" if path else str(number)
        if isinstance(sub[0], list):
            yield section, MULTIPART
            yield from parts(sub, section)
        else:
            yield from part(sub, section)


def part(structure, section):
    inner = structure[8] if len(structure) > 9 and isinstance(structure[7], list) else None
    yield section, LEAF if inner is None else MAIL
    if inner is not None:
        yield from parts(inner, section)


def asked(structure):
    """(items that go into one FETCH, items that are asked for alone, since one that cannot be decoded fails all)."""
    together, alone = list(WHOLE), []
    for section, kind in parts(structure):
        together += [p.format(section) for p in PART + (MESSAGE if kind == MAIL else [])]
        alone += [b.format(section) for b in BINARY if kind == LEAF]
    return together, alone


def fetch(talks, number, name, structure):
    """[(what, {server: facts})] of one message."""
    together, alone = asked(structure)
    for items in [" ".join(together)] + alone:
        who = {p: t for p, t in talks.items() if items not in alone or "BINARY" in t.capabilities}
        yield (f"{name}: FETCH {items if items in alone else 'parts'}",
               {peer: unnumbered(talk.say("A", f"FETCH {number} ({items})"), number) for peer, talk in who.items()})


def unnumbered(facts, number):
    """Without the message's number in its paths: the step names the message."""
    begin = f"FETCH.{number}."
    return {(path[len(begin):] if path.startswith(begin) else path): value for path, value in facts.items()}


WORDS = ["test", "the", "multipart", "caf\u00e9", "\u65e5\u672c", "example.com", "a b", "Subject", ""]
TEXT_KEYS = ["SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT", "HEADER Subject", "HEADER X-Mailer", "HEADER Message-ID",
             "HEADER Content-Type", "HEADER Received"]
PLAIN_KEYS = ["ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN", "UNANSWERED", "UNDELETED",
              "UNDRAFT", "UNFLAGGED", "UNSEEN", "KEYWORD x", "UNKEYWORD x", "LARGER 1000", "SMALLER 1000", "LARGER 0",
              "SENTBEFORE 1-Jan-2005", "SENTSINCE 1-Jan-2005", "SENTON 20-Nov-2003", "BEFORE 1-Jan-2005",
              "SINCE 1-Jan-2005", "1:10", "UID 5:20", "NOT 5:*", "OR 1 3", "OR SUBJECT test FROM example", "NOT (1:20 30:*)",
              "UID 300,2,5:7", "SUBJECT a NOT FROM b", "HEADER Date 2003"]


def searches():
    """SEARCH commands over the corpus."""
    for key in PLAIN_KEYS:
        yield f"SEARCH {key}"
    for key, word in itertools.product(TEXT_KEYS, WORDS):
        if word.isascii():
            yield f'SEARCH {key} "{word}"'
        else:
            yield f"SEARCH CHARSET UTF-8 {key} <<{word}>>"


def by_name(facts, corpus, left_out):
    """A search's facts as the names of what was found, without the messages that not all of the servers have."""
    found = facts.pop("SEARCH", None)
    for n in (int(n) for n in (found or b"").split(b",") if n):
        if n not in left_out:
            facts[f"found {corpus[n - 1][0]}"] = b"yes"
    return facts


def search(talks, corpus, left_out):
    for command in searches():
        yield command, {peer: by_name(talk.say("A", command), corpus, left_out) for peer, talk in talks.items()}
