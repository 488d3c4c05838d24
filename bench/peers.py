#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Postfix 3.7 and Dovecot 2.3 of Debian in a private folder, on ports of their
own: what Mailstead is measured against, and a second opinion for the tests of
clients.

    bench/peers.py demo --dir DIR --port-base N     (what `mailstead demo` takes)

Both need root, since their masters give their children users of their own.
`tuned` is what an operator with this load would change: see TUNED_*."""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import measure  # noqa: E402

DOMAIN = "demo.test"
PASSWORD = "demo"
ELSEWHERE = "sink.test"  # where outgoing mail goes: to a sink on this host
MAIL_UID = 5000  # owner of the mail folders; no such user needs to exist

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.{domain}
mydestination =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{dir}/postfix/mailboxes
virtual_transport = lmtp:unix:{dir}/run/lmtp
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
recipient_delimiter = +
mailbox_size_limit = 0
biff = no
append_dot_mydomain = no
smtputf8_enable = no
smtpd_tls_cert_file = {dir}/tls/cert.pem
smtpd_tls_key_file = {dir}/tls/key.pem
smtpd_tls_security_level = {smtpd_tls}
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/run/auth-smtp
transport_maps = inline:{{ {elsewhere}=smtp:[127.0.0.1]:{sink} }}
"""

# No brake on the senders, more deliveries at the same time, connections to
# Dovecot kept, fewer look-ups, no TLS where none is used.
TUNED_MAIN_CF = """
in_flow_delay = 0
default_process_limit = 200
initial_destination_concurrency = 20
default_destination_concurrency_limit = 64
lmtp_destination_concurrency_limit = 64
lmtp_connection_cache_on_demand = yes
lmtp_connection_cache_destinations = unix:{dir}/run/lmtp
lmtp_connection_reuse_count_limit = 0
smtp_destination_concurrency_limit = 64
smtp_connection_cache_destinations = {elsewhere}
smtp_connection_reuse_count_limit = 0
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
max_use = 10000
max_idle = 300s
enable_long_queue_ids = yes
"""

MASTER_CF = """
{smtp} inet n - n - - smtpd
{submissions} inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
{log}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

DOVECOT_CONF = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/tls/cert.pem
ssl_key = <{dir}/tls/key.pem
disable_plaintext_auth = no
mail_location = {location}
recipient_delimiter = +
passdb {{
  driver = passwd-file
  args = username_format=%u {dir}/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/dovecot/users
}}
namespace inbox {{
  inbox = yes
  mailbox Drafts {{
    special_use = \\Drafts
    auto = create
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
  {tuned_imap_login}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    port = {lmtp}
  }}
  {tuned_lmtp}
}}
service imap {{
  process_limit = 20000
  unix_listener imap-master {{
    user = dovecot
  }}
  extra_groups = dovecot
  {tuned_imap}
}}
service auth {{
  unix_listener auth-smtp {{
    mode = 0666
  }}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0660
    group = dovecot
  }}
}}
{tuned_rest}
"""

TUNED_DOVECOT = {
    "tuned_lmtp": "process_min_avail = 16\n  service_count = 0",
    "tuned_imap": "process_min_avail = 16\n  service_count = 256",
    "tuned_imap_login": "process_min_avail = 2\n  service_count = 0\n  client_limit = 20000",
    "tuned_rest": """
auth_cache_size = 10 M
mail_max_userip_connections = 0
default_client_limit = 20000
default_process_limit = 1000
service anvil {
  client_limit = 40000
}
service auth {
  client_limit = 40000
}
""",
}
# For idle sessions alone: an imap process ends when its session sleeps, which
# an operator pays for with a slower sign-in.
HIBERNATING_DOVECOT = {**TUNED_DOVECOT, "tuned_imap": "service_count = 1",
                       "tuned_rest": TUNED_DOVECOT["tuned_rest"] + "imap_hibernate_timeout = 1s\n"}
PLAIN_DOVECOT = dict.fromkeys(TUNED_DOVECOT, "")
PLAIN_DOVECOT["tuned_rest"] = "mail_max_userip_connections = 0\n"
# For bodies alone: mail is compressed as ours is.
ZSTD_DOVECOT = {**TUNED_DOVECOT, "tuned_rest": TUNED_DOVECOT["tuned_rest"] + """
mail_plugins = zlib
plugin {
  zlib_save = zstd
}
"""}
LOCATIONS = {"sdbox": "sdbox:~/sdbox", "maildir": "maildir:~/Maildir"}


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(folder):
    """A CA and a certificate for mail.demo.test, ECDSA P-256 as in our demo."""
    os.makedirs(folder, exist_ok=True)
    at = lambda name: os.path.join(folder, name)  # noqa: E731
    write(at("ext"), f"subjectAltName=DNS:mail.{DOMAIN},DNS:localhost,IP:127.0.0.1\n")
    for name in ("ca-key.pem", "key.pem"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", at(name))
    openssl("req", "-x509", "-new", "-key", at("ca-key.pem"), "-subj", "/CN=Bench CA", "-days", "30",
            "-out", at("ca.pem"))
    openssl("req", "-new", "-key", at("key.pem"), "-subj", f"/CN=mail.{DOMAIN}", "-out", at("csr.pem"))
    openssl("x509", "-req", "-in", at("csr.pem"), "-CA", at("ca.pem"), "-CAkey", at("ca-key.pem"),
            "-CAcreateserial", "-days", "30", "-extfile", at("ext"), "-out", at("cert.pem"))


def await_greetings(server, names, processes, limit):
    """Until the ports of those names are open and, where no TLS comes first, greet."""
    deadline = time.monotonic() + limit
    for name in names:
        while True:
            if any(p.poll() is not None for p in processes) or time.monotonic() > deadline:
                raise RuntimeError(f"{server.name} did not start:\n{server.log()}")
            with contextlib.suppress(OSError), socket.create_connection((server.host, server.port(name)), 5) as s:
                if name.endswith("s") or s.recv(100):
                    break
            time.sleep(0.05)


class Peers:
    """Postfix in front of Dovecot; `storage` is sdbox or maildir."""

    host = "127.0.0.1"
    domain, password = DOMAIN, PASSWORD

    def __init__(self, folder, ports, storage="sdbox", tuned=False, accounts=(), hibernate=False,
                 zstd=False):
        self.dir = folder
        self.ports = ports
        self.storage = storage
        self.tuned, self.hibernate, self.zstd = tuned, hibernate, zstd
        self.accounts = list(accounts)
        self.name = f"{'zstd' if zstd else storage}{', hibernate' if hibernate else ', tuned' if tuned else ''}"
        self.group = None
        self.started = []

    def port(self, name):
        return self.ports[name]

    # ---- configuration ----

    def _write_configuration(self):
        values = {"dir": self.dir, "domain": DOMAIN, "elsewhere": ELSEWHERE, "location": LOCATIONS[self.storage],
                  "smtpd_tls": "none" if self.tuned else "may", **self.ports}
        log = "maillog_file = /dev/stdout\n" if os.environ.get("BENCH_DEBUG") else ""
        write(f"{self.dir}/postfix/main.cf",
              (MAIN_CF + (TUNED_MAIN_CF if self.tuned else "") + log).format(**values))
        service = "postlog unix-dgram n - n - 1 postlogd" if log else ""
        write(f"{self.dir}/postfix/master.cf", MASTER_CF.format(log=service, **values))
        write(f"{self.dir}/dovecot/dovecot.conf",
              DOVECOT_CONF.format(**self._dovecot(), **values))

    def _dovecot(self):
        if self.hibernate or self.zstd:
            return HIBERNATING_DOVECOT if self.hibernate else ZSTD_DOVECOT
        return TUNED_DOVECOT if self.tuned else PLAIN_DOVECOT

    def _uid(self, number):
        """All mail belongs to one user; but the kernel lets one user watch only so
        many folders (fs.inotify.max_user_instances), and who cannot watch cannot sleep."""
        return MAIL_UID + number if self.hibernate else MAIL_UID

    def _write_accounts(self):
        hashed = subprocess.run([measure.find("doveadm"), "pw", "-s", "CRYPT", "-p", PASSWORD], check=True,
                                text=True, stdout=subprocess.PIPE).stdout.strip()
        names = [f"{name}@{DOMAIN}" for name in self.accounts]
        write(f"{self.dir}/dovecot/users", "".join(
            f"{name}:{hashed}:{self._uid(n)}:{MAIL_UID}::{self.dir}/mail/{name}::\n" for n, name in enumerate(names)))
        write(f"{self.dir}/postfix/mailboxes", "".join(f"{name} there\n" for name in names))

    def _make_folders(self):
        for name, owner in (("mail", MAIL_UID), ("queue", 0), ("run", 0), ("state", 0),
                            ("postfix-data", pwd.getpwnam("postfix").pw_uid)):
            os.makedirs(f"{self.dir}/{name}", exist_ok=True)
            os.chown(f"{self.dir}/{name}", owner, owner if owner == MAIL_UID else -1)
        os.chmod(f"{self.dir}/mail", 0o770)
        # Their children run as others and must reach what lies below.
        for folder in (os.path.dirname(self.dir), self.dir):
            os.chmod(folder, 0o755)

    # ---- life ----

    def start(self):
        if os.geteuid() != 0:
            raise RuntimeError("Postfix and Dovecot only start as root")
        os.makedirs(self.dir, exist_ok=True)
        if not os.path.exists(f"{self.dir}/tls/cert.pem"):
            make_certificates(f"{self.dir}/tls")
        self._make_folders()
        self._write_configuration()
        self._write_accounts()
        self.group = measure.Group("peers")
        log = open(f"{self.dir}/output.log", "ab")  # noqa: SIM115
        with log:
            for command in ([measure.find("dovecot"), "-F", "-c", f"{self.dir}/dovecot/dovecot.conf"],
                            [measure.find("postfix"), "-c", f"{self.dir}/postfix", "start-fg"]):
                self.started.append(self.group.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def log(self):
        said = ""
        for name in ("output.log", "dovecot.log"):
            with contextlib.suppress(OSError), open(f"{self.dir}/{name}", encoding="utf-8", errors="replace") as f:
                said += f.read()[-3000:]
        return said

    def _await_ready(self):
        await_greetings(self, ("smtp", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp"), self.started, 30)

    def stop(self):
        """Ends both masters, which end their children; each is known by its pid."""
        for child in self.started:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        for child in self.started:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.started = []
        if self.group:
            self.group.end()
            self.group = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- facts ----

    @contextlib.contextmanager
    def sending(self):
        """It sends as it is."""
        yield self

    def data(self):
        """What holds the mail, for its size."""
        return f"{self.dir}/mail"

    def put_away(self):
        self.group.settle()

    def forget(self):
        """Removes what Dovecot remembers of earlier reading; it makes it anew."""
        for where, _, names in os.walk(self.data()):
            for name in names:
                if name.startswith("dovecot.index.cache"):
                    os.unlink(os.path.join(where, name))

    def logs(self):
        return ""

    def delivered(self):
        """Messages in all INBOXes, from the names of their files; costs the servers nothing."""
        folders, begins = ((["sdbox/mailboxes/INBOX/dbox-Mails"], "u.") if self.storage == "sdbox"
                           else (["Maildir/new", "Maildir/cur"], ""))
        total = 0
        for name in os.listdir(f"{self.dir}/mail"):
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    total += sum(1 for n in os.listdir(f"{self.dir}/mail/{name}/{folder}") if n.startswith(begins))
        return total

    def processes(self, name):
        """How many processes of that program run."""
        count = 0
        for pid in self.group.pids():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                count += f.read().strip() == name
        return count


def demo_ports(base):
    names = {"smtp": 25, "lmtp": 24, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "submissions": 465,
             "sink": 2525}
    return {name: base + port for name, port in names.items()}


def demo(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", default="./peers")
    parser.add_argument("--port-base", type=int, default=20000)
    options = parser.parse_args(arguments)
    peers = Peers(os.path.abspath(options.dir), demo_ports(options.port_base),
                  accounts=("alice", "bob", "admin"))
    reader, writer = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(writer, b"x"))
    peers.start()
    try:
        print("ready", flush=True)
        os.read(reader, 1)
    finally:
        peers.stop()


if __name__ == "__main__":
    if sys.argv[1:2] != ["demo"]:
        sys.exit(__doc__)
    demo(sys.argv[2:])
