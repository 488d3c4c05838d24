# SPDX-License-Identifier: ISC
"""mbsync keeps Maildirs and mailboxes the same, whatever changed on which side
meanwhile."""

import pytest

import imapwire
from clients import contents, letter, needs, new_mailbox, run
from maildirs import Far, History, Maildirs, change


class Sync(Maildirs):
    """The Maildirs that mbsync keeps the same as mailboxes."""

    def __init__(self, house, folder, mailboxes, security):
        super().__init__(folder / "mail")
        self.rc = folder / "mbsyncrc"
        self.mail.mkdir()
        secure = f"SSLType {security}" + ("" if security == "None" else f"\nCertificateFile {house.ca}")
        port = house.port("imaps" if security == "IMAPS" else "imap")
        self.rc.write_text(f"""
IMAPStore far
Host localhost
Port {port}
User {house.alice}
Pass {house.password}
AuthMechs *
{secure}

MaildirStore near
Path {self.mail}/
Inbox {self.mail}/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns {" ".join(mailboxes)}
Create Both
Expunge Both
SyncState *
""", encoding="ascii")

    def __call__(self):
        return run("mbsync", "-c", str(self.rc), "-V", "both").stdout


@needs("mbsync")
@pytest.mark.parametrize("security", ["None", "STARTTLS", "IMAPS"])
def test_mbsync_keeps_both_sides_the_same(house, tmp_path, security):
    subjects = [f"sync-{n}" for n in range(1, 10)]
    mailbox = new_mailbox(house, "Sync", subjects)
    sync = Sync(house, tmp_path, [mailbox], security)
    sync()
    assert set(sync.files(mailbox)) == set(subjects)

    # What changes on one side only, and on both at once.
    change(house, mailbox, [
        ("sync-1", "STORE # +FLAGS (\\Seen)"), ("sync-2", "STORE # +FLAGS (\\Deleted)"),
        ("sync-5", "STORE # +FLAGS (\\Flagged)"), ("sync-6", "STORE # +FLAGS (\\Deleted)"),
        ("sync-7", "STORE # +FLAGS (\\Seen)"), ("sync-8", "STORE # +FLAGS (\\Deleted)")])
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{mailbox}" (\\Draft)', letter("from-there"))
    sync.flag(mailbox, "sync-3", "RS")
    sync.delete(mailbox, "sync-4")
    sync.flag(mailbox, "sync-5", "S")
    sync.delete(mailbox, "sync-6")   # gone on both sides
    sync.delete(mailbox, "sync-7")   # read there, deleted here
    sync.flag(mailbox, "sync-8", "F")          # deleted there, flagged here
    sync.add(mailbox, "from-here")
    sync()

    here, there = sync.flags(mailbox), contents(house, mailbox)
    assert set(here) == set(there)
    assert there["sync-1"] == {"\\Seen"} and here["sync-1"] == {"S"}
    assert there["sync-3"] == {"\\Seen", "\\Answered"} and here["sync-3"] == {"R", "S"}
    assert there["sync-5"] == {"\\Seen", "\\Flagged"} and here["sync-5"] == {"F", "S"}
    assert there["from-there"] == {"\\Draft"} and here["from-there"] == {"D"}
    assert "from-here" in there and there["sync-9"] == set()
    assert not {"sync-2", "sync-4", "sync-6"} & set(there)

    sync()
    assert (sync.flags(mailbox), contents(house, mailbox)) == (here, there)


@needs("mbsync")
@pytest.mark.parametrize("seed", range(2))
def test_mbsync_both_sides_change_at_random(house, tmp_path, seed):
    names = [new_mailbox(house, "Chance", []) for _ in range(2)]
    sync = Sync(house, tmp_path, names, "None")
    history = History(seed, sync, Far(house), names)
    for changes in (0, 18, 18, 18):
        questions = history.round(changes, 10)
        sync()
        sync()  # what moved from one mailbox to the other may need to be seen twice
        history.check(house, questions)


@needs("mbsync")
def test_mbsync_finds_its_way_after_a_mailbox_was_made_anew(house, tmp_path):
    """Another UIDVALIDITY: mbsync must notice, and not mistake new messages for old ones."""
    mailbox = new_mailbox(house, "Anew", ["old-1", "old-2"])
    sync = Sync(house, tmp_path, [mailbox], "None")
    sync()
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'DELETE "{mailbox}"')
        wire.ok(f'CREATE "{mailbox}"')
        wire.ok(f'APPEND "{mailbox}"', letter("new-1"))
    done = run("mbsync", "-c", str(sync.rc), "both", check=False)
    assert done.returncode != 0 and "UIDVALIDITY" in done.stdout, done.stdout
    assert set(sync.files(mailbox)) == {"old-1", "old-2"} and set(contents(house, mailbox)) == {"new-1"}
