# SPDX-License-Identifier: ISC
"""Limits of sending from outside: what a client is told at the line, that an
account which goes on is stopped, who hears of it, and that the operator lets it
go on."""

import json
import re
import smtplib
import ssl
import subprocess

import pytest

import mailstead
from imapwire import Wire


@pytest.fixture
def own():
    with mailstead.Mailstead() as house:
        yield house


def command(house, *arguments):
    done = subprocess.run([mailstead.binary(), *arguments, "--dir", house.dir], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def shown(house):
    return json.loads(command(house, "account", "show", house.alice, "--json"))["sending"]


def submission(house):
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    client = smtplib.SMTP_SSL(house.host, house.port("submissions"), "client.test", timeout=60, context=made)
    client.login(house.alice, house.password)
    return client


def mail(client, house):
    code, words = client.mail(house.alice)
    client.rset()
    return code, words.decode()


def held(house):
    listed = json.loads(command(house, "queue", "list", "--account", house.alice, "--state", "held", "--json"))
    return sum(len(m["recipients"]) for m in listed)


def test_at_the_line_and_beyond(own):
    command(own, "set", "sending.messages_hour", "2")
    command(own, "set", "sending.freeze_refused", "5")
    with submission(own) as client:
        for number in range(2):
            client.sendmail(own.alice, f"far{number}@nowhere.invalid", f"Subject: {number}\r\n\r\nhello\r\n", ["HOLDFOR=3600"])
        code, words = mail(client, own)
        assert code == 450 and words.startswith("4.7.1 You have sent 2 messages in the last hour, and 2 are allowed"), words
        assert " UTC or ask postmaster@demo.test" in words
        used = shown(own)
        assert used["messages_hour"] == {"used": 2, "limit": 2, "own": False} and not used["stopped"]
        command(own, "account", "limit", own.alice, "messages_hour", "3")
        assert mail(client, own)[0] == 250
        command(own, "account", "limit", own.alice, "messages_hour", "default")
        for _ in range(4):
            assert mail(client, own)[0] == 450
        own.await_log(r"sending\.frozen .*account=alice@demo\.test")
        assert shown(own)["stopped"]
        code, words = mail(client, own)
        assert code == 550 and words.startswith(f"5.7.1 Sending is stopped for {own.alice} since "), words
        assert "Change your password and ask postmaster@demo.test" in words
    own.await_log(r"sending\.held .*recipients=2")
    assert held(own) == 2
    with Wire(own) as imap:
        imap.sign_in(own.alice).select()
        imap.await_message(f"Sending is stopped for {own.alice}")
    assert re.search(r'sending_frozen_total\{?.*store.* 1$', command(own, "metrics"), re.M)
    command(own, "account", "resume", own.alice)
    assert not shown(own)["stopped"]
    own.await_log(r"sending\.released .*recipients=2")
    assert held(own) == 0


def test_by_hand(own):
    command(own, "account", "freeze", own.alice, "--reason", "a stolen password")
    with submission(own) as client:
        code, words = mail(client, own)
        assert code == 550 and ": a stolen password. Change" in words, words
        assert "stopped since" in command(own, "account", "show", own.alice)
        assert subprocess.run([mailstead.binary(), "account", "freeze", own.alice, "--dir", own.dir], capture_output=True,
                              check=False).returncode == 1
        command(own, "account", "resume", own.alice)
        assert mail(client, own)[0] == 250
