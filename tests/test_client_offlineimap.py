# SPDX-License-Identifier: ISC
"""offlineimap keeps a tree of Maildirs and an account's mailboxes the same:
new mail, flags, deletions and new mailboxes from both sides, and both at once."""

import pytest

import imapwire
from clients import letter, needs, new_mailbox, reader, run, unique
from maildirs import Far, History, Maildirs, change, same


class OfflineImap(Maildirs):
    """The Maildirs below a folder, and the run that makes both sides the same."""

    def __init__(self, house, folder, prefix, tls):
        super().__init__(folder / "mail")
        self.rc = folder / "offlineimaprc"
        secure = f"ssl = yes\nsslcacertfile = {house.ca}" if tls else "ssl = no\nstarttls = no"
        self.rc.write_text(f"""
[general]
accounts = alice
metadata = {folder}/metadata
ui = basic
socktimeout = 60

[Account alice]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {self.mail}

[Repository there]
type = IMAP
remotehost = localhost
remoteport = {house.port("imaps" if tls else "imap")}
remoteuser = {house.alice}
remotepass = {house.password}
auth_mechanisms = PLAIN, LOGIN
{secure}
createfolders = yes
folderfilter = lambda name: name.startswith({prefix!r})
""", encoding="ascii")

    def __call__(self):
        done = run("offlineimap", "-o", "-c", str(self.rc), check=False)
        assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout[-6000:]


@needs("offlineimap")
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "imaps"])
def test_offlineimap_keeps_both_sides_the_same(house, tmp_path, tls):
    prefix = unique("Off")
    one, two = f"{prefix}-one", f"{prefix}-two"
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        for name in (one, two):
            wire.ok(f'CREATE "{name}"')
        for n in range(1, 10):
            wire.ok(f'APPEND "{one}" (\\Flagged)' if n == 9 else f'APPEND "{one}"', letter(f"off-{n}"))
    sync = OfflineImap(house, tmp_path, prefix, tls)
    sync()
    assert same(sync, house, one) == {f"off-{n}": {"F"} if n == 9 else set() for n in range(1, 10)}
    assert same(sync, house, two) == {}

    change(house, one, [
        ("off-1", "STORE # +FLAGS (\\Seen)"), ("off-2", "STORE # +FLAGS (\\Deleted)"),
        ("off-5", "STORE # +FLAGS (\\Answered)"), ("off-6", "STORE # +FLAGS (\\Deleted)"),
        ("off-7", "STORE # +FLAGS (\\Seen)"), ("off-8", "STORE # +FLAGS (\\Deleted)")])
    with reader(house, mailbox=one) as wire:  # a move there
        wire.ok(f"MOVE {wire.search('SUBJECT off-9')[0]} {two}")
        wire.ok(f'APPEND "{one}" (\\Draft)', letter("from-there"))
        wire.ok(f'CREATE "{prefix}-there"')
        wire.ok(f'APPEND "{prefix}-there"', letter("new-there"))
    sync.flag(one, "off-3", "RS")
    sync.delete(one, "off-4")
    sync.flag(one, "off-5", "S")       # answered there, read here
    sync.delete(one, "off-6")  # gone on both sides
    sync.delete(one, "off-7")  # read there, deleted here
    sync.flag(one, "off-8", "F")       # deleted there, flagged here
    sync.add(one, "from-here", "S")
    sync.add(f"{prefix}-here", "new-here")
    sync()
    there = same(sync, house, one)
    assert there["off-1"] == {"S"} and there["off-3"] == {"R", "S"}
    assert {"R", "S"} == there["off-5"]
    assert there["from-there"] == {"D"} and there["from-here"] == {"S"}
    assert not {"off-2", "off-4", "off-6", "off-9"} & set(there)
    assert same(sync, house, two) == {"off-9": {"F"}}
    assert same(sync, house, f"{prefix}-here") == {"new-here": set()}
    assert same(sync, house, f"{prefix}-there") == {"new-there": set()}

    sync()  # nothing comes back, and nothing twice
    assert same(sync, house, one) == there


@needs("offlineimap")
@pytest.mark.parametrize("seed", range(1))
def test_offlineimap_both_sides_change_at_random(house, tmp_path, seed):
    prefix = unique("Chance")
    names = [new_mailbox(house, prefix, []) for _ in range(2)]
    sync = OfflineImap(house, tmp_path, prefix, False)
    sync()
    history = History(seed, sync, Far(house), names)
    for changes in (0, 18, 18):
        questions = history.round(changes, 10)
        sync()
        sync()
        history.check(house, questions)
