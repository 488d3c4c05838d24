# SPDX-License-Identifier: ISC
"""Mail to servers that hang, drip, close, lie and never end: each costs a bounded
time, what it did is told, and no other destination waits for it."""

import threading


import pytest

from badserver import CLOSE, GOOD, HANG, RESET, Bad, Drip, Flood, Then
from clients import unique
from world import SHORT, Peer, World

PLACES = ("greeting", "ehlo", "mail", "rcpt", "data", "dot")


def few(dialogue):
    """No more than two recipients at once, as many servers have it."""
    dialogue.do(b"250 2.1.5 fine\r\n" if len(dialogue.rcpts) <= 2 else b"452 4.5.3 Too many recipients\r\n")


def garbage(dialogue):
    dialogue.do(b"220 go on\r\n")
    dialogue.do(b"\x16\x03\x03\x00\x04nonsense that is no handshake\r\n" * 4)
    dialogue.do(CLOSE)


TLS = ("8BITMIME", "STARTTLS")
# name, what it does, EHLO's list, event, stage, in the words
CASES = [
    *((f"hangs-{p}", {p: HANG}, (), "later", "hello" if p == "ehlo" else p, "in time") for p in PLACES),
    *((f"closes-{p}", {p: CLOSE}, (), "later", "hello" if p == "ehlo" else p, "closed") for p in PLACES),
    *((f"resets-{p}", {p: RESET}, (), "later", "hello" if p == "ehlo" else p, "") for p in ("greeting", "mail", "dot")),
    ("drips-greeting", {"greeting": Drip(b"220-mx\r\n")}, (), "later", "greeting", "in time"),
    ("drips-ehlo", {"ehlo": Drip(b"250-x\r\n")}, (), "later", "hello", "in time"),
    ("drips-dot", {"dot": Drip(b"250-x\r\n")}, (), "later", "dot", "in time"),
    ("drips-a-line", {"mail": Drip(b"x")}, (), "later", "mail", "in time"),
    ("never-ends-ehlo", {"ehlo": Flood(b"250-more\r\n")}, (), "later", "hello", "too long"),
    ("never-ends-rcpt", {"rcpt": Flood(b"250-more\r\n")}, (), "later", "rcpt", "too long"),
    ("never-ends-a-line", {"mail": Flood(b"250 more ")}, (), "later", "mail", "too long"),
    ("long-lines", {"mail": b"250 " + b"x" * 6000 + b"\r\n"}, (), "later", "mail", "too long"),
    ("http", {"greeting": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, (), "later", "greeting", "HTTP"),
    ("nonsense-mail", {"mail": b"hello there\r\n"}, (), "later", "mail", "hello there"),
    ("nul", {"mail": b"250\0fine\r\n"}, (), "later", "mail", ""),
    ("escapes", {"rcpt": b"550 5.1.1 \x1b[2Jno\x07body\r\n"}, (), "failed", "rcpt", "550 5.1.1"),
    ("two-classes", {"rcpt": b"250-fine\r\n550 no\r\n"}, (), "later", "rcpt", ""),
    ("wrong-class-mail", {"mail": b"354 go on\r\n"}, (), "later", "mail", "no sense"),
    ("early-250-data", {"data": b"250 2.0.0 thanks\r\n"}, (), "later", "data", "no sense"),
    ("354-after-the-dot", {"dot": b"354 more\r\n"}, (), "later", "dot", "no sense"),
    ("421-greeting", {"greeting": b"421 4.3.2 busy\r\n"}, (), "later", "greeting", "421 4.3.2 busy"),
    ("554-greeting", {"greeting": b"554 5.7.1 go away\r\n"}, (), "later", "greeting", "554 5.7.1 go away"),
    ("450-mail", {"mail": b"450 4.7.1 not yet\r\n"}, (), "later", "mail", "450 4.7.1 not yet"),
    ("550-mail", {"mail": b"550 5.7.1 not you\r\n"}, (), "failed", "mail", "550 5.7.1 not you"),
    ("450-rcpt", {"rcpt": b"450 4.2.0 greylisted\r\n"}, (), "later", "rcpt", "450 4.2.0 greylisted"),
    ("550-rcpt", {"rcpt": b"550 5.1.1 nobody\r\n"}, (), "failed", "rcpt", "550 5.1.1 nobody"),
    ("552-rcpt", {"rcpt": b"552 5.2.2 full\r\n"}, (), "later", "rcpt", "552 5.2.2 full"),
    ("451-data", {"data": b"451 4.3.0 trouble\r\n"}, (), "later", "data", "451 4.3.0 trouble"),
    ("554-data", {"data": b"554 5.5.1 no\r\n"}, (), "failed", "data", "554 5.5.1 no"),
    ("452-dot", {"dot": b"452 4.3.1 disk\r\n"}, (), "later", "dot", "452 4.3.1 disk"),
    ("554-dot", {"dot": b"554 5.7.1 spam\r\n"}, (), "failed", "dot", "554 5.7.1 spam"),
    ("421-rcpt", {"rcpt": b"421 4.3.2 going down\r\n"}, (), "later", "rcpt", "421 4.3.2"),
    ("pipelining-421", {"rcpt": Then(b"421 4.3.2 going down\r\n", CLOSE)}, ("PIPELINING",), "later", "rcpt", "421 4.3.2"),
    ("pipelining-closes", {"rcpt": CLOSE}, ("PIPELINING",), "later", "rcpt", "closed"),
    ("stops-reading", {"content": HANG}, (), "later", "", ""),
    ("closes-in-the-message", {"content": CLOSE}, (), "later", "", ""),
    ("tls-refused-for-good", {"starttls": b"554 5.7.0 no TLS\r\n"}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-not-now", {"starttls": b"454 4.7.0 no TLS now\r\n"}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-injects", {"starttls": b"220 go on\r\n250 2.0.0 injected\r\n"}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-garbage", {"starttls": garbage}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-closes", {"starttls": Then(b"220 go on\r\n", CLOSE)}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-hangs", {"starttls": Then(b"220 go on\r\n", HANG)}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("tls-wrong-certificate", {}, TLS, "delivered", "dot", "250 2.0.0 kept"),
    ("no-ehlo", {"ehlo": b"500 5.5.1 what\r\n"}, (), "delivered", "dot", "250 2.0.0 kept"),
    ("lf-alone", {k: v.replace(b"\r\n", b"\n") for k, v in GOOD.items()}, (), "delivered", "dot", "250 2.0.0 kept"),
    ("hangs-quit", {"quit": HANG}, (), "delivered", "dot", "250 2.0.0 kept"),
    ("lies-about-size", {}, ("SIZE 10",), "failed", "needs", "5.3.4"),
]
NUMBERS = {case[0]: i + 1 for i, case in enumerate(CASES)}
MANY = "many.test"


def address(number):
    return f"127.0.22.{number}"


RECORDS = {("good.test", "MX"): ["10 mx.good.test."], ("mx.good.test", "A"): ["127.0.22.250"],
           (MANY, "MX"): [f"10 mx.{MANY}."], (f"mx.{MANY}", "A"): ["127.0.22.251"],
           ("absent.test", "MX"): ["10 mx.absent.test."], ("mx.absent.test", "A"): ["127.0.22.252"],
           **{(f"{n}.test", "MX"): [f"10 mx.{n}.test."] for n in NUMBERS},
           **{(f"mx.{n}.test", "A"): [address(i)] for n, i in NUMBERS.items()},
           **{(f"wait-{p}.test", "MX"): [f"10 mx.wait-{p}.test."] for p in PLACES},
           **{(f"mx.wait-{p}.test", "A"): [f"127.0.23.{i + 1}"] for i, p in enumerate(PLACES)}}


@pytest.fixture(scope="module", name="world")
def world_fixture():
    with World(RECORDS) as world:
        world.office = world.office("site.test", "127.0.22.254")
        world.good = world.server(Peer("127.0.22.250", world.port, Bad({})))
        yield world


def sent_at_once(world):
    """To another destination, which answers."""
    subject = unique("good")
    recipient = f"{subject}@good.test"
    world.office.submit(world.office.account(), [recipient], subject)
    assert world.office.attempt(recipient)["event"] == "delivered"


def test_nobody_waits_for_those_that_hang(world):
    """With the times that operators have: all hang when another destination gets its mail, and after that."""
    office, came = world.office, threading.Semaphore(0)
    sender, peers = office.account(), []
    for i, place in enumerate(PLACES):
        bad = Bad({place: HANG}, told=lambda at, place=place: came.release() if at == place else None)
        peers.append(world.server(Peer(f"127.0.23.{i + 1}", world.port, bad)))
    ids = {p: office.submit(sender, [f"x@wait-{p}.test"], unique("wait")) for p in PLACES}
    for _ in PLACES:
        assert came.acquire(timeout=60)
    for _ in range(5):
        sent_at_once(world)
    for place, peer in zip(PLACES, peers):
        recipient, = office.queued(ids[place])[0]["recipients"]
        assert recipient["state"] == "waiting" and recipient["attempts"] == 0, recipient
        assert len(peer.open) == 1
        office.run("queue", "show", ids[place])
    for peer in peers:
        with peer.changed:
            for one in peer.open:
                one.shutdown(2)
    for place in PLACES:
        assert "closed" in office.attempt(f"x@wait-{place}.test")["reply"]
    assert office.run("queue", "drop", "--sender", sender, "--silent")


@pytest.fixture(scope="module", name="tried")
def tried_fixture(world):
    """All the others at once, with short times: {name: (id, sender)}, and how long it took at most."""
    office, tried = world.office, {}
    for name, value in SHORT.items():
        office.set(f"outbound.{name}_timeout", value)
    untrusted = world.certificate("mx.elsewhere.test", trusted=False)
    for name, steps, offers, *_ in CASES:
        world.server(Peer(address(NUMBERS[name]), world.port, Bad(steps, offers, untrusted)))
    large = b"0123456789abcdef" * 60 + b"\r\n"
    for name, *_ in CASES:
        sender = office.account()
        tried[name] = (office.submit(sender, [f"x@{name}.test"], name, large * 8000 if name == "stops-reading" else
                                     large * 20), sender)
    sent_at_once(world)
    return tried


@pytest.mark.parametrize("name, event, stage, words", [(c[0], *c[3:]) for c in CASES], ids=list(NUMBERS))
def test_a_fate(world, tried, name, event, stage, words):
    office, (number, sender) = world.office, tried[name]
    fate = office.attempt(f"x@{name}.test")
    assert fate["event"] == event and words in fate["reply"] and fate["stage"].startswith(stage), fate
    left = office.queued(number)
    if event == "later":
        recipient, = left[0]["recipients"]
        assert recipient["state"] == "waiting" and recipient["attempts"] == 1, recipient
        shown = office.run("queue", "show", number)
        assert fate["reply"] in shown and all(c.isprintable() or c == "\n" for c in shown)
    elif event == "failed":
        notice, = office.notices(sender, 1)
        status = list(notice.iter_parts())[1].get_payload()[1]
        assert status["Action"] == "failed" and words.split()[0] in str(status)
    else:
        assert not left
        assert ("unverified" if name == "tls-wrong-certificate" else "clear") in fate["facts"]
    word = {"later": "deferred", "failed": "failed", "delivered": "relayed"}[event]
    told = [e for e in office.story(number) if e["what"] == word]
    assert len(told) == 1 and told[0]["words"] == fate["reply"], office.story(number)


def test_too_many_recipients(world, tried):
    """452 is for the rest, which go in transactions of their own (RFC 5321 4.5.3.1.10)."""
    assert tried
    bad = Bad({"rcpt": few}, ("PIPELINING",))
    world.server(Peer("127.0.22.251", world.port, bad))
    wanted = [f"r{i}@{MANY}" for i in range(7)]
    number = world.office.submit(world.office.account(), wanted, unique("many"))
    for recipient in wanted:
        assert world.office.attempt(recipient)["event"] == "delivered"
    assert len(bad.kept) == 4 and not world.office.queued(number)


def test_nobody_listens(world, tried):
    assert tried
    number = world.office.submit(world.office.account(), ["x@absent.test"], unique("absent"))
    fate = world.office.attempt("x@absent.test")
    assert (fate["event"], fate["stage"]) == ("later", "connect") and "refused" in fate["reply"], fate
    assert "at rest  absent.test" in world.office.run("queue", "show", number)


def test_it_goes_on_after_all_that(world, tried):
    assert tried
    sent_at_once(world)
    done = world.office.run("doctor", check=False)
    assert "outbound" in done, done
