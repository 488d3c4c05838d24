# SPDX-License-Identifier: ISC
"""Reports about TLS (RFC 8460) from end to end: mail goes to servers whose TLS
is good or broken, by TLSA records (RFC 7672) or MTA-STS (RFC 8461); what the
operator is shown, what the reports say, and where they go: to a second site of
ours, to a server that itself has broken TLS, or over HTTPS, once each."""

import contextlib
import email
import email.policy
import gzip
import json
import os
import re
import signal
import time

import pytest

import events
import imapwire
import verifiers
from badserver import Bad
from clients import unique
from world import Peer, World, certificates, sha256_of_key

SITE, POST = "127.0.51.1", "127.0.51.2"
OFFERS = ("8BITMIME", "STARTTLS")
DANE, WRONG, SELF = "dane.signed.test", "wrong.signed.test", "self.signed.test"
STS = ("sts.test", "sts-certificate.test", "sts-clear.test", "sts-404.test", "sts-nonsense.test", "collect.test", "twice.test")
MANNERS = {"sts-404.test": "missing", "sts-nonsense.test": "nonsense"}
PLAIN, UNASKED = "plain.test", "unasked.test"
MANY = [f"many{n}.test" for n in range(8)]
HOSTS = {d: f"127.0.52.{i + 1}" for i, d in enumerate((DANE, WRONG, SELF, *STS, PLAIN, UNASKED, *MANY))}
BAD_KEYS = (WRONG, SELF, "sts-certificate.test")
MAILTO = "mailto:tls@post.test"
UPLOAD = "https://mta-sts.collect.test/v1/reports"
ASKED = {**{d: MAILTO for d in HOSTS}, SELF: f"mailto:reports@{SELF}", "collect.test": UPLOAD,
         "twice.test": f"{UPLOAD},{MAILTO}"}
del ASKED[UNASKED]
RECORDS = {
    ("post.test", "MX"): ["10 mx.post.test."], ("mx.post.test", "A"): [POST],
    **{(d, "MX"): [f"10 mx.{d}."] for d in HOSTS},
    **{(f"mx.{d}", "A"): [a] for d, a in HOSTS.items()},
    **{(f"_mta-sts.{d}", "TXT"): ['"v=STSv1; id=1;"'] for d in STS},
    **{(f"mta-sts.{d}", "A"): ["127.0.0.1"] for d in STS},
    **{(f"_smtp._tls.{d}", "TXT"): [f'"v=TLSRPTv1; rua={rua}"'] for d, rua in ASKED.items()},
}


@pytest.fixture(scope="module", name="world")
def world_fixture():
    if -time.time() % 86400 < 600:
        pytest.skip("the UTC day ends soon, and its reports would go out by themselves")
    with World(RECORDS, {}, "signed.test", STS, MANNERS) as world:
        world.hosts, world.tlsa = {}, {}
        for domain, address in HOSTS.items():
            path = world.certificate(f"mx.{domain}", trusted=domain not in BAD_KEYS)
            world.hosts[domain] = Bad({}, ("8BITMIME",) if domain == "sts-clear.test" else OFFERS, path)
            if domain.endswith(".signed.test"):
                digest = sha256_of_key(certificates(path)[0]) if domain == DANE else "00" * 32
                world.tlsa[domain] = digest
                world.dns.records[(world.dns.name(f"_{world.port}._tcp.mx.{domain}"), "TLSA")] = [f"3 1 1 {digest}"]
            world.server(Peer(address, world.port, world.hosts[domain]))
        world.site = world.office("site.test", SITE)
        world.site.set("tlsrpt.contact", "postmaster@site.test")
        for name in ("queue.rest_first", "queue.rest_max"):
            world.site.set(name, "1 s")
        world.site.set("outbound.idle_max", "0")  # each message is a session, and counted
        world.post = world.office("post.test", POST)
        world.reader = world.post.account("tls")
        world.sender = world.site.account("alice")
        yield world


def send(world, *domains):
    """One message each, and one attempt of it."""
    for domain in domains:
        world.site.submit(world.sender, [f"x@{domain}"], unique(domain))
    for domain in domains:
        world.site.attempt(f"x@{domain}", world.attempts.setdefault(domain, 0) + 1)
        world.attempts[domain] += 1
    await_rest(world)
    world.site.run("queue", "drop", "--sender", world.sender, "--state", "waiting", "--silent")


def await_rest(world):
    """Until nothing of the sender is under way: what the log tells of is not reported to the store yet."""
    deadline = time.monotonic() + 120
    with events.Writes(world.site.output) as writes:
        while any(r["underWay"] for row in world.site.queued("--sender", world.sender) for r in row["recipients"]):
            assert time.monotonic() < deadline, world.site.run("queue", "list")
            writes.wait(1)


def shown(world, *domain):
    return {row["domain"]: row for row in json.loads(world.site.run("tlsrpt", "show", *domain, "--json"))}


def sent_now(world, *arguments):
    return json.loads(world.site.run("tlsrpt", "send", *arguments, "--json"))["reports"]


def mails(world, domain, count=1, seconds=120):
    """The reports about a domain that the reader at the second site has, when they are so many: [(message, octets)]."""
    with imapwire.Wire(world.post).sign_in(world.reader) as wire:
        wire.select()
        wire.await_found(f"HEADER TLS-Report-Domain {domain}", count, seconds)
        found = wire.fetch("1:*", "BODY.PEEK[]")
    octets = [next(v for k, v in items.items() if k.startswith(b"BODY[")) for items in found.values()]
    read = [(email.message_from_bytes(raw, policy=email.policy.default), raw) for raw in octets]
    return [(message, raw) for message, raw in read if message["TLS-Report-Domain"] == domain]


def await_rows(world, wanted, what):
    """Until what the operator is shown is as wanted; roles may be away meanwhile."""
    deadline = time.monotonic() + 120
    with events.Writes(world.site.output) as writes:
        while not (said := world.site.run("tlsrpt", "show", "--json", check=False)) or \
                not wanted({row["domain"]: row for row in json.loads(said)}):
            assert time.monotonic() < deadline, f"{what}: {said}\n{world.site.log()[-4000:]}"
            writes.wait(1)


def await_done(world, *domains):
    await_rows(world, lambda rows: not set(rows) & set(domains), f"done with {domains}")


def body_of(message):
    words, report = message.iter_parts()
    assert words.get_content_type() == "text/plain"
    assert report.get_content_type() == "application/tlsrpt+gzip"
    return report.get_filename(), json.loads(gzip.decompress(report.get_content()))


@pytest.fixture(scope="module", name="counted")
def counted_fixture(world):
    world.attempts = {}
    send(world, DANE, WRONG, SELF, *(d for d in STS if d not in ("collect.test", "twice.test")), PLAIN, UNASKED)
    return shown(world)


def failure(world, domain, result):
    return {"result-type": result, "sending-mta-ip": SITE, "receiving-mx-hostname": f"mx.{domain}",
            "receiving-ip": HOSTS[domain], "failed-session-count": 1}


def policy(world, domain):
    if domain in world.tlsa:
        return {"policy-type": "tlsa", "policy-domain": domain,
                "policy-string": [f"_25._tcp.mx.{domain} TLSA 3 1 1 {world.tlsa[domain]}"]}
    if domain in STS and domain not in MANNERS:
        return {"policy-type": "sts", "policy-domain": domain, "mx-host": [f"*.{domain}"],
                "policy-string": ["version: STSv1", "mode: enforce", f"mx: *.{domain}"]}
    return {"policy-type": "no-policy-found", "policy-domain": domain}


# domain, sessions that were good, kind of the failure of one more
REPORTS = [(DANE, 1, None), (WRONG, 0, "validation-failure"), ("sts.test", 1, None),
           ("sts-certificate.test", 0, "certificate-not-trusted"), ("sts-clear.test", 0, "starttls-not-supported"),
           ("sts-404.test", 0, "sts-policy-fetch-error"), ("sts-nonsense.test", 0, "sts-policy-invalid"), (PLAIN, 1, None)]


def test_what_is_collected_is_shown(world, counted):
    for domain, good, result in [*REPORTS, (UNASKED, 1, None), (SELF, 0, "validation-failure")]:
        policies = counted[domain]["policies"]
        assert sum(p["good"] for p in policies) == good, counted[domain]
        assert [f["result"] for p in policies for f in p["failures"]] == ([result] if result else []), counted[domain]
    text = world.site.run("tlsrpt", "show", WRONG)
    assert re.search(rf"(?m)^{WRONG}\tsince \S+\tdue \S+\n  tlsa: 0 good, 1 failed\n    1 x validation-failure, mx\.", text), text
    assert world.site.run("tlsrpt", "show", "nobody.test") == ""


@pytest.fixture(scope="module", name="reported")
def reported_fixture(world, counted):
    before = int(time.time())
    assert sent_now(world, "--now") >= len(REPORTS) + 2
    await_done(world, *(d for d, *_ in REPORTS), SELF, UNASKED)
    return {domain: mails(world, domain) for domain, *_ in REPORTS}, before


@pytest.mark.parametrize("domain, good, result", REPORTS, ids=[r[0] for r in REPORTS])
def test_a_report(world, reported, domain, good, result):
    """RFC 8460 4.4, 5.1, 5.3."""
    (message, _), = reported[0][domain]
    name, report = body_of(message)
    assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Submitter"] == "site.test" and message["TLS-Required"] == "No"
    assert message["From"].addresses[0].addr_spec == "postmaster@site.test"
    assert message["To"].addresses[0].addr_spec == "tls@post.test" and message["Return-Path"] == "<>"
    assert re.fullmatch(rf"Report Domain: {domain} Submitter: site\.test Report-ID: <{report['report-id']}@site\.test>",
                        re.sub(r"\s+", " ", message["Subject"])), message["Subject"]
    assert report["organization-name"] == "site.test" and report["contact-info"] == "postmaster@site.test"
    begin, end = (report["date-range"][f"{which}-datetime"] for which in ("start", "end"))
    assert begin.endswith("T00:00:00Z") and begin[:10] == end[:10] and end > begin
    seconds = [int(n) for n in re.fullmatch(rf"site\.test!{domain}!(\d+)!(\d+)\.json\.gz", name).groups()]
    assert [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s)) for s in seconds] == [begin, end]
    assert reported[1] <= seconds[1] <= time.time()
    policies = [p for p in report["policies"] if sum(p["summary"].values())]
    assert [p["policy"] for p in policies] == [policy(world, domain)] or domain in MANNERS, policies
    assert sum(p["summary"]["total-successful-session-count"] for p in policies) == good
    assert sum(p["summary"]["total-failure-session-count"] for p in policies) == (1 if result else 0)
    details = [d for p in policies for d in p.get("failure-details", ())]
    if not result:
        assert details == []
    elif domain in MANNERS:
        assert [d["result-type"] for d in details] == [result]
    else:
        assert details[0].pop("failure-reason-code", "") or result == "starttls-not-supported"
        assert details == [failure(world, domain, result)]


def test_reports_are_signed(world, reported):
    """RFC 8460 3: with DKIM, by the domain of its From."""
    for message, octets in (pair for pairs in reported[0].values() for pair in pairs):
        assert verifiers.by_dkimpy(octets, world.txt) == [True, True]
        assert all("d=site.test;" in s.replace(" ", "") for s in message.get_all("DKIM-Signature"))


def test_who_has_broken_tls_hears_of_it(world, reported):
    """RFC 8460 3, RFC 8689 3: mail to it waits, the report goes out all the same."""
    world.site.attempt(f"reports@{SELF}")
    server = world.hosts[SELF]
    assert server.recipients == [f"<reports@{SELF}>".encode()]
    message = email.message_from_bytes(server.kept[0], policy=email.policy.default)
    _, report = body_of(message)
    assert message["TLS-Report-Domain"] == SELF and report["policies"][0]["policy"] == policy(world, SELF)


def test_what_comes_afterwards_is_another_report(world, reported):
    first = body_of(reported[0][DANE][0][0])[1]
    send(world, DANE)
    assert sent_now(world, DANE, "--now") == 1
    await_done(world, DANE)
    second, = [r for r in (body_of(m)[1] for m, _ in mails(world, DANE, 2)) if r["report-id"] != first["report-id"]]
    assert [p["summary"]["total-successful-session-count"] for p in second["policies"]] == [1]
    assert second["date-range"]["start-datetime"] == first["date-range"]["end-datetime"]
    assert second["date-range"]["end-datetime"] > second["date-range"]["start-datetime"]


def uploaded(post):
    path, header, octets = post
    assert path == "/v1/reports" and header["content-type"] == "application/tlsrpt+gzip", post
    return json.loads(gzip.decompress(octets))


def test_over_https(world, counted):
    """RFC 8460 5.4: what the server refuses with a 5xx comes again, what it took does not."""
    host, before = world.policies, len(world.policies.posts)
    host.post_status = 503
    send(world, "collect.test")
    assert sent_now(world, "collect.test", "--now") == 1
    host.await_posts(before + 1)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    await_rows(world, lambda rows: rows["collect.test"]["due"] > soon, "put off")
    host.post_status = 201
    assert sent_now(world, "collect.test") == 1
    host.await_posts(before + 2)
    await_done(world, "collect.test")
    first, second = (uploaded(p) for p in host.posts[before:])
    assert first == second and first["policies"][0]["policy"] == policy(world, "collect.test")
    assert sent_now(world, "collect.test") == 0 and len(host.posts) == before + 2


def test_one_place_that_takes_it_is_enough(world, counted):
    """RFC 8460 3: it is delivered when one of the places took it; nothing comes again."""
    host = world.policies
    before, host.post_status = len(host.posts), 503
    send(world, "twice.test")
    assert sent_now(world, "twice.test", "--now") == 1
    await_done(world, "twice.test")
    host.post_status = 201
    assert sent_now(world, "twice.test") == 0 and len(host.posts) == before + 1
    assert len(mails(world, "twice.test")) == 1


def test_who_did_not_ask_gets_nothing(world, reported):
    """Of all that went out, by mail and over HTTPS."""
    assert reported and UNASKED not in shown(world)
    posts = {uploaded(post)["policies"][0]["policy"]["policy-domain"] for post in world.policies.posts}
    assert "collect.test" in posts and UNASKED not in posts
    told = set(re.findall(r"event=outbound\.tls_report domain=(\S+)", world.site.log()))
    assert DANE in told and UNASKED not in told


def kill(world, *roles):
    deadline = time.monotonic() + 120
    with events.Writes(world.site.output) as writes:  # who was killed before may not be back yet
        while None in (pids := [world.site.child(role) for role in roles]):
            assert time.monotonic() < deadline, (roles, pids)
            writes.wait(1)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    events.await_exits(pids, 60)


def test_nothing_is_sent_twice_whoever_is_killed(world, counted):
    send(world, *MANY)
    pattern = r"event=outbound\.tls_report domain=many"
    assert sent_now(world, "--now") >= len(MANY)
    for count, roles in ((1, ["outbound"]), (3, ["store"]), (5, ["outbound", "store"])):
        world.site.await_log(pattern, count)
        kill(world, *roles)
    await_done(world, *MANY)
    deadline = time.monotonic() + 120
    with events.Writes(world.site.output) as writes:
        while json.loads(world.site.run("queue", "list", "--count", "--json"))["messages"]:
            assert time.monotonic() < deadline, world.site.run("queue", "list")
            world.site.run("queue", "retry", "--all")
            writes.wait(1)
    for domain in MANY:
        # a copy of a mail that outbound had sent and not reported when it was killed is one report all the same
        reports = [body_of(message)[1] for message, _ in mails(world, domain)]
        assert len({report["report-id"] for report in reports}) == 1, reports
        assert [p["summary"]["total-successful-session-count"] for p in reports[0]["policies"]] == [1], reports
