#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""tests/intake_oracle.py HELPER

What goes out, as servers elsewhere see it: signatures of both kinds on real
mail hold for dkimpy and for OpenDKIM, and so does the ARC set on what goes on.
HELPER is the program made of src/intake/oracle_helper.c. Says what passed as
cmocka does; exit code 77 when dkimpy or the vectors are missing."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

import mailauth_oracle
from mailauth_oracle import Helper, dns_of

try:
    import dkim
except ImportError as why:
    print(f"passed over: {why}")
    sys.exit(77)

NAMES = [b"r._domainkey.one.test", b"e._domainkey.one.test"]
OPENDKIM = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin")


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
    with tempfile.TemporaryDirectory() as folder:
        keys, config = os.path.join(folder, "keys"), os.path.join(folder, "conf")
        with open(keys, "wb") as f:
            f.writelines(name + b" " + record + b"\n" for name, record in records(helper))
        with open(config, "w", encoding="ascii") as f:
            f.write(f"Mode v\nTestPublicKeys {keys}\nBackground no\nSyslog no\n")
        for number, message in enumerate(list(ours())[::10]):
            path = os.path.join(folder, f"{number}.eml")
            out = helper.ask(b"submit", message)
            with open(path, "wb") as f:
                f.write(out if out.endswith(b"\r\n") else out + b"\r\n")  # as DATA has it (RFC 5321 4.1.1.4)
            done = subprocess.run([OPENDKIM, "-x", config, "-vv", "-t", path], capture_output=True, text=True, check=False)
            said = done.stdout + done.stderr
            assert done.returncode == 0, said
            assert re.findall(r"dkim=pass .*header\.a=(\S+)", said) == ["rsa-sha256", "ed25519-sha256"], said


def test_the_arc_set_holds_for_dkimpy(helper):
    dns = dns_of(records(helper))
    for message in mailauth_oracle.corpus()[::5]:
        once = helper.ask(b"forward", message)
        assert dkim.arc_verify(once, dnsfunc=dns)[0] == dkim.CV_Pass, once[:2000]
        twice = helper.ask(b"forward", once)
        assert twice.startswith(b"ARC-Seal: i=2; a=rsa-sha256; cv=pass;")
        assert dkim.arc_verify(twice, dnsfunc=dns)[0] == dkim.CV_Pass, twice[:2000]


def main():
    if not os.path.isdir(os.path.join(mailauth_oracle.VECTORS, "dkim")):
        print(f"no vectors at {mailauth_oracle.VECTORS}: passed over")
        return 77
    helper, failed = Helper(sys.argv[1]), 0
    for test in (test_both_signatures_hold_for_dkimpy, test_both_signatures_hold_for_opendkim,
                 test_the_arc_set_holds_for_dkimpy):
        try:
            test(helper)
            print(f"[       OK ] {test.__name__}", flush=True)
        except Exception:  # the others still run
            traceback.print_exc()
            print(f"[  FAILED  ] {test.__name__}", flush=True)
            failed += 1
    helper.end()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
