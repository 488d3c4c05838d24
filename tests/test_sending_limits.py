# SPDX-License-Identifier: ISC
"""Limits of sending from outside: what a client is told at the line, that an
account which goes on is stopped, who hears of it, and that the operator lets it
go on."""

import json
import re
import smtplib
import ssl

import pytest

import mailstead
from imapwire import Wire
from smtpsink import Sink

LIMITS = ("messages_hour", "messages_day", "recipients_hour", "recipients_day", "first_hour", "first_day")
PRINTER, OTHER = "127.0.0.9", "127.0.0.17"
LATER = ["HOLDFOR=3600"]


@pytest.fixture
def own():
    with mailstead.Mailstead() as house:
        yield house


def shown(house, address=None):
    return json.loads(house.run("account", "show", address or house.alice, "--json"))["sending"]


def submission(house, address=None):
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    client = smtplib.SMTP_SSL(house.host, house.port("submissions"), "client.test", timeout=60, context=made)
    client.login(address or house.alice, house.password)
    return client


def mail(client, sender):
    code, words = client.mail(sender)
    client.rset()
    return code, words.decode()


def rcpt(client, sender, address):
    assert client.mail(sender)[0] == 250
    code, words = client.rcpt(address)
    client.rset()
    return code, words.decode()


def letter(sender, subject="hello"):
    return f"From: <{sender}>\r\nSubject: {subject}\r\n\r\nhello\r\n"


def held(house, network=None):
    sender = ("--network", network) if network else ("--account", house.alice)
    listed = json.loads(house.run("queue", "list", *sender, "--state", "held", "--json"))
    return sum(len(m["recipients"]) for m in listed)


def refused_sign_in(house):
    """What AUTH is answered, by each of the mechanisms that smtplib has."""
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    said = set()
    with smtplib.SMTP_SSL(house.host, house.port("submissions"), "client.test", timeout=60, context=made) as client:
        client.ehlo()
        client.user, client.password = house.alice, house.password
        for name, how in (("PLAIN", client.auth_plain), ("LOGIN", client.auth_login)):
            with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
                client.auth(name, how)
            said.add((refusal.value.smtp_code, refusal.value.smtp_error.decode()))
    (answer,) = said
    return answer


def test_at_the_line_and_beyond(own):
    own.run("set", "sending.messages_hour", "2")
    own.run("set", "sending.freeze_refused", "5")
    with submission(own) as client:
        for number in range(2):
            client.sendmail(own.alice, f"far{number}@nowhere.invalid", letter(own.alice), LATER)
        code, words = mail(client, own.alice)
        assert code == 450 and words.startswith("4.7.1 You have sent 2 messages in the last hour, and 2 are allowed"), words
        assert " UTC or ask postmaster@demo.test" in words
        used = shown(own)
        assert used["messages_hour"] == {"used": 2, "limit": 2, "own": False} and not used["stopped"]
        own.run("account", "limit", own.alice, "messages_hour", "3")
        assert mail(client, own.alice)[0] == 250
        own.run("account", "limit", own.alice, "messages_hour", "default")
        for _ in range(4):
            assert mail(client, own.alice)[0] == 450
        own.await_log(r"sending\.frozen .*account=alice@demo\.test")
        assert shown(own)["stopped"]
        own.await_log(r"sending\.held .*recipients=2")
        assert f"sending is stopped for {own.alice}: " in own.run("doctor", check=False)
        code, words = mail(client, own.alice)
        assert code == 550 and words.startswith(f"5.7.1 Sending is stopped for {own.alice} since "), words
        assert "Change your password and ask postmaster@demo.test" in words
    own.await_log(r"sending\.held .*recipients=2")
    assert held(own) == 2
    for owner in (own.alice, own.admin):  # who has the mail of postmaster
        with Wire(own) as imap:
            imap.sign_in(owner).select()
            imap.await_message(f"Sending is stopped for {own.alice}")
    assert re.search(r'sending_frozen_total\{?.*store.* 1$', own.run("metrics"), re.M)
    own.restart()
    assert held(own) == 2 and "5 messages in the last hour were refused" in shown(own)["why"]
    own.run("account", "resume", own.alice)
    assert not shown(own)["stopped"]
    own.await_log(r"sending\.released .*recipients=2")
    assert held(own) == 0


def each_limit(house, used, known, stranger):
    """An account that has used so much comes to the line of each limit, and is told which."""
    with submission(house) as client:
        for name in LIMITS:
            what, span = name.split("_")
            house.run("account", "limit", house.alice, name, str(used[what]))
            assert shown(house)[name] == {"used": used[what], "limit": used[what], "own": True}
            if what == "first":
                assert rcpt(client, house.alice, known)[0] == 250
                code, words = rcpt(client, house.alice, stranger)
            else:
                code, words = mail(client, house.alice)
            thing = {"messages": f"{used[what]} messages", "recipients": f"to {used[what]} recipients",
                     "first": f"to {used[what]} recipients you never wrote to before"}[what]
            assert code == 450 and words.startswith(f"4.7.1 You have sent {thing} in the last {span}, and "), words
            house.run("account", "limit", house.alice, name, "default")
        assert rcpt(client, house.alice, stranger)[0] == 250


def test_each_limit_holds_across_restarts(own):
    with submission(own) as client:
        for _ in range(2):
            client.sendmail(own.alice, [f"far{n}@nowhere.invalid" for n in range(3)], letter(own.alice), LATER)
        own.run("account", "limit", own.alice, "recipients_hour", "8")
        assert client.mail(own.alice)[0] == 250
        assert [client.rcpt(f"far{n}@nowhere.invalid")[0] for n in range(3)] == [250, 250, 450]
    own.run("account", "limit", own.alice, "recipients_hour", "default")
    used = {"messages": 2, "recipients": 6, "first": 3}
    each_limit(own, used, "far0@nowhere.invalid", "far3@nowhere.invalid")
    own.restart()
    each_limit(own, used, "far1@nowhere.invalid", "far4@nowhere.invalid")
    own.kill()
    own.start()
    each_limit(own, used, "far2@nowhere.invalid", "far5@nowhere.invalid")
    with submission(own, own.bob) as client:
        assert mail(client, own.bob)[0] == 250


def test_by_hand(own):
    with submission(own) as client:
        own.run("account", "freeze", own.alice, "--reason", "a stolen password")
        code, words = mail(client, own.alice)
        assert code == 550 and ": a stolen password. Change" in words, words
    assert "stopped since" in own.run("account", "show", own.alice)
    assert f"sending is stopped for {own.alice}: " in own.run("doctor", check=False)
    with pytest.raises(AssertionError, match="stopped for .* already"):
        own.run("account", "freeze", own.alice)
    for _ in range(2):
        code, words = refused_sign_in(own)
        assert code == 525 and words.startswith(f"5.7.13 Sending is stopped for {own.alice} since "), words
        assert ": a stolen password. Change your password and ask postmaster@demo.test" in words
        with Wire(own) as imap:
            imap.sign_in(own.alice).select()
        own.restart()
    with submission(own, own.bob) as client:
        assert mail(client, own.bob)[0] == 250
    own.run("account", "resume", own.alice)
    assert "is stopped for" not in own.run("doctor", check=False)
    with submission(own) as client:
        assert mail(client, own.alice)[0] == 250


def from_network(house, source):
    client = smtplib.SMTP(house.host, house.port("submission"), "printer.test", timeout=60, source_address=(source, 0))
    client.ehlo()
    return client


def networks(house):
    return {network["network"]: network for network in json.loads(house.run("network", "list", "--json"))}


def test_a_network_has_limits_as_a_whole(own):
    """They refuse for the moment; what goes on is stopped, its mail held, and the operator told."""
    scanner, net = "scanner@demo.test", "127.0.0.8/29"
    own.run("set", "submission.relay_networks", "127.0.0.8/29 127.0.0.16/29")
    own.run("set", "sending.messages_hour", "1")
    own.run("set", "sending.network_times", "2")
    own.run("set", "sending.freeze_refused", "2")
    for source in (PRINTER, "127.0.0.10"):
        with from_network(own, source) as client:
            client.sendmail(scanner, "far@nowhere.invalid", letter(scanner), LATER)
    with from_network(own, PRINTER) as client:
        code, words = mail(client, scanner)
        assert code == 450 and words.startswith("4.7.1 You have sent 2 messages in the last hour, and 2 are allowed"), words
    with from_network(own, OTHER) as client:
        assert client.sendmail(scanner, "far@nowhere.invalid", letter(scanner), LATER) == {}
    assert not networks(own)[net]["stopped"] and "is stopped for" not in own.run("doctor", check=False)
    own.restart()
    with from_network(own, PRINTER) as client:
        assert [mail(client, scanner)[0] for _ in range(4)] == [450] * 4
        own.await_log(rf"sending\.frozen .*network={net}")
        code, words = mail(client, scanner)
        assert code == 550 and words.startswith(f"5.7.1 Sending is stopped for the network {net} since "), words
        assert words.endswith(
            f"the last of {PRINTER}. See which host there sends what it should not, and ask postmaster to let it go on."), words
    with from_network(own, OTHER) as client:
        assert client.sendmail(scanner, "near@nowhere.invalid", letter(scanner), LATER) == {}
    own.await_log(r"sending\.held .*recipients=2")
    assert held(own, net) == 2
    mine = json.loads(own.run("queue", "list", "--network", net, "--json"))
    assert [m["network"] for m in mine] == [net] * 2 and {m["account"] for m in mine} == {0}
    assert f"network    {net}" in own.run("queue", "show", mine[0]["id"])
    with Wire(own) as imap:  # who has the mail of postmaster
        imap.sign_in(own.admin).select()
        imap.await_message(f"Sending is stopped for the network {net}")
    assert f"is stopped for the network {net}: mailstead network show {net}" in own.run("doctor", check=False)
    own.restart()
    assert networks(own)[net]["stopped"] and "4 messages in the last hour" in networks(own)[net]["why"]
    shown_of = json.loads(own.run("network", "show", PRINTER, "--json"))
    assert shown_of["network"] == net and shown_of["sending"]["messages_hour"] == {"used": 2, "limit": 2, "own": False}
    own.run("set", "sending.messages_hour", "9")
    own.run("network", "resume", net)
    own.await_log(r"sending\.released .*recipients=2")
    assert held(own, net) == 0
    with pytest.raises(AssertionError, match="is not stopped for"):
        own.run("network", "resume", net)
    with pytest.raises(AssertionError, match="no such network"):
        own.run("network", "show", "127.0.0.0/29")
    own.run("set", "sending.network_times", "1")
    own.run("set", "sending.recipients_hour", "2")
    with from_network(own, PRINTER) as client:
        code, words = mail(client, scanner)
        assert code == 450 and words.startswith("4.7.1 You have sent to 2 recipients in the last hour, and 2 are allowed"), words
        own.run("set", "sending.recipients_hour", "0")
        own.run("set", "sending.first_hour", "1")
        assert rcpt(client, scanner, "far@nowhere.invalid")[0] == 250
        code, words = rcpt(client, scanner, "near@nowhere.invalid")
        assert code == 450 and words.startswith("4.7.1 You have sent to 1 recipients you never wrote to before in the"), words


def test_nobody_of_that_name_again_and_again():
    """An account that writes to people who do not exist is stopped; what waits is held, and goes out afterwards."""
    user, base = "user@site.test", mailstead.free_port_base()
    with Sink("127.0.0.41", replies={"no": "550 5.1.1 no such user", "later": "450 4.2.1 later"}) as sink, mailstead.Site(
            f'route "far.test" {{ host = "127.0.0.41", port = {sink.port}, tls = none }}\n'
            f"listen submission {{ address = 127.0.0.1, port = {base + 587}, plain_auth = yes }}\n") as site:
        site.base = base
        site.run("domain", "add", "site.test")
        for setting, value in (("outbound.loopback", "on"), ("suppression.keep", "0"), ("sending.freeze_bounces", "3")):
            site.run("set", setting, value)
        site.run("account", "add", user, "--password-stdin", stdin=site.password + "\n")

        def send(to):
            with smtplib.SMTP(site.host, site.port("submission"), timeout=60) as client:
                client.login(user, site.password)
                client.sendmail(user, to, letter(user))

        send("later@far.test")
        site.await_log(r"event=outbound\.later .*to=later@far\.test")
        for bounces in range(3):
            send("no@far.test")
            site.await_log(r"event=outbound\.failed .*to=no@far\.test", bounces + 1)
        site.await_log(r"sending\.frozen .*account=user@site\.test")
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            send("later@far.test")
        assert refusal.value.smtp_code == 525
        assert b": the last 3 recipients do not exist, as their servers say. Change" in refusal.value.smtp_error
        site.await_log(r"sending\.held .*recipients=1")
        site.restart()
        sink.replies.clear()
        site.run("queue", "retry", "--all")
        assert [r["state"] for m in json.loads(site.run("queue", "list", "--json")) for r in m["recipients"]] == ["held"]
        site.run("account", "resume", user)
        site.await_log(r"sending\.released .*recipients=1")
        site.run("queue", "retry", "--all")
        site.await_log(r"event=outbound\.delivered .*to=later@far\.test")
        assert [rcpts for _, rcpts, _ in sink.messages] == [["<later@far.test>"]]
        assert re.search(r'store_syncs_total\{?.*store.* [1-9]', site.run("metrics"))


def test_a_new_account_of_the_name_begins_anew(own):
    with submission(own) as client:
        client.sendmail(own.alice, "far@nowhere.invalid", letter(own.alice), LATER)
    own.run("account", "limit", own.alice, "messages_day", "7")
    own.run("account", "freeze", own.alice)
    own.run("account", "remove", own.alice)
    own.run("account", "add", own.alice, "--password-stdin", stdin=own.password + "\n")
    with submission(own) as client:
        assert mail(client, own.alice)[0] == 250
    used = shown(own)
    assert not used["stopped"] and {used[name]["used"] for name in LIMITS} == {0}
    assert not any(used[name]["own"] for name in LIMITS)
    own.restart()
    assert json.loads(own.run("check-store", "--json"))["problems"] == []
