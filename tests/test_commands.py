# SPDX-License-Identifier: ISC
"""The operator's commands against a running demo: each verb, its JSON, its exit
codes, and that what it changed is so for mail apps at once."""

import hashlib
import imaplib
import json
import os
import smtplib
import subprocess
import tempfile

import pytest

from mailstead import binary


def call(house, *arguments, stdin=None):
    return subprocess.run([binary(), *arguments, "--dir", house.dir], input=stdin, text=True, capture_output=True,
                          check=False)


def signs_in(house, address, password):
    with imaplib.IMAP4(house.host, house.port("imap")) as m:
        try:
            m.login(address, password)
            return True
        except imaplib.IMAP4.error:
            return False


def rcpt_code(house, address):
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.ehlo("client.example.org")
        s.mail("sender@example.org")
        return s.rcpt(address)[0]


def test_help_and_usage():
    for arguments, code in ((["--help"], 0), (["demo", "--help"], 0), (["account", "--help"], 0), ([], 2),
                            (["nonsense"], 2), (["demo", "--nonsense"], 2), (["demo", "--dir"], 2), (["--version"], 0)):
        done = subprocess.run([binary(), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, (arguments, done)
        assert done.stdout + done.stderr


def test_no_instance():
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([binary(), "doctor", "--dir", empty], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and done.stderr.startswith("mailstead: ")


def test_check():
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write("hostname = mail.example.org\ndir = /var/lib/mailstead\nlisten smtp { }\n")
        f.flush()
        good = subprocess.run([binary(), "check", "--config", f.name], capture_output=True, text=True, check=False)
        assert good.returncode == 0, good.stdout + good.stderr
        f.write("lissten imap { }\n")
        f.flush()
        bad = subprocess.run([binary(), "check", "--config", f.name], capture_output=True, text=True, check=False)
        assert bad.returncode == 1 and "line 4: unknown setting" in bad.stdout
        told = subprocess.run([binary(), "check", "--json", "--config", f.name], capture_output=True, text=True,
                              check=False)
        assert "line 4" in json.loads(told.stdout)["problems"][0]


def test_domains(house):
    assert call(house, "domain", "add", "Second.Example").returncode == 0
    again = call(house, "domain", "add", "second.example")
    assert again.returncode == 1 and again.stderr
    listed = {d["name"]: d for d in json.loads(house.run("domain", "list", "--json"))}
    assert "second.example" in listed and listed["demo.test"]["accounts"] == 3
    assert "second.example" in house.run("domain", "show", "second.example")
    assert call(house, "domain", "show", "absent.example").returncode == 1
    assert call(house, "domain", "remove", "demo.test").returncode == 1
    house.run("domain", "remove", "second.example")
    assert "second.example" not in house.run("domain", "list")
    assert call(house, "domain", "add", "not a domain").returncode == 1
    assert call(house, "domain").returncode == 2


def test_account_life(house):
    house.run("account", "add", "carol@demo.test", "--password-stdin", stdin="first secret\n")
    assert signs_in(house, "carol@demo.test", "first secret")
    assert call(house, "account", "add", "carol@demo.test", "--password-stdin", stdin="x\n").returncode == 1
    house.run("account", "passwd", "carol@demo.test", "--password-stdin", stdin="second secret\n")
    assert not signs_in(house, "carol@demo.test", "first secret")
    assert signs_in(house, "carol@demo.test", "second secret")
    assert rcpt_code(house, "carol@demo.test") == 250
    house.run("account", "suspend", "carol@demo.test")
    assert not signs_in(house, "carol@demo.test", "second secret")
    assert 400 <= rcpt_code(house, "carol@demo.test") < 500
    assert json.loads(house.run("account", "show", "carol@demo.test", "--json"))["suspended"] is True
    house.run("account", "resume", "carol@demo.test")
    assert signs_in(house, "carol@demo.test", "second secret")
    assert "carol@demo.test" in house.run("account", "list")
    house.run("account", "remove", "carol@demo.test")
    assert rcpt_code(house, "carol@demo.test") == 550
    assert call(house, "account", "show", "carol@demo.test").returncode == 1


def test_suspension_ends_what_is_signed_in(house):
    house.run("account", "add", "dave@demo.test", "--password-stdin", stdin="pw\n")
    with imaplib.IMAP4(house.host, house.port("imap")) as m:
        m.login("dave@demo.test", "pw")
        assert m.select("INBOX")[0] == "OK"
        house.run("account", "suspend", "dave@demo.test")
        with pytest.raises(imaplib.IMAP4.error):
            status, data = m.status("INBOX", "(MESSAGES)")
            raise imaplib.IMAP4.error(data) if status != "OK" else AssertionError("still served")
    house.run("account", "remove", "dave@demo.test")


def scram_verifier(password, salt, iterations):
    import base64
    import hmac
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    word = [base64.b64encode(b).decode() for b in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{word[0]}${word[1]}:{word[2]}"


def test_batch_with_ready_hashes(house):
    """Verifiers of other systems sign in, and are made new by it."""
    crypt6 = subprocess.run(["openssl", "passwd", "-6", "-salt", "saltsalt", "brought"], capture_output=True, text=True,
                            check=True).stdout.strip()
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(f"six@demo.test\t{crypt6}\nscram@demo.test\t{scram_verifier('brought', b'0123456789abcdef', 4096)}\n"
                "plain@demo.test\tplain password\n")
        f.flush()
        assert "added 3, failed 0" in house.run("account", "add", "--batch", f.name)
        f.write("no tab in this line\nsix@demo.test\tx\nodd@demo.test\t$6$broken\n")
        f.flush()
        bad = call(house, "account", "add", "--batch", f.name)
        assert bad.returncode == 1 and "added 0, failed 6" in bad.stdout and "line 4:" in bad.stderr
    for address, password in (("six", "brought"), ("scram", "brought"), ("plain", "plain password")):
        assert not signs_in(house, f"{address}@demo.test", "wrong")
        assert signs_in(house, f"{address}@demo.test", password)
    assert json.loads(house.run("account", "show", "six@demo.test", "--json"))["scram"] is True
    for address in ("six", "scram", "plain"):
        house.run("account", "remove", f"{address}@demo.test")


def test_aliases_and_catch_all(house):
    house.run("alias", "add", "team@demo.test", "alice@demo.test", "bob@demo.test")
    listed = json.loads(house.run("alias", "list", "--json"))
    assert "alice@demo.test" in listed["team@demo.test"]
    assert rcpt_code(house, "team@demo.test") == 250
    assert rcpt_code(house, "nobody@demo.test") == 550
    house.run("domain", "catch-all", "demo.test", "alice@demo.test")
    assert rcpt_code(house, "nobody@demo.test") == 250
    house.run("domain", "catch-all", "demo.test")
    assert rcpt_code(house, "nobody@demo.test") == 550
    house.run("alias", "remove", "team@demo.test")
    assert rcpt_code(house, "team@demo.test") == 550
    assert call(house, "alias", "remove", "team@demo.test").returncode == 1
    assert call(house, "alias", "add", "alice@demo.test", "bob@demo.test").returncode == 1


def test_settings(house):
    assert "smtp.message_size_max" in house.run("get")
    assert {s["name"] for s in json.loads(house.run("get", "--json"))} >= {"store.quota", "imap.idle_timeout"}
    house.run("set", "smtp.message_size_max", "100 KiB")
    with smtplib.SMTP(house.host, house.port("smtp")) as s:
        s.ehlo()
        assert s.esmtp_features["size"] == "102400"
        assert s.mail("a@example.org", ["SIZE=102401"])[0] == 552
    bad = call(house, "set", "smtp.message_size_max", "1")
    assert bad.returncode == 1 and "64 KiB" in bad.stderr
    assert call(house, "set", "no.such.setting", "1").returncode == 1
    house.run("set", "smtp.message_size_max", "")
    assert "50 MiB" in house.run("get", "smtp.message_size_max")


def test_metrics_and_doctor(house):
    samples = house.run("metrics").splitlines()
    assert any(line.startswith('mailstead_sessions_total{role="access"') for line in samples)
    assert any(line.startswith("# TYPE mailstead_store_commits_total counter") for line in samples)
    assert {s["role"] for s in json.loads(house.run("metrics", "--json"))} >= {"store", "auth", "intake", "mx", "access"}
    told = json.loads(call(house, "doctor", "--json").stdout)
    assert {r["role"] for r in told["roles"]} == {"store", "auth", "intake", "mx", "access"}
    if os.environ.get("MAILSTEAD_BUILD") == "release":
        assert all("seccomp" in r["sandbox"] for r in told["roles"])


def test_check_store(house):
    assert " 0 problems" in house.run("check-store")
    assert json.loads(house.run("check-store", "--json"))["problems"] == []
    assert " 0 problems" in house.run("check-store", "alice@demo.test")
    assert call(house, "check-store", "absent@demo.test").returncode == 1


def test_operator_socket_is_private(house):
    assert os.stat(os.path.join(house.dir, "operator.sock")).st_mode & 0o777 == 0o600
    for name in ("token.key", "verifier.key"):
        assert os.stat(os.path.join(house.dir, "keys", name)).st_mode & 0o777 == 0o600
