# SPDX-License-Identifier: ISC
"""What leaves this site as servers elsewhere judge it: the signatures of both
kinds (RFC 6376, RFC 8463) and the ARC set of what is led on (RFC 8617), by
dkimpy, OpenDKIM and rspamd, at a sink that others wrote."""

import json
import os
import re
import smtplib

import dkim
import pytest

import verifiers
from clients import letter, unique
from foreign import SmtpSink
from world import World

CI = bool(os.environ.get("MAILSTEAD_CI"))
OURS, SINK, RSPAMD = "127.0.42.1", "127.0.42.2", "127.0.42.3"
RECORDS = {("a.test", "MX"): ["10 mx.a.test."], ("mx.a.test", "A"): [OURS],
           ("s.test", "MX"): ["10 mx.s.test."], ("mx.s.test", "A"): [SINK]}


def need(what, present):
    if not present:
        assert not CI, what
        pytest.skip(what)


@pytest.fixture(scope="module", name="world")
def world_fixture():
    need("no smtp-sink", not SmtpSink.missing())
    with World(RECORDS) as world:
        world.a = world.office("a.test", OURS)
        world.alice = world.a.account("alice")
        world.a.run("alias", "add", "onward@a.test", "carl@s.test")
        world.sink = world.server(SmtpSink(world, "mx.s.test", SINK))
        yield world


def without_dump(octets):
    """As it came: what smtp-sink writes before the message ends with its Received field."""
    return re.sub(rb"\AX-Client-Addr:.*?\r\nReceived: [^\r]*(?:\r\n[ \t][^\r]*)*\r\n", b"", octets, flags=re.S)


def taken(world, number, subject):
    world.a.await_log(rf"event=outbound\.delivered id={number} ")
    return without_dump(world.sink.mail(subject))


@pytest.fixture(scope="module", name="signed")
def signed_fixture(world):
    subject = unique("signed")
    number = world.a.submit(world.alice, ["carl@s.test"], subject, "Grüße.\r\n.\r\n\r\n\r\n".encode(), tls="at once",
                            header="Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
    return taken(world, number, subject)


@pytest.fixture(scope="module", name="led_on")
def led_on_fixture(world):
    """From outside to an alias whose mail goes to the sink."""
    subject = unique("onward")
    with smtplib.SMTP(world.a.host, world.a.port("smtp"), "z.test", timeout=60) as client:
        client.sendmail("sender@elsewhere.test", ["onward@a.test"], letter(subject, to="onward@a.test"))
    number = world.a.await_log(r'event=outbound\.delivered id=(\S+) .*from="?SRS0=')
    return taken(world, number, subject)


@pytest.fixture(scope="module", name="rspamd")
def rspamd_fixture(world):
    need(verifiers.Rspamd.missing(), not verifiers.Rspamd.missing())
    return world.server(verifiers.Rspamd(world, RSPAMD))


def changed(message):
    """With one letter more at its end."""
    return message + b"x\r\n"


def test_dkimpy(world, signed):
    assert verifiers.by_dkimpy(signed, world.txt) == [True, True]
    assert verifiers.by_dkimpy(changed(signed), world.txt) == [False, False]


def test_opendkim(world, signed):
    need("no opendkim", verifiers.OPENDKIM)
    shown = json.loads(world.a.run("domain", "show", "a.test", "--json"))["records"]
    keys = {r["name"]: r["value"] for r in shown if "_domainkey" in r["name"]}
    assert verifiers.by_opendkim(world.folder, keys, signed) == ["rsa-sha256", "ed25519-sha256"]
    assert verifiers.by_opendkim(world.folder, keys, changed(signed)) not in (["rsa-sha256"], ["rsa-sha256", "ed25519-sha256"])


def test_rspamd(rspamd, signed):
    selectors = sorted(re.findall(rb"\bs=([^;]+);", b"".join(re.findall(rb"DKIM-Signature:[^\r]*(?:\r\n[ \t][^\r]*)*", signed))))
    found = rspamd.symbols(signed)
    assert sorted(found.get("R_DKIM_ALLOW", [])) == [f"a.test:s={s.decode()}" for s in selectors], found
    assert len(selectors) == 2
    found = rspamd.symbols(changed(signed))
    assert "R_DKIM_ALLOW" not in found and len(found["R_DKIM_REJECT"]) == 2, found


def test_an_arc_set(world, rspamd, led_on):
    assert dkim.arc_verify(led_on, dnsfunc=world.txt)[0] == dkim.CV_Pass
    assert dkim.arc_verify(changed(led_on), dnsfunc=world.txt)[0] == dkim.CV_Fail
    found = rspamd.symbols(led_on)
    assert "ARC_ALLOW" in found and "ARC_REJECT" not in found, found
    found = rspamd.symbols(changed(led_on))
    assert "ARC_ALLOW" not in found, found
