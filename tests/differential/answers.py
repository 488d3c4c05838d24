# SPDX-License-Identifier: ISC
"""What a server said, as flat facts that can be compared: {path: value}, as in
"FETCH.3.ENVELOPE.subject": b"Hello". Only what may differ by nature is made
alike: free words, UIDVALIDITY, values of mod-sequences, dates of now, the order
of sets, the case of what has none (RFC 9051 7)."""

import datetime
import re

STATUS = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")
ENVELOPE = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")
BASIC = ("type", "subtype", "parameters", "id", "description", "encoding", "octets")
EXTENSION = ("md5", "disposition", "language", "location")
HIDDEN = {b"UIDVALIDITY": b"V", b"HIGHESTMODSEQ": b"M", b"MODIFIED-SINCE": b"M"}


class Values:
    """A line's rest as values, without a connection: for what stands in codes."""

    def __init__(self, text):
        self.tokens = re.findall(rb'\(|\)|"(?:\\.|[^"\\])*"|[^\s()"]+', text)

    def all(self):
        out = []
        while self.tokens and self.tokens[0] != b")":
            token = self.tokens.pop(0)
            if token == b"(":
                out.append(self.all())
                if self.tokens:
                    self.tokens.pop(0)
            else:
                out.append(token)
        return out


def upper(value):
    return value.upper() if isinstance(value, bytes) else value


def names(values):
    """A set, as flags and attributes are."""
    return b" ".join(sorted({v.upper() if v.startswith(b"\\") else v for v in values or []}))


def numbers(text):
    """A sequence set as its members, ordered."""
    out = set()
    for piece in text.split(b","):
        first, _, last = piece.partition(b":")
        if not (first.isdigit() and (last.isdigit() or not last)):
            return text
        a, b = int(first), int(last or first)
        out |= set(range(min(a, b), max(a, b) + 1))
    return b",".join(b"%d" % n for n in sorted(out))


def date(value):
    """An INTERNALDATE as a moment; "now" when it is of this day."""
    try:
        at = datetime.datetime.strptime(value.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")
    except (ValueError, UnicodeDecodeError):
        return value
    now = datetime.datetime.now(datetime.timezone.utc)
    if abs((now - at).total_seconds()) < 86400:
        return b"now"
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ").encode()


# ---- message data ----

def address(fields):
    return b" ".join(b"NIL" if f is None else b'"' + f + b'"' for f in fields)


def envelope(value):
    for name, field in zip(ENVELOPE, value):
        if isinstance(field, list):
            field = b" | ".join(address(a) for a in field)
        yield name, field


def parameters(value):
    for name, field in zip((value or [])[::2], (value or [])[1::2]):
        yield upper(name).decode("latin-1"), field


def extension(values, path):
    """What may stand behind a body: from body-ext-mpart's parameters on."""
    values = values + [None] * (len(EXTENSION) - len(values))
    for name, value in zip(EXTENSION, values):
        if name == "disposition" and isinstance(value, list) and len(value) == 2:
            yield f"{path}.disposition", upper(value[0])
            for key, field in parameters(value[1]):
                yield f"{path}.disposition.{key}", field
        elif name == "language" and isinstance(value, list):
            yield f"{path}.language", b" ".join(value)
        else:
            yield f"{path}.{name}", repr(value).encode() if isinstance(value, list) else value


def body(value, path, extended):
    """A BODY or BODYSTRUCTURE, RFC 9051 7.5.2."""
    if isinstance(value[0], list):
        parts = [v for v in value if isinstance(v, list)]
        count = next(i for i, v in enumerate(value) if not isinstance(v, list))
        yield f"{path}.parts", b"%d" % count
        for i, part in enumerate(parts[:count]):
            yield from body(part, f"{path}.{i + 1}", extended)
        yield f"{path}.subtype", upper(value[count])
        rest = value[count + 1:]
        if extended:
            for key, field in parameters(rest[0] if rest else None):
                yield f"{path}.parameters.{key}", field
            yield from extension([None] + rest[1:], path)  # no MD5 of a multipart
        return
    for name, field in zip(BASIC, value):
        if name == "parameters":
            for key, f in parameters(field):
                yield f"{path}.parameters.{key}", f
        else:
            yield f"{path}.{name}", upper(field) if name in ("type", "subtype", "encoding") else field
    rest = value[len(BASIC):]
    if rest and isinstance(rest[0], list) and len(rest) > 2:  # message/rfc822 or message/global
        for name, field in envelope(rest[0]):
            yield f"{path}.envelope.{name}", field
        yield from body(rest[1], f"{path}.message", extended)
        rest = rest[2:]
        yield f"{path}.lines", rest.pop(0)
    elif upper(value[0]) == b"TEXT" and rest:
        yield f"{path}.lines", rest.pop(0)
    if extended:
        yield from extension(rest, path)


def item(name, value, path):
    """One item of a FETCH response."""
    if name == "ENVELOPE":
        for key, field in envelope(value):
            yield f"{path}.{key}", field
    elif name in ("BODY", "BODYSTRUCTURE"):
        yield from body(value, path, name == "BODYSTRUCTURE")
    elif name == "FLAGS":
        yield path, names(value)
    elif name == "MODSEQ":
        yield path, b"M"
    elif name == "INTERNALDATE":
        yield path, date(value)
    elif isinstance(value, list):
        yield path, repr(value).encode()
    else:
        yield path, value


def item_name(name):
    """As the server wrote it, with what has no case in capitals: BODY[HEADER.FIELDS (From)]<0>."""
    return name.decode("latin-1").upper().replace('"', "")


# ---- responses ----

def code(text):
    """(name, arguments) of a response code, or None."""
    m = re.match(rb"\[([^\s\]]+)(?: ((?:[^\]\"]|\"[^\"]*\")*))?\]", text)
    if not m:
        return None
    name = m.group(1).upper()
    values = Values(m.group(2) or b"").all()
    if name in (b"APPENDUID", b"COPYUID") and values:
        values = [b"V"] + [numbers(v) for v in values[1:]]
    elif name == b"MODIFIED":
        values = [numbers(v) for v in values]
    elif name in HIDDEN:
        values = [HIDDEN[name]]
    elif values and isinstance(values[0], list):
        values = [names(values[0])]
    return name.decode("latin-1"), b" ".join(v if isinstance(v, bytes) else repr(v).encode() for v in values)


def merged(items):
    """A FETCH response's items as a mapping; sections whose names have spaces are one name."""
    return {item_name(k): v for k, v in zip(items[::2], items[1::2])}


def pairs(prefix, values):
    for key, value in zip(values[::2], values[1::2]):
        value = HIDDEN.get(upper(key), value)
        if isinstance(value, list):
            value = repr(value).encode()
        yield f"{prefix}.{upper(key).decode('latin-1')}", value


def esearch(values):
    """RFC 9051 7.3.4; the tag is the client's own."""
    rest = values[2:]
    if rest and isinstance(rest[0], list):
        rest = rest[1:]
    if rest and upper(rest[0]) == b"UID":
        yield "ESEARCH.UID", b"yes"
        rest = rest[1:]
    yield "ESEARCH", b"said"
    for key, value in zip(rest[::2], rest[1::2]):
        key = upper(key)
        yield f"ESEARCH.{key.decode()}", b"M" if key == b"MODSEQ" else numbers(value) if key == b"ALL" else value


def listed(kind, values):
    """LIST and LSUB, with what LIST-EXTENDED puts behind."""
    name = values[4] if values[4].upper() != b"INBOX" else b"INBOX"
    name = name.decode("latin-1").rstrip("/")
    hints = (b"\\MARKED", b"\\UNMARKED")  # a server is free in these, RFC 9051 7.3.1
    yield f"{kind}.{name}", names(a for a in values[2] if a.upper() not in hints)
    yield f"{kind}.{name}.delimiter", values[3]
    for extra in values[5:]:
        for key, value in zip(extra[::2], extra[1::2]):
            yield f"{kind}.{name}.{key.decode().upper()}", repr(value).encode()


def search(values):
    """A SEARCH response: its numbers, and behind them perhaps (MODSEQ n)."""
    if values and isinstance(values[-1], list):
        yield "SEARCH.MODSEQ", b"M"
        values = values[:-1]
    yield "SEARCH", b",".join(sorted(values, key=int))


class Facts:
    """The answers to one command."""

    def __init__(self):
        self.found = {}
        self.removed = []
        self.vanished = set()

    def put(self, found):
        for path, value in found:
            self.found[path] = value

    def untagged(self, values):
        kind = upper(values[1])
        if kind in STATUS:
            told = code(values[2])
            if told:
                self.put([(f"{kind.decode()}.{told[0]}", told[1])])
            elif kind != b"OK":
                self.put([(f"untagged.{kind.decode()}", b"said")])
        elif len(values) > 2 and kind.isdigit():
            self.numbered(int(kind), upper(values[2]), values)
        elif kind in (b"LIST", b"LSUB"):
            self.put(listed(kind.decode(), values))
        elif kind == b"STATUS":
            self.put(pairs(f"STATUS.{values[2].decode('latin-1')}", values[3]))
        elif kind == b"SEARCH":
            self.put(search(values[2:]))
        elif kind == b"ESEARCH":
            self.put(esearch(values))
        elif kind == b"FLAGS":
            self.put([("FLAGS", names(values[2]))])
        elif kind == b"VANISHED":
            self.put([("VANISHED" + (".EARLIER" if len(values) == 4 else ""), numbers(values[-1]))])
        elif kind not in (b"CAPABILITY", b"ID"):
            self.put([(kind.decode("latin-1"), repr(values[2:]).encode())])

    def numbered(self, number, kind, values):
        if kind == b"EXPUNGE":
            self.removed.append(number)
        elif kind == b"FETCH":
            for name, value in merged(values[3]).items():
                self.put(item(name, value, f"FETCH.{number}.{name}"))
        else:
            self.put([(kind.decode(), b"%d" % number)])

    def done(self, status, text):
        self.found["status"] = status
        told = code(text)
        if told and told[0] != "CAPABILITY":
            self.found[f"code.{told[0]}"] = told[1]
        if self.removed:
            self.found["EXPUNGE"] = b",".join(b"%d" % n for n in positions(self.removed))
        return self.found


def positions(removed):
    """Which messages EXPUNGE responses took away, numbered as before the first
    of them; servers are free in the order (RFC 9051 7.5.1)."""
    left = list(range(1, max(removed) + len(removed) + 1))
    return sorted(left.pop(n - 1) for n in removed)


EXTRAS = re.compile(r"(?:OK|code)\.(?:MAILBOXID|ANNOTATIONS|URLMECH)")  # of extensions that a peer has, RFC 8474, 5257, 4467


def facts(said, status, text):
    found = Facts()
    for values in said:
        found.untagged(values)
    return {path: value for path, value in found.done(status, text).items() if not EXTRAS.fullmatch(path)}
