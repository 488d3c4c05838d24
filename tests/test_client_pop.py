# SPDX-License-Identifier: ISC
"""getmail and mpop fetch mail over POP3 (and getmail over IMAP): everything
once, nothing lost, and on the server only what they were told to leave."""

import os

import pytest

from clients import contents, letter, needs, new_mailbox, reader, run, send, unique

import imapwire


def new_mail(house, *subjects):
    for subject in subjects:
        send(house, subject)
    with reader(house) as wire:
        for subject in subjects:
            wire.await_message(subject)


def there(house, *subjects):
    """Which of them are in the INBOX."""
    with reader(house) as wire:
        return {s for s in subjects if wire.search(f'SUBJECT "{s}"')}


def maildir(folder):
    for kind in ("new", "cur", "tmp"):
        os.makedirs(folder / kind, exist_ok=True)
    return folder


def got(folder, subject):
    """How many files below the folder are that message, whole."""
    return sum(1 for path in (folder / "new").iterdir()
               if subject.encode() in (text := path.read_bytes()) and b"this is the text." in text)


# ---- getmail ----

def getmail(house, folder, kind, server, delete):
    (folder / "getmailrc").write_text(f"""
[retriever]
type = {kind}
server = localhost
username = {house.alice}
password = {house.password}
{server}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat > $(mktemp {maildir(folder / 'mail')}/new/XXXXXXXX)")
unixfrom = false
allow_root_commands = true
[options]
delete = {delete}
read_all = false
""", encoding="ascii")
    return run("getmail", "--getmaildir", str(folder), "--rcfile", str(folder / "getmailrc"),
               env={**os.environ, "HOME": str(folder)}).stdout


@needs("getmail")
@pytest.mark.parametrize("tls", [False, True], ids=["pop3", "pop3s"])
def test_getmail_takes_each_message_once_over_pop3(house, tmp_path, tls):
    first, second = unique("getmail"), unique("getmail")
    kind = "SimplePOP3SSLRetriever" if tls else "SimplePOP3Retriever"
    server = f"port = {house.port('pop3s' if tls else 'pop3')}\n" + (f"ca_certs = {house.ca}\n" if tls else "")
    new_mail(house, first)
    getmail(house, tmp_path, kind, server, "false")
    new_mail(house, second)
    getmail(house, tmp_path, kind, server, "false")  # it knows the first by its unique id
    assert [got(tmp_path / "mail", s) for s in (first, second)] == [1, 1]
    assert there(house, first, second) == {first, second}
    getmail(house, tmp_path, kind, server, "true")
    assert there(house, first, second) == set()
    assert [got(tmp_path / "mail", s) for s in (first, second)] == [1, 1]


@needs("getmail")
def test_getmail_empties_a_mailbox_over_imap(house, tmp_path):
    subjects = [unique("getmail") for _ in range(3)]
    mailbox = new_mailbox(house, "Getmail", subjects)
    server = f"port = {house.port('imap')}\nmailboxes = ('{mailbox}',)\n"
    getmail(house, tmp_path, "SimpleIMAPRetriever", server, "false")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{mailbox}"', letter(subjects[0] + "-more"))
    getmail(house, tmp_path, "SimpleIMAPRetriever", server, "true")
    assert [got(tmp_path / "mail", s + "\r") + got(tmp_path / "mail", s + "\n") for s in subjects] == [1, 1, 1]
    assert got(tmp_path / "mail", subjects[0] + "-more") == 1
    assert contents(house, mailbox) == {}


# ---- mpop ----

def mpop(house, folder, *options):
    config = folder / "mpoprc"
    config.write_text(f"""
account a
host {house.host}
port {house.port("pop3")}
user {house.alice}
password {house.password}
auth scram-sha-256
tls on
tls_starttls on
tls_trust_file {house.ca}
tls_host_override {house.hostname}
uidls_file {folder}/uidls
delivery maildir {maildir(folder / "mail")}
""", encoding="ascii")
    config.chmod(0o600)
    return run("mpop", "-C", str(config), *options, "a", env={**os.environ, "HOME": str(folder)}).stdout


@needs("mpop")
def test_mpop_takes_each_message_once(house, tmp_path):
    first, second = unique("mpop"), unique("mpop")
    new_mail(house, first)
    mpop(house, tmp_path, "--keep=on")
    new_mail(house, second)
    mpop(house, tmp_path, "--keep=on")
    assert [got(tmp_path / "mail", s) for s in (first, second)] == [1, 1]
    assert there(house, first, second) == {first, second}
    mpop(house, tmp_path, "--keep=off")
    assert there(house, first, second) == set()
    assert [got(tmp_path / "mail", s) for s in (first, second)] == [1, 1]
