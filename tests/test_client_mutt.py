# SPDX-License-Identifier: ISC
"""mutt and neomutt in a terminal: what they show, and what they leave."""

import pytest

import imapwire
from clients import Terminal, contents, letter, needs, new_mailbox

PROGRAMS = [pytest.param(program, marks=needs("tmux", program)) for program in ("mutt", "neomutt")]


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(command):
        opened.append(Terminal(tmp_path, command))
        return opened[-1]
    yield start
    for t in opened:
        t.close()


def muttrc(house, folder, mailbox):
    rc = folder / "muttrc"
    rc.write_text(f"""
set imap_user="{house.alice}" imap_pass="{house.password}" imap_authenticators="login"
set ssl_starttls=no ssl_force_tls=no
set folder="imap://{house.host}:{house.port('imap')}/" spoolfile="imap://{house.host}:{house.port('imap')}/{mailbox}"
set delete=yes quit=yes confirmappend=no wait_key=no mark_old=no sort=mailbox-order
set index_format="%3C %Z %s" pager_index_lines=0 timeout=2 mail_check=1
set from="{house.alice}" realname="Alice"
""", encoding="ascii")
    return rc


@pytest.mark.parametrize("program", PROGRAMS)
def test_mutt_opens_reads_flags_and_deletes(house, tmp_path, terminal, program):
    mailbox = new_mailbox(house, "Mutt", ["first-letter", "second-letter", "third-letter"])
    screen = terminal(f"{program} -n -F {muttrc(house, tmp_path, mailbox)}")
    screen.await_screen(r"third-letter")
    screen.keys("Home", "Enter")
    screen.await_screen(r"this is the text\.")
    screen.keys("i")
    screen.await_screen(r"second-letter")
    screen.keys("Home", "F")
    screen.await_screen(r"(?m)^\D*1 +\S*! first-letter|1 .*! +first-letter")
    screen.keys("Home", "j", "d")
    screen.await_screen(r"D\S* +second-letter")
    screen.keys("$")
    screen.await_screen(r"second-letter", gone=True)
    with imapwire.Wire(house).sign_in(house.alice) as wire:  # new mail while it is open
        wire.ok(f'APPEND "{mailbox}"', letter("fourth-letter"))
    screen.await_screen(r"fourth-letter")
    screen.keys("q")
    screen.await_screen(r"third-letter", gone=True)
    found = contents(house, mailbox)
    assert set(found) == {"first-letter", "third-letter", "fourth-letter"}
    assert found["first-letter"] == {"\\Seen", "\\Flagged"} and "\\Seen" not in found["third-letter"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_mutt_saves_copies_and_takes_back(house, tmp_path, terminal, program):
    mailbox = new_mailbox(house, "Muttering", [f"letter-{n}" for n in range(1, 7)])
    target = new_mailbox(house, "Drawer", ["drawer-0"])
    screen = terminal(f"{program} -n -F {muttrc(house, tmp_path, mailbox)}")
    screen.await_screen("letter-6")
    for number in (1, 3):  # tagged and saved: a move
        screen.keys(str(number), "Enter")
        screen.keys("t")
        screen.await_screen(rf"\* +letter-{number}")
    screen.keys("\\;", "s")
    screen.await_screen("(?i)save tagged")
    screen.keys("C-u")
    screen.keys("-l", f"={target}")
    screen.keys("Enter")
    screen.await_screen(r"D\S* +letter-3")
    screen.keys("5", "Enter")
    screen.keys("C")
    screen.await_screen("(?i)copy to mailbox")
    screen.keys("C-u")
    screen.keys("-l", f"={target}")
    screen.keys("Enter")
    screen.keys("2", "Enter")
    screen.keys("d")
    screen.await_screen(r"D\S* +letter-2")
    screen.keys("2", "Enter")
    screen.keys("u")
    screen.await_screen(r"D\S* +letter-2", gone=True)
    screen.keys("4", "Enter")
    screen.keys("N")  # and new again
    screen.keys("$")
    screen.await_screen(r"letter-1", gone=True)
    screen.keys("/")
    screen.await_screen("(?i)search for")
    screen.keys("-l", "~s letter-6")
    screen.keys("Enter")
    screen.keys("F")
    screen.await_screen(r"! +letter-6|!\S* +letter-6")
    screen.keys("q")
    screen.await_screen("letter-6", gone=True)
    there = {s: f - {"\\Seen"} for s, f in contents(house, mailbox).items()}
    assert there == {"letter-2": set(), "letter-4": set(), "letter-5": set(), "letter-6": {"\\Flagged"}}
    assert set(contents(house, target)) == {"drawer-0", "letter-1", "letter-3", "letter-5"}
