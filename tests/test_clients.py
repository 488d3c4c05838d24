# SPDX-License-Identifier: ISC
"""End to end with clients that nobody here wrote: curl, swaks, fetchmail,
Python's own libraries, smtp-source. Each does what its users do with it, and
what it left behind is then looked at over IMAP. Larger clients have files of
their own, test_client_*.py."""

import imaplib
import os
import poplib
import re
import smtplib
import ssl

import pytest

import imapwire
import mailstead
from clients import contents, letter, needs, new_mailbox, reader, run, send, unique

# ---- curl ----

def curl(house, scheme, path="", *options, **keys):
    """By the host's name, so that its certificate is checked."""
    port = house.port(scheme)
    return run("curl", "--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--cacert", house.ca,
               "--resolve", f"{house.hostname}:{port}:{house.host}", *options,
               f"{scheme}://{house.hostname}:{port}/{path}", **keys)


def as_alice(house):
    return "--user", f"{house.alice}:{house.password}"


@needs("curl")
@pytest.mark.parametrize("tls", [[], ["--ssl-reqd"]], ids=["plain", "starttls"])
def test_curl_sends_by_smtp(house, tmp_path, tls):
    subject = unique("curl")
    (tmp_path / "mail").write_bytes(letter(subject))
    curl(house, "smtp", "client.test", "--mail-from", "sender@elsewhere.test", "--mail-rcpt", house.alice,
         "--upload-file", str(tmp_path / "mail"), *tls)
    with reader(house) as wire:
        got = wire.fetch(wire.await_message(subject), "BODY.PEEK[]")
    assert list(got.values())[0][b"BODY[]"].endswith(b"\r\n\r\nHello,\r\n\r\nthis is the text.\r\n")


@needs("curl")
def test_curl_is_told_of_unknown_recipients(house, tmp_path):
    (tmp_path / "mail").write_bytes(letter("nobody"))
    done = curl(house, "smtp", "client.test", "--mail-from", "sender@elsewhere.test",
                "--mail-rcpt", "nobody-at-all@demo.test", "--upload-file", str(tmp_path / "mail"), check=False)
    assert done.returncode == 55 and "550" in done.stdout, done.stdout


@needs("curl")
@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_curl_reads_and_files_by_imap(house, tmp_path, scheme):
    subject = unique("curl-imap")
    mailbox = new_mailbox(house, "Curl", [])
    (tmp_path / "mail").write_bytes(letter(subject))
    assert mailbox in curl(house, scheme, "", *as_alice(house)).stdout
    curl(house, scheme, mailbox, *as_alice(house), "--upload-file", str(tmp_path / "mail"))
    assert subject in curl(house, scheme, f"{mailbox};MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)",
                           *as_alice(house)).stdout
    whole = tmp_path / "whole"
    curl(house, scheme, f"{mailbox};MAILINDEX=1", *as_alice(house), "--output", str(whole))
    assert whole.read_bytes() == (tmp_path / "mail").read_bytes()
    curl(house, scheme, mailbox, *as_alice(house), "--request", "STORE 1 +FLAGS (\\Flagged)")
    assert "* SEARCH 1" in curl(house, scheme, f"{mailbox}?FLAGGED", *as_alice(house)).stdout


@needs("curl")
def test_curl_signs_in_over_starttls(house):
    assert "INBOX" in curl(house, "imap", "", "--ssl-reqd", *as_alice(house)).stdout
    assert curl(house, "imap", "", "--user", f"{house.alice}:wrong", check=False).returncode == 67


@needs("curl")
@pytest.mark.parametrize("scheme", ["pop3", "pop3s"])
def test_curl_reads_by_pop3(house, tmp_path, scheme):
    subject = unique("curl-pop3")
    send(house, subject)
    with reader(house) as wire:
        wire.await_message(subject)
    listed = curl(house, scheme, "", *as_alice(house)).stdout.split()
    last = listed[-2]
    curl(house, scheme, last, *as_alice(house), "--output", str(tmp_path / "got"))
    got = (tmp_path / "got").read_bytes()
    assert subject.encode() in got and len(got) == int(listed[-1])
    assert last in curl(house, scheme, "", "--request", "UIDL", *as_alice(house)).stdout


# ---- swaks ----

def swaks(house, port, *options, to=None, **keys):
    return run("swaks", "--server", house.host, "--port", str(house.port(port)), "--helo", "client.test",
               "--from", "sender@elsewhere.test", "--to", to or house.alice, "--timeout", "60", *options, **keys)


@needs("swaks")
@pytest.mark.parametrize("options", [[], ["--tls"], ["--pipeline"], ["--tls", "--pipeline"]],
                         ids=["plain", "tls", "pipelining", "tls-pipelining"])
def test_swaks_delivers(house, options):
    subject = unique("swaks")
    done = swaks(house, "smtp", "--header", f"Subject: {subject}", *options)
    assert ("TLS started" in done.stdout) == ("--tls" in options)
    with reader(house) as wire:
        wire.await_message(subject)


@needs("swaks")
def test_swaks_delivers_by_lmtp_with_an_answer_a_recipient(house):
    subject = unique("swaks-lmtp")
    done = swaks(house, "lmtp", "--protocol", "LMTP", "--header", f"Subject: {subject}",
                 to=f"{house.alice},{house.bob}")
    answers = done.stdout[done.stdout.index("\n -> ."):]
    assert len(re.findall(r"^<-  250 ", answers, re.M)) == 2, answers
    for account in (house.alice, house.bob):
        with reader(house, account) as wire:
            wire.await_message(subject)


@needs("swaks")
@pytest.mark.parametrize("pipeline", [[], ["--pipeline"]], ids=["sequential", "pipelining"])
def test_swaks_bad_recipients_do_not_hinder_good_ones(house, pipeline):
    subject = unique("swaks-mixed")
    done = swaks(house, "smtp", "--header", f"Subject: {subject}", *pipeline,
                 to=f"nobody-here@demo.test,{house.alice}")
    assert "<** 550" in done.stdout
    with reader(house) as wire:
        wire.await_message(subject)


@needs("swaks")
def test_swaks_relays_nothing(house):
    done = swaks(house, "smtp", to="someone@far-away.test", check=False)
    assert done.returncode == 24, done.stdout
    assert re.search(r"<\*\* 5\d\d", done.stdout), done.stdout


# ---- fetchmail ----

def fetchmail(house, folder, protocol, options, user_options):
    rc = folder / "fetchmailrc"
    tls = protocol.endswith("s")
    rc.write_text(f"""
poll {house.host} protocol {'IMAP' if 'imap' in protocol else 'POP3'} port {house.port(protocol)} {options}
  user "{house.alice}" password "{house.password}"
  {'ssl sslcertck sslcommonname ' + house.hostname + ' sslcertfile ' + house.ca if tls else "sslproto ''"}
  {user_options} mda "/bin/cat >> {folder}/got"
""", encoding="ascii")
    rc.chmod(0o600)
    done = run("fetchmail", "-f", str(rc), "--verbose", "--nosyslog", "--nodetach", "--pidfile", str(folder / "pid"),
               check=False, env={**os.environ, "FETCHMAILHOME": str(folder), "HOME": str(folder)})
    assert done.returncode in (0, 1), done.stdout[-4000:]
    path = folder / "got"
    return path.read_bytes() if path.exists() else b""


@needs("fetchmail")
@pytest.mark.parametrize("protocol", ["imap", "imaps"])
def test_fetchmail_empties_a_mailbox_over_imap(house, tmp_path, protocol):
    subjects = [unique("fetch") for _ in range(3)]
    mailbox = new_mailbox(house, "Fetch", subjects)
    got = fetchmail(house, tmp_path, protocol, "auth password", f"folder {mailbox} fetchall")
    assert all(got.count(s.encode()) == 1 for s in subjects)
    assert contents(house, mailbox) == {}


@needs("fetchmail")
@pytest.mark.parametrize("protocol", ["pop3", "pop3s"])
def test_fetchmail_reads_each_message_once_over_pop3(house, tmp_path, protocol):
    first, second = unique("fetch"), unique("fetch")
    send(house, first)
    with reader(house) as wire:
        wire.await_message(first)
    got = fetchmail(house, tmp_path, protocol, "uidl auth password", "keep")
    assert got.count(first.encode()) == 1
    send(house, second)
    with reader(house) as wire:
        wire.await_message(second)
    got = fetchmail(house, tmp_path, protocol, "uidl auth password", "keep")
    assert got.count(first.encode()) == 1 and got.count(second.encode()) == 1


# ---- Python's libraries ----

def test_smtplib_and_poplib(house):
    subject = unique("poplib")
    context = ssl.create_default_context(cafile=house.ca)
    with smtplib.SMTP(house.host, house.port("smtp"), "client.test", timeout=60) as client:
        client._host = house.hostname  # the name that its certificate is for
        client.starttls(context=context)
        refused = client.sendmail("sender@elsewhere.test", [house.bob, "no-one@demo.test"],
                                  letter(subject, "..dots\r\n.\r\n..\r\n"))
        assert list(refused) == ["no-one@demo.test"] and refused["no-one@demo.test"][0] == 550
    with reader(house, house.bob) as wire:
        wire.await_message(subject)
    context.check_hostname = False
    box = poplib.POP3_SSL(house.host, house.port("pop3s"), context=context, timeout=60)
    box.user(house.bob)
    box.pass_(house.password)
    count, size = box.stat()
    sizes = [int(line.split()[1]) for line in box.list()[1]]
    assert (count, size) == (len(sizes), sum(sizes))
    lines = box.retr(count)[1]
    assert sizes[-1] == sum(len(line) + 2 for line in lines)
    assert lines[-3:] == [b"..dots", b".", b".."] and f"Subject: {subject}".encode() in lines
    assert len({line.split()[1] for line in box.uidl()[1]}) == count
    assert box.top(count, 0)[1] == lines[:lines.index(b"") + 1]
    box.dele(count)
    box.rset()
    box.dele(count)
    box.quit()
    with reader(house, house.bob) as wire:
        assert wire.search(f'SUBJECT "{subject}"') == []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "starttls"])
def test_imaplib_goes_through_a_life_of_a_mailbox(house, secure):
    first, second = unique("Lib"), unique("Lib-away")
    client = imaplib.IMAP4(house.host, house.port("imap"), timeout=120)
    if secure:
        client.host = house.hostname
        client.starttls(ssl.create_default_context(cafile=house.ca))
    with pytest.raises(imaplib.IMAP4.error):
        client.login(house.alice, "wrong")
    client.login(house.alice, house.password)
    good = lambda answer: answer[0] == "OK" or pytest.fail(str(answer))  # noqa: E731
    good(client.create(first))
    good(client.subscribe(first))
    assert first.encode() in client.lsub('""', first)[1][0]
    for n in range(3):
        good(client.append(first, "(\\Seen)" if n == 0 else None, imaplib.Time2Internaldate(1700000000 + n),
                           letter(f"lib-{n}")))
    good(client.select(first))
    assert client.search(None, "UNSEEN")[1] == [b"2 3"]
    assert client.search(None, "SUBJECT", "lib-2")[1] == [b"3"]
    good(client.store("2", "+FLAGS", "(\\Flagged $Label1)"))
    assert set(imaplib.ParseFlags(client.fetch("2", "(FLAGS)")[1][0])) >= {b"\\Flagged", b"$Label1"}
    kind, data = client.fetch("1:3", "(UID INTERNALDATE RFC822)")
    assert [d[1] for d in data if isinstance(d, tuple)][0].startswith(b"From: Sender")
    good(client.create(second))
    good(client.copy("1:2", second))
    good(client.uid("MOVE", "3:*", second))
    good(client.store("1", "+FLAGS", "(\\Deleted)"))
    assert client.expunge()[1][-1:] == [b"1"]  # what MOVE expunged was told before
    assert b"MESSAGES 3" in client.status(second, "(MESSAGES UNSEEN)")[1][0]
    good(client.close())
    good(client.rename(second, second + "-2"))
    good(client.select(second + "-2", readonly=True))
    assert client.store("1", "+FLAGS", "(\\Seen)")[0] == "NO"
    good(client.unselect())
    good(client.delete(first))
    good(client.delete(second + "-2"))
    client.logout()


# ---- load ----

@needs("smtp-source")
@pytest.mark.parametrize("reuse", [[], ["-d"]], ids=["a-connection-each", "connections-kept"])
def test_smtp_source_every_message_arrives(house, reuse):
    count = 1000 if os.environ.get("MAILSTEAD_BUILD") == "asan" else 300
    subject = unique("load")
    run("/usr/sbin/smtp-source", *reuse, "-s", "32", "-l", "10240", "-m", str(count), "-S", subject,
        "-f", "sender@elsewhere.test", "-M", "client.test", "-t", house.bob, f"{house.host}:{house.port('smtp')}")
    with reader(house, house.bob) as wire:
        found = wire.await_found(f'SUBJECT "{subject}"', count)
        assert len(found) == count
        whole = wire.fetch(found[-1], "BODY.PEEK[]")[found[-1]][b"BODY[]"]
        assert whole.count(b"X") > 9000


# ---- the MIME corpus ----

def corpus():
    shared = os.environ.get("MAILSTEAD_SHARED") or os.path.join(
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "..", "shared")
    folder = os.path.join(shared, "vectors", "mime")
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
                  if name.endswith((".eml", ".txt")) or "S=" in name)


def normalised(octets):
    """As it goes over the wire: CRLF, and a last line that ends. NUL may not (RFC 5321 2.4)."""
    octets = re.sub(rb"\r\n|\r|\n", b"\r\n", octets).replace(b"\0", b"")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received|X-Original-To):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*\Z", re.I)
ITEMS = ("FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE UID RFC822 RFC822.HEADER RFC822.TEXT BODY[] "
         "BODY[HEADER] BODY[TEXT] BODY[HEADER.FIELDS (SUBJECT FROM)] BODY[HEADER.FIELDS.NOT (RECEIVED)] BODY[1] "
         "BODY[1.MIME] BODY[]<0> BODY[TEXT]<5>").replace("] BODY[", "]\0BODY[").replace(" BODY[", "\0BODY[")
MACROS = {"ALL": 4, "FAST": 3, "FULL": 5}


def asked():
    """Every FETCH item, peeking, and with ranges of octets where the answer has an origin."""
    return (ITEMS.replace("\0", " ").replace("BODY[", "BODY.PEEK[").replace("]<0>", "]<0.100>")
            .replace("]<5>", "]<5.7>"))


def answered():
    """The names under which they come back."""
    first, *rest = ITEMS.split("\0")
    return {n.encode() for n in first.split(" ") + rest}


def check_items(name, sent, items):
    """What one message must say of itself, whatever it is."""
    whole = items[b"BODY[]"]
    assert answered() <= set(items), (name, answered() - set(items))
    assert whole.endswith(sent), name
    assert TRACE.match(whole[:len(whole) - len(sent)]), (name, whole[:len(whole) - len(sent)])
    assert int(items[b"RFC822.SIZE"]) == len(whole), name
    assert items[b"RFC822"] == whole and items[b"BODY[HEADER]"] + items[b"BODY[TEXT]"] == whole, name
    assert items[b"RFC822.HEADER"] == items[b"BODY[HEADER]"] and items[b"RFC822.TEXT"] == items[b"BODY[TEXT]"], name
    assert items[b"BODY[]<0>"] == whole[:100] and items[b"BODY[TEXT]<5>"] == items[b"BODY[TEXT]"][5:12], name
    assert len(items[b"ENVELOPE"]) == 10, name


def check_parts(wire, name, number, items):
    """Every part of its structure can be fetched and is as long as it says."""
    found = list(imapwire.parts(items[b"BODYSTRUCTURE"]))
    assert found, name
    for section, body in found:
        one = wire.fetch(number, f"BODY.PEEK[{section}] BODY.PEEK[{section}.MIME]")[number]
        octets = one[f"BODY[{section}]".encode()]
        assert octets is not None and len(octets) == int(body[6]), (name, section, body[:7])
        if [w.upper() for w in body[:2]] == [b"MESSAGE", b"RFC822"]:
            inner = wire.fetch(number, f"BODY.PEEK[{section}.HEADER] BODY.PEEK[{section}.TEXT]")[number]
            assert inner[f"BODY[{section}.HEADER]".encode()] + inner[f"BODY[{section}.TEXT]".encode()] == octets, name


def deliver_corpus(house, paths):
    """The messages, in the order in which they were taken."""
    sent = []
    with smtplib.SMTP(house.host, house.port("smtp"), "client.test", timeout=120) as client:
        for path in paths:
            with open(path, "rb") as f:
                octets = normalised(f.read())
            client.sendmail("corpus@elsewhere.test", [house.admin], octets, ["BODY=8BITMIME"])
            sent.append((os.path.relpath(path, os.path.dirname(os.path.dirname(path))), octets))
    return sent


def test_the_mime_corpus_comes_back_as_it_was(house):
    paths = corpus()
    if not paths:
        pytest.skip("no ../shared/vectors/mime")
    if mailstead.release_build():
        paths = paths[::5]
    with reader(house, house.admin) as wire:
        before = len(wire.search("ALL"))
        sent = deliver_corpus(house, paths)
        assert len(wire.await_found("ALL", before + len(sent))) == before + len(sent)
        for number, (name, octets) in enumerate(sent, before + 1):
            items = wire.fetch(number, asked())[number]
            check_items(name, octets, items)
            check_parts(wire, name, number, items)
        for macro, least in MACROS.items():
            said = [r for r in wire.ok(f"FETCH 1:* {macro}") if r[2] == b"FETCH"]
            assert len(said) == before + len(sent) and all(len(r[3]) >= 2 * least for r in said)


def test_the_mime_corpus_by_pop3(house):
    """The same octets by another protocol: RETR against BODY[]."""
    send(house, unique("pop"), to=house.admin)
    box = poplib.POP3(house.host, house.port("pop3"), timeout=120)
    box.user(house.admin)
    box.pass_(house.password)
    with reader(house, house.admin) as wire:
        count = box.stat()[0]
        for number in {1, (count + 1) // 2, count}:
            whole = wire.fetch(number, "BODY.PEEK[]")[number][b"BODY[]"]
            assert b"".join(line + b"\r\n" for line in box.retr(number)[1]) == whole
    box.quit()
