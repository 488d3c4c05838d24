# SPDX-License-Identifier: ISC
"""SCRAM with clients that nobody here wrote: GNU SASL's own program over IMAP
and submission, bound to the channel (RFC 9266, RFC 5929) and not, and mpop over
POP3."""

import base64
import mailbox
import re
import subprocess

import pytest

from clients import needs
from mailstead import Mailstead

CLIENT_SECONDS = 120  # with sanitizers, on a busy machine


@pytest.fixture(scope="module", name="house")
def binding_house():
    """A demo that offers what is bound to the channel."""
    with Mailstead() as running:
        running.run("set", "auth.channel_binding", "on")
        yield running


def gsasl(house, mechanism, *options, password="demo", protocol="imap"):
    port = house.port("imap" if protocol == "imap" else "submission")
    command = ["gsasl", f"--{protocol}", "--connect", f"localhost:{port}", "-a", house.alice, "-z", house.alice,
               "-p", password, "-m", mechanism, f"--x509-ca-file={house.ca}", *options]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=CLIENT_SECONDS, check=False)


def first_message(said):
    """What the client began with: "p=NAME,..." is bound, "n,..." is not."""
    for word in re.findall(r"^([A-Za-z0-9+/=]{20,})$", said, re.M):
        plain = base64.b64decode(word)
        if b",n=" in plain or b",r=" in plain:
            return plain.decode()
    raise AssertionError(said)


needs_gsasl = needs("gsasl")


@needs_gsasl
@pytest.mark.parametrize("protocol", ["imap", "smtp"])
@pytest.mark.parametrize("mechanism,options,begins", [
    ("SCRAM-SHA-256-PLUS", ["--priority=NORMAL"], "p=tls-exporter,"),
    ("SCRAM-SHA-256-PLUS", ["--priority=NORMAL:-VERS-TLS1.3"], "p=tls-unique,"),
    ("SCRAM-SHA-256", ["--no-cb"], "n,"),
    ("SCRAM-SHA-256", ["--no-cb", "--no-starttls"], "n,"),
], ids=["plus-tls-1.3", "plus-tls-1.2", "tls", "plain"])
def test_gsasl_signs_in(house, mechanism, options, begins, protocol):
    done = gsasl(house, mechanism, *options, protocol=protocol)
    assert done.returncode == 0 and "server trusted" in done.stdout, done.stdout
    assert first_message(done.stdout).startswith(begins), done.stdout
    house.await_log(rf"auth\.signed-in account={house.alice} service={protocol} .*mechanism={mechanism}\n")


@needs_gsasl
@pytest.mark.parametrize("protocol,words", [("imap", "NO [AUTHENTICATIONFAILED]"), ("smtp", "535 5.7.8")])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])
def test_gsasl_is_refused_with_a_wrong_password(house, mechanism, protocol, words):
    done = gsasl(house, mechanism, *(["--no-cb"] if mechanism == "SCRAM-SHA-256" else []), password="wrong",
                 protocol=protocol)
    assert done.returncode != 0 and words in done.stdout, done.stdout


@needs_gsasl
def test_plus_is_not_there_without_tls(house):
    done = gsasl(house, "SCRAM-SHA-256-PLUS", "--no-starttls")
    assert done.returncode != 0 and "AUTH=SCRAM-SHA-256-PLUS" not in done.stdout, done.stdout


@needs("mpop")
@pytest.mark.parametrize("protocol", ["pop3", "pop3s"])
def test_mpop_signs_in_over_pop3(house, tmp_path, protocol):
    rc = tmp_path / "mpoprc"
    rc.write_text(f"account demo\nhost localhost\nport {house.port(protocol)}\ntls on\n"
                  f"tls_starttls {'on' if protocol == 'pop3' else 'off'}\ntls_trust_file {house.ca}\n"
                  f"user {house.bob}\npassword {house.password}\nauth scram-sha-256\nkeep on\n"
                  f"delivery mbox {tmp_path}/mbox\nuidls_file {tmp_path}/uidls\n")
    rc.chmod(0o600)
    for _ in range(2):  # each message once, by its UIDL
        done = subprocess.run(["mpop", "-C", str(rc), "demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=CLIENT_SECONDS, check=False)
        assert done.returncode == 0, done.stdout
    subjects = [m["Subject"] for m in mailbox.mbox(tmp_path / "mbox")]
    assert subjects and len(subjects) == int(re.search(r"total: (\d+) message", done.stdout).group(1)), done.stdout
    house.await_log(rf"auth\.signed-in account={house.bob} service=pop.* mechanism=SCRAM-SHA-256\n")
