# SPDX-License-Identifier: ISC
"""`mailstead demo` as a newcomer meets it: the table, the sample mail as a mail
app sees it, without root, ended from a terminal and started again."""

import email
import email.policy
import imaplib
import os
import shutil
import signal
import smtplib
import ssl
import subprocess

import pytest

from mailstead import STOP_SECONDS, Mailstead, binary

GUEST = 64990


def mailbox(house, user):
    """The messages of an INBOX, in order."""
    context = ssl.create_default_context(cafile=house.ca)
    context.check_hostname = False
    with imaplib.IMAP4_SSL(house.host, house.port("imaps"), ssl_context=context, timeout=60) as m:
        m.login(user, house.password)
        m.select("INBOX", readonly=True)
        said = m.fetch("1:*", "(BODY.PEEK[])")[1]
    return [email.message_from_bytes(part[1], policy=email.policy.default) for part in said if isinstance(part, tuple)]


def test_table(house):
    lines = house.table.splitlines()
    assert lines[-1] == "ready"
    for protocol in ("smtp", "submissions", "submission", "lmtp", "imap", "imaps", "pop3", "pop3s"):
        assert any(f"127.0.0.1:{house.port(protocol)} " in line and f" {protocol} " in line for line in lines), protocol
        for host in ("127.0.0.1", "::1"):
            house.connect(protocol, host).close()
    for account in (house.alice, house.bob, house.admin):
        assert any(account in line and "password demo" in line for line in lines)


def test_what_it_says_to_try_works(house):
    """The commands of the table, as they stand there."""
    text = house.table[house.table.index("Try:"):house.table.rindex("ready")].replace("\\\n", " ")
    commands = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    assert len(commands) == 3
    done = subprocess.run(commands[0] + " -sS", shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Subject: Welcome to Mailstead" in done.stdout, done
    before = len(mailbox(house, house.bob))
    subprocess.run(commands[1] + " -sS", shell=True, check=True)
    sent = mailbox(house, house.bob)
    assert len(sent) == before + 1 and (sent[-1]["Subject"], sent[-1]["From"]) == ("Hello", house.alice)
    done = subprocess.run(commands[2], shell=True, capture_output=True, text=True, check=False)
    assert "store" in done.stdout and "access" in done.stdout, done


def test_sample_mail(house):
    alice, bob = mailbox(house, house.alice), mailbox(house, house.bob)
    assert alice[0]["Subject"] == bob[0]["Subject"] == "Welcome to Mailstead"
    dates = [m["Date"].datetime for m in alice]
    assert dates == sorted(dates)
    # A conversation, of which each has what the others wrote.
    thread = {m["Message-ID"]: m for m in alice + bob if "Lunch" in m["Subject"]}
    assert len(thread) == 4 and sum(1 for m in thread.values() if m["In-Reply-To"] in thread) == 3
    # HTML, by itself and beside plain text.
    assert [m.get_content_type() for m in alice].count("text/html") == 1
    assert {p.get_content_type() for p in alice[0].iter_parts()} == {"text/plain", "text/html"}
    # Attachments, one with a name that is not ASCII.
    files = {p.get_filename(): p.get_content() for m in alice for p in m.walk()
             if p.get_content_disposition() == "attachment"}
    assert "January,1204" in files["figures.csv"]
    assert files["caf\u00e9 am Fluss.png"].startswith(b"\x89PNG")
    # Text that is not Latin, in header and body, in several charsets.
    words = " ".join(m["Subject"] for m in alice + bob)
    assert "\u4f1a\u8b70" in words and "\u0627\u0644\u0631\u062d\u0644\u0629" in words
    assert "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1" in words
    japanese = next(m for m in alice if m.get_content_charset() == "iso-2022-jp")
    assert "\u6765\u9031" in japanese.get_content()


def test_postmaster_is_the_admin(house):
    with smtplib.SMTP(house.host, house.port("smtp"), timeout=60) as s:
        s.sendmail("a@example.org", ["postmaster@demo.test"], "Subject: to the postmaster\r\n\r\nx\r\n")
    assert [m["Subject"] for m in mailbox(house, house.admin)] == ["to the postmaster"]


class Guest(Mailstead):
    """The same by a user who may write one folder and nothing else."""

    def __init__(self):
        super().__init__()
        os.chmod(self.root, 0o755)
        self.program = shutil.copy(binary(), self.root)
        os.mkdir(self.dir)
        os.chown(self.dir, GUEST, GUEST)

    def command(self):
        return ["setpriv", f"--reuid={GUEST}", f"--regid={GUEST}", "--clear-groups", self.program,
                *super().command()[1:]]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_without_root():
    with Guest() as house:
        for pid in [house.process.pid, *(p for role in ("store", "auth", "intake", "mx", "access")
                                         for p in house.role_pids(role).values())]:
            assert os.stat(f"/proc/{pid}").st_uid in (GUEST, 0)  # root's where it may not be looked into
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                assert f"Uid:\t{GUEST}\t{GUEST}\t{GUEST}\t{GUEST}\n" in f.read()
        count = len(mailbox(house, house.alice))
        interrupt(house)
        house.start()
        assert len(mailbox(house, house.alice)) == count  # the samples are sent once
        house.run("check-store")


def interrupt(house):
    """Ctrl-C: the terminal sends it to everybody in the foreground."""
    os.killpg(house.process.pid, signal.SIGINT)
    rest, _ = house.process.communicate(timeout=STOP_SECONDS)
    assert house.process.returncode == 0 and b"Traceback" not in rest, house.log()[-4000:]
    with pytest.raises(ProcessLookupError):
        os.killpg(house.process.pid, 0)
    assert "level=alarm" not in house.log()


def test_reset_begins_anew():
    with Mailstead() as house:
        house.run("account", "add", "carol@demo.test", "--password-stdin", stdin="x\n")
        house.restart()
        assert "carol@demo.test" in house.run("account", "list")
        house.arguments = ["--reset"]
        house.restart()
        assert "carol@demo.test" not in house.run("account", "list")
        assert len(mailbox(house, house.bob)) == 5
