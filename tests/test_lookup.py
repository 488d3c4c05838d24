# SPDX-License-Identifier: ISC
"""What role lookup finds out, confined as it is, through `mailstead lookup`:
against a DNS server that signs a zone and misbehaves, and an HTTPS host of
MTA-STS policies that does, too."""

import json
import os
import signal
import subprocess
import threading

import pytest

import events
from dnsserver import DnsServer
from mailstead import Site, binary, free_port_base
from policyhost import PolicyHost

STS = ("good.test", "redirect.test", "large.test", "html.test", "missing.test", "drip.test", "nonsense.test",
       "untrusted.test", "inside.test", "nohost.test")
SHA256 = "0123456789abcdef" * 4
TLSA = f"3 1 1 {SHA256}"

RECORDS = {
    ("example.test", "MX"): ["20 b.example.test.", "10 a.example.test."],
    ("a.example.test", "A"): ["192.0.2.1"],
    ("a.example.test", "AAAA"): ["2001:db8::1"],
    ("b.example.test", "A"): ["192.0.2.2"],
    ("null.test", "MX"): ["0 ."],
    ("implicit.test", "A"): ["192.0.2.3"],
    ("xn--bcher-kva.test", "MX"): ["10 a.example.test."],
    ("alias.test", "CNAME"): ["example.test."],
    ("round.test", "CNAME"): ["about.test."],
    ("about.test", "CNAME"): ["round.test."],
    ("text.test", "TXT"): ["nothing else"],
    ("long.test", "TXT"): [f'"{i} {"x" * 200}"' for i in range(100)],
    ("truncated.test", "MX"): ["10 a.example.test."],
    # signed: a host with TLSA, one without, forged ones, an alias into the open
    ("signed.test", "MX"): ["10 mx.signed.test."],
    ("mx.signed.test", "A"): ["192.0.2.4"],
    ("_25._tcp.mx.signed.test", "TLSA"): [TLSA],
    ("plain.signed.test", "A"): ["192.0.2.5"],
    ("alias.signed.test", "CNAME"): ["mx.signed.test."],
    ("outside.signed.test", "CNAME"): ["a.example.test."],
    ("_25._tcp.outside.signed.test", "TLSA"): [TLSA],
    ("forged.signed.test", "MX"): ["10 mx.signed.test."],
    ("stripped.signed.test", "A"): ["192.0.2.6"],
    ("badkey.signed.test", "A"): ["192.0.2.7"],
    ("_25._tcp.badkey.signed.test", "TLSA"): [TLSA],
    ("lame.signed.test", "A"): ["192.0.2.8"],
    **{(d, "MX"): [f"10 mx.{d}."] for d in STS},
    **{(f"mx.{d}", "A"): ["192.0.2.9"] for d in STS},
    **{(f"_mta-sts.{d}", "TXT"): ['"v=STSv1; id=1;"'] for d in STS},
    **{(f"mta-sts.{d}", "A"): ["127.0.0.1"] for d in STS if d not in ("inside.test", "nohost.test")},
    ("mta-sts.inside.test", "A"): ["169.254.169.254"],
}
MANNERS = {
    "silent.test": "silent", "servfail.test": "servfail", "truncated.test": "truncated",
    "forged.signed.test": "forged", "stripped.signed.test": "stripped", "_25._tcp.badkey.signed.test": "forged",
    "_25._tcp.lame.signed.test": "servfail",
}


@pytest.fixture(scope="module", name="dns")
def dns_fixture():
    with DnsServer(RECORDS, MANNERS, signed="signed.test") as server:
        yield server


@pytest.fixture(scope="module", name="host")
def host_fixture(tmp_path_factory):
    manners = {d: d.removesuffix(".test") for d in STS}
    with PolicyHost(str(tmp_path_factory.mktemp("host")), STS, manners, untrusted=("untrusted.test",)) as server:
        yield server


def site_with(dns, host, folder):
    anchor = folder / "anchor"
    anchor.write_text(f"; of the signed zone\n{dns.anchor}")
    return Site(f'resolver = "127.0.0.1:{dns.port}"\ntrust_anchor = "{anchor}"\nca_file = "{host.ca}"\n'
                f"listen lmtp {{ address = 127.0.0.1, port = {free_port_base() + 24} }}\n")


@pytest.fixture(scope="module", name="site")
def site_fixture(dns, host, tmp_path_factory):
    with site_with(dns, host, tmp_path_factory.mktemp("site")) as running:
        running.run("set", "lookup.https_port", str(host.port))
        running.run("set", "lookup.https_networks", "127.0.0.0/8")
        yield running


def look_up(site, *what):
    return json.loads(site.run("lookup", *what, "--json", check=False))


def route(site, domain, code="2.0.0"):
    found = look_up(site, domain)
    assert found["code"] == code, found
    return found


def test_hosts_in_order(site):
    found = route(site, "example.test")
    assert [(h["name"], h["preference"], h["address"]) for h in found["hosts"]] == [
        ("a.example.test", 10, ["2001:db8::1", "192.0.2.1"]), ("b.example.test", 20, ["192.0.2.2"])]
    assert not found["mx-secure"] and found["mta-sts"] == "none"
    assert route(site, "alias.test")["hosts"][0]["name"] == "a.example.test"
    assert route(site, "Bücher.test")["domain"] == "xn--bcher-kva.test"
    assert route(site, "truncated.test")["hosts"][0]["address"]
    implicit = route(site, "implicit.test")
    assert implicit["implicit"] == 1 and implicit["hosts"][0]["address"] == ["192.0.2.3"]
    assert route(site, "[192.0.2.1]")["hosts"][0]["address"] == ["192.0.2.1"]


@pytest.mark.parametrize("domain, code, words", [
    ("nowhere.test", "5.1.2", "does not exist"), ("null.test", "5.1.10", "takes no mail"),
    ("text.test", "5.1.2", "no host"), ("servfail.test", "4.4.3", "now"), ("round.test", "4.4.3", "now"),
    ("forged.signed.test", "4.7.5", "not signed correctly"), ("stripped.signed.test", "4.7.5", "not signed correctly"),
    ("no domain", "5.1.3", "no domain name"), ("[192.0.2]", "5.1.3", "no address")])
def test_no_way(site, domain, code, words):
    assert words in route(site, domain, code)["words"]


def test_one_that_hangs_holds_up_nobody(site, dns):
    """The answer to another question is there while the first still waits."""
    site.run("set", "lookup.question_timeout", "20 s")
    slow = subprocess.Popen([binary(), "lookup", "silent.test", "--json", "--dir", site.dir], stdout=subprocess.PIPE,
                            text=True)
    while not dns.count("silent.test", "MX"):
        assert slow.poll() is None
    assert route(site, "example.test") and slow.poll() is None
    assert json.loads(slow.communicate(timeout=60)[0])["code"] == "4.4.3"
    site.run("set", "lookup.question_timeout", "")


def test_many_at_once(site):
    found, threads = [], []
    for i in range(40):
        domain = ("example.test", "silent.test", "signed.test", "null.test")[i % 4]
        threads.append(threading.Thread(target=lambda d=domain: found.append((d, look_up(site, d)["code"]))))
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(found) == {("example.test", "2.0.0"), ("silent.test", "4.4.3"), ("signed.test", "2.0.0"),
                          ("null.test", "5.1.10")} and len(found) == 40


def test_signed_answers(site):
    """RFC 4035 4.3: secure, insecure, bogus; what is not there is signed, too."""
    assert look_up(site, "mx.signed.test", "A") | {"ttl": 0} == {
        "outcome": "ok", "why": "", "secure": 1, "canonical": "mx.signed.test", "ttl": 0, "record": ["192.0.2.4"]}
    assert look_up(site, "mx.signed.test", "TXT")["outcome"] == "nodata"
    assert look_up(site, "mx.signed.test", "TXT")["secure"] == 1
    assert look_up(site, "a.example.test", "A")["secure"] == 0
    outside = look_up(site, "outside.signed.test", "A")
    assert outside["outcome"] == "ok" and outside["secure"] == 0 and outside["canonical"] == "a.example.test"
    for name in ("forged.signed.test", "stripped.signed.test"):
        bogus = look_up(site, name, "MX" if name.startswith("forged") else "A")
        assert bogus["outcome"] == "bogus" and bogus["why"] and not bogus["record"], bogus
    assert len(look_up(site, "long.test", "TXT")["record"]) == 100


def test_tlsa(site):
    """RFC 7672 2.2.3; a failed look-up is no absence."""
    found = route(site, "signed.test")
    assert found["mx-secure"] == 1
    assert [(h["secure"], h["tlsa-base"], h["tlsa"]) for h in found["hosts"]] == [
        (1, "mx.signed.test", ["030101" + SHA256])]
    plain = route(site, "plain.signed.test")["hosts"][0]
    assert plain["secure"] == 1 and plain["tlsa"] == [] and plain["state"] == "ok"
    assert route(site, "alias.signed.test")["hosts"][0]["tlsa-base"] == "mx.signed.test"
    outside = route(site, "outside.signed.test")["hosts"][0]
    assert outside["secure"] == 0
    assert route(site, "badkey.signed.test", "4.7.5")["hosts"][0]["state"] == "bogus"
    assert route(site, "lame.signed.test", "4.4.3")["hosts"][0]["state"] == "temporary"


def test_policy_is_fetched_once(site, host):
    for _ in range(3):
        found = route(site, "good.test")
        assert (found["mta-sts"], found["mta-sts-mode"], found["mta-sts-id"], found["mta-sts-mx"]) == \
            ("policy", "enforce", "1", ["*.good.test"]), found
    assert host.fetched["good.test"] == 1


@pytest.mark.parametrize("domain, state, words", [
    ("redirect.test", "unfetched", "301"), ("missing.test", "unfetched", "404"), ("large.test", "unfetched", "large"),
    ("html.test", "invalid", "text/html"), ("nonsense.test", "invalid", "well-formed"),
    ("untrusted.test", "untrusted", "certificate"), ("inside.test", "unfetched", "public Internet"),
    ("nohost.test", "unfetched", "no address")])
def test_policies_that_are_none(site, host, domain, state, words):
    """RFC 8461 3.3: mail goes on without, and the report says what was wrong."""
    before = host.fetched.get("good.test", 0)
    found = route(site, domain)
    assert found["mta-sts"] == state and words in found["mta-sts-words"], found
    assert found["mta-sts-mx"] == [] and found["hosts"][0]["state"] == "ok"
    assert host.fetched.get("good.test", 0) == before


def test_a_policy_that_drips(site):
    site.run("set", "lookup.https_timeout", "1 s")
    found = route(site, "drip.test")
    site.run("set", "lookup.https_timeout", "")
    assert found["mta-sts"] == "unfetched" and "in time" in found["mta-sts-words"]


def test_the_guard_without_leave(dns, host, tmp_path):
    """The same host at the same address: not without the operator's word."""
    os.chmod(tmp_path, 0o755)
    with site_with(dns, host, tmp_path) as site:
        before = dict(host.fetched)
        site.run("set", "lookup.https_port", str(host.port))
        found = route(site, "good.test")
        assert found["mta-sts"] == "unfetched" and "public Internet" in found["mta-sts-words"]
        assert host.fetched == before
        # A role that is killed comes back, and knows its resolver.
        pid = site.role_pids("lookup")[0]
        os.kill(pid, signal.SIGKILL)
        events.await_exits([pid], 60)
        site.await_log("level=info role=lookup event=role.serving", 2)
        assert route(site, "signed.test")["mx-secure"] == 1


def test_a_stop_does_not_wait_for_one_that_hangs(dns, host, tmp_path):
    os.chmod(tmp_path, 0o755)
    with site_with(dns, host, tmp_path) as site:
        before = dns.count("silent.test", "MX")
        slow = subprocess.Popen([binary(), "lookup", "silent.test", "--dir", site.dir], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        while dns.count("silent.test", "MX") == before:
            assert slow.poll() is None
        slow.kill()
        slow.wait()


def test_a_resolver_that_drops_signatures(dns, tmp_path):
    """Nothing is secure, nothing is bogus that is not, and the doctor tells."""
    os.chmod(tmp_path, 0o755)
    with DnsServer(RECORDS) as blind:
        anchor = tmp_path / "anchor"
        anchor.write_text(dns.anchor)
        with Site(f'resolver = "127.0.0.1:{blind.port}"\ntrust_anchor = "{anchor}"\n'
                  f"listen lmtp {{ address = 127.0.0.1, port = {free_port_base() + 24} }}\n") as site:
            assert "DNSSEC" not in site.run("doctor", check=False)
            found = route(site, "signed.test")
            assert found["mx-secure"] == 0 and found["hosts"][0]["tlsa"] == []
            assert look_up(site, "forged.signed.test", "MX")["outcome"] == "ok"
            assert route(site, "nowhere.signed.test", "5.1.2")
            assert "lookup.no_dnssec" in site.log()
            assert "drops signatures (DNSSEC)" in site.run("doctor", check=False)


def test_files_that_are_not_there(dns, tmp_path):
    os.chmod(tmp_path, 0o755)
    site = Site(f'resolver = "127.0.0.1:{dns.port}"\ntrust_anchor = "{tmp_path}/absent"\n'
                f"listen lmtp {{ address = 127.0.0.1, port = {free_port_base() + 24} }}\n")
    try:
        with pytest.raises(RuntimeError) as said:
            site.start()
        assert "role lookup cannot start" in str(said.value) and "absent" in str(said.value)
    finally:
        site.clean()


def test_usage(tmp_path):
    for arguments in ([], ["a", "b", "c"], ["a.test", "NONSENSE"]):
        done = subprocess.run([binary(), "lookup", *arguments, "--dir", str(tmp_path)], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 2 and "usage: mailstead lookup" in done.stderr
