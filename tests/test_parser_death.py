# SPDX-License-Identifier: ISC
"""A message that kills its parser, end to end: a library that is loaded before
the others makes the converter for one invented charset write to address zero,
in role intake alone. The message is kept without a summary of its insides, mail
that is under way meanwhile arrives, and the log has the alarm."""

import os
import re
import smtplib
import subprocess
import threading
import time

import pytest

import imapwire
from mailstead import Mailstead

CHARSET = "x-kills-its-parser"
LIBRARY = r"""
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unicode/ucnv.h>

#define WORD_(x) #x
#define WORD(x) WORD_(x)

static bool intake;
static UConverter *(*real)(const char *, UErrorCode *);

__attribute__((constructor)) static void
look(void)
{
	static const char wanted[] = "mailstead\0role\0intake";
	char line[sizeof(wanted)] = { 0 };
	FILE *f = fopen("/proc/self/cmdline", "r");

	intake = f != NULL && fread(line, 1, sizeof(line), f) == sizeof(line) &&
	    memcmp(line, wanted, sizeof(line)) == 0;
	if (f != NULL)
		fclose(f);
	real = (UConverter *(*)(const char *, UErrorCode *))dlsym(RTLD_NEXT, WORD(ucnv_open));
}

UConverter *
ucnv_open(const char *name, UErrorCode *error)
{
	if (intake && strcmp(name, "@CHARSET@") == 0)
		*(volatile int *)0 = 0;
	return real(name, error);
}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "kill.c").write_text(LIBRARY.replace("@CHARSET@", CHARSET))
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", str(folder / "kill.so"), str(folder / "kill.c"),
                    "-ldl"], check=True)
    # Under sanitizers too the kernel is to end the process, without a report that would be a failure.
    options = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
    with Mailstead(environment={"LD_PRELOAD": str(folder / "kill.so"), "ASAN_OPTIONS": options}) as running:
        yield running


def letter(subject, charset):
    return (f"From: =?{charset}?q?S=65nder?= <sender@elsewhere.test>\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset={charset}\r\n\r\nThe text of {subject}.\r\n")


def send(house, subject, charset="utf-8"):
    with smtplib.SMTP(house.host, house.port("smtp"), "client.test", timeout=120) as client:
        client.sendmail("sender@elsewhere.test", [house.alice], letter(subject, charset))


def test_others_flow_and_it_is_kept(house):
    stop, sent, failures = threading.Event(), [], []

    def others(name):
        while not stop.is_set():
            subject = f"{name}-{len(sent)}"
            try:
                send(house, subject)
            except (OSError, smtplib.SMTPException) as e:
                failures.append((subject, e))
                return
            sent.append(subject)

    threads = [threading.Thread(target=others, args=(f"other{i}",)) for i in range(3)]
    for t in threads:
        t.start()
    try:
        send(house, "poison", CHARSET)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failures and len(sent) >= 3, failures
    log = house.log()
    deaths = re.findall(r"level=alarm role=monitor event=monitor\.role_died what=intake .*signal=11", log)
    assert len(deaths) == 2, log[-3000:]
    assert len(re.findall(r"level=alarm role=intake event=intake\.opaque ", log)) == 1
    assert not re.search(r"role_died what=(?!intake)", log)
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.select("INBOX")
        for subject in sent:
            assert len(wire.search(f'HEADER Message-ID "<{subject}@elsewhere.test>"')) == 1, subject
        whole_and_opaque(wire)


def whole_and_opaque(wire):
    """It is there once, octet by octet, as one text whose insides nobody looked at."""
    texts = wire.fetch("1:*", "BODY.PEEK[] BODYSTRUCTURE ENVELOPE RFC822.SIZE")
    poisoned = [m for m in texts.values() if b"Subject: poison\r\n" in m[b"BODY[]"]]
    assert len(poisoned) == 1
    message = poisoned[0]
    assert message[b"BODY[]"].endswith(letter("poison", CHARSET).encode())
    assert int(message[b"RFC822.SIZE"]) == len(message[b"BODY[]"])
    assert message[b"BODYSTRUCTURE"][:3] == [b"text", b"plain", None], message[b"BODYSTRUCTURE"]


def test_one_that_is_appended(house):
    """IMAP's way in is the same: the mail app gets its OK, and the message is there."""
    before = len(re.findall(r"event=intake\.opaque ", house.log()))
    with imapwire.Wire(house).sign_in(house.bob) as wire:
        wire.ok("CREATE appended")
        wire.ok("APPEND appended (\\Seen)", letter("poison", CHARSET).encode())
        assert wire.select("appended") == 1
        whole_and_opaque(wire)
        assert wire.search("SEEN") == [1]
    assert len(re.findall(r"event=intake\.opaque ", house.log())) == before + 1


def test_one_of_many_by_one_command(house):
    """RFC 3502 6.3.11: it is worked on while others come, and known for the same when all are made again."""
    before = len(re.findall(r"event=monitor\.role_died what=intake .*signal=11", house.log()))
    opaque = len(re.findall(r"event=intake\.opaque ", house.log()))
    filler = "a line of a message that is long enough\r\n" * 800
    command = b"APPEND many"
    for i in range(24):
        message = (letter("poison", CHARSET) if i == 3 else letter(f"many{i}", "utf-8") + filler).encode()
        command += b" {%d+}\r\n%s" % (len(message), message)
    with imapwire.Wire(house).sign_in(house.bob) as wire:
        wire.ok("CREATE many")
        wire.ok(command)
        assert wire.select("many") == 24
        whole_and_opaque(wire)
        assert wire.search('HEADER Message-ID "many"') == [i for i in range(1, 25) if i != 4]
    log = house.log()
    assert len(re.findall(r"event=monitor\.role_died what=intake .*signal=11", log)) == before + 2
    assert len(re.findall(r"event=intake\.opaque ", log)) == opaque + 1


def test_several_recipients_have_it(house):
    with smtplib.SMTP(house.host, house.port("smtp"), "client.test", timeout=120) as client:
        client.sendmail("sender@elsewhere.test", [house.bob, house.admin], letter("poison", CHARSET))
    for account in (house.bob, house.admin):
        with imapwire.Wire(house).sign_in(account) as wire:
            wire.select("INBOX")
            until_there(wire)
            whole_and_opaque(wire)


def until_there(wire):
    """A message to several comes to each mailbox by itself: one with neither envelope nor subject."""
    deadline = time.monotonic() + 60
    while not any(b"Subject: poison\r\n" in wire.fetch(n, "BODY.PEEK[]")[n][b"BODY[]"] for n in wire.search("ALL")):
        assert time.monotonic() < deadline
        wire.idle()
        for said in wire.idle_responses(deadline - time.monotonic()):
            if said[-1] == b"EXISTS":
                break
        wire.done()


def test_it_can_be_copied_and_removed(house):
    """What is opaque is a message like others, and does no harm when it is looked for or filed."""
    alive = house.role_pids("intake")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        count = wire.select("INBOX")
        number = next(n for n, m in wire.fetch("1:*", "BODY.PEEK[HEADER]").items()
                      if b"Subject: poison\r\n" in m[b"BODY[HEADER]"])
        wire.ok("CREATE opaque")
        wire.ok(f"COPY {number} opaque")
        wire.ok(f"STORE {number} +FLAGS (\\Deleted)")
        wire.ok("EXPUNGE")
        assert wire.select("INBOX") == count - 1 and wire.select("opaque") == 1
        wire.search('HEADER Subject "poison"')
        wire.search('BODY "text of"')
        whole_and_opaque(wire)
    assert house.role_pids("intake") == alive
    assert " 0 problems" in house.run("check-store")
