# SPDX-License-Identifier: ISC
"""What becomes of a message that an account sends: mended, signed with keys of
both kinds, and kept in Sent with its Bcc (RFC 6409 8, RFC 6376, RFC 8463)."""

import email
import imaplib
import json
import smtplib
import ssl

import dkim
import pytest


def trust(house):
    return ssl.create_default_context(cafile=house.ca)


def submit(house, to, message, sender=None):
    with smtplib.SMTP_SSL(house.host, house.port("submissions"), context=trust(house), timeout=60) as s:
        s.login(house.alice, house.password)
        s.sendmail(sender or house.alice, to, message)


def sign_in(house, who):
    m = imaplib.IMAP4_SSL(house.host, house.port("imaps"), ssl_context=trust(house), timeout=60)
    m.login(who, house.password)
    return m


def newest(house, who, mailbox, subject, items="(BODY.PEEK[])"):
    """The message of that subject, awaited."""
    def look():
        m.select(mailbox, readonly=True)
        found = m.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        return found[-1] if found else None
    with sign_in(house, who) as m:
        number = look()
        while number is None:
            m.send(b"w IDLE\r\n")
            while not m.readline().startswith(b"*"):
                pass
            m.send(b"DONE\r\n")
            while not m.readline().startswith(b"w "):
                pass
            number = look()
        return m.fetch(number, items)[1][0]


def dns_of(house, domain):
    shown = json.loads(house.run("domain", "show", domain, "--json"))
    table = {r["name"]: r["value"].encode() for r in shown["records"] if r["type"] == "TXT"}
    return lambda name, timeout=5: table.get(name.decode().rstrip(".").lower())


def algorithms_that_hold(message, dns):
    """Of the signatures, each by itself, in order."""
    held = []
    for i, field in enumerate(email.message_from_bytes(message).get_all("DKIM-Signature", [])):
        assert dkim.DKIM(message).verify(idx=i, dnsfunc=dns), field
        held.append(field.split("a=")[1].split(";")[0])
    return held


def test_a_message_arrives_mended_and_signed(house):
    submit(house, [house.bob, house.admin],
           b"From: Alice <alice@demo.test>\nTo: bob@demo.test\nBcc: Admin <admin@demo.test>\n"
           b"Subject: signed one\r\n\r\nBody\nof it\r\n")
    message = newest(house, house.bob, "INBOX", "signed one")[1]
    parsed = email.message_from_bytes(message)
    assert parsed["Bcc"] is None and b"admin@demo.test" not in message
    assert parsed["Date"] and parsed["Message-ID"].endswith("@demo.test>")
    assert parsed["From"] == "Alice <alice@demo.test>" and parsed.get_payload() == "Body\r\nof it\r\n"
    assert algorithms_that_hold(message, dns_of(house, "demo.test")) == ["rsa-sha256", "ed25519-sha256"]
    assert email.message_from_bytes(newest(house, house.admin, "INBOX", "signed one")[1])["Bcc"] is None


def test_the_copy_in_sent_has_the_bcc(house):
    submit(house, [house.bob], b"From: alice@demo.test\r\nBcc: Bob <bob@demo.test>\r\nSubject: blind one\r\n\r\nBody\r\n")
    parts = newest(house, house.alice, "Sent", "blind one",
                   "(ENVELOPE BODY.PEEK[HEADER.FIELDS (BCC)] BODY.PEEK[TEXT] RFC822.SIZE)")
    with sign_in(house, house.alice) as m:
        m.select("Sent", readonly=True)
        number = m.search(None, "SUBJECT", '"blind one"')[1][0]
        assert m.search(None, "BCC", "bob@demo.test")[1][0].split()[-1] == number
        (said, fields), (_, text), rest = m.fetch(number, "(ENVELOPE BODY.PEEK[HEADER.FIELDS (BCC)] BODY.PEEK[TEXT])")[1]
        assert b'(("Bob" NIL "bob" "demo.test"))' in said, said
        assert fields == b"Bcc: Bob <bob@demo.test>\r\n\r\n" and text == b"Body\r\n"
        whole = m.fetch(number, "(RFC822.SIZE BODY.PEEK[])")[1][0]
        assert b"RFC822.SIZE %d " % len(whole[1]) in whole[0]
    assert parts


def test_a_bad_header_is_refused_with_words(house):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit(house, [house.bob], b"From: alice@demo.test\r\nFrom: bob@demo.test\r\nSubject: x\r\n\r\nBody\r\n")
    assert refused.value.smtp_code == 554 and b"more than one From" in refused.value.smtp_error


def test_signing_can_be_switched_off(house):
    house.run("set", "dkim.sign", "off")
    submit(house, [house.bob], b"From: alice@demo.test\r\nSubject: unsigned one\r\n\r\nBody\r\n")
    house.run("set", "dkim.sign", "on")
    assert b"DKIM-Signature" not in newest(house, house.bob, "INBOX", "unsigned one")[1]
