#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""tests/intake_oracle.py HELPER

What goes out, as servers elsewhere see it: signatures of both kinds on real
mail hold for dkimpy and for OpenDKIM, and so does the ARC set on what goes on.
HELPER is the program made of src/intake/oracle_helper.c. Says what passed as
cmocka does; exit code 77 when dkimpy or the vectors are missing."""

import re
import sys
import tempfile

import mailauth_oracle
from mailauth_oracle import dns_of
from verifiers import OPENDKIM, by_opendkim

try:
    import dkim
except ImportError as why:
    print(f"passed over: {why}")
    sys.exit(77)

NAMES = [b"r._domainkey.one.test", b"e._domainkey.one.test"]


def records(helper):
    return [(name, helper.ask(b"record %d" % i)) for i, name in enumerate(NAMES)]


def ours():
    """Real mail, of an author at our domain. What may stand once and stands twice is not taken."""
    for message in mailauth_oracle.corpus():
        head, body = message.split(b"\r\n\r\n", 1)
        head = re.sub(rb"(?mi)^From[ \t]*:[^\r]*(?:\r\n[ \t][^\r]*)*", b"From: Ann <ann@one.test>", head + b"\r\n")
        head = re.sub(rb"(?mi)^(Sender|DKIM-Signature)[ \t]*:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", head)
        names = re.findall(rb"(?mi)^(Reply-To|Subject|Date|Message-ID)[ \t]*:", head)
        if len(names) == len({n.lower() for n in names}):
            yield head + b"\r\n" + body


def holds(message, dns, count):
    """Each of the signatures by itself."""
    try:
        return [dkim.DKIM(message).verify(idx=i, dnsfunc=dns) for i in range(count)] == [True] * count
    except dkim.DKIMException:
        return False


def test_both_signatures_hold_for_dkimpy(helper):
    dns, count = dns_of(records(helper)), 0
    for message in ours():
        out = helper.ask(b"submit", message)
        head = out.split(b"\r\n\r\n")[0]
        assert re.findall(rb"(?m)^DKIM-Signature: v=1; a=([a-z0-9-]+);", head) == mailauth_oracle.ALGORITHMS, head
        assert holds(out, dns, 2), out[:2000]
        assert not holds(out[:-2] + b"more\r\n", dns, 1)
        assert not holds(b"From: more@one.test\r\n" + out, dns, 1)
        count += 1
    assert count > 80, count


def test_both_signatures_hold_for_opendkim(helper):
    if OPENDKIM is None:
        print("[  SKIPPED ] no opendkim")
        return
    keys = {name.decode(): record.decode() for name, record in records(helper)}
    with tempfile.TemporaryDirectory() as folder:
        for message in list(ours())[::10]:
            out = helper.ask(b"submit", message)
            out += b"" if out.endswith(b"\r\n") else b"\r\n"  # as DATA has it (RFC 5321 4.1.1.4)
            assert by_opendkim(folder, keys, out) == ["rsa-sha256", "ed25519-sha256"], out[:2000]


def test_the_arc_set_holds_for_dkimpy(helper):
    dns = dns_of(records(helper))
    for message in mailauth_oracle.corpus()[::5]:
        once = helper.ask(b"forward", message)
        assert dkim.arc_verify(once, dnsfunc=dns)[0] == dkim.CV_Pass, once[:2000]
        twice = helper.ask(b"forward", once)
        assert twice.startswith(b"ARC-Seal: i=2; a=rsa-sha256; cv=pass;")
        assert dkim.arc_verify(twice, dnsfunc=dns)[0] == dkim.CV_Pass, twice[:2000]


if __name__ == "__main__":
    sys.exit(mailauth_oracle.run((test_both_signatures_hold_for_dkimpy, test_both_signatures_hold_for_opendkim,
                                  test_the_arc_set_holds_for_dkimpy)))
