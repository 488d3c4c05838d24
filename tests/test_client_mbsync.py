# SPDX-License-Identifier: ISC
"""mbsync keeps a Maildir and a mailbox the same, whatever changed on which
side meanwhile."""

import email
import os
import time

import pytest

import imapwire
from clients import contents, letter, needs, new_mailbox, reader, run


class Sync:
    """A Maildir that mbsync keeps the same as a mailbox."""

    def __init__(self, house, folder, mailbox, security):
        self.mailbox = mailbox
        self.folder = folder
        self.rc = folder / "mbsyncrc"
        os.makedirs(folder / "mail", exist_ok=True)
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
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns {mailbox}
Create Both
Expunge Both
SyncState *
""", encoding="ascii")

    def __call__(self):
        return run("mbsync", "-c", str(self.rc), "-V", "both").stdout

    def files(self):
        """{subject: path} of the local side."""
        found = {}
        for kind in ("new", "cur"):
            for path in (self.folder / "mail" / self.mailbox / kind).iterdir():
                subject = email.message_from_bytes(path.read_bytes())["Subject"]
                assert subject not in found, f"{subject} is there twice"
                found[subject] = path
        return found

    def flags(self):
        return {s: set(p.name.partition(":2,")[2]) for s, p in self.files().items()}

    def flag(self, subject, letters):
        path = self.files()[subject]
        path.rename(path.parent.parent / "cur" / (path.name.partition(":")[0] + ":2," + letters))

    def add(self, subject):
        path = self.folder / "mail" / self.mailbox / "new" / f"{time.time_ns()}.1.here"
        path.write_bytes(letter(subject))


def change(house, mailbox, commands):
    with reader(house, mailbox=mailbox) as wire:
        for subject, command in commands:
            wire.ok(command.replace("#", str(wire.search(f'SUBJECT "{subject}"')[0])))
        wire.ok("EXPUNGE")


@needs("mbsync")
@pytest.mark.parametrize("security", ["None", "STARTTLS", "IMAPS"])
def test_mbsync_keeps_both_sides_the_same(house, tmp_path, security):
    subjects = [f"sync-{n}" for n in range(1, 10)]
    mailbox = new_mailbox(house, "Sync", subjects)
    sync = Sync(house, tmp_path, mailbox, security)
    sync()
    assert set(sync.files()) == set(subjects)

    # What changes on one side only, and on both at once.
    change(house, mailbox, [
        ("sync-1", "STORE # +FLAGS (\\Seen)"), ("sync-2", "STORE # +FLAGS (\\Deleted)"),
        ("sync-5", "STORE # +FLAGS (\\Flagged)"), ("sync-6", "STORE # +FLAGS (\\Deleted)"),
        ("sync-7", "STORE # +FLAGS (\\Seen)"), ("sync-8", "STORE # +FLAGS (\\Deleted)")])
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{mailbox}" (\\Draft)', letter("from-there"))
    sync.flag("sync-3", "RS")
    sync.files()["sync-4"].unlink()
    sync.flag("sync-5", "S")
    sync.files()["sync-6"].unlink()   # gone on both sides
    sync.files()["sync-7"].unlink()   # read there, deleted here
    sync.flag("sync-8", "F")          # deleted there, flagged here
    sync.add("from-here")
    sync()

    here, there = sync.flags(), contents(house, mailbox)
    assert set(here) == set(there)
    assert there["sync-1"] == {"\\Seen"} and here["sync-1"] == {"S"}
    assert there["sync-3"] == {"\\Seen", "\\Answered"} and here["sync-3"] == {"R", "S"}
    assert there["sync-5"] == {"\\Seen", "\\Flagged"} and here["sync-5"] == {"F", "S"}
    assert there["from-there"] == {"\\Draft"} and here["from-there"] == {"D"}
    assert "from-here" in there and there["sync-9"] == set()
    assert not {"sync-2", "sync-4", "sync-6"} & set(there)

    sync()
    assert (sync.flags(), contents(house, mailbox)) == (here, there)


@needs("mbsync")
def test_mbsync_finds_its_way_after_a_mailbox_was_made_anew(house, tmp_path):
    """Another UIDVALIDITY: mbsync must notice, and not mistake new messages for old ones."""
    mailbox = new_mailbox(house, "Anew", ["old-1", "old-2"])
    sync = Sync(house, tmp_path, mailbox, "None")
    sync()
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'DELETE "{mailbox}"')
        wire.ok(f'CREATE "{mailbox}"')
        wire.ok(f'APPEND "{mailbox}"', letter("new-1"))
    done = run("mbsync", "-c", str(sync.rc), "both", check=False)
    assert done.returncode != 0 and "UIDVALIDITY" in done.stdout, done.stdout
    assert set(sync.files()) == {"old-1", "old-2"} and set(contents(house, mailbox)) == {"new-1"}
