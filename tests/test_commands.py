# SPDX-License-Identifier: ISC
"""The operator's commands against a running demo: each verb, its JSON, its exit
codes, and that what it changed is so for mail apps at once."""

import ctypes
import hashlib
import imaplib
import json
import os
import re
import select
import signal
import smtplib
import subprocess
import tempfile
import time

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


def commands():
    """Every command that --help names."""
    said = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (\S+)", said, re.M)


@pytest.mark.parametrize("command", commands())
def test_every_command_helps_and_refuses(command, tmp_path):
    """--help is 0, a wrong use 2 before anything is asked of an instance, and no instance 1."""
    def said(*arguments):
        return subprocess.run([binary(), command, *arguments], capture_output=True, text=True, check=False)

    told = said("--help")
    assert told.returncode == 0 and f"usage: mailstead {command}" in told.stdout and not told.stderr
    for wrong in (["--nonsense"], ["a", "b", "c", "d", "e"], ["--dir"]):
        done = said(*wrong)
        assert done.returncode == 2 and f"usage: mailstead {command}" in done.stderr and not done.stdout, (wrong, done)
    if command in ("demo", "run"):
        return
    use = {"domain": ["list"], "account": ["list"], "alias": ["list"], "set": ["store.quota", "0"],
           "lookup": ["example.test"], "queue": ["list"], "suppression": ["list"], "tlsrpt": ["show"],
               "network": ["list"]}.get(command, [])
    where = ["--config", str(tmp_path / "absent")] if command == "check" else ["--dir", str(tmp_path)]
    for form in ([], ["--json"]):
        done = said(*use, *where, *form)
        assert done.returncode == 1 and done.stderr.startswith("mailstead: "), done


def test_every_answer_as_json(house):
    """--json wherever a command prints, also where it only says what it did."""
    def told(*arguments, stdin=None, code=0):
        done = call(house, *arguments, "--json", stdin=stdin)
        assert done.returncode == code, done
        return json.loads(done.stdout)

    assert told("domain", "add", "json.test") == {"done": "added", "name": "json.test"}
    assert told("account", "add", "a@json.test", "--password-stdin", stdin="x\n")["done"] == "added"
    for verb, more in (("suspend", []), ("resume", []), ("quota", ["1 GiB"])):
        assert told("account", verb, "a@json.test", *more)["name"] == "a@json.test"
    assert told("account", "passwd", "a@json.test", "--password-stdin", stdin="y\n")["name"] == "a@json.test"
    assert told("account", "show", "a@json.test")["quota"] == 1 << 30
    assert told("account", "list", "json.test") == [{"address": "a@json.test", "suspended": False}]
    assert told("alias", "add", "b@json.test", "a@json.test")["name"] == "b@json.test"
    assert told("alias", "list", "json.test") == {"b@json.test": "a@json.test"}
    assert told("domain", "catch-all", "json.test", "a@json.test")["name"] == "json.test"
    assert told("domain", "show", "json.test")["catchAll"] == "a@json.test"
    assert told("set", "pop3.idle_timeout", "20 min")["value"] == told("get", "pop3.idle_timeout")["value"]
    assert told("get", "pop3.idle_timeout")["low"] == "10 min" and told("get", "store.postmaster")["longest"] > 0
    assert told("check-store", "a@json.test")["problems"] == []
    assert told("alias", "remove", "b@json.test")["done"] == "removed"
    assert told("account", "remove", "a@json.test")["done"] == "removed"
    assert told("domain", "catch-all", "json.test")["name"] == "json.test"
    assert told("domain", "remove", "json.test")["done"] == "removed"
    told("set", "pop3.idle_timeout", "")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return {int(child) for child in f.read().split()}


def test_demo_leaves_no_dead_child(house):
    """What furnished the demo is not kept as a zombie."""
    roles = {r["pid"] for r in json.loads(call(house, "doctor", "--json").stdout)["roles"]}
    deadline = time.monotonic() + 60
    while children_of(house.process.pid) != roles:
        assert time.monotonic() < deadline, (children_of(house.process.pid), roles)
        call(house, "doctor")  # an answer of the monitor: it had a turn to look after its children


def test_doctor_asks_for_a_postmaster(house):
    house.run("set", "store.postmaster", "")
    assert any("postmaster" in n for n in json.loads(call(house, "doctor", "--json").stdout)["notes"])
    house.run("set", "store.postmaster", house.admin)
    assert not any("postmaster" in n for n in json.loads(call(house, "doctor", "--json").stdout)["notes"])


def test_doctor_tells_of_reports_that_nobody_signs(house):
    """Reports about TLS come from a domain with keys (RFC 8460 3)."""
    def told():
        return [n for n in json.loads(call(house, "doctor", "--json").stdout)["notes"] if "reports about TLS" in n]

    assert told() == []
    house.run("set", "tlsrpt.contact", "tls@elsewhere.test")
    assert len(told()) == 1 and "sent as tls@elsewhere.test and signed by nobody" in told()[0]
    house.run("set", "tlsrpt.send", "off")
    assert told() == []
    house.run("set", "tlsrpt.send", "")
    house.run("set", "tlsrpt.contact", "tls@DEMO.test")
    assert told() == []
    house.run("set", "tlsrpt.contact", "")


def test_doctor_repeats_what_check_warns_of(house, tmp_path):
    path = tmp_path / "conf"
    path.write_text(f'hostname = mail.example.org\ndir = "{house.dir}"\nlisten smtp {{ }}\n'
                    'route "*" { host = "smart.example", tls = may, user = "me", password = "mine" }\n')
    done = subprocess.run([binary(), "doctor", "--json", "--config", str(path)], capture_output=True, text=True, check=False)
    told = [n for n in json.loads(done.stdout)["notes"] if "the password for smart.example" in n]
    assert done.returncode == 1 and len(told) == 1 and told[0].startswith(f"{path}: line 4: warning: "), done


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


def test_check_looks_at_certificates(house, tmp_path):
    """Files that are not there, are none, or do not belong together are told by the line that names them."""
    key, cert, other = (os.path.join(house.dir, "tls", "key.pem"), os.path.join(house.dir, "tls", "cert.pem"),
                        str(tmp_path / "other.pem"))
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True, capture_output=True)
    path = tmp_path / "conf"
    for certificate, wanted, says in ((cert, key, None), (cert, "/nonexistent", "/nonexistent"), (key, key, "belong"),
                                      (cert, cert, "key"), (cert, other, "does not belong")):
        path.write_text("hostname = mail.example.org\ndir = /var/lib/mailstead\nlisten imaps { }\n"
                        f'tls {{ certificate = "{certificate}", key = "{wanted}" }}\n')
        done = subprocess.run([binary(), "check", "--config", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == (0 if says is None else 1), (certificate, wanted, done)
        assert says is None or "line 4: " in done.stdout and says in done.stdout, (certificate, wanted, done)


@pytest.mark.parametrize("tls, host, says", [
    ("tls = none, ", "smart.example", "goes to it in clear"), ("tls = may, ", "smart.example", "where it offers no TLS"),
    ("tls = must, ", "smart.example", "its certificate is not verified"), ("tls = verify, ", "smart.example", None),
    ("tls = dane, ", "smart.example", None), ("tls = implicit, ", "smart.example", None), ("", "smart.example", None),
    ("tls = none, ", "127.0.0.1", None)])
def test_check_warns_of_a_password_for_whom_it_may_concern(tmp_path, tls, host, says):
    path = tmp_path / "conf"
    path.write_text("hostname = mail.example.org\ndir = /var/lib/mailstead\nlisten smtp { }\n"
                    f'route "*" {{ host = "{host}", {tls}user = "me", password = "mine" }}\n'
                    'route "b.example" { host = "smart.example", tls = none }\n')
    done = subprocess.run([binary(), "check", "--json", "--config", str(path)], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["problems"] == [] and len(told["warnings"]) == (says is not None), done
    assert says is None or told["warnings"][0].startswith("line 4: warning: ") and says in told["warnings"][0], told
    done = subprocess.run([binary(), "check", "--config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith(" is good\n") and (says or "") in done.stdout, done


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


def test_what_a_domain_publishes(house):
    """Its records, keys of both kinds, and a rotation that publishes before it
    signs (RFC 6376 3.1, RFC 8463 3)."""
    house.run("domain", "add", "Keys.Test")
    shown = json.loads(house.run("domain", "show", "keys.test", "--json"))
    records = {(r["name"], r["type"]): r["value"] for r in shown["records"]}
    assert records["keys.test", "MX"] == "10 mail.demo.test."
    assert records["keys.test", "TXT"].startswith("v=spf1 ") and records["_dmarc.keys.test", "TXT"].startswith("v=DMARC1;")
    assert sorted(k["algorithm"] for k in shown["keys"]) == ["ed25519-sha256", "rsa-sha256"]
    assert all(k["state"] == "active since" for k in shown["keys"])
    zone = house.run("domain", "show", "keys.test")
    for key in shown["keys"]:
        name = f"{key['selector']}._domainkey.keys.test"
        line = next(row for row in zone.splitlines() if row.startswith(name + ".\tTXT\t"))
        strings = re.findall('"([^"]*)"', line)
        assert max(map(len, strings)) <= 255 and "".join(strings) == records[name, "TXT"]  # RFC 1035 3.3.14
    house.run("domain", "rotate", "keys.test")
    keys = json.loads(house.run("domain", "show", "keys.test", "--json"))["keys"]
    assert [k["state"] for k in keys] == ["active until"] * 2 + ["published, signs from"] * 2
    assert keys[0]["at"] == keys[2]["at"] > shown["keys"][0]["at"]
    assert len({k["selector"] for k in keys}) == 4
    house.run("domain", "drop-key", "keys.test", keys[2]["selector"])
    assert call(house, "domain", "drop-key", "keys.test", keys[2]["selector"]).returncode == 1
    assert len(json.loads(house.run("domain", "show", "keys.test", "--json"))["keys"]) == 3
    assert call(house, "domain", "rotate", "absent.test").returncode == 1
    house.run("domain", "remove", "keys.test")


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


def crypt_hash(password, salt):
    """As crypt(5) of the system makes it: $y$, $6$, $2b$ by the salt."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    made = library.crypt(password.encode(), salt.encode())
    assert made and made.startswith(salt[:3].encode()), (salt, made)
    return made.decode()


def argon2_hash(password):
    """With less memory than this server asks for, so that it is made anew."""
    said, size, word = ctypes.create_string_buffer(256), ctypes.c_size_t, password.encode()
    code = ctypes.CDLL("libargon2.so.1").argon2id_hash_encoded(
        2, 4096, 1, word, size(len(word)), b"0123456789abcdef", size(16), size(32), said, size(len(said)))
    assert code == 0
    return said.value.decode()


def ready_hashes(password):
    return {
        "argon2": argon2_hash(password),
        "yescrypt": crypt_hash(password, "$y$j75$0123456789abcdef"),
        "sha512": crypt_hash(password, "$6$rounds=5000$0123456789abcdef"),
        "bcrypt": crypt_hash(password, "$2b$05$abcdefghijklmnopqrstuu"),
        "scram": scram_verifier(password, b"0123456789abcdef", 4096),
    }


def test_batch_with_ready_hashes(house, tmp_path):
    """Verifiers of other systems sign in, and are made new by it."""
    hashes = ready_hashes("brought")
    path = tmp_path / "batch"
    path.write_text("".join(f"{name}@demo.test\t{word}\n" for name, word in hashes.items()))
    assert f"added {len(hashes)}, failed 0" in house.run("account", "add", "--batch", str(path))
    for name in hashes:
        address = f"{name}@demo.test"
        assert json.loads(house.run("account", "show", address, "--json"))["scram"] is (name == "scram")
        assert not signs_in(house, address, "wrong")
        assert signs_in(house, address, "brought"), name
        house.await_log(rf"event=auth\.verifier-upgraded account={address} status=ok")
        assert json.loads(house.run("account", "show", address, "--json"))["scram"] is True
        assert not signs_in(house, address, "wrong")
        assert signs_in(house, address, "brought"), name
        assert len(re.findall(rf"auth\.verifier-upgraded account={address}", house.log())) == 1
        house.run("account", "remove", address)


def test_batch_of_many(house, tmp_path):
    """Passwords and hashes side by side; what cannot be is told by its line, and the rest stands."""
    house.run("domain", "add", "many.test")
    word = ready_hashes("brought")["sha512"]
    lines = [f"p{i}@many.test\t{word if i % 10 else f'password {i}'}" for i in range(200)]
    path = tmp_path / "batch"
    path.write_text("# people of the old server\n\n" + "\r\n".join(lines) + "\n")
    assert json.loads(house.run("account", "add", "--batch", str(path), "--json")) == {"added": 200, "failed": 0}
    listed = {a["address"] for a in json.loads(house.run("account", "list", "many.test", "--json"))}
    assert {f"p{i}@many.test" for i in range(200)} == listed
    assert signs_in(house, "p0@many.test", "password 0") and signs_in(house, "p199@many.test", "brought")
    path.write_text(lines[5] + "\nno tab in this line\nodd@many.test\t$6$broken\nelse@absent.test\tx\n"
                    "late@many.test\tpassword\n")
    bad = call(house, "account", "add", "--batch", str(path))
    assert bad.returncode == 1 and "added 1, failed 4" in bad.stdout
    for line in range(1, 5):
        assert f"line {line}: " in bad.stderr
    assert call(house, "account", "add", "--batch", str(tmp_path / "absent")).returncode == 1


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


def test_set_returns_when_it_is_in_force(house):
    """In all roles: while one of them is held, so is the command."""
    told = r"role={} event=setting\.changed name=pop3\.idle_timeout value=\"17 min"
    access = house.role_pids("access")[0]
    os.kill(access, signal.SIGSTOP)
    try:
        command = subprocess.Popen([binary(), "set", "pop3.idle_timeout", "17 min", "--dir", house.dir],
                                   stdout=subprocess.PIPE, text=True)
        house.await_log(told.format("mx"))
        assert not select.select([command.stdout], [], [], 0.5)[0], "it answered before access knew"
        assert not re.search(told.format("access"), house.log())
    finally:
        os.kill(access, signal.SIGCONT)
    assert command.communicate(timeout=60)[0].startswith("pop3.idle_timeout = 17 min") and command.returncode == 0
    assert re.search(told.format("access"), house.log())
    house.run("set", "pop3.idle_timeout", "")


def test_metrics_and_doctor(house):
    samples = house.run("metrics").splitlines()
    assert any(line.startswith('mailstead_sessions_total{role="access"') for line in samples)
    assert any(line.startswith("# TYPE mailstead_store_commits_total counter") for line in samples)
    assert {s["role"] for s in json.loads(house.run("metrics", "--json"))} >= {"store", "auth", "lookup", "intake", "mx", "access", "outbound"}
    told = json.loads(call(house, "doctor", "--json").stdout)
    assert {r["role"] for r in told["roles"]} == {"store", "auth", "lookup", "intake", "mx", "access", "outbound"}
    assert told["relayRefused"] is True
    assert "strangers cannot relay" in call(house, "doctor").stdout
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
