# SPDX-License-Identifier: ISC
"""Roles as processes: each confined, started again when it ends, and the others
serving meanwhile; certificates taken up without dropping a session; the real
thing as root with a user for every role."""

import contextlib
import imaplib
import json
import os
import re
import select
import signal
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

import events

from mailstead import Mailstead, binary, free_port_base, release_build

ROLES = ("store", "auth", "lookup", "intake", "mx", "access", "outbound")


def pids(house):
    """role -> pids, as the doctor tells them."""
    done = subprocess.run([binary(), "doctor", "--json", "--dir", house.dir], capture_output=True, text=True,
                          check=False)
    found = {}
    for row in json.loads(done.stdout)["roles"]:
        found.setdefault(row["role"], []).append(row["pid"])
    return found


def until(log, what, seconds=120):
    """The first true answer of what(), asked whenever something was written to this log, which what it waits for does."""
    deadline = time.monotonic() + seconds
    with events.Writes(log) as writes:
        while True:
            try:
                answer = what()
            except (OSError, ValueError, KeyError, imaplib.IMAP4.error, smtplib.SMTPException):
                answer = None
            if answer:
                return answer
            assert time.monotonic() < deadline, f"waited {seconds} s for {what.__name__}"
            writes.wait(1)


def deliver(house, subject, to="alice@demo.test"):
    with smtplib.SMTP(house.host, house.port("smtp"), timeout=60) as s:
        s.sendmail("sender@example.org", [to], f"Subject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\nx\r\n")


def count(house, subject, user="alice@demo.test"):
    with imaplib.IMAP4(house.host, house.port("imap"), timeout=60) as m:
        m.login(user, "demo")
        m.select("INBOX", readonly=True)
        return len(m.search(None, "HEADER", "Message-ID", f"<{subject}@example.org>")[1][0].split())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_is_killed_comes_back(house, role):
    before = pids(house)[role]
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def back():
        now = pids(house).get(role, [])
        return len(now) == len(before) and not set(now) & set(before)

    until(house.output, back)
    until(house.output, lambda: deliver(house, f"after-{role}") or True)
    assert until(house.output, lambda: count(house, f"after-{role}")) >= 1


def board(pid):
    """How a process has the store's counters of changes in its memory."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return {line.split()[1] for line in maps if "/memfd:board" in line}


def test_only_the_store_writes_its_board(house):
    try:
        found = {role: board(pid) for role, (pid, *_) in pids(house).items()}
    except PermissionError:
        pytest.skip("the memory of a confined role is shown to root alone")
    assert found.pop("store") == {"rw-s"}
    assert found.pop("access") == {"r--s"}
    assert not any(found.values()), found


def nice(pid):
    """Of all its threads."""
    found = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as stat:
                found.add(int(stat.read().rpartition(")")[2].split()[16]))
    return found


def test_outbound_steps_back_behind_the_others(house):
    found = {role: nice(pid) for role, (pid, *_) in pids(house).items()}
    behind = found.pop("outbound")
    (others,) = set().union(*found.values())
    assert behind == {min(others + 5, 19)}


@pytest.mark.parametrize("role", ("store", "auth", "lookup", "intake", "mx"))
def test_a_signed_in_session_survives(house, role):
    """An IMAP session goes on when any role but its own ends."""
    with imaplib.IMAP4(house.host, house.port("imap"), timeout=60) as m:
        m.login(house.alice, house.password)
        m.select("INBOX")
        for pid in pids(house)[role]:
            os.kill(pid, signal.SIGKILL)
        assert until(house.output, lambda: m.status("INBOX", "(MESSAGES)")[0] == "OK")
        assert m.noop()[0] == "OK"


def test_idle_hears_after_the_store_was_away(house):
    with imaplib.IMAP4(house.host, house.port("imap"), timeout=60) as m:
        m.login(house.bob, house.password)
        m.select("INBOX")
        m.send(b"i1 IDLE\r\n")
        assert m.readline().startswith(b"+")
        os.kill(pids(house)["store"][0], signal.SIGKILL)
        until(house.output, lambda: deliver(house, "while-idle", "bob@demo.test") or True)
        line = m.readline()
        while b"EXISTS" not in line:
            assert line, "the session was closed"
            line = m.readline()
        m.send(b"DONE\r\n")
        while not line.startswith(b"i1 OK"):
            line = m.readline()
            assert line, "the session was closed"


def test_a_role_that_served_waits_little():
    """However often it is ended: what a stranger sends must not keep others from it for long."""
    with Mailstead() as house:
        for deaths in range(1, 8):
            house.await_log("level=info role=mx event=role.serving", deaths)
            os.kill(house.role_pids("mx")[0], signal.SIGKILL)
            house.await_log(r"monitor\.role_died what=mx", deaths)
        waits = [int(w) for w in re.findall(r"monitor\.role_died what=mx .*restart_ms=(\d+)", house.log())]
        assert waits == [100, 200, 400, 800, 1600, 2000, 2000]
        house.await_log("level=info role=mx event=role.serving", 8)
        deliver(house, "after-many-deaths")


def test_certificates_change_under_a_living_session(house):
    """SIGHUP: new connections see the new certificate, old ones go on."""
    context = ssl.create_default_context(cafile=house.ca)

    def serial():
        with socket.create_connection((house.host, house.port("imaps")), timeout=60) as raw:
            with ssl.create_default_context(cafile=house.ca).wrap_socket(raw, server_hostname=house.hostname) as s:
                return s.getpeercert()["serialNumber"]

    old = serial()
    with imaplib.IMAP4_SSL(house.host, house.port("imaps"),
                           ssl_context=no_name_check(context), timeout=60) as m:
        m.login(house.alice, house.password)
        tls = os.path.join(house.dir, "tls")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=mail.demo.test", "-addext", "subjectAltName=DNS:mail.demo.test,DNS:localhost,IP:127.0.0.1",
             "-keyout", os.path.join(tls, "key.pem"), "-out", os.path.join(tls, "cert.pem")],
            check=True, capture_output=True)
        subprocess.run(["cp", os.path.join(tls, "cert.pem"), house.ca], check=True)
        house.process.send_signal(signal.SIGHUP)

        def changed():
            return serial() != old

        until(house.output, changed)
        assert m.noop()[0] == "OK"


def no_name_check(context):
    context.check_hostname = False
    return context


def test_bad_certificates_leave_the_old_ones(house):
    tls = os.path.join(house.dir, "tls", "cert.pem")
    with open(tls, encoding="ascii") as f:
        good = f.read()
    with open(tls, "w", encoding="ascii") as f:
        f.write("not a certificate\n")
    house.process.send_signal(signal.SIGHUP)
    assert until(house.output, lambda: "certificate" in house.log().rpartition("SIGHUP")[2] or "certificates" in house.log())
    with imaplib.IMAP4_SSL(house.host, house.port("imaps"),
                           ssl_context=no_name_check(ssl.create_default_context(cafile=house.ca)), timeout=60) as m:
        assert m.login(house.alice, house.password)[0] == "OK"
    with open(tls, "w", encoding="ascii") as f:
        f.write(good)


def test_stopping_says_goodbye():
    with Mailstead() as house:
        with socket.create_connection((house.host, house.port("imap")), timeout=60) as s:
            assert s.recv(1000).startswith(b"* OK")
            house.process.send_signal(signal.SIGTERM)
            said = b""
            while select.select([s], [], [], 60)[0]:
                piece = s.recv(1000)
                if not piece:
                    break
                said += piece
            assert b"BYE" in said
        house.process.wait(60)  # a second signal would be an order to stop at once


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@pytest.mark.skipif(not release_build(), reason="sanitizer builds are not confined")
def test_every_role_is_confined(house):
    for role, numbers in pids(house).items():
        for pid in numbers:
            facts = status_of(pid)
            assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2", (role, facts)


def has_given_up_root(pid, user):
    """One user, one group and no others, no privilege and no way to one."""
    facts = status_of(pid)
    assert set(facts["Uid"].split()) == {str(user)} and set(facts["Gid"].split()) == {str(user)}, facts
    assert facts["Groups"].strip() == "" and facts["NoNewPrivs"] == "1", facts
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(facts[kind], 16) == 0, facts
    if release_build():
        assert facts["Seccomp"] == "2", facts


def inodes(*tables):
    """inode -> (local port, state) of the sockets in /proc/net; no port for those of the machine itself."""
    found = {}
    for table in tables:
        with open(f"/proc/net/{table}", encoding="ascii", errors="replace") as f:
            next(f)
            for line in f:
                words = line.split()
                if table == "unix":
                    found[words[6]] = None
                else:
                    found[words[9]] = (int(words[1].rpartition(":")[2], 16), words[3])
    return found


# What docs/threat-model.md lists: beside the log, the control socket and the links of a role.
OPEN_BESIDE = {
    "store": [r"{store}(/.*)?"],
    "lookup": [r"anon_inode:\[eventpoll\]", r"anon_inode:\[eventfd\]", r"pipe:\[\d+\]"],
    "intake": [r"/memfd:notes \(deleted\)"],
    "mx": [r"anon_inode:\[eventpoll\]", r"anon_inode:\[eventfd\]"],
    "access": [r"anon_inode:\[eventpoll\]", r"anon_inode:\[eventfd\]"],
}
LISTENS = {"mx": {25}, "access": {143}}
LISTENING = "0A"


def holds_only_what_it_may(role, pid, store, base):
    local, remote = inodes("unix"), inodes("tcp", "tcp6")
    ports, folder = set(), f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        target = os.readlink(f"{folder}/{number}")
        if target.startswith("socket:["):
            inode = target[8:-1]
            if inode not in local:
                assert inode in remote, (role, number, "a socket of another family")
                if remote[inode][1] == LISTENING:
                    ports.add(remote[inode][0] - base)
                else:
                    assert role in LISTENS, (role, number, "a connection")
        elif int(number) > 2:
            allowed = [f"/proc/{pid}/statm", *(w.replace("{store}", re.escape(store)) for w in
                                               OPEN_BESIDE.get(role, []))]
            assert any(re.fullmatch(w, target) for w in allowed), (role, number, target)
    assert ports == LISTENS.get(role, set()), role


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_run_as_root_with_a_user_for_every_role(tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in list(tmp_path.parents)[:2]:
        os.chmod(parent, 0o755)
    base = free_port_base()
    data = tmp_path / "data"
    config = tmp_path / "mailstead.conf"
    users = {role: 64101 + i for i, role in enumerate(ROLES)}
    config.write_text(
        f'hostname = "mail.site.test"\ndir = "{data}"\nstore {{ engine = rocksdb }}\n'
        f"listen smtp {{ address = 127.0.0.1, port = {base + 25} }}\n"
        f"listen imap {{ address = 127.0.0.1, port = {base + 143}, plain_auth = yes }}\n"
        "users { " + ", ".join(f"{r} = {u}" for r, u in users.items()) + " }\n")
    assert subprocess.run([binary(), "check", "--config", str(config)], capture_output=True, check=False).returncode == 0
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([binary(), "run", "--config", str(config)], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
    try:
        until(tmp_path / "log", lambda: socket.create_connection(("127.0.0.1", base + 143), timeout=60).recv(100))

        def command(*arguments, stdin=None):
            done = subprocess.run([binary(), *arguments, "--config", str(config)], input=stdin, text=True,
                                  capture_output=True, check=False)
            assert done.returncode == 0, done.stderr + (tmp_path / "log").read_text()
            return done.stdout

        command("domain", "add", "site.test")
        command("account", "add", "eve@site.test", "--password-stdin", stdin="secret\n")
        with smtplib.SMTP("127.0.0.1", base + 25, timeout=60) as s:
            s.sendmail("a@example.org", ["eve@site.test"], "Subject: root\r\n\r\nx\r\n")
        with imaplib.IMAP4("127.0.0.1", base + 143, timeout=60) as m:
            m.login("eve@site.test", "secret")
            assert m.select("INBOX")[1] == [b"1"]
        told = subprocess.run([binary(), "doctor", "--json", "--config", str(config)], capture_output=True, text=True,
                              check=False)
        for row in json.loads(told.stdout)["roles"]:
            has_given_up_root(row["pid"], users[row["role"]])
            if release_build():
                holds_only_what_it_may(row["role"], row["pid"], str(data / "store"), base)
        assert os.stat(data / "keys").st_mode & 0o777 == 0o700 and os.stat(data / "store").st_uid == users["store"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()


def test_root_wants_users(tmp_path):
    config = tmp_path / "mailstead.conf"
    config.write_text(f'hostname = "mail.site.test"\ndir = "{tmp_path}/data"\n'
                      f"listen imap {{ address = 127.0.0.1, port = {free_port_base() + 143} }}\n")
    if os.geteuid() == 0:
        done = subprocess.run([binary(), "run", "--config", str(config)], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "must not run as root" in done.stderr


def test_root_wants_a_user_for_each_role(tmp_path):
    """Two roles of one user could read each other's memory."""
    if os.geteuid() != 0:
        pytest.skip("users are taken by root alone")
    config = tmp_path / "mailstead.conf"
    config.write_text(f'hostname = "mail.site.test"\ndir = "{tmp_path}/data"\n'
                      f"listen imap {{ address = 127.0.0.1, port = {free_port_base() + 143} }}\n"
                      "users { store = 61001, auth = 61002, lookup = 61005, intake = 61003, mx = 61004, access = 61002, outbound = 61006 }\n")
    done = subprocess.run([binary(), "run", "--config", str(config)], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 1
    assert "roles auth and access have the same user" in done.stderr
