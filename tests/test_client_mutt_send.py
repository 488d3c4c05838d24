# SPDX-License-Identifier: ISC
"""mutt and neomutt as they sign in when nobody told them how: over TLS, with the mechanism that they choose first. What
they send is filed in Sent by themselves, and then is there once."""

import subprocess

import pytest

from clients import CLIENT_SECONDS, Terminal, needs, new_mailbox, reader, unique

PROGRAMS = [pytest.param(program, marks=needs("tmux", program)) for program in ("mutt", "neomutt")]


def muttrc(house, folder, mailbox="INBOX"):
    imap, smtp = (f"{house.host}:{house.port(name)}" for name in ("imaps", "submissions"))
    rc = folder / "muttrc"
    rc.write_text(f"""
set imap_user="{house.alice}" imap_pass="{house.password}" smtp_pass="{house.password}"
set smtp_url="smtps://{house.alice}@{smtp}/" from="{house.alice}" realname="Alice" use_from=yes
set folder="imaps://{imap}/" spoolfile="imaps://{imap}/{mailbox}" record="imaps://{imap}/Sent" copy=yes
set certificate_file="{house.ca}" ssl_verify_host=no ssl_force_tls=yes quit=yes
""", encoding="ascii")
    return rc


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_sends(house, tmp_path, program):
    subject = unique(program)
    done = subprocess.run([program, "-n", "-F", str(muttrc(house, tmp_path)), "-s", subject, house.bob], input="Hello.\n",
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=CLIENT_SECONDS, check=False,
                          env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout
    with reader(house, house.bob) as wire:
        assert wire.await_message(subject)
    with reader(house, house.alice, "Sent") as wire:
        assert wire.await_message(subject)
        assert len(wire.search(f'SUBJECT "{subject}"')) == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_reads(house, tmp_path, program):
    mailbox = new_mailbox(house, "Muttered", ["only-letter"])
    screen = Terminal(tmp_path, f"{program} -n -F {muttrc(house, tmp_path, mailbox)}")
    try:
        screen.await_screen("only-letter")
    finally:
        screen.close()
