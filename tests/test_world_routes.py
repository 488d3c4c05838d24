# SPDX-License-Identifier: ISC
"""Where mail goes, and whom it is given to: MX and what stands in for it, both
families of addresses, DNSSEC with TLSA records (RFC 7672), MTA-STS (RFC 8461),
REQUIRETLS (RFC 8689), and a DNS that lies, fails or is silent."""

import email
import email.policy
import hashlib
import smtplib

import pytest

from badserver import Bad
from clients import unique
from world import Peer, World, certificates, sha256_of_key

TLS, CLEAR = ("8BITMIME", "STARTTLS"), ("8BITMIME",)
STS = ("sts.test", "sts-host.test", "sts-certificate.test", "sts-clear.test", "sts-second.test", "sts-testing.test",
       "sts-missing.test", "sts-drip.test")
MANNERS = {"sts-testing.test": "testing", "sts-missing.test": "missing", "sts-drip.test": "drip"}
UNTRUSTED = ("dane.signed.test", "dane-wrong.signed.test", "dane-unusable.signed.test", "sts-certificate.test",
             "sts-testing.test", "dane-forged.signed.test", "dane-broken.signed.test", "untrusted.test")
# domain, event, in the reply, in the connection's facts
CASES = [
    ("second.test", "delivered", "250", "127.0.31.2:"),
    ("null.test", "failed", "5.1.10", ""),
    ("implicit.test", "delivered", "250", "127.0.31.3:"),
    ("six.test", "delivered", "250", "[::1]:"),
    ("both.test", "delivered", "250", "127.0.31.4:"),
    ("alias.test", "delivered", "250", "127.0.31.3:"),
    ("xn--bcher-kva.test", "delivered", "250", "127.0.31.5:"),
    ("nowhere.test", "failed", "5.1.2", ""),
    ("own.test", "failed", "5.4.6", ""),
    ("no-address.test", "failed", "5.1.2", ""),
    ("silent.test", "later", "4.4.3", ""),
    ("servfail.test", "later", "4.4.3", ""),
    ("forged.signed.test", "later", "4.7.5", ""),
    ("stripped.signed.test", "later", "4.7.5", ""),
    ("trusted.test", "delivered", "250", "pkix"),
    ("untrusted.test", "delivered", "250", "unverified"),
    ("dane.signed.test", "delivered", "250", "dane"),
    ("dane-ta.signed.test", "delivered", "250", "dane"),
    ("dane-unusable.signed.test", "delivered", "250", "unverified"),
    ("dane-wrong.signed.test", "later", "4.7.5", ""),
    ("dane-clear.signed.test", "later", "4.7.5", ""),
    ("dane-forged.signed.test", "later", "4.7.5", ""),
    ("dane-broken.signed.test", "later", "4.4.", ""),
    ("sts.test", "delivered", "250", "pkix"),
    ("sts-host.test", "later", "4.7.5", ""),
    ("sts-certificate.test", "later", "4.7.5", ""),
    ("sts-clear.test", "later", "4.7.5", ""),
    ("sts-second.test", "delivered", "250", "pkix"),
    ("sts-testing.test", "delivered", "250", "unverified"),
    ("sts-missing.test", "delivered", "250", "pkix"),
    ("sts-drip.test", "delivered", "250", "pkix"),
]
TLS_HOSTS = ("trusted.test", "untrusted.test", *(c[0] for c in CASES if c[0].startswith("dane")), *STS)
HOSTS = {d: f"127.0.32.{i + 1}" for i, d in enumerate(TLS_HOSTS)}
RECORDS = {
    ("second.test", "MX"): ["20 b.second.test.", "10 a.second.test."],
    ("a.second.test", "A"): ["127.0.31.1"], ("b.second.test", "A"): ["127.0.31.2"],
    ("null.test", "MX"): ["0 ."], ("null.test", "A"): ["127.0.31.3"],
    ("implicit.test", "A"): ["127.0.31.3"],
    ("alias.test", "CNAME"): ["implicit.test."],
    ("six.test", "MX"): ["10 mx.six.test."], ("mx.six.test", "AAAA"): ["::1"],
    ("both.test", "MX"): ["10 mx.both.test."], ("mx.both.test", "AAAA"): ["100::1"], ("mx.both.test", "A"): ["127.0.31.4"],
    ("xn--bcher-kva.test", "MX"): ["10 mx.books.test."], ("mx.books.test", "A"): ["127.0.31.5"],
    ("own.test", "MX"): ["10 mx.site.test."], ("mx.site.test", "A"): ["127.0.31.254"],
    ("no-address.test", "TXT"): ["there"],
    ("forged.signed.test", "MX"): ["10 mx.dane.signed.test."],
    ("stripped.signed.test", "MX"): ["10 mx.dane.signed.test."],
    **{(d, "MX"): [f"10 mx.{d}."] for d in HOSTS},
    **{(f"mx.{d}", "A"): [a] for d, a in HOSTS.items()},
    ("sts-host.test", "MX"): ["10 mx.trusted.test."],
    ("sts-second.test", "MX"): ["10 mx.trusted.test.", "20 mx.sts-second.test."],
    **{(f"_mta-sts.{d}", "TXT"): ['"v=STSv1; id=1;"'] for d in STS},
    **{(f"mta-sts.{d}", "A"): ["127.0.0.1"] for d in STS},
}
DNS_MANNERS = {"silent.test": "silent", "servfail.test": "servfail", "forged.signed.test": "forged",
               "stripped.signed.test": "stripped", "_{port}._tcp.mx.dane-forged.signed.test": "forged",
               "_{port}._tcp.mx.dane-broken.signed.test": "servfail"}


def tlsa(world, domain, path):
    own, *issuer = certificates(path)
    record = f"3 1 1 {sha256_of_key(own)}"
    if domain.startswith("dane-ta."):
        record = f"2 0 1 {hashlib.sha256(issuer[0]).hexdigest()}"
    elif domain.startswith("dane-wrong."):
        record = f"3 1 1 {'00' * 32}"
    elif domain.startswith("dane-unusable."):
        record = f"1 1 1 {sha256_of_key(own)}"
    world.dns.records[(world.dns.name(f"_{world.port}._tcp.mx.{domain}"), "TLSA")] = [record]


@pytest.fixture(scope="module", name="world")
def world_fixture():
    with World(RECORDS, DNS_MANNERS, "signed.test", STS, MANNERS) as world:
        world.hosts = {}
        for address in ("127.0.31.2", "127.0.31.3", "127.0.31.4", "127.0.31.5", "::1"):
            world.hosts[address] = Bad({}, CLEAR)
        for domain, address in HOSTS.items():
            path = world.certificate(f"mx.{domain}", trusted=domain not in UNTRUSTED, chain=domain.startswith("dane-ta."))
            offers = CLEAR if "clear" in domain else (*TLS, "REQUIRETLS") if domain == "dane.signed.test" else TLS
            world.hosts[domain] = world.hosts[address] = Bad({}, offers, path)
            if domain.endswith(".signed.test"):
                tlsa(world, domain, path)
        for address in (*HOSTS.values(), "127.0.31.2", "127.0.31.3", "127.0.31.4", "127.0.31.5", "::1"):
            world.server(Peer(address, world.port, world.hosts[address]))
        world.office = world.office("site.test", "127.0.31.254")
        world.office.set("lookup.https_timeout", "10 s")
        yield world


@pytest.fixture(scope="module", name="tried")
def tried_fixture(world):
    """All at once: {domain: (id, sender)}."""
    tried = {}
    for domain, *_ in CASES:
        sender = world.office.account()
        tried[domain] = (world.office.submit(sender, [f"x@{domain}"], domain), sender)
    return tried


@pytest.mark.parametrize("domain, event, words, facts", CASES, ids=[c[0] for c in CASES])
def test_a_way(world, tried, domain, event, words, facts):
    office, (number, sender) = world.office, tried[domain]
    fate = office.attempt(f"x@{domain}")
    assert fate["event"] == event and words in fate["reply"] and facts in fate["facts"], fate
    told = [e for e in office.story(number) if e["what"] in ("relayed", "failed", "deferred")]
    assert len(told) == 1 and words in told[0]["words"] and facts in told[0].get("facts", ""), told
    if event == "failed":
        notice, = office.notices(sender, 1)
        assert list(notice.iter_parts())[1].get_payload()[1]["Status"] == words
    elif event == "later":
        assert office.queued(number)[0]["recipients"][0]["state"] == "waiting"
        if domain in world.hosts:  # nothing of it was shown to who could not prove himself
            assert not world.hosts[domain].kept and not world.hosts[domain].recipients
    else:
        assert not office.queued(number)


def test_nothing_in_clear_beside_what_was_wanted(world, tried):
    """The host that sts-host.test and sts-second.test name against their policy got the mail of its own domain alone."""
    for domain in tried:
        world.office.attempt(f"x@{domain}")
    assert [r.decode() for r in world.hosts["trusted.test"].recipients] == ["<x@trusted.test>"]


def test_a_literal(world):
    """RFC 5321 4.1.3."""
    world.office.submit(world.office.account(), ["x@[127.0.31.3]"], unique("literal"))
    fate = world.office.attempt("x@[127.0.31.3]")
    assert fate["event"] == "delivered" and "127.0.31.3:" in fate["facts"], fate


def test_an_international_domain(world):
    """To a server without SMTPUTF8: the domain goes out in A-labels (RFC 6531 3.7.1)."""
    world.office.submit(world.office.account(), ["y@bücher.test"], unique("idn"), mail=["SMTPUTF8"], to="Books:;")
    fate = world.office.attempt("y@xn--bcher-kva.test")
    assert fate["event"] == "delivered", fate
    assert b"<y@xn--bcher-kva.test>" in world.hosts["127.0.31.5"].recipients


def test_require_tls(world):
    """RFC 8689 4.2.1: a proven host that knows it, or nobody."""
    office, sender = world.office, world.office.account()
    number = office.submit(sender, ["r@dane.signed.test"], unique("require"), mail=["REQUIRETLS"], tls=True)
    fate = office.attempt("r@dane.signed.test")
    assert fate["event"] == "delivered" and "dane" in fate["facts"] and not office.queued(number), fate
    office.submit(sender, ["r@trusted.test"], unique("require"), mail=["REQUIRETLS"], tls=True)
    fate = office.attempt("r@trusted.test")
    assert fate["event"] == "failed" and "5.7.30" in fate["reply"], fate
    office.submit(sender, ["r@sts.test"], unique("require"), mail=["REQUIRETLS"], tls=True)
    fate = office.attempt("r@sts.test")
    assert fate["event"] == "failed" and "5.7.30" in fate["reply"], fate
    assert b"<r@trusted.test>" not in world.hosts["trusted.test"].recipients


def deliver_over_tls(world, sender, recipient, subject, mail):
    """As a server elsewhere does, over STARTTLS."""
    with smtplib.SMTP(world.office.host, world.office.port("smtp"), "mx.elsewhere.test", timeout=120) as client:
        client.starttls(context=world.context())
        client.ehlo()
        for code, words in (client.mail(sender, mail), client.rcpt(recipient),
                            client.data(f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n\r\nSecret.\r\n".encode())):
            assert code == 250, words


def bounce(server, at):
    """The message that a server elsewhere has taken after so many others, and its line of MAIL."""
    return email.message_from_bytes(server.kept[at], policy=email.policy.default), server.senders[-1].decode()


def test_a_bounce_of_what_requires_tls(world):
    """RFC 8689 5: the header alone, whatever RET asks for, and with REQUIRETLS; where that is not known it goes out
    all the same."""
    office, sender = world.office, world.office.account()
    office.submit(sender, ["b@trusted.test"], unique("bounce"), mail=["REQUIRETLS", "RET=FULL"], tls=True, body=b"Secret.\r\n")
    notice, = office.notices(sender, 1)
    returned = list(notice.iter_parts())[2]
    assert returned.get_content_type() == "text/rfc822-headers" and b"Secret." not in notice.as_bytes()
    office.run("alias", "add", "onward@site.test", "b@trusted.test")
    for domain, mark in (("dane.signed.test", True), ("dane-ta.signed.test", False)):
        server = world.hosts[domain]
        kept = len(server.kept)
        deliver_over_tls(world, f"from@{domain}", "onward@site.test", unique("onward"), ["REQUIRETLS", "RET=FULL"])
        fate = office.attempt(f"from@{domain}")
        assert fate["event"] == "delivered", fate
        message, line = bounce(server, kept)
        assert line.startswith("MAIL FROM:<>") and (" REQUIRETLS" in line) == mark, line
        assert list(message.iter_parts())[1].get_payload()[1]["Status"] == "5.7.30"
        assert b"Secret." not in server.kept[kept]


def try_now(office, number):
    """The domain may be left in peace, since other mail did not get there."""
    office.run("queue", "retry", number, check=False)


def test_tls_is_not_required(world):
    """RFC 8689 3: the sender's "TLS-Required: No" is above the domain's TLSA records and policy."""
    office, sender = world.office, world.office.account()
    for domain in ("dane-wrong.signed.test", "sts-certificate.test"):
        try_now(office, office.submit(sender, [f"n@{domain}"], unique("no"), header="TLS-Required: No\r\n"))
        fate = office.attempt(f"n@{domain}")
        assert fate["event"] == "delivered" and "unverified" in fate["facts"], fate
        assert f"<n@{domain}>".encode() in world.hosts[domain].recipients
        try_now(office, office.submit(sender, [f"y@{domain}"], unique("yes")))
        fate = office.attempt(f"y@{domain}")
        assert fate["event"] == "later" and "4.7.5" in fate["reply"], fate
        assert f"<y@{domain}>".encode() not in world.hosts[domain].recipients
