# SPDX-License-Identifier: ISC
"""IMAP from outside, with clients that nobody here wrote (Python's imaplib,
curl, mbsync) and with a bare socket for IDLE; and the corpus of mail that
others collected, fetched back octet for octet."""

import glob
import imaplib
import os
import re
import smtplib
import socket
import ssl
import subprocess

import pytest

from clients import needs

imaplib._MAXLINE = 10_000_000  # a FETCH line of a wide message


# ---- tools ----

def context(house):
    made = ssl.create_default_context(cafile=house.ca)
    made.check_hostname = False
    return made


def sign_in(house, address=None):
    m = imaplib.IMAP4(house.host, house.port("imap"))
    m.login(address or house.alice, house.password)
    return m


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def run(*command, cwd=None, check=True):
    done = subprocess.run(command, cwd=cwd, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def fresh(m, name):
    m.delete(name)
    ok(m.create(name))
    return name


# ---- imaplib ----

@pytest.mark.parametrize("how", ["plain", "starttls", "tls"])
def test_sign_in(house, how):
    if how == "tls":
        m = imaplib.IMAP4_SSL(house.host, house.port("imaps"), ssl_context=context(house))
    else:
        m = imaplib.IMAP4(house.host, house.port("imap"))
    if how == "starttls":
        m.starttls(context(house))
        assert "STARTTLS" not in m.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        m.login(house.alice, "wrong")
    m.login(house.alice, house.password)
    assert b"INBOX" in b" ".join(ok(m.list()))
    m.logout()


def test_a_working_day(house):
    m = sign_in(house)
    box, other = fresh(m, "Day"), fresh(m, "Day/Done")
    for n in range(5):
        ok(m.append(box, r"(\Flagged)" if n == 2 else None, '"17-Jul-1996 02:44:25 -0700"',
                    b"Subject: number %d\r\nFrom: a@example.org\r\n\r\nbody %d\r\n" % (n, n)))
    assert ok(m.select(box)) == [b"5"]
    assert ok(m.search(None, "FLAGGED")) == [b"3"]
    assert ok(m.search(None, "SUBJECT", '"number 4"')) == [b"5"]
    assert ok(m.search(None, "BODY", '"body 1"')) == [b"2"]
    assert ok(m.search(None, "SINCE", "17-Jul-1996", "BEFORE", "18-Jul-1996")) == [b"1 2 3 4 5"]
    assert ok(m.fetch("1", "(INTERNALDATE)")) == [b'1 (INTERNALDATE "17-Jul-1996 09:44:25 +0000")']
    ok(m.store("1:2", "+FLAGS", r"(\Seen $Keyword)"))
    assert b"$Keyword" in ok(m.fetch("2", "(FLAGS)"))[0]
    ok(m.copy("1", other))
    assert ok(m.status(other, "(MESSAGES UNSEEN)")) == [b"Day/Done (MESSAGES 1 UNSEEN 0)"]
    ok(m.store("1,3", "+FLAGS.SILENT", r"(\Deleted)"))
    assert sorted(ok(m.expunge())) == [b"1", b"3"]
    assert ok(m.fetch("1:*", "(UID)")) == [b"1 (UID 2)", b"2 (UID 4)", b"3 (UID 5)"]
    ok(m.rename(box, "Night"))
    assert b"Night/Done" in b" ".join(ok(m.list("Night/", "*")))
    m.logout()


def test_two_clients_see_each_other(house):
    one, two = sign_in(house), sign_in(house)
    box = fresh(one, "Shared")
    for n in range(3):
        ok(one.append(box, None, None, b"Subject: %d\r\n\r\n" % n))
    ok(one.select(box))
    ok(two.select(box))
    ok(one.store("2", "+FLAGS", r"(\Deleted)"))
    ok(one.expunge())
    ok(one.append(box, None, None, b"Subject: new\r\n\r\n"))
    # The number stays until it may be told.
    assert ok(two.fetch("3", "(UID)")) == [b"3 (UID 3)"]
    ok(two.noop())
    assert two.response("EXPUNGE")[1] == [b"2"]
    assert ok(two.fetch("1:*", "(UID)")) == [b"1 (UID 1)", b"2 (UID 3)", b"3 (UID 4)"]
    one.logout()
    two.logout()


def test_a_delivery_wakes_idle(house):
    with socket.create_connection((house.host, house.port("imap")), timeout=60) as s:
        f = s.makefile("rb")

        def until(start):
            while True:
                line = f.readline()
                assert line, "closed"
                if line.startswith(start):
                    return line

        s.sendall(f"a LOGIN {house.bob} {house.password}\r\nb SELECT INBOX\r\nc IDLE\r\n".encode())
        assert until(b"b OK")
        assert until(b"+ ")
        with smtplib.SMTP(house.host, house.port("smtp")) as mail:
            mail.sendmail("x@example.org", [house.bob], "Subject: wake\r\n\r\nup\r\n")
        exists = until(b"* ").split()
        assert exists[2] == b"EXISTS"
        s.sendall(b"DONE\r\nd LOGOUT\r\n")
        assert until(b"c OK")
        assert until(b"d OK")


# ---- other people's clients ----

@needs("curl")
def test_curl(house):
    login = ["-s", "--cacert", house.ca, "-u", f"{house.alice}:{house.password}", "--resolve",
             f"{house.hostname}:{house.port('imaps')}:{house.host}"]
    url = f"imaps://{house.hostname}:{house.port('imaps')}"
    assert "INBOX" in run("curl", *login, url)
    assert "Welcome to Mailstead" in run("curl", *login, f"{url}/INBOX;MAILINDEX=1")
    assert re.search(r"\* SEARCH 1\b", run("curl", *login, f"{url}/INBOX?SUBJECT%20Welcome"))


MBSYNC = """IMAPAccount house
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account house

MaildirStore near
Path {dir}/mail/
Inbox {dir}/mail/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


@needs("mbsync")
def test_mbsync_both_ways(house, tmp_path):
    m = sign_in(house, house.admin)
    box = "Sync box"
    quoted = fresh(m, f'"{box}"')
    for n in range(3):
        ok(m.append(quoted, None, None, b"Subject: far %d\r\n\r\ntext\r\n" % n))
    os.mkdir(tmp_path / "mail")
    config = tmp_path / "mbsyncrc"
    config.write_text(MBSYNC.format(host=house.host, port=house.port("imap"), user=house.admin,
                                    password=house.password, dir=tmp_path))

    def sync():
        run("mbsync", "-c", str(config), "-a")

    def near():
        return sorted(glob.glob(glob.escape(str(tmp_path / "mail" / box)) + "/*/*"))

    sync()
    assert len(near()) == 3
    # Here one is flagged and one goes; there one is answered, one goes, one comes.
    mine = near()[0]
    with open(mine, encoding="ascii") as f:
        subject = re.search(r"far (\d)", f.read()).group(1)
    os.rename(mine, re.sub(r"/(?:new|cur)/([^:]*).*", r"/cur/\1:2,FS", mine))
    ok(m.select(quoted))
    other = str([n for n in (1, 2, 3) if str(n - 1) != subject][0])
    ok(m.store(other, "+FLAGS", r"(\Deleted)"))
    ok(m.expunge())
    ok(m.append(quoted, r"(\Answered)", None, b"Subject: late\r\n\r\n"))
    (tmp_path / "mail" / box / "new" / "1.local").write_text("Subject: near\n\nfrom here\n")
    sync()
    sync()
    ok(m.noop())
    assert len(near()) == 4
    assert len(ok(m.search(None, "ALL"))[0].split()) == 4
    assert len(ok(m.search(None, "FLAGGED", "SEEN", "SUBJECT", f'"far {subject}"'))[0].split()) == 1
    assert len(ok(m.search(None, "SUBJECT", "near"))[0].split()) == 1
    m.logout()


# ---- the corpus ----

def corpus():
    shared = os.environ.get("MAILSTEAD_SHARED") or os.path.join(
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "..", "shared")
    paths = glob.glob(os.path.join(shared, "vectors", "mime", "**", "*"), recursive=True)
    return sorted(p for p in paths if p.endswith((".eml", ".txt", ".mime", ".msg")) and os.path.getsize(p) > 0)


ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE RFC822.HEADER BODY.PEEK[1] BODY.PEEK[1.MIME] " \
    "BODY.PEEK[2] BODY.PEEK[1.1] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT] BODY.PEEK[HEADER.FIELDS (Subject From)] " \
    "BODY.PEEK[HEADER.FIELDS.NOT (Received)] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[]<10.50>)"


def literal(answer, item):
    return next(part[1] for part in answer if isinstance(part, tuple) and part[0].rstrip().endswith(b"}") and
                item in part[0].split(b" {")[0][-len(item) - 1:])


def test_the_corpus_comes_back(house):
    paths = corpus()
    if not paths:
        pytest.skip("no vectors beside the project")
    m = sign_in(house, house.admin)
    box = fresh(m, "Corpus")
    kept = []
    for path in paths:
        with open(path, "rb") as f:
            octets = re.sub(rb"\r\n|\r|\n", b"\r\n", f.read())
        ok(m.append(box, None, None, octets))
        kept.append((path, octets.replace(b"\0", b"\x80")))  # RFC 9051 9: no NUL in a literal
    assert ok(m.select(box, readonly=True)) == [b"%d" % len(kept)]
    for n, (path, octets) in enumerate(kept, 1):
        assert ok(m.fetch(str(n), "(BODY.PEEK[])"))[0][1] == octets, path
        answer = ok(m.fetch(str(n), ITEMS))
        assert literal(answer, b"BODY[HEADER]") + literal(answer, b"BODY[TEXT]") == octets, path
        assert literal(answer, b"BODY[]<10>") == octets[10:60], path
    m.delete(box)
    m.logout()
